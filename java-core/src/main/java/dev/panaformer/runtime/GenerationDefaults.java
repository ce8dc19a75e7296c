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
 * What a model's folder says of generation: generation_config.json or, without that file, what the
 * family of the model does by default.
 *
 * @param options gives the options; throws {@link UnsupportedModelException} if the folder asks for
 *     what is not supported
 * @param start the token that the text of an encoder-decoder begins with
 * @param ends the tokens that end a text
 */
record GenerationDefaults(
    Supplier<GenerationOptions> options, OptionalInt start, Set<Integer> ends) {

  /**
   * Those of a decoder. Without generation_config.json these are {@link GenerationOptions#DEFAULT}
   * and the end tokens of config.json. A decoder is usable with a user's own options even if its
   * file asks for what is not supported, which is therefore an error only when the options are
   * asked for.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a field of the file is wrong
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
   * Those of an encoder-decoder. Without generation_config.json they are read from config.json, as
   * older checkpoints have them.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a field is wrong, or asks for what is
   *     not supported
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
