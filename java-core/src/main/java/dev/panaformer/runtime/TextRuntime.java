package dev.panaformer.runtime;

import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.text.BertConfig;
import dev.panaformer.model.text.BertTask;
import dev.panaformer.model.text.EncoderConfig;
import dev.panaformer.model.text.TextEncoder;
import dev.panaformer.nn.weights.Weights;
import dev.panaformer.threads.ComputeThreads;
import dev.panaformer.tokenizer.ControlTokens;
import dev.panaformer.tokenizer.Encoding;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.IntFunction;

/** A loaded text encoder. It tokenizes texts and fills batches with them. */
public final class TextRuntime<M extends TextEncoder> extends ModelRuntime<M> {
  private final ModelFolder folder;
  private final TextLimits limits;
  private final int maxTokens;

  private TextRuntime(ModelFolder folder, TextLimits limits, Resources resources, M model) {
    super(folder.path().toString(), model, resources, limits.maxConcurrency());
    this.folder = folder;
    this.limits = limits;
    OptionalInt limit = folder.maxSequenceLength();
    this.maxTokens =
        Math.min(
            model.config().maxTokens(),
            (limit.isPresent() ? limit : tokenizer().maxLength()).orElse(Integer.MAX_VALUE));
  }

  /**
   * Loads an encoder of any supported family. A task head in the checkpoint is ignored.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model
   */
  public static TextRuntime<TextEncoder> load(
      Path path, ComputeSettings compute, TextLimits limits) {
    return load(() -> {
      ModelFolder folder = ModelFolder.open(path);
      EncoderConfig config = EncoderConfig.of(folder.config());
      return load(folder, config, compute, limits, config::encoder);
    });
  }

  /**
   * Loads a model of the BERT family with a task head.
   *
   * @param loader creates the model from its weights
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model;
   *     nothing stays open or allocated then
   */
  public static <M extends BertTask> TextRuntime<M> load(
      Path path,
      ComputeSettings compute,
      TextLimits limits,
      BiFunction<Weights, BertConfig, M> loader) {
    return load(() -> {
      ModelFolder folder = ModelFolder.open(path);
      BertConfig config = BertConfig.of(folder.config());
      return load(folder, config, compute, limits, weights -> loader.apply(weights, config));
    });
  }

  private static <M extends TextEncoder> TextRuntime<M> load(
      ModelFolder folder,
      EncoderConfig config,
      ComputeSettings compute,
      TextLimits limits,
      Function<Weights, M> loader) {
    return Resources.load(
        compute,
        new NativeMemory(),
        Optional.of(folder.transformer()),
        resources ->
            new TextRuntime<>(
                folder,
                limits,
                resources,
                resources.weights(folder, config.weightNames(), loader)));
  }

  public ModelFolder folder() {
    return folder;
  }

  /**
   * The maximum length of a text in tokens: the number of positions of the model, or the smaller
   * limit of its folder.
   */
  public int maxTokens() {
    return maxTokens;
  }

  /**
   * Encodes a text to token ids, including special tokens, truncated to {@link #maxTokens}. The
   * spelling of a control token in the text is text.
   *
   * @throws IllegalArgumentException if the text is too long and the limits say to refuse it
   * @throws IllegalStateException if the model is closed
   */
  public int[] ids(String text) {
    if (!limits.refusesLongTexts()) {
      return tokenize(tokenizer -> tokenizer.ids(text, maxTokens, ControlTokens.TEXT));
    }
    int[] ids = tokenize(tokenizer -> tokenizer.ids(text, ControlTokens.TEXT));
    requireFit(ids.length);
    return ids;
  }

  /**
   * Encodes a text like {@link #ids}, and returns everything that the tokenizer reports about each
   * token.
   */
  public Encoding encode(String text) {
    return encode(text, ControlTokens.TEXT);
  }

  /** Encodes a text like {@link #encode(String)}, in which some control tokens are recognised. */
  public Encoding encode(String text, ControlTokens control) {
    return fit(tokenize(tokenizer -> tokenizer.encode(text, control)));
  }

  /** Encodes a pair of texts as one sequence, like {@link #encode(String)}. */
  public Encoding encode(String text, String pair) {
    return fit(tokenize(tokenizer -> tokenizer.encode(text, pair, ControlTokens.TEXT)));
  }

  /**
   * Encodes texts in their order. If one of several is refused, the message names its index.
   *
   * @param encode encodes one text, or one pair of texts
   * @throws IllegalArgumentException if {@code encode} throws one
   * @throws NullPointerException if a text is null
   */
  public static <T, E> List<E> encodeAll(List<T> texts, Function<T, E> encode) {
    if (ComputeThreads.needed()) {
      // All texts at once, instead of one after the other.
      List<T> given = new ArrayList<>(texts);
      return ComputeThreads.shared().run(() -> encodeAll(given, encode));
    }
    List<E> encoded = new ArrayList<>(texts.size());
    for (T text : texts) {
      int index = encoded.size();
      Objects.requireNonNull(text, () -> "text " + index + " is null");
      try {
        encoded.add(encode.apply(text));
      } catch (IllegalArgumentException e) {
        throw texts.size() == 1
            ? e
            : new IllegalArgumentException("text " + index + ": " + e.getMessage(), e);
      }
    }
    return encoded;
  }

  private Encoding fit(Encoding encoding) {
    if (limits.refusesLongTexts()) {
      requireFit(encoding.length());
    }
    return encoding.truncate(maxTokens);
  }

  private void requireFit(int tokens) {
    if (tokens > maxTokens) {
      throw new IllegalArgumentException(
          name() + ": a text of " + tokens + " tokens, at most " + maxTokens + " are allowed");
    }
  }

  /** Receives each filled batch. The batch is valid until the method returns. */
  public interface BatchConsumer {
    /**
     * @param first the index of the input that is sequence 0 of the batch
     */
    void accept(int first, TokenBatch batch);
  }

  /**
   * Fills the workspace's batch with the inputs in their order. Each batch holds as many inputs as
   * the limits allow.
   *
   * @param typeIds the token types of each input; may return null for all zeros
   */
  public void inBatches(
      int count,
      IntFunction<int[]> ids,
      IntFunction<int[]> typeIds,
      Workspace workspace,
      BatchConsumer consumer) {
    TokenBatch batch = workspace.batch();
    for (int first = 0; first < count; first += batch.sequences()) {
      batch.clear();
      int next = first;
      do {
        model().append(batch, ids.apply(next), typeIds.apply(next), null);
        next++;
      } while (next < count && batch.tokens() + ids.apply(next).length <= limits.maxBatchTokens());
      consumer.accept(first, batch);
    }
  }

  /**
   * Fills batches with encoded texts, like {@link #inBatches(int, IntFunction, IntFunction,
   * Workspace, BatchConsumer)}.
   */
  public void inBatches(List<Encoding> encodings, Workspace workspace, BatchConsumer consumer) {
    inBatches(
        encodings.size(),
        i -> encodings.get(i).ids(),
        i -> encodings.get(i).typeIds(),
        workspace,
        consumer);
  }
}
