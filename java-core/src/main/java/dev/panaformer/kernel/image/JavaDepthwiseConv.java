package dev.panaformer.kernel.image;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.linear.JavaLinear;
import dev.panaformer.kernel.memory.Floats;
import java.lang.foreign.MemorySegment;

/** {@link ImageKernels#depthwiseConv} as plain loops. Sums are computed in double. */
final class JavaDepthwiseConv {
  private JavaDepthwiseConv() {}

  static void run(MemorySegment x, ImageShape shape, DepthwiseWeights weights, MemorySegment y) {
    long height = shape.height();
    long width = shape.width();
    long channels = shape.channels();
    long side = weights.side();
    long half = side / 2;
    for (long at = 0; at < shape.images() * height * width; at++) {
      long row = at / width % height;
      long column = at % width;
      for (long c = 0; c < channels; c++) {
        double sum = Floats.getOrZero(weights.bias(), c);
        for (long tap = 0; tap < side * side; tap++) {
          long down = tap / side - half;
          long right = tap % side - half;
          if (row + down >= 0
              && row + down < height
              && column + right >= 0
              && column + right < width) {
            sum +=
                (double) weights.weight().getAtIndex(JAVA_FLOAT, tap * channels + c)
                    * x.getAtIndex(JAVA_FLOAT, (at + down * width + right) * channels + c);
          }
        }
        y.setAtIndex(
            JAVA_FLOAT, at * channels + c, (float) JavaLinear.activate(sum, weights.activation()));
      }
    }
  }
}
