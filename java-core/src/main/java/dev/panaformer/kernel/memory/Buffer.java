package dev.panaformer.kernel.memory;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * A tensor that every {@link Workspace} has memory for. The layer that uses it declares it, as a
 * constant, so that all layers of a kind share it. Its contents are undefined whenever a workspace
 * is asked for it.
 */
public final class Buffer {
  private static final AtomicInteger COUNT = new AtomicInteger();

  final int index = COUNT.getAndIncrement();
  private final String name;

  private Buffer(String name) {
    this.name = name;
  }

  /**
   * @param name for whoever debugs
   */
  public static Buffer named(String name) {
    return new Buffer(name);
  }

  @Override
  public String toString() {
    return name;
  }
}
