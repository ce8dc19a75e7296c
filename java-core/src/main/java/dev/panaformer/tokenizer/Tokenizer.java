package dev.panaformer.tokenizer;

import dev.panaformer.checkpoint.CheckpointException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/**
 * Text to ids and back, as the model was trained. Nothing is truncated or padded: see {@link
 * Encoding#truncate}. A surrogate without its partner, which no vocabulary can hold, reads as
 * U+FFFD.
 *
 * <p>Safe for use by any number of threads. {@link #close} waits for calls in flight; later ones
 * throw {@link IllegalStateException}.
 */
public interface Tokenizer extends AutoCloseable {

  /**
   * Reads {@code tokenizer.json} of a model's folder or, where there is none, {@code vocab.txt}
   * with what {@code tokenizer_config.json} says of it.
   *
   * @throws CheckpointException if neither is there, or the one that is cannot be used
   */
  static Tokenizer load(Path folder) {
    return HuggingFaceTokenizer.load(folder);
  }

  /** The text between the special tokens that the model expects. */
  Encoding encode(String text);

  /** Two texts, such as a question and its context, in one sequence. */
  Encoding encode(String text, String pair);

  /** The text alone, without special tokens. */
  Encoding encodePlain(String text);

  /** Only the ids of {@link #encode(String)}, for who needs no more. */
  int[] ids(String text);

  /** The ids of {@link #encode(String)}, {@linkplain Encoding#truncate truncated}. */
  int[] ids(String text, int maxTokens);

  /** {@link #encode(String)} of each. */
  List<Encoding> encodeAll(List<String> texts);

  /** Text that reads like these ids; those that no token has are passed over. */
  String decode(int[] ids, boolean skipSpecialTokens);

  /** The place of a token in the vocabulary, as spelled there ({@code [MASK]}, {@code ##ing}). */
  OptionalInt id(String token);

  /**
   * The spelling of the token at this place.
   *
   * @throws IndexOutOfBoundsException if there is none
   */
  String token(int id);

  /** One more than the largest id. */
  int vocabularySize();

  @Override
  void close();
}
