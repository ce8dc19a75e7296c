package dev.panaformer.kernel.memory;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * An object that every {@link Workspace} has one of, and that its passes reuse: the arguments of a
 * call, a batch. Whoever uses it declares it, as a constant. Objects that are {@link AutoCloseable}
 * are closed with the workspace.
 */
public final class Reused<T> {
  private static final AtomicInteger COUNT = new AtomicInteger();

  final int index = COUNT.getAndIncrement();
  final Supplier<T> supplier;

  private Reused(Supplier<T> supplier) {
    this.supplier = supplier;
  }

  /**
   * @param supplier makes the object when a workspace is first asked for it
   */
  public static <T> Reused<T> of(Supplier<T> supplier) {
    return new Reused<>(supplier);
  }
}
