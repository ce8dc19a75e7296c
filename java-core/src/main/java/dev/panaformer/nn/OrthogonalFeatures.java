package dev.panaformer.nn;

import java.util.Random;

/**
 * Random features for {@link PerformerAttention} (Choromanski et al. 2021, section 2.4): Gaussian
 * vectors in blocks of {@code dim}; the vectors of a block are orthogonal. Each vector by itself
 * has the distribution of a Gaussian vector. So estimates stay unbiased, and their variance is
 * lower than with independent vectors.
 */
public final class OrthogonalFeatures {
  private OrthogonalFeatures() {}

  /**
   * Draws the features of a seed. The result has the same bits on every JVM.
   *
   * @return {@code [count, dim]}
   */
  public static float[] draw(long seed, int count, int dim) {
    if (count < 1 || dim < 1) {
      throw new IllegalArgumentException(count + " features of " + dim + ", not at least 1 of 1");
    }
    Random random = new Random(seed);
    float[] features = new float[Math.multiplyExact(count, dim)];
    for (int first = 0; first < count; first += dim) {
      double[][] directions = orthonormal(random, dim);
      for (int i = 0; i < Math.min(dim, count - first); i++) {
        // The length of a row is that of another, independent Gaussian vector.
        double length = norm(gaussian(random, dim));
        for (int d = 0; d < dim; d++) {
          features[(first + i) * dim + d] = (float) (length * directions[i][d]);
        }
      }
    }
    return features;
  }

  /**
   * Derives the seed of a layer, so that the layers of a model have independent features:
   * SplitMix64 (Steele, Lea and Flood 2014).
   */
  public static long layerSeed(long seed, int layer) {
    long z = seed + (layer + 1) * 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /**
   * Gaussian vectors made orthonormal by the Gram-Schmidt process, which yields a uniformly
   * distributed orthogonal matrix. Each vector is orthogonalised twice, after which it is
   * orthogonal to within rounding (Giraud et al. 2005).
   */
  private static double[][] orthonormal(Random random, int dim) {
    double[][] vectors = new double[dim][];
    for (int i = 0; i < dim; i++) {
      double[] vector = gaussian(random, dim);
      for (int pass = 0; pass < 2; pass++) {
        for (int j = 0; j < i; j++) {
          double along = dot(vector, vectors[j]);
          for (int d = 0; d < dim; d++) {
            vector[d] -= along * vectors[j][d];
          }
        }
        double norm = norm(vector);
        for (int d = 0; d < dim; d++) {
          vector[d] /= norm;
        }
      }
      vectors[i] = vector;
    }
    return vectors;
  }

  private static double[] gaussian(Random random, int dim) {
    double[] vector = new double[dim];
    for (int d = 0; d < dim; d++) {
      vector[d] = random.nextGaussian();
    }
    return vector;
  }

  private static double norm(double[] vector) {
    return Math.sqrt(dot(vector, vector));
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int d = 0; d < a.length; d++) {
      sum += a[d] * b[d];
    }
    return sum;
  }
}
