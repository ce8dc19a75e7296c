package dev.panaformer.bench.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.panaformer.kernel.JavaKernels;
import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.engine.Isa;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is compared for speed computes the same: every side against the one that sums in double. */
class KernelSideTest {
  // Odd in all but the features of a head: sequences around a tile of keys and below one of
  // queries, rows that end within a vector and a panel.
  private static final KernelInputs INPUTS = new KernelInputs(96, 3, 203, 50, 67, 1, 14, 3);

  private record Call(Consumer<KernelSide> kernel, int count) {}

  static Stream<Named<Call>> calls() {
    int rows = INPUTS.tokens * INPUTS.hidden;
    return Stream.of(
        call("linear", KernelSide::linear, rows),
        call("feedForward", KernelSide::feedForward, rows),
        call("attention", KernelSide::attention, rows),
        call("linformerAttention", KernelSide::linformerAttention, rows),
        call("performerAttention", KernelSide::performerAttention, rows),
        call("layerNorm", KernelSide::layerNorm, rows),
        call("rmsNorm", KernelSide::rmsNorm, rows),
        call("softmax", KernelSide::softmax, INPUTS.heads * INPUTS.tokens * INPUTS.tokens),
        call("activate", KernelSide::activate, INPUTS.tokens * INPUTS.intermediate),
        call("embedding", KernelSide::embedding, rows),
        call("pool", KernelSide::pool, INPUTS.lengths.length * INPUTS.hidden));
  }

  private static Named<Call> call(String name, Consumer<KernelSide> kernel, int count) {
    return Named.of(name, new Call(kernel, count));
  }

  @ParameterizedTest
  @MethodSource("calls")
  void allSidesGiveTheSameNumbers(Call call) {
    float[] expected;
    try (KernelSide oracle = new OffHeapSide(new JavaKernels(), INPUTS)) {
      call.kernel().accept(oracle);
      expected = oracle.result(call.count());
    }
    List<KernelSide> sides =
        List.of(
            new OffHeapSide(NativeKernels.create(Isa.AUTO, 1), INPUTS),
            new PlainJavaSide(INPUTS),
            new VectorSide(INPUTS));
    for (KernelSide side : sides) {
      try (side) {
        call.kernel().accept(side);
        float[] actual = side.result(call.count());
        for (int i = 0; i < expected.length; i++) {
          int at = i;
          assertEquals(
              expected[i],
              actual[i],
              3e-6f * Math.max(1, Math.abs(expected[i])),
              () -> side.getClass().getSimpleName() + " at " + at);
        }
      }
    }
  }
}
