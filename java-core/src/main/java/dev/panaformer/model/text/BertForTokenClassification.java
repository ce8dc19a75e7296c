package dev.panaformer.model.text;

import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;

/**
 * The encoder with a head for classification of tokens. A linear layer gives each token a score for
 * each label.
 *
 * @param classifier {@code [labels, hidden]}
 */
public record BertForTokenClassification(BertModel bert, Linear classifier) implements BertTask {
  private static final Buffer LOGITS = Buffer.named("logits");

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
   */
  public static BertForTokenClassification load(Weights weights, BertConfig config) {
    BertModel bert = BertModel.load(weights, config);
    return new BertForTokenClassification(
        bert, weights.inFp32().linear("classifier", config.labels().size(), config.hiddenSize()));
  }

  /**
   * @return logits {@code [tokens, labels]}
   */
  @Override
  public MemorySegment forward(Pass pass) {
    int tokens = pass.batch().tokens();
    MemorySegment x = bert.forward(pass);
    MemorySegment logits = pass.floats(LOGITS, tokens * classifier.out());
    classifier.forward(pass, x, logits, tokens);
    pass.report("logits", logits, tokens, classifier.out());
    return logits;
  }
}
