package dev.panaformer.runtime;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.nn.weights.WeightNames;
import dev.panaformer.nn.weights.Weights;
import dev.panaformer.threads.Unclosed;
import dev.panaformer.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

/**
 * Everything that a loaded model must give back: the kernels, the memory of the weights, for text
 * models a tokenizer, and what works with these, such as workspaces and threads. Loading a large
 * vocabulary can take as long as everything else. It is therefore loaded on a separate thread.
 *
 * <p>Nothing here refers to the {@link ModelRuntime}, so that a runtime that nobody closes and
 * nobody can reach is collected, and its resources are freed.
 */
final class Resources implements AutoCloseable, Unclosed.Held {
  private final ComputeSettings compute;
  private final Kernels kernels;
  private final NativeMemory memory;
  private final Optional<CompletableFuture<Tokenizer>> tokenizer;
  private final List<Runnable> users = new ArrayList<>();
  private final AtomicBoolean closed = new AtomicBoolean();
  private volatile String owner = "A model";

  private Resources(
      ComputeSettings compute,
      Kernels kernels,
      NativeMemory memory,
      Optional<CompletableFuture<Tokenizer>> tokenizer) {
    this.compute = compute;
    this.kernels = kernels;
    this.memory = memory;
    this.tokenizer = tokenizer;
  }

  /** Creates a runtime from its resources. */
  interface Loader<R> {
    R load(Resources resources);
  }

  /**
   * Opens resources and creates a runtime with them, which then owns them. If that fails, nothing
   * stays open or allocated.
   *
   * @param memory the allocator of the weights; unused if the kernels have their own memory
   * @param tokenizerFolder the folder of the tokenizer; empty to load none
   */
  static <R> R load(
      ComputeSettings compute,
      NativeMemory memory,
      Optional<Path> tokenizerFolder,
      Loader<R> loader) {
    Optional<CompletableFuture<Tokenizer>> tokenizer =
        tokenizerFolder.map(Resources::readTokenizer);
    Resources resources;
    try {
      Kernels kernels = compute.kernels().get();
      resources = new Resources(compute, kernels, kernels.memory().allocator(memory), tokenizer);
    } catch (Throwable e) {
      memory.close();
      await(tokenizer);
      throw e;
    }
    try {
      return loader.load(resources);
    } catch (Throwable e) {
      resources.close();
      throw e;
    }
  }

  private static CompletableFuture<Tokenizer> readTokenizer(Path folder) {
    return CompletableFuture.supplyAsync(
        () -> Tokenizer.load(folder),
        task -> Thread.ofPlatform().daemon().name("tokenizer-loader").start(task));
  }

  Kernels kernels() {
    return kernels;
  }

  /**
   * Reads the weights of a folder into this memory.
   *
   * @param model creates the model from its weights
   */
  <M> M weights(ModelFolder folder, WeightNames names, Function<Weights, M> model) {
    try (Checkpoint checkpoint = folder.openWeights();
        Weights weights = new Weights(checkpoint, kernels, memory, names, compute.weightFormat())) {
      return model.apply(weights);
    }
  }

  /** Waits for the tokenizer. Rethrows the exception if loading it failed. */
  Optional<Tokenizer> tokenizer() {
    return tokenizer.map(Resources::join);
  }

  private static Tokenizer join(CompletableFuture<Tokenizer> tokenizer) {
    try {
      return tokenizer.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw e;
    }
  }

  /**
   * Adds something that works with these resources, while the model is loaded.
   *
   * @param close refuses further work, waits for work in progress and frees what it owns. Called
   *     before anything here is freed, in the order of the calls of this method.
   */
  void usedBy(Runnable close) {
    users.add(close);
  }

  /** Names the owner for the warning that it was never closed. */
  void ownedBy(String description) {
    owner = description;
  }

  @Override
  public String owner() {
    return owner;
  }

  @Override
  public boolean isClosed() {
    return closed.get();
  }

  /** Ends all work and frees everything. Closing again has no effect. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      users.forEach(Runnable::run);
      memory.close();
      kernels.close();
      await(tokenizer);
    }
  }

  /** Waits for the thread that loads the tokenizer, which holds nothing that is to be freed. */
  private static void await(Optional<CompletableFuture<Tokenizer>> tokenizer) {
    tokenizer.ifPresent(loading -> loading.exceptionally(failure -> null).join());
  }
}
