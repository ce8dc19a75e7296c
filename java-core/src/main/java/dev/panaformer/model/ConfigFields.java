package dev.panaformer.model;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.memory.Limits;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Reads the fields of config.json that many families share. Every failure is a {@link
 * dev.panaformer.checkpoint.CheckpointException} that names the file, the field, what was found and
 * what was expected.
 */
public final class ConfigFields {
  /** The largest number of features of a head that the attention kernels support. */
  public static final int MAX_HEAD_DIM = Limits.MAX_HEAD_DIM;

  private static final Map<String, Activation> ACTIVATIONS =
      Map.ofEntries(
          Map.entry("gelu", Activation.GELU_ERF),
          Map.entry("gelu_python", Activation.GELU_ERF),
          Map.entry("gelu_new", Activation.GELU_TANH),
          Map.entry("gelu_fast", Activation.GELU_TANH),
          Map.entry("gelu_pytorch_tanh", Activation.GELU_TANH),
          Map.entry("quick_gelu", Activation.GELU_QUICK),
          Map.entry("relu", Activation.RELU),
          Map.entry("silu", Activation.SILU),
          Map.entry("swish", Activation.SILU),
          Map.entry("tanh", Activation.TANH));

  /** Fields that do not change what a model computes, or that generation options replace. */
  private static final Set<String> HARMLESS =
      Set.of(
          "architectures",
          "auto_map",
          "bos_token_id",
          "dtype",
          "eos_token_id",
          "gradient_checkpointing",
          "initializer_range",
          "is_decoder",
          "keys_to_ignore_at_inference",
          "label2id",
          "id2label",
          "model_type",
          "output_attentions",
          "output_hidden_states",
          "output_past",
          "pad_token_id",
          "return_dict",
          "task_specific_params",
          "tie_word_embeddings",
          "torch_dtype",
          "transformers.js_config",
          "transformers_version",
          "unk_token_id",
          "use_cache",
          "vocab_size");

  private ConfigFields() {}

  /**
   * Refuses a field that is neither known nor harmless, because it may change what the model
   * computes.
   *
   * @param known the fields that the family reads or may ignore
   */
  @SafeVarargs
  public static void requireKnown(ConfigJson json, Set<String>... known) {
    for (String field : json.fields()) {
      boolean harmless = field.startsWith("_") || HARMLESS.contains(field);
      if (!harmless && json.has(field) && Arrays.stream(known).noneMatch(k -> k.contains(field))) {
        throw json.unsupported(field, "no such field, which this model does not know");
      }
    }
  }

  /** The first class of {@code architectures}, such as {@code BertForMaskedLM}. */
  public static String architecture(ConfigJson json, String defaultName) {
    List<String> architectures = json.strings("architectures");
    return architectures.isEmpty() ? defaultName : architectures.get(0);
  }

  /** Reads an activation function by its name in a field. */
  public static Activation activation(ConfigJson json, String field, String defaultName) {
    return activationNamed(json, field, json.optionalString(field, defaultName));
  }

  /**
   * An activation function by Hugging Face's name for it.
   *
   * @param field for the message
   */
  public static Activation activationNamed(ConfigJson json, String field, String name) {
    Activation activation = ACTIVATIONS.get(name);
    if (activation == null) {
      throw json.unsupported(field, "one of " + ACTIVATIONS.keySet().stream().sorted().toList());
    }
    return activation;
  }

  /**
   * The number of features of a head: {@code head_dim}, or the hidden size divided by the number of
   * heads if the file has no such field.
   *
   * @param headsField the family's name for the number of heads
   */
  public static int headDim(ConfigJson json, String headsField, int hidden, int heads) {
    return json.has("head_dim")
        ? json.requireInt("head_dim", 1, MAX_HEAD_DIM)
        : equalHeadDim(json, headsField, hidden, heads);
  }

  /**
   * The number of features of a head in families where it is the hidden size divided by the number
   * of heads.
   */
  public static int equalHeadDim(ConfigJson json, String headsField, int hidden, int heads) {
    if (hidden % heads != 0 || hidden / heads > MAX_HEAD_DIM) {
      throw json.wrong(
          headsField,
          "a divisor of the hidden size "
              + hidden
              + " that leaves at most "
              + MAX_HEAD_DIM
              + " features a head");
    }
    return hidden / heads;
  }

  /**
   * Reads a field that holds one id, an array of ids, or nothing. The ids keep the order of the
   * file.
   */
  public static Set<Integer> ids(ConfigJson json, String field) {
    Set<Integer> ids = new LinkedHashSet<>();
    if (!json.has(field)) {
      return ids;
    }
    if (json.value(field) instanceof List<?> elements) {
      for (Object element : elements) {
        if (!(element instanceof Number id
            && id.doubleValue() == id.intValue()
            && id.intValue() >= 0)) {
          throw json.wrong(field, "an id or an array of ids");
        }
        ids.add(id.intValue());
      }
    } else {
      ids.add(json.requireInt(field, 0, Integer.MAX_VALUE));
    }
    return ids;
  }

  /** The first id of a field that holds one id or an array of ids; empty if there is none. */
  public static OptionalInt id(ConfigJson json, String field) {
    return ids(json, field).stream().mapToInt(Integer::intValue).findFirst();
  }

  /** Reads {@code [height, width]} from a field that holds both, or one number for both. */
  public static int[] heightAndWidth(
      ConfigJson json, String field, int defaultHeight, int defaultWidth) {
    List<Integer> size = json.integers(field, 1, 1 << 20);
    return switch (size.size()) {
      case 0 -> new int[] {defaultHeight, defaultWidth};
      case 1 -> new int[] {size.get(0), size.get(0)};
      case 2 -> new int[] {size.get(0), size.get(1)};
      default -> throw json.wrong(field, "an integer, or height and width");
    };
  }

  /**
   * The names of a head's outputs, by index: {@code id2label}, or {@code LABEL_0}, {@code LABEL_1}
   * and so on where the file has no names.
   */
  public static List<String> labels(ConfigJson json) {
    Map<String, String> byId = json.stringMap("id2label");
    int count = byId.isEmpty() ? json.optionalInt("num_labels", 2, 1, 1 << 20) : byId.size();
    List<String> labels = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String label = byId.isEmpty() ? "LABEL_" + i : byId.get(Integer.toString(i));
      if (label == null) {
        throw json.wrong("id2label", "the labels 0 to " + (count - 1) + "; there is none for " + i);
      }
      labels.add(label);
    }
    return List.copyOf(labels);
  }

  /** Reads {@code problem_type}. Without that field it is classification with a single label. */
  public static ProblemType problemType(ConfigJson json) {
    String single = ProblemType.SINGLE_LABEL_CLASSIFICATION.name();
    String name = json.optionalString("problem_type", single).toUpperCase(Locale.ROOT);
    for (ProblemType type : ProblemType.values()) {
      if (type.name().equals(name)) {
        return type;
      }
    }
    throw json.wrong(
        "problem_type",
        "one of regression, single_label_classification, multi_label_classification");
  }
}
