package dev.panaformer.runtime;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.WorkspacePool;
import dev.panaformer.threads.ComputeThreads;
import dev.panaformer.threads.Unclosed;
import dev.panaformer.tokenizer.Tokenizer;
import java.lang.ref.Cleaner.Cleanable;
import java.lang.ref.Reference;
import java.util.Optional;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * A loaded model and everything that it owns, from opening the folder to freeing the memory. All
 * models share this life cycle. The subclasses for text, images and generation differ in how they
 * prepare their inputs.
 *
 * <p>Every evaluation goes through {@link #call(Evaluation, Object, Object)}. Code that observes or
 * schedules calls (batching across callers, events, metrics) belongs there. Generations are
 * evaluated by the scheduler of a {@link GenerationRuntime} on its own thread.
 *
 * <p>A platform thread evaluates on itself. A virtual thread hands its evaluation to the {@link
 * ComputeThreads} of this runtime, and tokenization to those of the process, and is parked
 * meanwhile.
 *
 * <p>A runtime that becomes unreachable without being closed is closed then, with a warning in the
 * log. Every call keeps the runtime reachable until it returns.
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
  private final ComputeThreads threads;
  private final Cleanable unclosed;

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
    this.threads = new ComputeThreads("panaformer-compute", maxConcurrency);
    resources.ownedBy(getClass().getSimpleName() + " of " + name);
    resources.usedBy(workspaces::close);
    resources.usedBy(threads::close);
    this.unclosed = Unclosed.watch(this, resources);
  }

  /** Loads a runtime. If the caller is virtual, on a platform thread of its own. */
  static <R extends ModelRuntime<?>> R load(ComputeThreads.Work<R, RuntimeException> loader) {
    return ComputeThreads.runAlone("panaformer-loader", loader);
  }

  /**
   * Creates the object through which users call a runtime. If that fails, the runtime is closed.
   *
   * @param constructor creates the object, whose class is named in the log if it is never closed
   */
  public static <R extends ModelRuntime<?>, T> T task(R runtime, Function<R, T> constructor) {
    ModelRuntime<?> loaded = runtime;
    try {
      T task = constructor.apply(runtime);
      loaded.resources.ownedBy(task.getClass().getSimpleName() + " of " + loaded.name);
      return task;
    } catch (Throwable e) {
      loaded.close();
      throw e;
    }
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
    if (ComputeThreads.needed()) {
      return compute(() -> evaluate(evaluation, first, second));
    }
    return evaluate(evaluation, first, second);
  }

  private <A, B, R> R evaluate(Evaluation<A, B, R> evaluation, A first, B second) {
    try (Workspace workspace = workspaces.lease()) {
      return evaluation.run(workspace, first, second);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  private <R> R compute(ComputeThreads.Work<R, RuntimeException> work) {
    try {
      return threads.run(work);
    } catch (RejectedExecutionException e) {
      throw resources.isClosed() ? new IllegalStateException(name + " is closed", e) : e;
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
    compute(() -> {
      workspaces.exclusively(() -> change.accept(model));
      Reference.reachabilityFence(this);
      return null;
    });
  }

  /**
   * Uses the tokenizer. Tokenization needs no workspace, so each text is tokenized once, outside of
   * {@link #call}.
   *
   * @throws IllegalStateException if the model is closed, or its folder has no tokenizer
   */
  public final <R> R tokenize(Function<Tokenizer, R> use) {
    if (ComputeThreads.needed()) {
      return ComputeThreads.shared().run(() -> tokenizeHere(use));
    }
    return tokenizeHere(use);
  }

  private <R> R tokenizeHere(Function<Tokenizer, R> use) {
    if (resources.isClosed()) {
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
    return tokenizer.orElseThrow(
        () -> new IllegalStateException(name + " has no tokenizer, only ids can be used"));
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
   * Refuses further calls, waits for running calls and frees everything. Closing again has no
   * effect.
   */
  @Override
  public final void close() {
    if (!resources.isClosed()) {
      ComputeThreads.runAlone(
          "panaformer-closer",
          () -> {
            resources.close();
            return null;
          });
      unclosed.clean();
    }
    Reference.reachabilityFence(this);
  }
}
