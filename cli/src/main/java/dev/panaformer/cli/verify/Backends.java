package dev.panaformer.cli.verify;

import dev.panaformer.ModelOptions;
import dev.panaformer.kernel.Kernels;

/**
 * The backend on which cases run.
 *
 * @param kernels for cases that evaluate operators and models directly
 * @param options for the same backend, for cases that load a model as a user does
 */
public record Backends(Kernels kernels, ModelOptions options) implements AutoCloseable {
  public static Backends open(ModelOptions options) {
    return new Backends(options.compute().openKernels(), options);
  }

  /** A human-readable description of the backend: instruction set and number of threads. */
  public String description() {
    return kernels.description();
  }

  @Override
  public void close() {
    kernels.close();
  }
}
