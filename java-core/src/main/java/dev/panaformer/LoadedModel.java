package dev.panaformer;

import dev.panaformer.ModelOptions.Truncation;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.WorkspacePool;
import dev.panaformer.model.BertConfig;
import dev.panaformer.model.BertTask;
import dev.panaformer.model.EncoderConfig;
import dev.panaformer.model.TextEncoder;
import dev.panaformer.nn.Weights;
import dev.panaformer.tokenizer.Encoding;
import dev.panaformer.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntFunction;

/**
 * A model with all that it owns: tokenizer, weights, kernels, workspaces. Whatever is done with it
 * is done under a lease, which is what {@link #close} waits for.
 */
final class LoadedModel<M extends TextEncoder> implements AutoCloseable {
  private final String name;
  private final ModelFolder folder;
  private final ModelOptions options;
  private final ModelResources resources;
  private final Tokenizer tokenizer;
  private final M task;
  private final int maxTokens;
  private final WorkspacePool workspaces;
  private final AtomicBoolean closed = new AtomicBoolean();

  private LoadedModel(ModelFolder folder, ModelOptions options, ModelResources resources, M task) {
    this.name = folder.path().toString();
    this.folder = folder;
    this.options = options;
    this.resources = resources;
    this.tokenizer = resources.tokenizer().orElseThrow();
    this.task = task;
    this.maxTokens =
        Math.min(task.config().maxTokens(), folder.maxSequenceLength().orElse(Integer.MAX_VALUE));
    this.workspaces =
        new WorkspacePool(name, options.maxConcurrency(), resources.kernels().memory());
  }

  /**
   * Loads an encoder of any family, with whatever head it has.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model
   */
  static LoadedModel<TextEncoder> load(Path path, ModelOptions options) {
    ModelFolder folder = ModelFolder.open(path);
    EncoderConfig config = EncoderConfig.of(folder.config());
    return load(folder, config, options, config::encoder);
  }

  /**
   * Loads a model of the BERT family under a head.
   *
   * @param loader makes the model of its weights
   * @throws dev.panaformer.checkpoint.CheckpointException if the folder does not hold such a model;
   *     nothing stays open or allocated then
   */
  static <M extends BertTask> LoadedModel<M> load(
      Path path, ModelOptions options, BiFunction<Weights, BertConfig, M> loader) {
    ModelFolder folder = ModelFolder.open(path);
    BertConfig config = BertConfig.of(folder.config());
    return load(folder, config, options, weights -> loader.apply(weights, config));
  }

  private static <M extends TextEncoder> LoadedModel<M> load(
      ModelFolder folder, EncoderConfig config, ModelOptions options, Function<Weights, M> loader) {
    return ModelResources.load(
        options.backend(),
        options.threads(),
        options.device(),
        new NativeMemory(),
        Optional.of(folder.transformer()),
        resources ->
            new LoadedModel<>(
                folder,
                options,
                resources,
                resources.weights(folder, config.weightNames(), options.precision(), loader)));
  }

  /** The folder, for messages. */
  String name() {
    return name;
  }

  ModelFolder folder() {
    return folder;
  }

  M task() {
    return task;
  }

  Kernels kernels() {
    return resources.kernels();
  }

  Tokenizer tokenizer() {
    return tokenizer;
  }

  /** The longest sequence that is computed: the model's positions, or what its folder says. */
  int maxTokens() {
    return maxTokens;
  }

  /**
   * What every call begins with and holds to its end.
   *
   * @throws IllegalStateException if the model is closed
   */
  Workspace lease() {
    return workspaces.lease();
  }

  /** Changes the model while no call computes with it; calls wait meanwhile. */
  void exclusively(Consumer<M> change) {
    workspaces.exclusively(() -> change.accept(task));
  }

  /**
   * An encoding of at most {@link #maxTokens} tokens, by truncation or refusal as the options say.
   */
  Encoding fit(Encoding encoding) {
    if (encoding.length() > maxTokens && options.truncation() == Truncation.REFUSE) {
      throw new IllegalArgumentException(
          name
              + ": a text of "
              + encoding.length()
              + " tokens, at most "
              + maxTokens
              + " are allowed");
    }
    return encoding.truncate(maxTokens);
  }

  /** Told of each batch that was filled, before the next one replaces it. */
  interface BatchConsumer {
    /**
     * @param first index of the input that is the batch's sequence 0
     */
    void accept(int first, TokenBatch batch);
  }

  /**
   * Fills the workspace's batch with one input after the other, as many at a time as the options
   * allow.
   *
   * @param typeIds may give null, for 0
   */
  void inBatches(
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
        task.append(batch, ids.apply(next), typeIds.apply(next), null);
        next++;
      } while (next < count && batch.tokens() + ids.apply(next).length <= options.maxBatchTokens());
      consumer.accept(first, batch);
    }
  }

  /**
   * {@link #inBatches(int, IntFunction, IntFunction, Workspace, BatchConsumer)} of encoded texts.
   */
  void inBatches(List<Encoding> encodings, Workspace workspace, BatchConsumer consumer) {
    inBatches(
        encodings.size(),
        i -> encodings.get(i).ids(),
        i -> encodings.get(i).typeIds(),
        workspace,
        consumer);
  }

  /** Replaces the contents of the workspace's batch by one sequence. */
  TokenBatch only(Encoding encoding, Workspace workspace) {
    TokenBatch batch = workspace.batch();
    batch.clear();
    task.append(batch, encoding.ids(), encoding.typeIds(), null);
    return batch;
  }

  /**
   * Refuses further calls, waits for those in flight, and frees everything. Closing again does
   * nothing.
   */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      workspaces.close();
      resources.close();
    }
  }
}
