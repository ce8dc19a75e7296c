package dev.panaformer.runtime;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.model.ConfigFields;
import dev.panaformer.model.decoder.CausalConfig;
import dev.panaformer.model.decoder.Seq2SeqConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Supplier;

/**
 * The generation settings of a model's folder. They come from generation_config.json. Without that
 * file they are the defaults of the model family.
 *
 * @param options supplies the options; throws {@link UnsupportedModelException} if the folder asks
 *     for something that is not supported
 * @param start the token with which an encoder-decoder begins the generated text
 * @param ends the tokens that end a text
 */
record GenerationDefaults(
    Supplier<GenerationOptions> options, OptionalInt start, Set<Integer> ends) {

  /**
   * Reads the defaults of a decoder. Without generation_config.json they are {@link
   * GenerationOptions#DEFAULT} and the end tokens of config.json. A file that asks for an
   * unsupported setting does not prevent loading, because users can pass their own options. The
   * error is thrown when the options of the folder are requested.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a field of the file is invalid
   */
  static GenerationDefaults of(ModelFolder folder, CausalConfig config) {
    Optional<ConfigJson> file = file(folder);
    Set<Integer> ends = file.map(json -> ConfigFields.ids(json, "eos_token_id")).orElse(Set.of());
    return new GenerationDefaults(
        file.map(json -> lazily(json, config.vocabSize())).orElse(() -> GenerationOptions.DEFAULT),
        OptionalInt.empty(),
        ends.isEmpty() ? config.eosTokenIds() : ends);
  }

  private static Supplier<GenerationOptions> lazily(ConfigJson json, int vocabulary) {
    try {
      GenerationOptions options = GenerationConfig.of(json, vocabulary);
      return () -> options;
    } catch (UnsupportedModelException e) {
      return () -> {
        throw new UnsupportedModelException(e.getMessage());
      };
    }
  }

  /**
   * Reads the defaults of an encoder-decoder. Without generation_config.json they are read from
   * config.json, where older checkpoints store them.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a field is invalid or not supported
   */
  static GenerationDefaults of(ModelFolder folder, Seq2SeqConfig config) {
    Optional<ConfigJson> file = file(folder);
    ConfigJson json = file.orElseGet(folder::config);
    GenerationOptions options = GenerationConfig.of(json, config.vocabSize());
    OptionalInt forcedEnd = config.defaultForcedEnd();
    boolean said = file.isPresent() || json.fields().contains("forced_eos_token_id");
    if (!said && forcedEnd.isPresent() && forcedEnd.getAsInt() < config.vocabSize()) {
      options = options.toBuilder().forcedEnd(forcedEnd.getAsInt()).build();
    }
    OptionalInt start = ConfigFields.id(json, "decoder_start_token_id");
    if (start.isEmpty()) {
      start = config.decoderStartTokenId();
    }
    if (start.isEmpty()) {
      start = ConfigFields.id(json, "bos_token_id");
    }
    if (start.isPresent() && start.getAsInt() >= config.vocabSize()) {
      throw folder
          .config()
          .wrong("decoder_start_token_id", "an id below vocab_size, " + config.vocabSize());
    }
    Set<Integer> ends = ConfigFields.ids(json, "eos_token_id");
    GenerationOptions read = options;
    return new GenerationDefaults(() -> read, start, ends.isEmpty() ? config.eosTokenIds() : ends);
  }

  private static Optional<ConfigJson> file(ModelFolder folder) {
    Path file = folder.transformer().resolve("generation_config.json");
    return Files.exists(file) ? Optional.of(ConfigJson.read(file)) : Optional.empty();
  }
}
