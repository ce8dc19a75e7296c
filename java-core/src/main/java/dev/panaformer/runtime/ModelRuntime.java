package dev.panaformer.runtime;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.WorkspacePool;
import dev.panaformer.tokenizer.Tokenizer;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * A loaded model and everything that it owns, from opening the folder to freeing the memory. All
 * models share this life cycle. The subclasses for text, images and generation differ in how they
 * prepare their inputs.
 *
 * <p>Every evaluation on the caller's thread goes through {@link #call(Evaluation, Object,
 * Object)}. Code that observes or schedules calls (batching across callers, events, metrics)
 * belongs there. Generations are evaluated by the scheduler of a {@link GenerationRuntime} on its
 * own thread.
 *
 * <p>Thread-safe.
 *
 * @param <M> the model
 */
public abstract sealed class ModelRuntime<M> implements AutoCloseable
    permits TextRuntime, ImageRuntime, GenerationRuntime {
  private final String name;
  private final M model;
  private final Resources resources;
  private final Optional<Tokenizer> tokenizer;
  private final WorkspacePool workspaces;
  private final AtomicBoolean closed = new AtomicBoolean();

  /**
   * Creates a runtime. Waits until the tokenizer, if there is one, is loaded.
   *
   * @param name the folder, for messages
   * @param resources owned by this runtime if the constructor returns normally
   * @param maxConcurrency the maximum number of concurrent calls
   */
  ModelRuntime(String name, M model, Resources resources, int maxConcurrency) {
    this.name = name;
    this.model = model;
    this.resources = resources;
    this.tokenizer = resources.tokenizer();
    this.workspaces = new WorkspacePool(name, maxConcurrency, resources.kernels().memory());
  }

  /** An evaluation of the model in a workspace. */
  @FunctionalInterface
  public interface Evaluation<A, B, R> {
    R run(Workspace workspace, A first, B second);
  }

  /**
   * Evaluates the model. The workspace, the model and the kernels stay valid until the evaluation
   * returns, because {@link #close} waits for it. If the maximum number of calls is running, this
   * method waits. It does not allocate once the workspaces have grown. Callers on the hot path
   * therefore keep {@code evaluation} in a field and pass its arguments here.
   *
   * @throws IllegalStateException if the model is closed
   */
  public final <A, B, R> R call(Evaluation<A, B, R> evaluation, A first, B second) {
    try (Workspace workspace = workspaces.lease()) {
      return evaluation.run(workspace, first, second);
    }
  }

  /** Like {@link #call(Evaluation, Object, Object)}, for an evaluation without arguments. */
  public final <R> R call(Function<Workspace, R> evaluation) {
    return call((workspace, function, none) -> function.apply(workspace), evaluation, null);
  }

  /**
   * Changes the model while no call evaluates it. Calls wait until the change is complete.
   *
   * @throws IllegalStateException if the model is closed
   */
  public final void exclusively(Consumer<M> change) {
    workspaces.exclusively(() -> change.accept(model));
  }

  /**
   * Uses the tokenizer. Tokenization needs no workspace, so each text is tokenized once, outside of
   * {@link #call}.
   *
   * @throws IllegalStateException if the model is closed, or its folder has no tokenizer
   */
  public final <R> R tokenize(Function<Tokenizer, R> use) {
    if (closed.get()) {
      throw new IllegalStateException(name + " is closed");
    }
    return use.apply(tokenizer());
  }

  /**
   * The tokenizer, for use within {@link #call}.
   *
   * @throws IllegalStateException if the folder has no tokenizer
   */
  public final Tokenizer tokenizer() {
    return tokenizer.orElseThrow(() ->
        new IllegalStateException(
            name + " has no tokenizer, only ids can be used"));
  }

  /** Whether the folder has a tokenizer. */
  final boolean hasTokenizer() {
    return tokenizer.isPresent();
  }

  /** The folder, for messages. */
  public final String name() {
    return name;
  }

  /** The model. It must only be evaluated within {@link #call}. */
  public final M model() {
    return model;
  }

  public final Kernels kernels() {
    return resources.kernels();
  }

  /** A human-readable description of the kernels. */
  public final String description() {
    return resources.kernels().description();
  }

  /**
   * Stops evaluations that do not run in {@link #call}, such as those of a scheduler, and waits for
   * them.
   */
  void stop() {}

  /**
   * Refuses further calls, waits for running calls and frees everything. Closing again has no
   * effect.
   */
  @Override
  public final void close() {
    if (closed.compareAndSet(false, true)) {
      workspaces.close();
      stop();
      resources.close();
    }
  }
}
