package dev.panaformer.cli.verify;

import dev.panaformer.kernel.Backend;
import dev.panaformer.kernel.Kernels;

/** What the cases run on. */
final class Backends implements AutoCloseable {
  private final Backend backend;
  private final int threads;
  private final Kernels kernels;

  Backends(Backend backend, int threads) {
    this.backend = backend;
    this.threads = threads;
    this.kernels = backend.open(threads);
  }

  Kernels kernels() {
    return kernels;
  }

  Backend backend() {
    return backend;
  }

  int threads() {
    return threads;
  }

  @Override
  public void close() {
    kernels.close();
  }
}
