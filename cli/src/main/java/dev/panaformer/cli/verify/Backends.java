package dev.panaformer.cli.verify;

import dev.panaformer.ModelOptions;
import dev.panaformer.kernel.Kernels;

/**
 * What cases are computed with.
 *
 * @param kernels for cases that evaluate operators and models directly
 * @param options of the same backend, for cases that load a model as a user would
 */
public record Backends(Kernels kernels, ModelOptions options) implements AutoCloseable {
  public static Backends open(ModelOptions options) {
    return new Backends(options.compute().openKernels(), options);
  }

  @Override
  public void close() {
    kernels.close();
  }
}
