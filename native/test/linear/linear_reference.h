/* References of linears, feed-forward networks and activations. */
#ifndef PF_LINEAR_REFERENCE_H
#define PF_LINEAR_REFERENCE_H

#include "reference.h"

static inline double reference_activation(double x, pf_activation activation) {
  switch (activation) {
  case PF_ACTIVATION_RELU:
    return x < 0 ? 0 : x;
  case PF_ACTIVATION_GELU_ERF:
    return 0.5 * x * erfc(-x / sqrt(2.0));
  case PF_ACTIVATION_GELU_TANH:
    return x / (1 + exp(-2 * sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
  case PF_ACTIVATION_GELU_QUICK:
    return x / (1 + exp(-1.702 * x));
  case PF_ACTIVATION_SILU:
    return x / (1 + exp(-x));
  case PF_ACTIVATION_TANH:
    return tanh(x);
  case PF_ACTIVATION_NONE:
    break;
  }
  return x;
}

/* The bound of activation(x') where x' is off by `error`. */
static inline double activation_bound(double x, double error, pf_activation activation) {
  if (activation == PF_ACTIVATION_NONE || activation == PF_ACTIVATION_RELU) return error;
  /* No derivative exceeds 1.13, that of GELU at sqrt 2. */
  return 1.13 * error + ACTIVATION_ERROR * larger(1, fabs(x));
}

/* One linear over inputs that are themselves off by x_error (NULL for exact). */
static inline void linear_rows(const double *x, const double *x_error, const float *weight, const float *bias,
                               const float *residual, double *y, double *bound, int64_t tokens, int64_t n, int64_t k,
                               pf_activation activation) {
  for (int64_t i = 0; i < tokens; i++) {
    for (int64_t j = 0; j < n; j++) {
      double sum = 0, magnitude = 0, error = 0;
      for (int64_t p = 0; p < k; p++) {
        const double product = x[i * k + p] * weight[j * k + p];
        sum += product;
        magnitude += fabs(product);
        if (x_error) error += x_error[i * k + p] * fabs((double)weight[j * k + p]);
      }
      if (bias) {
        sum += bias[j];
        magnitude += fabs((double)bias[j]);
      }
      error += (double)(k + 2) * UNIT * (magnitude + error);
      double result = reference_activation(sum, activation);
      error = activation_bound(sum, error, activation);
      if (residual) {
        result += residual[i * n + j];
        error += UNIT * (fabs(result) + error);
      }
      y[i * n + j] = result;
      bound[i * n + j] = error;
    }
  }
}

static inline void reference_linear(const float *x, const float *weight, const float *bias, const float *residual,
                                    double *y, double *bound, int64_t tokens, int64_t n, int64_t k,
                                    pf_activation activation) {
  double *exact = to_doubles(x, tokens * k);
  linear_rows(exact, NULL, weight, bias, residual, y, bound, tokens, n, k, activation);
  free(exact);
}

/* gate NULL: none. */
static inline void reference_ffn(const float *x, const float *gate, const float *gate_bias, const float *up,
                                 const float *up_bias, const float *down, const float *down_bias, const float *residual,
                                 double *y, double *bound, int64_t tokens, int64_t hidden, int64_t intermediate,
                                 pf_activation activation) {
  const int64_t count = tokens * intermediate;
  double *exact = to_doubles(x, tokens * hidden);
  double *middle = malloc((size_t)(4 * count) * sizeof *middle);
  if (!middle) abort();
  double *middle_error = middle + count, *gates = middle + 2 * count, *gate_error = middle + 3 * count;
  linear_rows(exact, NULL, up, up_bias, NULL, middle, middle_error, tokens, intermediate, hidden,
              gate ? PF_ACTIVATION_NONE : activation);
  if (gate) {
    linear_rows(exact, NULL, gate, gate_bias, NULL, gates, gate_error, tokens, intermediate, hidden, activation);
    for (int64_t i = 0; i < count; i++) {
      const double error = fabs(middle[i]) * gate_error[i] + (fabs(gates[i]) + gate_error[i]) * middle_error[i];
      middle[i] *= gates[i];
      middle_error[i] = error + UNIT * (fabs(middle[i]) + error);
    }
  }
  linear_rows(middle, middle_error, down, down_bias, residual, y, bound, tokens, hidden, intermediate,
              PF_ACTIVATION_NONE);
  free(middle);
  free(exact);
}

#endif
