package dev.panaformer.model;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;

/**
 * The encoder with two layers over the first token: a score for each label.
 *
 * @param dense {@code [hidden, hidden]}: BERT's pooler, RoBERTa's or DistilBERT's first layer of
 *     the head
 * @param classifier {@code [labels, hidden]}
 */
public record BertForSequenceClassification(BertModel bert, Linear dense, Linear classifier)
    implements BertTask {

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or has not the
   *     shape that the configuration says
   */
  public static BertForSequenceClassification load(Weights weights, BertConfig config) {
    int hidden = config.hiddenSize();
    return new BertForSequenceClassification(
        BertModel.load(weights, config),
        weights.inFp32().linear("classifier.dense", hidden, hidden),
        weights.inFp32().linear("classifier.out_proj", config.labels().size(), hidden));
  }

  @Override
  public GlobalTokens globalTokens() {
    return GlobalTokens.FIRST;
  }

  /**
   * @return logits {@code [sequences, labels]}
   */
  @Override
  public MemorySegment forward(TokenBatch batch, Workspace workspace, Trace trace) {
    Kernels kernels = bert.kernels();
    int sequences = batch.sequences();
    TokenBatch queries = workspace.queries().firstOf(batch, 1);
    MemorySegment first = bert.hiddenStates(batch, queries, workspace, trace);
    MemorySegment y = workspace.floats(Buffer.HEAD, sequences * dense.out());
    MemorySegment logits = workspace.floats(Buffer.LOGITS, sequences * classifier.out());
    dense.forward(kernels, first, y, sequences, bert.config().classifierActivation());
    classifier.forward(kernels, y, logits, sequences);
    if (trace != null) {
      trace.accept("logits", logits, sequences, classifier.out());
    }
    return logits;
  }
}
