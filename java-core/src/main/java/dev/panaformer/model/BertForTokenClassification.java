package dev.panaformer.model;

import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;

/**
 * The encoder with one layer over every token: a score for each label.
 *
 * @param classifier {@code [labels, hidden]}
 */
public record BertForTokenClassification(BertModel bert, Linear classifier) implements BertTask {

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or has not the
   *     shape that the configuration says
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
  public MemorySegment forward(TokenBatch batch, Workspace workspace, Trace trace) {
    MemorySegment x = bert.forward(batch, workspace, trace);
    MemorySegment logits = workspace.floats(Buffer.LOGITS, batch.tokens() * classifier.out());
    classifier.forward(bert.kernels(), x, logits, batch.tokens());
    if (trace != null) {
      trace.accept("logits", logits, batch.tokens(), classifier.out());
    }
    return logits;
  }
}
