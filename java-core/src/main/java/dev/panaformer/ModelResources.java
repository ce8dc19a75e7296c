package dev.panaformer;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.kernel.Backend;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.linear.WeightFormat;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.nn.WeightNames;
import dev.panaformer.nn.Weights;
import dev.panaformer.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;

/**
 * What a loaded model owns besides its workspaces: kernels, the memory of its weights, perhaps a
 * tokenizer. In a young JVM the tokenizer takes as long as all the rest, so it is read on a thread
 * of its own meanwhile.
 */
final class ModelResources implements AutoCloseable {
  private final Kernels kernels;
  private final NativeMemory memory;
  private final Optional<CompletableFuture<Tokenizer>> tokenizer;

  private ModelResources(
      Kernels kernels, NativeMemory memory, Optional<CompletableFuture<Tokenizer>> tokenizer) {
    this.kernels = kernels;
    this.memory = memory;
    this.tokenizer = tokenizer;
  }

  /** Makes a model of its resources. */
  interface Loader<T> {
    T load(ModelResources resources);
  }

  /**
   * Opens resources and makes a model with them, which owns them from then on; nothing stays open
   * or allocated if that fails.
   *
   * @param device which of several
   * @param memory where the weights go, unless the kernels have memory of their own
   * @param tokenizerFolder where a tokenizer is to be read, if one is
   */
  static <T> T load(
      Backend backend,
      int threads,
      int device,
      NativeMemory memory,
      Optional<Path> tokenizerFolder,
      Loader<T> loader) {
    Optional<CompletableFuture<Tokenizer>> tokenizer =
        tokenizerFolder.map(ModelResources::readTokenizer);
    ModelResources resources;
    try {
      Kernels kernels = backend.open(threads, device);
      resources = new ModelResources(kernels, kernels.memory().allocator(memory), tokenizer);
    } catch (Throwable e) {
      memory.close();
      close(tokenizer);
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
   * @param precision what they are packed in
   * @param model makes the model of its weights
   */
  <M> M weights(
      ModelFolder folder, WeightNames names, WeightFormat precision, Function<Weights, M> model) {
    try (Checkpoint checkpoint = folder.openWeights();
        Weights weights = new Weights(checkpoint, kernels, memory, names, precision)) {
      return model.apply(weights);
    }
  }

  /** The tokenizer, once it is read, or what kept it from being read. */
  Optional<Tokenizer> tokenizer() {
    return tokenizer.map(ModelResources::join);
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

  /** Nothing that is freed here may be in use. */
  @Override
  public void close() {
    memory.close();
    kernels.close();
    close(tokenizer);
  }

  private static void close(Optional<CompletableFuture<Tokenizer>> tokenizer) {
    tokenizer
        .map(loading -> loading.exceptionally(failure -> null).join())
        .ifPresent(Tokenizer::close);
  }
}
