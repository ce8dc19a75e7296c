package dev.panaformer.tokenizer.file;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.decode.Decoder;
import dev.panaformer.tokenizer.normalize.Normalizer;
import dev.panaformer.tokenizer.split.PreTokenizer;
import dev.panaformer.tokenizer.template.PostProcessor;
import dev.panaformer.tokenizer.text.Draft;
import dev.panaformer.tokenizer.vocabulary.AddedTokens;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Function;

/** Finds the tokenizer of a model's folder. */
public final class TokenizerFolder {
  /** The formats by the name of their file, in the order in which they are looked for. */
  private static final Map<String, BiFunction<Path, TokenizerConfig, TokenizerFile>> FORMATS =
      new LinkedHashMap<>();

  static {
    FORMATS.put("tokenizer.json", (file, config) -> TokenizerJson.read(file));
    FORMATS.put("vocab.txt", WordPieceFile::read);
    FORMATS.put("source.spm", MarianFiles::read);
    FORMATS.put("vocab.json", BytePairFiles::read);
    for (String name : List.of("spiece.model", "sentencepiece.bpe.model", "tokenizer.model")) {
      FORMATS.put(name, SentencePieceFile::read);
    }
  }

  private TokenizerFolder() {}

  /** Whether a folder has the file of a tokenizer. */
  public static boolean hasTokenizer(Path folder) {
    return FORMATS.keySet().stream().anyMatch(name -> Files.exists(folder.resolve(name)));
  }

  /** The names of the files that hold a tokenizer, for messages. */
  public static String fileNames() {
    return String.join(", ", FORMATS.keySet());
  }

  /**
   * Reads the tokenizer of a folder.
   *
   * @throws CheckpointException if there is none, or it cannot be used
   */
  public static TokenizerParts read(Path folder) {
    for (Map.Entry<String, BiFunction<Path, TokenizerConfig, TokenizerFile>> format :
        FORMATS.entrySet()) {
      Path file = folder.resolve(format.getKey());
      if (Files.exists(file)) {
        TokenizerConfig config = TokenizerConfig.read(folder);
        return parts(file, config.apply(format.getValue().apply(file, config)), config);
      }
    }
    throw new CheckpointException(
        folder + ": no tokenizer, expected tokenizer.json or one of " + fileNames());
  }

  private static TokenizerParts parts(Path source, TokenizerFile file, TokenizerConfig config) {
    Optional<Normalizer> normalizer = section(file, "normalizer", Normalizer::read);
    return new TokenizerParts(
        source.toString(),
        normalizer,
        section(file, "pre_tokenizer", PreTokenizer::read),
        file.model(),
        AddedTokens.of(
            file.added(), file.model().vocabulary(), token -> normalize(normalizer, token)),
        section(file, "post_processor", PostProcessor::read).orElse(PostProcessor.NONE),
        section(file, "decoder", Decoder::read),
        config.cleansUpSpaces(),
        config.maxLength());
  }

  private static <T> Optional<T> section(
      TokenizerFile file, String name, Function<ConfigJson, T> reader) {
    ConfigJson sections = file.sections();
    return sections.has(name) ? Optional.of(reader.apply(sections.object(name))) : Optional.empty();
  }

  private static String normalize(Optional<Normalizer> normalizer, String token) {
    Draft draft = new Draft();
    draft.clear(false).append(token);
    normalizer.ifPresent(n -> n.normalize(draft));
    return draft.text().toString();
  }
}
