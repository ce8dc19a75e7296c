package dev.panaformer.model;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.kernel.TokenBatch;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;

/**
 * The encoder alone or under a head: what {@code architectures} of config.json names. Immutable and
 * thread-safe; each pass needs a {@link Workspace} of its own. The memory and the kernels belong to
 * whoever loaded the model.
 */
public sealed interface BertTask
    permits BertModel,
        BertForMaskedLM,
        BertForSequenceClassification,
        BertForTokenClassification,
        BertForQuestionAnswering {

  /** The encoder, by which sequences are added to a batch. */
  BertModel bert();

  /**
   * Runs a batch.
   *
   * @param trace told every intermediate result that has a name, and the results; or null
   * @return the result, in the workspace until its next pass
   */
  MemorySegment forward(TokenBatch batch, Workspace workspace, Trace trace);

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
      return BertForQuestionAnswering.load(weights, config);
    }
    throw new UnsupportedModelException(
        "config.json: architectures is "
            + architecture
            + ", expected one that ends in Model, ForMaskedLM, ForSequenceClassification,"
            + " ForTokenClassification or ForQuestionAnswering");
  }
}
