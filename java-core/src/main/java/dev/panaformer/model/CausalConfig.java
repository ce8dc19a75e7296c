package dev.panaformer.model;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.kernel.Activation;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** What config.json says of a decoder, and what generation needs to know of any. */
public sealed interface CausalConfig extends DecoderConfig permits Gpt2Config, LlamaConfig {

  /** The values of {@code model_type} that are decoders. */
  Set<String> MODEL_TYPES = Set.of("gpt2", "llama", "mistral", "qwen2");

  /** What matters to training, to other programs, or to generation, where options say it. */
  Set<String> HARMLESS =
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

  /** The largest head that attention takes. */
  int MAX_HEAD_DIM = 256;

  int intermediateSize();

  /** Heads of the queries. */
  int numHeads();

  /** The tokens that end a text. */
  Set<Integer> eosTokenIds();

  /** Whether a configuration is that of a decoder which we know. */
  static boolean describes(ConfigJson json) {
    return MODEL_TYPES.contains(json.optionalString("model_type", ""));
  }

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a field is missing, wrong, or asks for
   *     what we do not do, naming it
   */
  static CausalConfig of(ConfigJson json) {
    String type = json.requireString("model_type");
    return switch (type) {
      case "gpt2" -> Gpt2Config.of(json);
      case "llama", "mistral", "qwen2" -> LlamaConfig.of(json);
      default ->
          throw new UnsupportedModelException(
              json.source()
                  + ": model_type is "
                  + type
                  + ", expected gpt2, llama, mistral or qwen2 of a decoder");
    };
  }

  /**
   * Refuses what a file says and nobody here has thought of: it may change what the model computes.
   *
   * @param known the family's own fields
   */
  static void requireKnown(ConfigJson json, Set<String> known) {
    for (String field : json.fields()) {
      boolean harmless = field.startsWith("_") || HARMLESS.contains(field);
      if (!harmless && !known.contains(field) && json.has(field)) {
        throw json.unsupported(field, "no such field, which this model does not know");
      }
    }
  }

  /**
   * The features of a head: {@code head_dim}, or an even share of the hidden size.
   *
   * @param headsField how the family calls the number of heads
   */
  static int headDim(ConfigJson json, String headsField, int heads, int hidden) {
    if (!json.has("head_dim") && (hidden % heads != 0 || hidden / heads > MAX_HEAD_DIM)) {
      throw json.wrong(
          headsField,
          "a divisor of the hidden size "
              + hidden
              + " that leaves at most "
              + MAX_HEAD_DIM
              + " features a head");
    }
    return json.optionalInt("head_dim", hidden / heads, 1, MAX_HEAD_DIM);
  }

  /**
   * What a feed-forward network applies, by its name.
   *
   * @param absent where the field is missing
   */
  static Activation activation(ConfigJson json, String field, String absent) {
    return switch (json.optionalString(field, absent)) {
      case "gelu_new", "gelu_pytorch_tanh" -> Activation.GELU_TANH;
      case "gelu" -> Activation.GELU_ERF;
      case "relu" -> Activation.RELU;
      case "silu", "swish" -> Activation.SILU;
      default -> throw json.unsupported(field, "gelu_new, gelu_pytorch_tanh, gelu, relu or silu");
    };
  }

  /** One id, or an array of them, or none. */
  static Set<Integer> ids(ConfigJson json, String field) {
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
}
