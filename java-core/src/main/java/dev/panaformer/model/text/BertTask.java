package dev.panaformer.model.text;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.nn.Pass;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

/** An encoder of the BERT family, without or with the head that {@code architectures} names. */
public sealed interface BertTask extends TextEncoder
    permits BertModel,
        BertForMaskedLM,
        BertForSequenceClassification,
        BertForTokenClassification,
        BertForQuestionAnswering,
        BigBirdForQuestionAnswering {

  /** The encoder without the head. */
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
   * The global tokens of sequences that do not name them. They only matter in models where not all
   * tokens attend to each other.
   */
  default GlobalTokens globalTokens() {
    return GlobalTokens.NONE;
  }

  /**
   * Loads the encoder with its family's head for question answering, whatever head config.json
   * names.
   */
  static BertTask questionAnswering(Weights weights, BertConfig config) {
    return config.family().questionAnswering(weights, config);
  }

  /**
   * Loads the architecture that config.json names.
   *
   * @throws CheckpointException if there is no such head, or a weight is missing or has another
   *     shape
   */
  static BertTask load(Weights weights, BertConfig config) {
    String architecture = config.architecture();
    return heads().entrySet().stream()
        .filter(head -> architecture.endsWith(head.getKey()))
        .filter(head -> !architecture.endsWith("LMHeadModel"))
        .findFirst()
        .orElseThrow(() -> unsupported(architecture))
        .getValue()
        .apply(weights, config);
  }

  /**
   * The heads of the family. Maps the end of the class name in {@code architectures} to the
   * function that loads the model. {@code Model} is the encoder without a head.
   */
  private static Map<String, BiFunction<Weights, BertConfig, BertTask>> heads() {
    Map<String, BiFunction<Weights, BertConfig, BertTask>> heads = new LinkedHashMap<>();
    heads.put("Model", BertModel::load);
    heads.put("ForMaskedLM", BertForMaskedLM::load);
    heads.put("ForSequenceClassification", BertForSequenceClassification::load);
    heads.put("ForTokenClassification", BertForTokenClassification::load);
    heads.put("ForQuestionAnswering", BertTask::questionAnswering);
    return heads;
  }

  private static UnsupportedModelException unsupported(String architecture) {
    List<String> ends = List.copyOf(heads().keySet());
    return new UnsupportedModelException(
        "config.json: architectures is "
            + architecture
            + ", expected one that ends in "
            + String.join(", ", ends.subList(0, ends.size() - 1))
            + " or "
            + ends.getLast());
  }
}
