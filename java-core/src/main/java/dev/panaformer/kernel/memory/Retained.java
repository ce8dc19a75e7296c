package dev.panaformer.kernel.memory;

/** The key of the buffer that {@link TensorMemory#retainRows} uses. */
final class Retained {
  static final Buffer ROWS = Buffer.named("retained rows");

  private Retained() {}
}
