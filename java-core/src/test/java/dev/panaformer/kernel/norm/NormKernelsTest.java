package dev.panaformer.kernel.norm;

import dev.panaformer.kernel.KernelContract;
import dev.panaformer.kernel.Reference;
import dev.panaformer.kernel.linear.Activation;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Normalisation of rows, for every implementation. */
class NormKernelsTest extends KernelContract {
  @ParameterizedTest
  @CsvSource({"1, 7", "3, 64", "17, 300", "5, 197", "65, 63", "7, 1"})
  void norms(int tokens, int hidden) {
    float[] x = random(tokens * hidden);
    float[] residual = random(tokens * hidden);
    float[] weight = random(hidden);
    float[] bias = random(hidden);
    double[] z = new double[x.length];
    for (int i = 0; i < z.length; i++) {
      z[i] = (double) x[i] + residual[i];
    }
    MemorySegment y = output(tokens * hidden);
    kernels
        .norm()
        .layerNorm(
            segment(x),
            segment(residual),
            new NormWeights(segment(weight), segment(bias), hidden, EPS),
            y,
            tokens);
    assertClose(Reference.layerNorm(z, weight, bias, hidden, EPS), y, normError(hidden));

    y = output(tokens * hidden);
    kernels
        .norm()
        .rmsNorm(
            segment(x),
            segment(residual),
            new NormWeights(segment(weight), hidden, EPS),
            y,
            tokens);
    assertClose(Reference.rmsNorm(z, weight, hidden, EPS), y, normError(hidden));

    MemorySegment inPlace = segment(x);
    kernels
        .norm()
        .layerNorm(
            inPlace,
            segment(residual),
            new NormWeights(segment(weight), segment(bias), hidden, EPS),
            inPlace,
            tokens);
    assertClose(Reference.layerNorm(z, weight, bias, hidden, EPS), inPlace, normError(hidden));
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 7", "2, 63", "5, 197", "17, 300"})
  void softmax(int rows, int columns) {
    float[] x = random(rows * columns);
    for (int i = 0; i < x.length; i++) {
      x[i] *= 20;
    }
    MemorySegment y = output(rows * columns);
    kernels.norm().softmax(segment(x), y, rows, columns);
    double[] expected = new double[x.length];
    for (int row = 0; row < rows; row++) {
      double[] logits = new double[columns];
      for (int i = 0; i < columns; i++) {
        logits[i] = x[row * columns + i];
      }
      System.arraycopy(Reference.softmax(logits), 0, expected, row * columns, columns);
    }
    assertClose(expected, y, (columns + 64) * FLOAT_ULP);
  }

  @Test
  void softmaxOfNothingIsZero() {
    float[] x = new float[7];
    Arrays.fill(x, Float.NEGATIVE_INFINITY);
    MemorySegment y = output(7);
    kernels.norm().softmax(segment(x), y, 1, 7);
    assertClose(new double[7], y, 0);
  }

  @Test
  void rowsThatDoNotFit() {
    MemorySegment none = MemorySegment.NULL;
    MemorySegment x = segment(random(6));
    refused(
        "layerNorm: weight has 2 floats, but [1, 3] float32 needs 3",
        () -> kernels.norm().layerNorm(x, none, new NormWeights(floats(2), none, 3, EPS), x, 2));
    refused(
        "rmsNorm: hidden is 0, not in 1 to 2147483647",
        () -> kernels.norm().rmsNorm(x, none, new NormWeights(x, 0, EPS), x, 2));
    refused(
        "softmax: y has 5 floats, but [2, 3] float32 needs 6",
        () -> kernels.norm().softmax(x, floats(5), 2, 3));
    refused(
        "activate: x has 6 floats, but [1, 7] float32 needs 7",
        () -> kernels.linear().activate(x, x, 7, Activation.TANH));
  }
}
