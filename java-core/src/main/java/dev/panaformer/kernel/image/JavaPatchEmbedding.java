package dev.panaformer.kernel.image;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.JavaLinear;
import dev.panaformer.kernel.memory.Floats;
import java.lang.foreign.MemorySegment;

/** {@link ImageKernels#patchEmbedding} as plain loops. Sums are computed in double. */
final class JavaPatchEmbedding {
  private JavaPatchEmbedding() {}

  static void run(
      MemorySegment x,
      long images,
      PatchLayer layer,
      MemorySegment y,
      long yImageStride,
      MemorySegment patch) {
    PatchGrid grid = layer.grid();
    long out = layer.weights().out();
    for (long image = 0; image < images; image++) {
      for (long at = 0; at < grid.patches(); at++) {
        gather(x, image * grid.pixels(), grid, at, patch);
        long row = image * yImageStride + at * out;
        JavaLinear.row(patch, 0, layer.weights(), MemorySegment.NULL, y, row, Activation.NONE);
        for (long j = 0; j < out; j++) {
          double sum = y.getAtIndex(JAVA_FLOAT, row + j);
          sum += Floats.getOrZero(layer.positions(), at * out + j);
          y.setAtIndex(JAVA_FLOAT, row + j, (float) sum);
        }
      }
    }
  }

  private static void gather(
      MemorySegment x, long image, PatchGrid grid, long at, MemorySegment patch) {
    long top = at / grid.columns() * grid.strideHeight() - grid.padding();
    long left = at % grid.columns() * grid.strideWidth() - grid.padding();
    long area = grid.patchHeight() * grid.patchWidth();
    for (long c = 0; c < grid.channels(); c++) {
      for (long i = 0; i < area; i++) {
        long row = top + i / grid.patchWidth();
        long column = left + i % grid.patchWidth();
        boolean inside = row >= 0 && row < grid.height() && column >= 0 && column < grid.width();
        long from =
            grid.channelsLast()
                ? (row * grid.width() + column) * grid.channels() + c
                : (c * grid.height() + row) * grid.width() + column;
        patch.setAtIndex(
            JAVA_FLOAT,
            grid.channelsLast() ? i * grid.channels() + c : c * area + i,
            inside ? x.getAtIndex(JAVA_FLOAT, image + from) : 0);
      }
    }
  }
}
