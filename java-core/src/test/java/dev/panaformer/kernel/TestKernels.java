package dev.panaformer.kernel;

import dev.panaformer.kernel.engine.Isa;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Named;

/** The kernels that this machine can run. */
public final class TestKernels {
  private TestKernels() {}

  /**
   * Returns the kernels in Java and, for each instruction set, native kernels on one and on three
   * threads.
   */
  public static List<Named<Supplier<Kernels>>> all() {
    List<Named<Supplier<Kernels>>> all = new ArrayList<>();
    all.add(Named.of("java", JavaKernels::new));
    for (Isa isa : nativeIsas()) {
      for (int threads : new int[] {1, 3}) {
        all.add(Named.of(isa + " " + threads, () -> NativeKernels.create(isa, threads)));
      }
    }
    return all;
  }

  /**
   * Returns the instruction sets that both the build and the machine support; there is at least
   * one.
   */
  public static List<Isa> nativeIsas() {
    List<Isa> available = new ArrayList<>();
    for (Isa isa : List.of(Isa.PORTABLE, Isa.AVX2, Isa.AVX512, Isa.NEON)) {
      try (NativeKernels kernels = NativeKernels.create(isa, 1)) {
        available.add(kernels.isa());
      } catch (UnsupportedOperationException e) {
        // This machine does not support it.
      }
    }
    return available;
  }
}
