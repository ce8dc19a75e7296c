package dev.panaformer.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OrthogonalFeaturesTest {

  @ParameterizedTest
  @CsvSource({"1, 1", "5, 7", "16, 16", "40, 16", "256, 64", "3, 300"})
  void eachBlockIsAtRightAngles(int count, int dim) {
    float[] features = OrthogonalFeatures.draw(3, count, dim);
    assertEquals(count * dim, features.length);
    for (int i = 0; i < count; i++) {
      for (int j = i / dim * dim; j < i; j++) {
        double cosine = dot(features, i, j, dim);
        cosine /= Math.sqrt(dot(features, i, i, dim) * dot(features, j, j, dim));
        assertEquals(0, cosine, 1e-6);
      }
    }
  }

  /** The components have mean 0 and variance 1, as those of independent Gaussian vectors. */
  @Test
  void theyAreDistributedLikeGaussians() {
    int dim = 16;
    int count = 20_000;
    float[] features = OrthogonalFeatures.draw(11, count, dim);
    double mean = 0;
    double square = 0;
    double fourth = 0;
    for (float x : features) {
      mean += x / (double) features.length;
      square += (double) x * x / features.length;
      fourth += Math.pow(x, 4) / features.length;
    }
    // Five standard deviations of independent samples.
    double deviation = 5 / Math.sqrt(features.length);
    assertEquals(0, mean, deviation);
    assertEquals(1, square, deviation * Math.sqrt(2));
    assertEquals(3, fourth, deviation * Math.sqrt(96));
  }

  /**
   * The mean of products of features estimates exp(q k) with a lower error than independent
   * features.
   */
  @Test
  void theyEstimateTheSoftmaxKernel() {
    int dim = 8;
    int count = 64;
    double[] q = {0.3, -0.2, 0.5, 0.1, -0.4, 0.2, 0.6, -0.1};
    double[] k = {0.1, 0.4, 0.2, -0.3, -0.5, 0.3, 0.2, 0.2};
    double product = 0;
    double squares = 0;
    for (int d = 0; d < dim; d++) {
      product += q[d] * k[d];
      squares += q[d] * q[d] + k[d] * k[d];
    }
    double mean = 0;
    int draws = 400;
    for (int seed = 0; seed < draws; seed++) {
      float[] w = OrthogonalFeatures.draw(seed, count, dim);
      for (int r = 0; r < count; r++) {
        double sum = -squares / 2;
        for (int d = 0; d < dim; d++) {
          sum += w[r * dim + d] * (q[d] + k[d]);
        }
        mean += Math.exp(sum) / count / draws;
      }
    }
    assertEquals(Math.exp(product), mean, 0.03);
  }

  @Test
  void aSeedDecides() {
    float[] features = OrthogonalFeatures.draw(1, 40, 16);
    assertArrayEquals(features, OrthogonalFeatures.draw(1, 40, 16));
    assertFalse(Arrays.equals(features, OrthogonalFeatures.draw(2, 40, 16)));
    assertFalse(OrthogonalFeatures.layerSeed(1, 0) == OrthogonalFeatures.layerSeed(1, 1));
  }

  @Test
  void refusesNone() {
    assertThrows(IllegalArgumentException.class, () -> OrthogonalFeatures.draw(0, 0, 4));
    assertThrows(IllegalArgumentException.class, () -> OrthogonalFeatures.draw(0, 4, 0));
  }

  private static double dot(float[] features, int i, int j, int dim) {
    double sum = 0;
    for (int d = 0; d < dim; d++) {
      sum += (double) features[i * dim + d] * features[j * dim + d];
    }
    return sum;
  }
}
