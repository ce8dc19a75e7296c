package dev.panaformer.kernel.memory;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * The key of an object of which each {@link Workspace} has one, for example the arguments of a call
 * or a batch. Passes that use the workspace reuse the object. The class that uses it declares the
 * key as a constant. Objects that are {@link AutoCloseable} are closed with the workspace.
 */
public final class Reused<T> {
  private static final AtomicInteger COUNT = new AtomicInteger();

  final int index = COUNT.getAndIncrement();
  final Supplier<T> supplier;

  private Reused(Supplier<T> supplier) {
    this.supplier = supplier;
  }

  /**
   * Creates a key.
   *
   * @param supplier creates the object when a workspace is first asked for it
   */
  public static <T> Reused<T> of(Supplier<T> supplier) {
    return new Reused<>(supplier);
  }
}
