/* References of LayerNorm, RMSNorm and softmax. */
#ifndef PF_NORM_REFERENCE_H
#define PF_NORM_REFERENCE_H

#include "reference.h"

/* LayerNorm of z, each element of which is off by at most z_error. */
static inline void layer_norm_row(const double *z, double z_error, const float *weight, const float *bias, double *y,
                                  double *bound, int64_t hidden, float eps) {
  double mean = 0, variance = 0, deviation = 0, largest = 0;
  for (int64_t j = 0; j < hidden; j++) {
    mean += z[j];
    largest = larger(largest, fabs(z[j]));
  }
  mean /= (double)hidden;
  for (int64_t j = 0; j < hidden; j++) {
    variance += (z[j] - mean) * (z[j] - mean);
    deviation += fabs(z[j] - mean);
  }
  variance /= (double)hidden;
  deviation /= (double)hidden;
  const double sigma = sqrt(variance + eps);
  const double length = chain_length(hidden);
  /* The first mean, a float, is off by this; the sum of the differences from it takes the error away again. */
  const double first = (length + 1) * UNIT * largest;
  const double mean_error = z_error + (length + 2) * UNIT * (deviation + first);
  const double variance_error = 2 * deviation * (z_error + mean_error) +
                                (z_error + mean_error) * (z_error + mean_error) +
                                (length + 4) * UNIT * (variance + first * first);
  /* sigma' >= sigma / 2 as long as variance_error is below that; otherwise everything is possible up to eps. */
  const double least = sqrt(larger(variance - variance_error, 0) + eps);
  for (int64_t j = 0; j < hidden; j++) {
    const double d = z[j] - mean, w = weight[j], b = bias ? bias[j] : 0;
    const double d_error = z_error + mean_error + UNIT * (fabs(d) + 2 * first);
    y[j] = d / sigma * w + b;
    const double scale_error = fabs(1 / least - 1 / sigma) + 3 * UNIT / least;
    bound[j] = fabs(w) * (d_error / least + fabs(d) * scale_error + 3 * UNIT * (fabs(d) + first) / least) +
               2 * UNIT * fabs(y[j]) + UNIT * fabs(b);
  }
}

static inline void reference_layer_norm(const float *x, const float *residual, const float *weight, const float *bias,
                                        double *y, double *bound, int64_t tokens, int64_t hidden, float eps) {
  double *z = malloc((size_t)hidden * sizeof *z);
  if (!z) abort();
  for (int64_t i = 0; i < tokens; i++) {
    double z_error = 0;
    for (int64_t j = 0; j < hidden; j++) {
      z[j] = x[i * hidden + j];
      if (!residual) continue;
      z[j] += residual[i * hidden + j];
      z_error = larger(z_error, UNIT * fabs(z[j]));
    }
    layer_norm_row(z, z_error, weight, bias, y + i * hidden, bound + i * hidden, hidden, eps);
  }
  free(z);
}

static inline void reference_rms_norm(const float *x, const float *residual, const float *weight, double *y,
                                      double *bound, int64_t tokens, int64_t hidden, float eps) {
  for (int64_t i = 0; i < tokens; i++) {
    const float *xi = x + i * hidden, *ri = residual ? residual + i * hidden : NULL;
    double squares = 0;
    for (int64_t j = 0; j < hidden; j++) {
      const double z = (double)xi[j] + (ri ? ri[j] : 0);
      squares += z * z;
    }
    const double rms = sqrt(squares / (double)hidden + eps);
    /* z, its square, the chain, and then division, root, reciprocal and two products. */
    const double relative = (chain_length(hidden) / 2 + 10) * UNIT;
    for (int64_t j = 0; j < hidden; j++) {
      y[i * hidden + j] = ((double)xi[j] + (ri ? ri[j] : 0)) / rms * weight[j];
      bound[i * hidden + j] = relative * fabs(y[i * hidden + j]);
    }
  }
}

static inline void reference_softmax(const float *x, double *y, double *bound, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; i++, x += columns, y += columns, bound += columns) {
    double max = -INFINITY, sum = 0, sum_error = 0;
    for (int64_t j = 0; j < columns; j++) max = x[j] > max || isnan(x[j]) ? x[j] : max;
    for (int64_t j = 0; j < columns; j++) {
      const double below = max - x[j];
      y[j] = max == -INFINITY ? 0 : exp(-below);
      /* Of the exponential, and of the difference in its argument; beyond -110 the result is 0 anyhow. */
      bound[j] = (EXP_ERROR + UNIT * (below < 110 ? below : 110)) * y[j];
      sum += y[j];
      sum_error += bound[j];
    }
    /* Two chains of the narrowest vector. */
    sum_error += ((double)columns / 8 + 8) * UNIT * sum;
    for (int64_t j = 0; j < columns && sum != 0; j++) {
      y[j] /= sum;
      bound[j] = bound[j] / sum + y[j] * (sum_error / sum + 4 * UNIT);
    }
  }
}

#endif
