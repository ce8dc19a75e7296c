package dev.panaformer.tokenizer;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.tokenizer.file.TokenizerFolder;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/**
 * Encodes text to token ids and decodes them, as the model was trained. Nothing is truncated or
 * padded: see {@link Encoding#truncate}. A lone surrogate, which no vocabulary can contain, is read
 * as U+FFFD.
 *
 * <p>Immutable and thread-safe, without locks. There is nothing to close.
 */
public interface Tokenizer {

  /**
   * Loads the tokenizer of a model's folder: {@code tokenizer.json} or, if that is absent, the
   * files of the tokenizer's class, with the settings of {@code tokenizer_config.json}.
   *
   * @throws CheckpointException if there is none, or it cannot be used
   */
  static Tokenizer load(Path folder) {
    return new PipelineTokenizer(TokenizerFolder.read(folder));
  }

  /** Whether a folder has a tokenizer that {@link #load} looks at. */
  static boolean isIn(Path folder) {
    return TokenizerFolder.hasTokenizer(folder);
  }

  /**
   * Encodes a text, with the special tokens that the model expects around it.
   *
   * @throws CheckpointException if the tokenizer has no token for a character of the text, or a
   *     regular expression of it takes too many steps
   */
  Encoding encode(String text, ControlTokens control);

  /** Encodes two texts, such as a question and its context, as one sequence. */
  Encoding encode(String text, String pair, ControlTokens control);

  /** Encodes a text without special tokens around it. */
  Encoding encodePlain(String text, ControlTokens control);

  /** Encodes a text like {@link #encode(String, ControlTokens)}, but returns only the ids. */
  int[] ids(String text, ControlTokens control);

  /**
   * Encodes a text to ids like {@link #encode(String, ControlTokens)}, {@linkplain
   * Encoding#truncate truncated} to {@code maxTokens}. A long text is read only as far as these
   * tokens need.
   *
   * @throws IllegalArgumentException if the special tokens alone exceed {@code maxTokens}
   */
  int[] ids(String text, int maxTokens, ControlTokens control);

  /** {@link #encode(String, ControlTokens)} with all control tokens recognised. */
  default Encoding encode(String text) {
    return encode(text, ControlTokens.PARSE);
  }

  /** {@link #encode(String, String, ControlTokens)} with all control tokens recognised. */
  default Encoding encode(String text, String pair) {
    return encode(text, pair, ControlTokens.PARSE);
  }

  /** {@link #encodePlain(String, ControlTokens)} with all control tokens recognised. */
  default Encoding encodePlain(String text) {
    return encodePlain(text, ControlTokens.PARSE);
  }

  /** {@link #ids(String, ControlTokens)} with all control tokens recognised. */
  default int[] ids(String text) {
    return ids(text, ControlTokens.PARSE);
  }

  /** {@link #ids(String, int, ControlTokens)} with all control tokens recognised. */
  default int[] ids(String text, int maxTokens) {
    return ids(text, maxTokens, ControlTokens.PARSE);
  }

  /** Encodes each text like {@link #encode(String)}. */
  default List<Encoding> encodeAll(List<String> texts) {
    return texts.stream().map(this::encode).toList();
  }

  /** Decodes ids to text. Ids that no token has are skipped. */
  String decode(int[] ids, boolean skipSpecialTokens);

  /** The id of a token, given its spelling in the vocabulary ({@code [MASK]}, {@code ##ing}). */
  OptionalInt id(String token);

  /**
   * The spelling of the token with this id.
   *
   * @throws IndexOutOfBoundsException if there is no such token
   */
  String token(int id);

  /** The largest id plus one. */
  int vocabularySize();

  /** The number of tokens that the tokenizer's settings allow for a text, if they say. */
  OptionalInt maxLength();
}
