package dev.panaformer.model;

import dev.panaformer.model.decoder.BartConfig;
import dev.panaformer.model.text.BertConfig;
import dev.panaformer.model.text.BertFamily;
import dev.panaformer.model.decoder.Gpt2Config;
import dev.panaformer.model.text.LinformerConfig;
import dev.panaformer.model.decoder.LlamaConfig;
import dev.panaformer.model.text.PerformerConfig;
import dev.panaformer.model.vision.SegformerConfig;
import dev.panaformer.model.vision.SwinConfig;
import dev.panaformer.model.decoder.T5Config;
import dev.panaformer.model.vision.VitConfig;
import dev.panaformer.model.vision.VitFamily;

import dev.panaformer.checkpoint.ConfigJson;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The kinds of models, and the registration of every model that can be loaded: each row below has
 * the values of {@code model_type} in config.json, and what reads the rest of such a file. A family
 * that is not in this table is refused, with the values that are.
 */
public enum ModelKind {
  /** Hidden states of texts, alone or under a head. */
  ENCODER(
      "encoder of texts",
      family(BertConfig::of, BertFamily.allModelTypes()),
      family(LinformerConfig::of, "linformer"),
      family(PerformerConfig::of, "performer")),

  /** Generates a text after a prompt. */
  DECODER(
      "decoder",
      family(Gpt2Config::of, "gpt2"),
      family(LlamaConfig::of, "llama", "mistral", "qwen2")),

  /** Generates a text from a source. */
  ENCODER_DECODER(
      "encoder-decoder",
      family(T5Config::of, "t5", "mt5"),
      family(BartConfig::of, "bart", "mbart", "marian", "pegasus")),

  /** Hidden states of images, alone or under a head. */
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

  /** The kind that {@code model_type} says; empty for a model that is not known. */
  public static Optional<ModelKind> of(ConfigJson json) {
    return Stream.of(values()).filter(kind -> kind.includes(json)).findFirst();
  }

  /** Whether {@code model_type} is of this kind. The other fields are not looked at. */
  public boolean includes(ConfigJson json) {
    return modelTypes().contains(json.optionalString("model_type", ""));
  }

  /** Every value of {@code model_type} that is of this kind. */
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

  /** What people call such a model, without an article: {@code encoder of texts}. */
  @Override
  public String toString() {
    return name;
  }
}
