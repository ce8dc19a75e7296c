package dev.panaformer.model.text;

import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;

/**
 * The encoder with a head for classification of sequences. Two layers compute a score for each
 * label from the first token of a sequence.
 *
 * @param dense {@code [hidden, hidden]}: the pooler in BERT, the first layer of the head in RoBERTa
 *     and DistilBERT
 * @param classifier {@code [labels, hidden]}
 */
public record BertForSequenceClassification(BertModel bert, Linear dense, Linear classifier)
    implements BertTask {
  private static final Buffer DENSE = Buffer.named("dense layer of a head");
  private static final Buffer LOGITS = Buffer.named("logits");

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
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
