package dev.panaformer;

/**
 * A loaded model.
 *
 * <p>Every model is thread-safe: any number of platform and virtual threads may call its methods at
 * the same time. The result of a call is the same, to the last bit, for every number of threads. It
 * does not depend on other calls that run at the same time or are in the same batch.
 *
 * <p>A virtual thread is parked while it calls, without pinning its carrier, and platform threads
 * compute for it. At most as many do as the options allow concurrent calls, in the order of the
 * calls. An interrupt does not end an evaluation; the thread stays interrupted.
 *
 * <p>A model owns native memory until it is closed. Calls after {@link #close} throw {@link
 * IllegalStateException}. If a model becomes unreachable before it is closed, the memory is freed
 * when the garbage collector finds that, and a warning is logged. A call or a generation that runs
 * keeps its model reachable.
 */
public interface Model extends AutoCloseable {

  /** A human-readable description of the backend: instruction set or GPU, and number of threads. */
  String description();

  /**
   * Refuses further calls, waits for running calls and frees the memory. Running calls include
   * generations that are not cancelled. Closing again has no effect.
   */
  @Override
  void close();
}
