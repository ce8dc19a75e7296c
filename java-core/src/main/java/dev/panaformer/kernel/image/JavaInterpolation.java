package dev.panaformer.kernel.image;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;

/** {@link ImageKernels#interpolate} as plain loops. Sums are computed in double. */
final class JavaInterpolation {
  private static final double A = -0.75;

  private JavaInterpolation() {}

  static void run(MemorySegment x, Resize resize, MemorySegment y) {
    long height = resize.from().height();
    long width = resize.from().width();
    long channels = resize.from().channels();
    long yHeight = resize.height();
    long yWidth = resize.width();
    Interpolation interpolation = resize.interpolation();
    for (long at = 0; at < resize.from().images() * yHeight * yWidth; at++) {
      long image = at / yWidth / yHeight * height * width;
      double row = (at / yWidth % yHeight + 0.5) * height / yHeight - 0.5;
      double column = (at % yWidth + 0.5) * width / yWidth - 0.5;
      for (long c = 0; c < channels; c++) {
        double sum = 0;
        for (long i = (long) Math.floor(row) - 1; i <= Math.floor(row) + 2; i++) {
          for (long j = (long) Math.floor(column) - 1; j <= Math.floor(column) + 2; j++) {
            double weight = weight(row - i, interpolation) * weight(column - j, interpolation);
            // A pixel with weight 0 is skipped, because 0 times NaN is NaN.
            if (weight != 0) {
              long pixel = Math.clamp(i, 0, height - 1) * width + Math.clamp(j, 0, width - 1);
              sum += weight * x.getAtIndex(JAVA_FLOAT, (image + pixel) * channels + c);
            }
          }
        }
        y.setAtIndex(JAVA_FLOAT, at * resize.pixelStride() + c, (float) sum);
      }
    }
  }

  private static double weight(double distance, Interpolation interpolation) {
    double x = Math.abs(distance);
    if (interpolation == Interpolation.BILINEAR) {
      return Math.max(1 - x, 0);
    }
    if (x < 1) {
      return ((A + 2) * x - (A + 3)) * x * x + 1;
    }
    return x < 2 ? ((x - 5) * x + 8) * x * A - 4 * A : 0;
  }
}
