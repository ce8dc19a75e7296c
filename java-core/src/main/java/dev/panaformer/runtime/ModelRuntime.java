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
 * A loaded model with everything that it owns, from opening its folder to freeing its memory. All
 * models have this one life cycle: text, image and generation runtimes differ in what they make of
 * their inputs.
 *
 * <p>Every evaluation on the caller's thread goes through {@link #call(Evaluation, Object,
 * Object)}. Whatever is to watch or schedule calls (batching across callers, events, metrics)
 * belongs there. Texts that are generated are evaluated by the scheduler of a {@link
 * GenerationRuntime}, on its thread.
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
   * Waits for the tokenizer, if there is one.
   *
   * @param name the folder, for messages
   * @param resources owned by this runtime from now on, if this constructor returns
   * @param maxConcurrency the number of calls that run at the same time
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
   * returns: {@link #close} waits for it. Waits while as many calls as allowed are running. Does
   * not allocate once the workspaces have grown, so callers of the hot path keep {@code evaluation}
   * in a field and pass its arguments here.
   *
   * @throws IllegalStateException if the model is closed
   */
  public final <A, B, R> R call(Evaluation<A, B, R> evaluation, A first, B second) {
    try (Workspace workspace = workspaces.lease()) {
      return evaluation.run(workspace, first, second);
    }
  }

  /** {@link #call(Evaluation, Object, Object)} without arguments. */
  public final <R> R call(Function<Workspace, R> evaluation) {
    return call((workspace, function, none) -> function.apply(workspace), evaluation, null);
  }

  /**
   * Changes the model while no call evaluates it; calls wait until the change is made.
   *
   * @throws IllegalStateException if the model is closed
   */
  public final void exclusively(Consumer<M> change) {
    workspaces.exclusively(() -> change.accept(model));
  }

  /**
   * Uses the tokenizer. Tokenization needs no workspace and is done outside of {@link #call}, once
   * for each text.
   *
   * @throws IllegalStateException if the model is closed, or its folder has no tokenizer
   */
  public final <R> R tokenize(Function<Tokenizer, R> use) {
    try {
      return use.apply(tokenizer());
    } catch (IllegalStateException e) {
      if (closed.get()) {
        throw new IllegalStateException(name + " is closed", e);
      }
      throw e;
    }
  }

  /**
   * The tokenizer, for use within {@link #call}.
   *
   * @throws IllegalStateException if the folder has none
   */
  public final Tokenizer tokenizer() {
    return tokenizer.orElseThrow(() ->
        new IllegalStateException(
            name + " has neither tokenizer.json nor vocab.txt, only ids can be used"));
  }

  /** Whether the folder has a tokenizer. */
  final boolean hasTokenizer() {
    return tokenizer.isPresent();
  }

  /** The folder, for messages. */
  public final String name() {
    return name;
  }

  /** The model. It is evaluated within {@link #call} only. */
  public final M model() {
    return model;
  }

  public final Kernels kernels() {
    return resources.kernels();
  }

  /** A description of the kernels in words. */
  public final String description() {
    return resources.kernels().description();
  }

  /** Ends what evaluates the model besides calls, and waits for it. */
  void stop() {}

  /**
   * Refuses further calls, waits for running ones and frees everything. Closing again does nothing.
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
