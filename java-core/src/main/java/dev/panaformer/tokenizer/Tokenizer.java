package dev.panaformer.tokenizer;

import dev.panaformer.checkpoint.CheckpointException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/**
 * Encodes text to token ids and decodes them, as the model was trained. Nothing is truncated or
 * padded: see {@link Encoding#truncate}. A lone surrogate, which no vocabulary can contain, is read
 * as U+FFFD.
 *
 * <p>Thread-safe. {@link #close} waits for running calls; later calls throw {@link
 * IllegalStateException}.
 */
public interface Tokenizer extends AutoCloseable {

  /**
   * Loads {@code tokenizer.json} from a model's folder. If it is absent, loads {@code vocab.txt}
   * with the settings of {@code tokenizer_config.json}.
   *
   * @throws CheckpointException if neither file exists, or the file cannot be used
   */
  static Tokenizer load(Path folder) {
    return HuggingFaceTokenizer.load(folder);
  }

  /** Encodes a text, with the special tokens that the model expects around it. */
  Encoding encode(String text);

  /** Encodes two texts, such as a question and its context, as one sequence. */
  Encoding encode(String text, String pair);

  /** Encodes a text without special tokens. */
  Encoding encodePlain(String text);

  /** Encodes a text like {@link #encode(String)}, but returns only the ids. */
  int[] ids(String text);

  /**
   * Encodes a text to ids like {@link #encode(String)}, {@linkplain Encoding#truncate truncated} to
   * {@code maxTokens}.
   */
  int[] ids(String text, int maxTokens);

  /** Encodes each text like {@link #encode(String)}. */
  List<Encoding> encodeAll(List<String> texts);

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

  @Override
  void close();
}
