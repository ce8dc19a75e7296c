package dev.panaformer.model.text;

import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;

/**
 * The encoder with a head for extractive question answering. A linear layer gives each token two
 * scores: whether the answer starts there, and whether it ends there.
 *
 * @param outputs {@code [2, hidden]}
 */
public record BertForQuestionAnswering(BertModel bert, Linear outputs) implements BertTask {
  private static final int START_AND_END = 2;
  private static final Buffer LOGITS = Buffer.named("logits");
  private static final Buffer COLUMN = Buffer.named("start or end logits");

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
   */
  public static BertForQuestionAnswering load(Weights weights, BertConfig config) {
    BertModel bert = BertModel.load(weights, config);
    return new BertForQuestionAnswering(
        bert, weights.inFp32().linear("qa_outputs", START_AND_END, config.hiddenSize()));
  }

  @Override
  public GlobalTokens globalTokens() {
    return GlobalTokens.QUESTION;
  }

  /**
   * @return {@code [tokens, 2]}: the start logit and the end logit of each token
   */
  @Override
  public MemorySegment forward(Pass pass) {
    int tokens = pass.batch().tokens();
    MemorySegment x = bert.forward(pass);
    MemorySegment logits = pass.floats(LOGITS, (long) tokens * START_AND_END);
    outputs.forward(pass, x, logits, tokens);
    report(pass, logits);
    return logits;
  }

  /** Reports start logits and end logits to the trace as two tensors. */
  static void report(Pass pass, MemorySegment logits) {
    if (!pass.isTraced()) {
      return;
    }
    int tokens = pass.batch().tokens();
    pass.trace().accept("start_logits", column(pass, logits, 0, tokens), tokens);
    pass.trace().accept("end_logits", column(pass, logits, 1, tokens), tokens);
  }

  private static MemorySegment column(Pass pass, MemorySegment logits, int column, int tokens) {
    MemorySegment values = pass.floats(COLUMN, tokens);
    for (long t = 0; t < tokens; t++) {
      pass.kernels().memory().copy(logits, START_AND_END * t + column, values, t, 1);
    }
    return values;
  }
}
