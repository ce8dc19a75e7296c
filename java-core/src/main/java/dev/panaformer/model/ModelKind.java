package dev.panaformer.model;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.model.decoder.BartConfig;
import dev.panaformer.model.decoder.Gpt2Config;
import dev.panaformer.model.decoder.LlamaConfig;
import dev.panaformer.model.decoder.T5Config;
import dev.panaformer.model.text.BertConfig;
import dev.panaformer.model.text.BertFamily;
import dev.panaformer.model.text.LinformerConfig;
import dev.panaformer.model.text.PerformerConfig;
import dev.panaformer.model.vision.SegformerConfig;
import dev.panaformer.model.vision.SwinConfig;
import dev.panaformer.model.vision.VitConfig;
import dev.panaformer.model.vision.VitFamily;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The kinds of models, and the table of all families that can be loaded. Each row has the values of
 * {@code model_type} in config.json, and the function that reads the rest of such a file. A value
 * that is not in this table is refused; the message lists the values that are.
 */
public enum ModelKind {
  /** Computes hidden states of texts, without or with a head. */
  ENCODER(
      "encoder of texts",
      family(BertConfig::of, BertFamily.allModelTypes()),
      family(LinformerConfig::of, "linformer"),
      family(PerformerConfig::of, "performer")),

  /** Generates the continuation of a prompt. */
  DECODER(
      "decoder",
      family(Gpt2Config::of, "gpt2"),
      family(LlamaConfig::of, "llama", "mistral", "qwen2")),

  /** Generates a text from a source text. */
  ENCODER_DECODER(
      "encoder-decoder",
      family(T5Config::of, "t5", "mt5"),
      family(BartConfig::of, "bart", "mbart", "marian", "pegasus")),

  /** Computes hidden states of images, without or with a head. */
  VISION(
      "model of images",
      family(VitConfig::of, VitFamily.allModelTypes()),
      family(SwinConfig::of, "swin"),
      family(SegformerConfig::of, "segformer"));

  /** A row of the table. */
  private record Family(Function<ConfigJson, ModelConfig> reader, List<String> modelTypes) {}

  private static Family family(Function<ConfigJson, ModelConfig> reader, String... modelTypes) {
    return new Family(reader, List.of(modelTypes));
  }

  private static Family family(Function<ConfigJson, ModelConfig> reader, List<String> modelTypes) {
    return new Family(reader, modelTypes);
  }

  private final String name;
  private final List<Family> families;

  ModelKind(String name, Family... families) {
    this.name = name;
    this.families = List.of(families);
  }

  /** The kind of model that {@code model_type} belongs to; empty if the value is not known. */
  public static Optional<ModelKind> of(ConfigJson json) {
    return Stream.of(values()).filter(kind -> kind.includes(json)).findFirst();
  }

  /** Whether {@code model_type} belongs to this kind. Other fields are not read. */
  public boolean includes(ConfigJson json) {
    return modelTypes().contains(json.optionalString("model_type", ""));
  }

  /** All values of {@code model_type} that belong to this kind. */
  public List<String> modelTypes() {
    return families.stream().flatMap(f -> f.modelTypes.stream()).toList();
  }

  /** Reads the configuration of a model of this kind. */
  public ModelConfig read(ConfigJson json) {
    return read(json, this);
  }

  /** Reads the configuration of a model of any kind. */
  static ModelConfig readAny(ConfigJson json) {
    return read(json, values());
  }

  private static ModelConfig read(ConfigJson json, ModelKind... kinds) {
    String modelType = json.requireString("model_type");
    return Stream.of(kinds)
        .flatMap(kind -> kind.families.stream())
        .filter(family -> family.modelTypes.contains(modelType))
        .findFirst()
        .orElseThrow(() ->
            json.unsupported(
                "model_type",
                "one of " + Stream.of(kinds).flatMap(kind -> kind.modelTypes().stream()).toList()))
        .reader
        .apply(json);
  }

  /** The name of the kind for messages, without an article: {@code encoder of texts}. */
  @Override
  public String toString() {
    return name;
  }
}
