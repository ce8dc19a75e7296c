package dev.panaformer;

import java.util.function.Supplier;

/**
 * Thrown when a backend cannot compute in this JVM: its native library is missing, damaged or of
 * another version, or native access is denied. The message says which, and for denied access the
 * option to start java with.
 */
public final class BackendException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  private BackendException(RuntimeException cause) {
    super(cause.getMessage(), cause);
  }

  /**
   * Calls what needs a backend, and throws a {@code BackendException} instead of the exceptions of
   * packages that are not exported.
   */
  static <T> T translate(Supplier<T> action) {
    try {
      return action.get();
    } catch (IllegalCallerException | IllegalStateException e) {
      throw new BackendException(e);
    }
  }

  /** Like {@link #translate(Supplier)}, for what returns nothing. */
  static void translate(Runnable action) {
    translate(() -> {
      action.run();
      return null;
    });
  }
}
