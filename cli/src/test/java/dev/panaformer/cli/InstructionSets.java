package dev.panaformer.cli;

import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.engine.Isa;
import java.util.List;
import java.util.stream.Stream;

/** The instruction sets that both this build and this machine have. */
final class InstructionSets {
  private InstructionSets() {}

  /** At least one, {@link Isa#PORTABLE}. */
  static List<Isa> available() {
    return Stream.of(Isa.PORTABLE, Isa.AVX2, Isa.AVX512, Isa.NEON)
        .filter(isa -> {
          try (NativeKernels kernels = NativeKernels.create(isa, 1)) {
            return kernels.isa() == isa;
          } catch (UnsupportedOperationException e) {
            return false;
          }
        })
        .toList();
  }
}
