package dev.panaformer.model.text;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;

/** An encoder of the BERT family, alone or under the head that {@code architectures} names. */
public sealed interface BertTask extends TextEncoder
    permits BertModel,
        BertForMaskedLM,
        BertForSequenceClassification,
        BertForTokenClassification,
        BertForQuestionAnswering,
        BigBirdForQuestionAnswering {

  /** The encoder, which also adds sequences to a batch. */
  BertModel bert();

  @Override
  default BertConfig config() {
    return bert().config();
  }

  @Override
  default void append(TokenBatch batch, int[] ids, int[] typeIds, int[] attentionMask) {
    bert().append(batch, ids, typeIds, attentionMask, globalTokens());
  }

  @Override
  default void append(TokenBatch batch, Sequence sequence) {
    bert().append(batch, sequence, globalTokens());
  }

  @Override
  default Kernels kernels() {
    return bert().kernels();
  }

  @Override
  default MemorySegment hiddenStates(Pass pass) {
    return bert().hiddenStates(pass);
  }

  /**
   * The tokens that attend to all others in models where not all do, unless the sequence names
   * them.
   */
  default GlobalTokens globalTokens() {
    return GlobalTokens.NONE;
  }

  /**
   * Loads the encoder under the head of its family that finds answers in a text, whatever head
   * config.json names.
   */
  static BertTask questionAnswering(Weights weights, BertConfig config) {
    return config.family().questionAnswering(weights, config);
  }

  /**
   * Loads the architecture that config.json names.
   *
   * @throws CheckpointException if it is none of the above, or the weights do not fit it
   */
  static BertTask load(Weights weights, BertConfig config) {
    String architecture = config.architecture();
    if (architecture.endsWith("Model") && !architecture.endsWith("LMHeadModel")) {
      return BertModel.load(weights, config);
    } else if (architecture.endsWith("ForMaskedLM")) {
      return BertForMaskedLM.load(weights, config);
    } else if (architecture.endsWith("ForSequenceClassification")) {
      return BertForSequenceClassification.load(weights, config);
    } else if (architecture.endsWith("ForTokenClassification")) {
      return BertForTokenClassification.load(weights, config);
    } else if (architecture.endsWith("ForQuestionAnswering")) {
      return questionAnswering(weights, config);
    }
    throw new UnsupportedModelException(
        "config.json: architectures is "
            + architecture
            + ", expected one that ends in Model, ForMaskedLM, ForSequenceClassification,"
            + " ForTokenClassification or ForQuestionAnswering");
  }
}
