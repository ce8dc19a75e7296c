package dev.panaformer.cli.verify;

import dev.panaformer.ModelOptions;
import dev.panaformer.kernel.Kernels;

/**
 * What the cases run on.
 *
 * @param kernels for cases that run operators and models by themselves
 * @param options for those that load a model as a user would; of the same backend
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
