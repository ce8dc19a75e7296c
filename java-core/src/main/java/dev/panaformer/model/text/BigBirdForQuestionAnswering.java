package dev.panaformer.model.text;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.TensorMemory;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.nn.FeedForward;
import dev.panaformer.nn.LayerNorm;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;

/**
 * BigBird with its head for extractive question answering. A feed-forward network and a linear
 * layer give each token a start score and an end score. The question ends with the first separator;
 * its scores are lowered so far that no answer can start or end there. The first token keeps its
 * scores, because it stands for "no answer". Tokens of the question have type 0 and tokens of the
 * context type 1, unless the sequence has types of its own.
 *
 * @param separator the id of the token that ends a question
 */
public record BigBirdForQuestionAnswering(
    BertModel bert, FeedForward feedForward, LayerNorm norm, Linear outputs, int separator)
    implements BertTask {
  private static final Buffer FEED_FORWARD = Buffer.named("feed-forward network of a head");
  private static final Buffer SCORES = Buffer.named("scores before the penalty");
  private static final Buffer LOGITS = Buffer.named("logits");
  private static final int START_AND_END = 2;
  private static final float QUESTION_PENALTY = 1e6f;

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
   */
  public static BigBirdForQuestionAnswering load(Weights weights, BertConfig config) {
    int hidden = config.hiddenSize();
    Weights head = weights.at("qa_classifier");
    return new BigBirdForQuestionAnswering(
        BertModel.load(weights, config),
        FeedForward.plain(
            head.at("intermediate").linear("dense", config.intermediateSize(), hidden),
            head.at("output").linear("dense", hidden, config.intermediateSize()),
            config.hiddenAct()),
        head.at("output").layerNorm("LayerNorm", hidden, config.layerNormEps()),
        head.inFp32().linear("qa_outputs", START_AND_END, hidden),
        ((BigBird) config.sparsity().orElseThrow()).separator());
  }

  @Override
  public void append(TokenBatch batch, int[] ids, int[] typeIds, int[] attentionMask) {
    bert.append(batch, ids, typeIds == null ? types(ids) : typeIds, attentionMask);
  }

  @Override
  public void append(TokenBatch batch, Sequence s) {
    int[] types = s.typeIds() == null ? types(s.ids()) : s.typeIds();
    bert.append(
        batch,
        new Sequence(
            s.ids(), types, s.attentionMask(), s.positionIds(), s.globalMask(), s.randomBlocks()));
  }

  private int[] types(int[] ids) {
    int question = 0;
    while (question < ids.length && ids[question] != separator) {
      question++;
    }
    // Without a separator the question is only the first token.
    int end = question == ids.length ? 1 : question + 1;
    int[] types = new int[ids.length];
    for (int i = end; i < ids.length; i++) {
      types[i] = 1;
    }
    return types;
  }

  /**
   * @return {@code [tokens, 2]}: the start logit and the end logit of each token
   */
  @Override
  public MemorySegment forward(Pass pass) {
    TensorMemory memory = pass.kernels().memory();
    int tokens = pass.batch().tokens();
    MemorySegment x = bert.forward(pass);
    MemorySegment y = pass.floats(FEED_FORWARD, tokens * outputs.in());
    MemorySegment scores = pass.floats(SCORES, (long) tokens * START_AND_END);
    feedForward.forward(pass, x, x, y, tokens);
    norm.forward(pass, y, y, tokens);
    outputs.forward(pass, y, scores, tokens);
    // The scores of the question are lowered in Java, in host memory.
    long count = (long) tokens * START_AND_END;
    MemorySegment logits = pass.floats(LOGITS, count);
    MemorySegment hostScores = memory.onHost(scores, count, pass.workspace());
    memory.write(
        logits, count, pass.workspace(), to -> lowerQuestions(pass.batch(), hostScores, to));
    BertForQuestionAnswering.report(pass, logits);
    return logits;
  }

  private void lowerQuestions(TokenBatch batch, MemorySegment from, MemorySegment to) {
    for (int s = 0; s < batch.sequences(); s++) {
      int end = batch.start(s);
      while (end < batch.start(s + 1) && batch.ids().getAtIndex(JAVA_INT, end) != separator) {
        end++;
      }
      boolean asks = end < batch.start(s + 1);
      for (int t = batch.start(s); t < batch.start(s + 1); t++) {
        float penalty = asks && t > batch.start(s) && t <= end ? QUESTION_PENALTY : 0;
        for (long i = (long) t * START_AND_END; i < (t + 1L) * START_AND_END; i++) {
          to.setAtIndex(JAVA_FLOAT, i, from.getAtIndex(JAVA_FLOAT, i) - penalty);
        }
      }
    }
  }
}
