package dev.panaformer;

import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.Prefix;
import dev.panaformer.generate.schedule.TokenScores;
import dev.panaformer.model.decoder.CausalModel;
import dev.panaformer.runtime.GenerationRuntime;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;

/**
 * Continues texts: GPT-2, Llama and other decoders of their architecture.
 *
 * <pre>{@code
 * try (var lm = CausalLM.load(folder)) {
 *   for (String piece : lm.generate("Once upon a time", options)) {
 *     System.out.print(piece);
 *   }
 * }
 * }</pre>
 *
 * <p>All generations of a model are computed together, one token of each in every step. The result
 * of a generation does not depend on the others, to the last bit.
 */
public final class CausalLM implements Model {
  private final GenerationRuntime<CausalModel> runtime;

  private CausalLM(GenerationRuntime<CausalModel> runtime) {
    this.runtime = runtime;
  }

  /** {@link #load(Path, CausalLMOptions)} with {@link CausalLMOptions#DEFAULT}. */
  public static CausalLM load(Path folder) {
    return load(folder, CausalLMOptions.DEFAULT);
  }

  /**
   * Loads a decoder. A folder without a tokenizer is usable with ids.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model;
   *     nothing stays open or allocated then
   */
  public static CausalLM load(Path folder, CausalLMOptions options) {
    return new CausalLM(
        GenerationRuntime.decoder(folder, options.compute().settings(), options.limits()));
  }

  /**
   * The options that the folder's generation_config.json asks for; {@link
   * GenerationOptions#DEFAULT} without that file. To be changed by {@link
   * GenerationOptions#toBuilder}.
   *
   * @throws dev.panaformer.checkpoint.UnsupportedModelException if the file asks for what is not
   *     supported, naming the field
   */
  public GenerationOptions options() {
    return runtime.options();
  }

  /**
   * Begins to continue a text, and returns at once.
   *
   * @throws IllegalArgumentException if the prompt has no tokens, or too many and the options say
   *     to refuse it
   * @throws dev.panaformer.generate.CacheExhaustedException if the whole cache is too small for the
   *     prompt with all new tokens
   */
  public Generation generate(String prompt, GenerationOptions options) {
    return generate(tokenize(prompt), options);
  }

  /** {@link #generate(String, GenerationOptions)} with {@link #options}. */
  public Generation generate(String prompt) {
    return generate(prompt, options());
  }

  /**
   * Begins to continue a text that is tokenized already, and returns at once.
   *
   * @param prompt as {@link #tokenize} gives it
   * @throws IllegalArgumentException as for text, and for stop strings without a tokenizer
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary
   */
  public Generation generate(int[] prompt, GenerationOptions options) {
    return runtime.scheduler().generate(prompt, options);
  }

  /**
   * Reads the beginning that many texts have in common and keeps it in the cache until the prefix
   * is closed. Returns when it is read.
   *
   * @throws IllegalArgumentException if there are no tokens, or more than the context
   * @throws dev.panaformer.generate.CacheExhaustedException if there is no room for it now
   */
  public Prefix prefix(int[] ids) {
    return runtime.scheduler().prefix(ids);
  }

  /** {@link #prefix(int[])} of a text, with the special tokens that begin it. */
  public Prefix prefix(String text) {
    return prefix(tokenize(text));
  }

  /**
   * Begins to continue a prompt that consists of a prefix and further tokens, and returns at once.
   * The result is that of the whole prompt, to the last bit.
   *
   * @param rest the tokens after the prefix, without special tokens; may be empty
   * @throws IllegalStateException if the prefix is closed
   */
  public Generation generate(Prefix prefix, int[] rest, GenerationOptions options) {
    return runtime.scheduler().generate(prefix, rest, options);
  }

  /**
   * {@link #generate(Prefix, int[], GenerationOptions)} of a text, which is tokenized by itself.
   */
  public Generation generate(Prefix prefix, String rest, GenerationOptions options) {
    return generate(
        prefix, runtime.tokenize(tokenizer -> tokenizer.encodePlain(rest)).ids(), options);
  }

  /**
   * The log-probabilities that the model gives to the tokens of a text. A text that is longer than
   * the context is read in windows that overlap by half; each token is scored in the window in
   * which most tokens precede it.
   *
   * @throws IllegalArgumentException if the text has fewer than two tokens
   * @throws java.util.concurrent.CancellationException if the thread is interrupted
   */
  public TextScore score(String text) {
    return score(tokenize(text), Math.max(1, contextLength() / 2));
  }

  /**
   * As {@link #score(String)}, of a text that is tokenized already.
   *
   * @param stride the number of tokens between the starts of two windows: a large stride is fast, a
   *     small one gives each token more context
   * @throws IllegalArgumentException if there are fewer than two ids, or the stride is not from 1
   *     to {@link #contextLength}
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary
   */
  public TextScore score(int[] ids, int stride) {
    if (ids.length < 2) {
      throw new IllegalArgumentException(
          "a text of " + ids.length + " tokens, at least 2 are needed to score one");
    }
    if (stride < 1 || stride > contextLength()) {
      throw new IllegalArgumentException(
          "stride is " + stride + ", expected 1 to " + contextLength());
    }
    float[] scores = new float[ids.length];
    int[] best = ids.clone();
    int scored = 1;
    for (int start = 0; scored < ids.length; start += stride) {
      int end = Math.min(start + contextLength(), ids.length);
      TokenScores window =
          runtime
              .scheduler()
              .tokenScores(Arrays.copyOfRange(ids, start, end), Math.max(1, scored - start));
      int count = window.best().length;
      System.arraycopy(window.logProbabilities(), 0, scores, end - count, count);
      System.arraycopy(window.best(), 0, best, end - count, count);
      scored = end;
    }
    return new TextScore(ids.clone(), scores, best);
  }

  /**
   * The ids of a text, with the special tokens that the model's tokenizer puts around it.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public int[] tokenize(String text) {
    return runtime.ids(text);
  }

  /**
   * The text of ids, without special tokens.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public String decode(int[] ids) {
    return runtime.decode(ids);
  }

  /** The number of tokens of the longest text: the model's positions, or what the cache holds. */
  public int contextLength() {
    return runtime.contextLength();
  }

  /** The tokens that end a text. */
  Set<Integer> endTokens() {
    return runtime.endTokens();
  }

  @Override
  public String description() {
    return runtime.description();
  }

  @Override
  public void close() {
    runtime.close();
  }
}
