package dev.panaformer.kernel.memory;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * The key of a tensor in a {@link Workspace}. A layer declares a constant for each tensor that it
 * needs; all layers of the same kind then share its memory. The contents are undefined each time it
 * is requested.
 */
public final class Buffer {
  private static final AtomicInteger COUNT = new AtomicInteger();

  final int index = COUNT.getAndIncrement();
  private final String name;

  private Buffer(String name) {
    this.name = name;
  }

  /**
   * Creates a key.
   *
   * @param name the name shown in a debugger
   */
  public static Buffer named(String name) {
    return new Buffer(name);
  }

  @Override
  public String toString() {
    return name;
  }
}
