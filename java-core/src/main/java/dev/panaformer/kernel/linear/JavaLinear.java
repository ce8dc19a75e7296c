package dev.panaformer.kernel.linear;

import static dev.panaformer.kernel.memory.Floats.dot;
import static dev.panaformer.kernel.memory.Floats.get;
import static dev.panaformer.kernel.memory.Floats.getOrZero;
import static dev.panaformer.kernel.memory.Floats.set;

import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/** {@link LinearKernels} as plain loops. Sums are computed in double. */
public final class JavaLinear implements LinearKernels {
  JavaLinear() {}

  @Override
  public void linear(
      MemorySegment x,
      LinearWeights w,
      MemorySegment residual,
      MemorySegment y,
      long rows,
      Activation activation) {
    LinearArguments.linear(x, w, residual, y, rows);
    for (long i = 0; i < rows; i++) {
      row(x, i * w.in(), w, residual, y, i * w.out(), activation);
    }
  }

  @Override
  public void feedForward(
      MemorySegment x,
      FeedForwardWeights w,
      MemorySegment residual,
      MemorySegment y,
      long rows,
      Workspace workspace) {
    LinearArguments.feedForward(x, w, residual, y, rows);
    long hidden = w.up().in();
    long inner = w.up().out();
    MemorySegment none = MemorySegment.NULL;
    boolean gated = w.gate().isPresent();
    MemorySegment product = workspace.scratch((gated ? 2 : 1) * inner * Float.BYTES);
    for (long i = 0; i < rows; i++) {
      long at = i * hidden;
      row(x, at, w.up(), none, product, 0, gated ? Activation.NONE : w.activation());
      if (gated) {
        row(x, at, w.gate().get(), none, product, inner, w.activation());
        for (long j = 0; j < inner; j++) {
          set(product, j, get(product, inner + j) * get(product, j));
        }
      }
      row(product, 0, w.down(), residual, y, at, Activation.NONE);
    }
  }

  /**
   * Computes {@link #linear} for one row, from element {@code xStart} of x to element {@code
   * yStart} of y.
   */
  public static void row(
      MemorySegment x,
      long xStart,
      LinearWeights w,
      MemorySegment residual,
      MemorySegment y,
      long yStart,
      Activation activation) {
    PackedWeight weight = w.weight();
    boolean exact = weight.format() == WeightFormat.FP32;
    double[] sums = exact ? new double[0] : JavaPackedWeight.multiply(x, xStart, weight);
    for (long j = 0; j < weight.out(); j++) {
      double sum =
          exact ? dot(x, xStart, weight.segment(), j * weight.in(), weight.in()) : sums[(int) j];
      sum = activate(sum + getOrZero(w.bias(), j), activation);
      set(y, yStart + j, sum + getOrZero(residual, yStart + j));
    }
  }

  @Override
  public void activate(MemorySegment x, MemorySegment y, long count, Activation activation) {
    LinearArguments.activate(x, y, count);
    for (long i = 0; i < count; i++) {
      set(y, i, activate(get(x, i), activation));
    }
  }

  /** Returns {@code activation(x)}. */
  public static double activate(double x, Activation activation) {
    return switch (activation) {
      case NONE -> x;
      case RELU -> Math.max(x, 0);
      // x/2 (1 + erf z) = x/2 erfc(-z). The latter loses no digits where erf is close to -1.
      case GELU_ERF -> 0.5 * x * erfc(-x / Math.sqrt(2));
      case GELU_TANH ->
          0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
      case GELU_QUICK -> x / (1 + Math.exp(-1.702 * x));
      case SILU -> x / (1 + Math.exp(-x));
      case TANH -> Math.tanh(x);
    };
  }

  /**
   * Returns the complementary error function with nearly double precision. Abramowitz, Stegun 1964,
   * 7.1.6 and 7.1.14.
   */
  static double erfc(double z) {
    if (Double.isNaN(z)) {
      return z;
    }
    double magnitude = Math.abs(z);
    double gaussian = Math.exp(-z * z) / Math.sqrt(Math.PI);
    if (magnitude < 2.5) {
      double term = magnitude;
      double series = term;
      for (int n = 1; term > series * 1e-17; n++) {
        term *= 2 * z * z / (2 * n + 1);
        series += term;
      }
      return 1 - Math.copySign(2 * gaussian * series, z);
    }
    // The continued fraction z + (1/2)/(z + 1/(z + (3/2)/(z + …))), evaluated from the innermost
    // level outwards. 40 levels are enough for z >= 2.5.
    double fraction = magnitude;
    for (int n = 40; n > 0; n--) {
      fraction = magnitude + 0.5 * n / fraction;
    }
    double tail = gaussian / fraction;
    return z > 0 ? tail : 2 - tail;
  }
}
