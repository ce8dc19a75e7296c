package dev.panaformer;

/**
 * A loaded model.
 *
 * <p>Every model is thread-safe: its methods may be called by any number of platform and virtual
 * threads at the same time. A call has the same result, to the last bit, whatever other calls are
 * evaluated at that time or in the same batch, and for every number of threads.
 *
 * <p>A model owns native memory until it is closed. Calls after {@link #close} throw {@link
 * IllegalStateException}.
 */
public interface Model extends AutoCloseable {

  /** A description of the backend in words: instruction set or GPU, and number of threads. */
  String description();

  /**
   * Refuses further calls, waits for those that are running, including generations under way that
   * are not cancelled, and frees the memory. Closing again does nothing.
   */
  @Override
  void close();
}
