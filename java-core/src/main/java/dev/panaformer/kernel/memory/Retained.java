package dev.panaformer.kernel.memory;

/** The buffer of {@link TensorMemory#retainRows}. */
final class Retained {
  static final Buffer ROWS = Buffer.named("retained rows");

  private Retained() {}
}
