package dev.panaformer.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;

/** {@link Kernels#depthwiseConv} in plain loops, with sums in double. */
final class PlainDepthwiseConv {
  private PlainDepthwiseConv() {}

  static void run(
      MemorySegment x,
      MemorySegment weight,
      MemorySegment bias,
      MemorySegment y,
      long images,
      long height,
      long width,
      long channels,
      long kernel,
      Activation activation) {
    long half = kernel / 2;
    for (long at = 0; at < images * height * width; at++) {
      long row = at / width % height;
      long column = at % width;
      for (long c = 0; c < channels; c++) {
        double sum = JavaKernels.getOrZero(bias, c);
        for (long tap = 0; tap < kernel * kernel; tap++) {
          long down = tap / kernel - half;
          long right = tap % kernel - half;
          if (row + down >= 0
              && row + down < height
              && column + right >= 0
              && column + right < width) {
            sum +=
                (double) weight.getAtIndex(JAVA_FLOAT, tap * channels + c)
                    * x.getAtIndex(JAVA_FLOAT, (at + down * width + right) * channels + c);
          }
        }
        y.setAtIndex(JAVA_FLOAT, at * channels + c, (float) JavaKernels.activate(sum, activation));
      }
    }
  }
}
