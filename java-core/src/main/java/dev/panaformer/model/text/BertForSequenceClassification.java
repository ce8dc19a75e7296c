package dev.panaformer.model.text;

import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Pass;
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
  private static final Buffer DENSE = Buffer.named("dense layer of a head");
  private static final Buffer LOGITS = Buffer.named("logits");

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
  public MemorySegment forward(Pass pass) {
    int sequences = pass.batch().sequences();
    MemorySegment first = bert.hiddenStates(pass.wantFirst(1));
    MemorySegment y = pass.floats(DENSE, sequences * dense.out());
    MemorySegment logits = pass.floats(LOGITS, sequences * classifier.out());
    dense.forward(pass, first, y, sequences, bert.config().classifierActivation());
    classifier.forward(pass, y, logits, sequences);
    pass.report("logits", logits, sequences, classifier.out());
    return logits;
  }
}
