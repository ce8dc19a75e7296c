package dev.panaformer.bindings;

import java.lang.foreign.MemorySegment;

/**
 * The JVM's permission to call native code and to use native memory. JDK 22 and 23 deny it to
 * modules outside {@code --enable-native-access}, where this option is given; later JDKs also with
 * {@code --illegal-native-access=deny}. Each of Panaformer's two modules needs it, also to compute
 * in plain Java, because weights lie outside the heap.
 */
public final class NativeAccess {
  private NativeAccess() {}

  /**
   * Checks that this module has the permission.
   *
   * @throws IllegalCallerException with the option that gives the permission
   */
  @SuppressWarnings("restricted")
  static void require() {
    try {
      MemorySegment.NULL.reinterpret(0);
    } catch (IllegalCallerException e) {
      throw denied(e);
    }
  }

  /** The exception for a call that the JVM has refused. Its message has the option to add. */
  public static IllegalCallerException denied(IllegalCallerException refusal) {
    return new IllegalCallerException(
        "Native access is denied, which Panaformer needs for its native library and for memory"
            + " outside the Java heap: start java with --enable-native-access="
            + modules(),
        refusal);
  }

  /** The modules to name in the option: those of the module path, or the class path as a whole. */
  private static String modules() {
    return NativeAccess.class.getModule().isNamed()
        ? "dev.panaformer,dev.panaformer.bindings"
        : "ALL-UNNAMED";
  }
}
