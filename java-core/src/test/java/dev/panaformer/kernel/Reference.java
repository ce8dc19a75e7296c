package dev.panaformer.kernel;

import dev.panaformer.kernel.linear.Activation;

/**
 * The formulas of the kernels on arrays of doubles, written so that they are easy to check by eye.
 */
public final class Reference {
  private Reference() {}

  /** {@code x Wᵀ + bias}, x {@code [tokens, in]}, W {@code [out, in]}. */
  public static double[] linear(float[] x, float[] w, float[] bias, int tokens, int out, int in) {
    double[] y = new double[tokens * out];
    for (int t = 0; t < tokens; t++) {
      for (int j = 0; j < out; j++) {
        double sum = bias[j];
        for (int i = 0; i < in; i++) {
          sum += (double) x[t * in + i] * w[j * in + i];
        }
        y[t * out + j] = sum;
      }
    }
    return y;
  }

  public static double activate(double x, Activation activation) {
    return switch (activation) {
      case NONE -> x;
      case RELU -> x > 0 ? x : 0;
      case GELU_ERF -> x / 2 * (1 + erf(x / Math.sqrt(2)));
      case GELU_TANH ->
          x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * Math.pow(x, 3))));
      case GELU_QUICK -> x * sigmoid(1.702 * x);
      case SILU -> x * sigmoid(x);
      case TANH -> Math.tanh(x);
    };
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  /** {@code 2/√π ∫ exp(-t²) dt} from 0 to x, by Simpson's rule. */
  public static double erf(double x) {
    int steps = 400;
    double width = Math.max(-7, Math.min(7, x)) / steps;
    double sum = 0;
    for (int i = 0; i < steps; i++) {
      double left = i * width;
      sum += Math.exp(-left * left);
      sum += 4 * Math.exp(-Math.pow(left + width / 2, 2));
      sum += Math.exp(-Math.pow(left + width, 2));
    }
    return 2 / Math.sqrt(Math.PI) * sum * width / 6;
  }

  public static double[] layerNorm(
      double[] z, float[] weight, float[] bias, int hidden, float eps) {
    double[] y = new double[z.length];
    for (int row = 0; row < z.length; row += hidden) {
      double mean = 0;
      for (int i = 0; i < hidden; i++) {
        mean += z[row + i] / hidden;
      }
      double variance = 0;
      for (int i = 0; i < hidden; i++) {
        variance += Math.pow(z[row + i] - mean, 2) / hidden;
      }
      for (int i = 0; i < hidden; i++) {
        y[row + i] = (z[row + i] - mean) / Math.sqrt(variance + eps) * weight[i] + bias[i];
      }
    }
    return y;
  }

  public static double[] rmsNorm(double[] z, float[] weight, int hidden, float eps) {
    double[] y = new double[z.length];
    for (int row = 0; row < z.length; row += hidden) {
      double squares = 0;
      for (int i = 0; i < hidden; i++) {
        squares += z[row + i] * z[row + i] / hidden;
      }
      for (int i = 0; i < hidden; i++) {
        y[row + i] = z[row + i] / Math.sqrt(squares + eps) * weight[i];
      }
    }
    return y;
  }

  public static double[] softmax(double[] x) {
    double max = Double.NEGATIVE_INFINITY;
    for (double value : x) {
      max = Math.max(max, value);
    }
    double[] y = new double[x.length];
    if (max == Double.NEGATIVE_INFINITY) {
      return y;
    }
    double sum = 0;
    for (double value : x) {
      sum += Math.exp(value - max);
    }
    for (int i = 0; i < x.length; i++) {
      y[i] = Math.exp(x[i] - max) / sum;
    }
    return y;
  }

  /**
   * Computes attention for one sequence and one head.
   *
   * @param q {@code [queries, dim]}
   * @param k {@code [keys, dim]}, like v
   * @param bias {@code [queries, keys]}
   */
  public static double[][] attention(
      float[][] q, float[][] k, float[][] v, float[][] bias, float scale, boolean causal) {
    int dim = q[0].length;
    double[][] y = new double[q.length][dim];
    for (int i = 0; i < q.length; i++) {
      double[] scores = new double[k.length];
      for (int j = 0; j < k.length; j++) {
        for (int d = 0; d < dim; d++) {
          scores[j] += (double) q[i][d] * k[j][d];
        }
        scores[j] = scores[j] * scale + bias[i][j];
        if (causal && j > i + k.length - q.length) {
          scores[j] = Double.NEGATIVE_INFINITY;
        }
      }
      double[] weights = softmax(scores);
      for (int j = 0; j < k.length; j++) {
        for (int d = 0; d < dim; d++) {
          y[i][d] += weights[j] * v[j][d];
        }
      }
    }
    return y;
  }
}
