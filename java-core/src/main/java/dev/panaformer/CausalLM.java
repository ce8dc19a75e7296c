package dev.panaformer;

import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.Prefix;
import dev.panaformer.generate.schedule.TokenScores;
import dev.panaformer.model.decoder.CausalModel;
import dev.panaformer.runtime.GenerationRuntime;
import dev.panaformer.runtime.ModelRuntime;
import dev.panaformer.tokenizer.ControlTokens;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.function.IntConsumer;

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
 * <p>All generations of a model are evaluated together: each step generates one token of every
 * text. The result of a generation is the same, to the last bit, whatever other generations run.
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
   * Loads a decoder. If the folder has no tokenizer, the model can be used with token ids only.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model;
   *     nothing stays open or allocated then
   */
  public static CausalLM load(Path folder, CausalLMOptions options) {
    return ModelRuntime.task(
        GenerationRuntime.decoder(folder, options.compute().settings(), options.limits()),
        CausalLM::new);
  }

  /**
   * The options that the folder's generation_config.json recommends, or {@link
   * GenerationOptions#DEFAULT} without that file. Use {@link GenerationOptions#toBuilder} to change
   * them.
   *
   * @throws dev.panaformer.checkpoint.UnsupportedModelException if the file asks for something that
   *     is not supported, naming the field
   */
  public GenerationOptions options() {
    return runtime.options();
  }

  /**
   * Starts to continue a text, and returns immediately.
   *
   * @throws IllegalArgumentException if the prompt has no tokens, or has too many tokens and the
   *     options refuse it
   * @throws dev.panaformer.generate.CacheExhaustedException if the whole cache is too small for the
   *     prompt and all new tokens
   */
  public Generation generate(String prompt, GenerationOptions options) {
    return generate(tokenize(prompt), options);
  }

  /**
   * Starts to continue a text with {@link #options}, like {@link #generate(String,
   * GenerationOptions)}.
   */
  public Generation generate(String prompt) {
    return generate(prompt, options());
  }

  /**
   * Starts to continue a text that is already tokenized, and returns immediately.
   *
   * @param prompt the ids as {@link #tokenize} returns them
   * @throws IllegalArgumentException as for text; or if there are stop strings but no tokenizer
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary
   */
  public Generation generate(int[] prompt, GenerationOptions options) {
    return runtime.schedule(scheduler -> scheduler.generate(prompt, options));
  }

  /**
   * Evaluates a common beginning of many texts and keeps it in the cache until the prefix is
   * closed. Returns when it is evaluated.
   *
   * @throws IllegalArgumentException if there are no tokens, or more than the context
   * @throws dev.panaformer.generate.CacheExhaustedException if the cache has no room for it now
   */
  public Prefix prefix(int[] ids) {
    return runtime.schedule(scheduler -> scheduler.prefix(ids));
  }

  /**
   * Evaluates a text as a prefix, like {@link #prefix(int[])}. It includes the special tokens at
   * its beginning.
   */
  public Prefix prefix(String text) {
    return prefix(tokenize(text));
  }

  /**
   * Starts to continue a prompt that consists of a prefix and further tokens, and returns
   * immediately. The result is the same, to the last bit, as for the whole prompt.
   *
   * @param rest the tokens after the prefix, without special tokens; may be empty
   * @throws IllegalStateException if the prefix is closed
   */
  public Generation generate(Prefix prefix, int[] rest, GenerationOptions options) {
    return runtime.schedule(scheduler -> scheduler.generate(prefix, rest, options));
  }

  /**
   * Starts to continue a prefix and a text, like {@link #generate(Prefix, int[],
   * GenerationOptions)}. The text is tokenized separately from the prefix.
   */
  public Generation generate(Prefix prefix, String rest, GenerationOptions options) {
    return generate(
        prefix,
        runtime.tokenize(tokenizer -> tokenizer.encodePlain(rest, ControlTokens.TEXT)).ids(),
        options);
  }

  /**
   * Computes the log-probability of each token of a text. A text that is longer than the context is
   * read in windows that overlap by half. Each token is scored in the window in which most tokens
   * precede it.
   *
   * @throws IllegalArgumentException if the text has fewer than two tokens
   * @throws java.util.concurrent.CancellationException if the thread is interrupted
   */
  public TextScore score(String text) {
    return score(tokenize(text), Math.max(1, contextLength() / 2));
  }

  /**
   * Computes the log-probability of each token of a text that is already tokenized, like {@link
   * #score(String)}.
   *
   * @param stride the number of tokens between the starts of two windows. A large stride is faster,
   *     a small one gives each token more context.
   * @throws IllegalArgumentException if there are fewer than two ids, or the stride is not from 1
   *     to {@link #contextLength}
   * @throws IndexOutOfBoundsException if an id is outside the vocabulary
   */
  public TextScore score(int[] ids, int stride) {
    return score(ids, stride, scored -> {});
  }

  /**
   * Like {@link #score(int[], int)}, telling how far it is.
   *
   * @param progress is given the number of ids that have been scored, after each window
   */
  public TextScore score(int[] ids, int stride, IntConsumer progress) {
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
      int[] part = Arrays.copyOfRange(ids, start, end);
      int first = Math.max(1, scored - start);
      TokenScores window = runtime.schedule(scheduler -> scheduler.tokenScores(part, first));
      int count = window.best().length;
      System.arraycopy(window.logProbabilities(), 0, scores, end - count, count);
      System.arraycopy(window.best(), 0, best, end - count, count);
      scored = end;
      progress.accept(scored);
    }
    return new TextScore(ids.clone(), scores, best);
  }

  /**
   * Encodes a text to token ids, with the special tokens that the model's tokenizer adds around it.
   * Control tokens in the text, such as {@code <|im_end|>}, are encoded as the characters that they
   * are written with, so that a user cannot speak for the system. All methods that take text encode
   * it so.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public int[] tokenize(String text) {
    return runtime.ids(text, ControlTokens.TEXT);
  }

  /**
   * Encodes a text like {@link #tokenize}, but recognises control tokens in it. For prompts that
   * were written by the application, such as the beginning of a chat; never for a user's text.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public int[] tokenizeWithControlTokens(String text) {
    return runtime.ids(text, ControlTokens.PARSE);
  }

  /**
   * Decodes token ids to text, without special tokens.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public String decode(int[] ids) {
    return runtime.decode(ids);
  }

  /**
   * The maximum length of a text in tokens: the number of positions of the model, or the capacity
   * of the cache if that is smaller.
   */
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
