/*
 * References of linears in low precision. Weights and inputs are rounded here as panaformer.h says, in float where it
 * says float, and multiplied in double: what is left are the roundings of the kernel's sums.
 */
#ifndef PF_LINEAR_PRECISION_REFERENCE_H
#define PF_LINEAR_PRECISION_REFERENCE_H

#include <string.h>

#include "linear/linear_reference.h"

/* The nearest bfloat16. */
static inline float reference_bf16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (x != x) return x;
  const uint32_t rest = bits & 0xffff, odd = bits >> 16 & 1;
  bits &= 0xffff0000u;
  if (rest > 0x8000 || (rest == 0x8000 && odd)) bits += 0x10000;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/*
 * Rotates rows as PF_PRECISION_INT8 does: [rows, k] to [rows, k rounded up to 64], those of an input divided by how
 * many features are added up.
 */
static inline void reference_rotate(const float *x, float *y, int64_t rows, int64_t k, int is_input) {
  const int64_t padded = (k + 63) / 64 * 64;
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t block = 0; block < padded; block += 128) {
      const int64_t width = padded - block < 128 ? 64 : 128;
      float *to = y + i * padded + block;
      for (int64_t p = 0; p < width; p++)
        to[p] = block + p < k ? x[i * k + block + p] * (is_input ? 16.0f / (float)width : 1.0f) : 0.0f;
      for (int64_t apart = 16; apart < width; apart *= 2) {
        for (int64_t p = 0; p < width; p++) {
          if (p & apart) continue;
          const float a = to[p], b = to[p + apart];
          to[p] = a + b;
          to[p + apart] = a - b;
        }
      }
    }
  }
}

static inline int all_finite(const float *x, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (!isfinite(x[i])) return 0;
  return 1;
}

/* Codes and what they are multiples of, such that value = scale * (code - zero). */
typedef struct {
  float scale;
  int zero;
} quantised;

static inline quantised quantise_weight(const float *w, int64_t k, int *codes) {
  float most = 0;
  for (int64_t p = 0; p < k; p++) most = fmaxf(most, fabsf(w[p]));
  float scale = most / 127;
  if (scale < FLT_MIN) scale = 0;
  const int finite = all_finite(w, k);
  for (int64_t p = 0; p < k; p++) codes[p] = finite && scale > 0 ? (int)rintf(w[p] * (1 / scale)) : 0;
  return (quantised){finite ? scale : NAN, 0};
}

static inline quantised quantise_row(const float *x, int64_t k, int *codes) {
  float above = 0, below = 0;
  for (int64_t p = 0; p < k; p++) {
    above = fmaxf(above, x[p]);
    below = fmaxf(below, -x[p]);
  }
  const float scale = above / 255 + below / 255;
  quantised q = {scale, 0};
  if (!all_finite(x, k)) q.scale = NAN;
  if (!(q.scale >= FLT_MIN)) {
    if (q.scale == q.scale) q.scale = 0;
    memset(codes, 0, (size_t)k * sizeof *codes);
    return q;
  }
  q.zero = (int)fminf(rintf(below / scale), 255);
  for (int64_t p = 0; p < k; p++) codes[p] = (int)fminf(255, fmaxf(0, rintf(x[p] * (1 / scale)) + (float)q.zero));
  return q;
}

static inline quantised quantise_span(const float *x, int64_t count, int *codes) {
  float most = 0;
  for (int64_t p = 0; p < count; p++) most = fmaxf(most, fabsf(x[p]));
  float scale = most / 127;
  if (!(scale >= FLT_MIN)) scale = 0;
  const int finite = all_finite(x, count);
  for (int64_t p = 0; p < count; p++) codes[p] = finite && scale > 0 ? (int)rintf(x[p] * (1 / scale)) : 0;
  return (quantised){finite ? scale : NAN, 0};
}

static inline quantised quantise_group(const float *w, int64_t count, int *codes) {
  float most = 0;
  for (int64_t p = 0; p < count; p++)
    if (fabsf(w[p]) > fabsf(most)) most = w[p];
  float scale = reference_bf16(most / -8);
  if (fabsf(most / -8) < FLT_MIN) scale = 0;
  const int finite = all_finite(w, count);
  for (int64_t p = 0; p < count; p++) {
    const float code = scale != 0 && finite ? rintf(w[p] * (1 / scale)) : 0;
    codes[p] = (int)fminf(7, fmaxf(-8, code));
  }
  return (quantised){finite ? scale : NAN, 0};
}

static inline void finish_sum(double sum, double error, const float *bias, const float *residual, double *y,
                              double *bound, pf_activation activation) {
  if (bias) {
    sum += *bias;
    error += 2 * UNIT * (fabs(sum) + fabs((double)*bias) + error);
  }
  double result = reference_activation(sum, activation);
  error = activation_bound(sum, error, activation);
  if (residual) {
    result += *residual;
    error += UNIT * (fabs(result) + error);
  }
  *y = result;
  *bound = error;
}

static inline void linear_bf16(const float *x, const float *w, int64_t k, double *sum, double *error) {
  double magnitude = 0, flushed = 0;
  *sum = 0;
  for (int64_t p = 0; p < k; p++) {
    const double a = reference_bf16(x[p]), b = reference_bf16(w[p]);
    *sum += a * b;
    magnitude += fabs(a * b);
    /* Subnormal inputs and sums may be taken for 0. */
    flushed += 0x1p-126 * (1 + (fabs(a) < 0x1p-126 ? fabs(b) : 0) + (fabs(b) < 0x1p-126 ? fabs(a) : 0));
  }
  *error = (double)(k + 2) * UNIT * magnitude + flushed;
}

/* Exact but for the last two roundings, which are done here as well: the bound is 0. */
static inline void linear_int8(quantised row, const int *codes, quantised weight, const int *weights, int64_t k,
                               double *sum, double *error) {
  int64_t products = 0;
  for (int64_t p = 0; p < k; p++) products += (int64_t)(codes[p] - row.zero) * weights[p];
  const float scale = row.scale * weight.scale;
  *sum = (float)products * scale;
  *error = 0;
}

static inline void linear_int4(const float *x, const float *w, int64_t k, int64_t group, double *sum, double *error) {
  double magnitude = 0;
  *sum = 0;
  for (int64_t g = 0; g < k; g += group) {
    const int64_t count = k - g < group ? k - g : group;
    int weights[128], codes[128];
    const quantised weight = quantise_group(w + g, count, weights);
    for (int64_t p = 0; p < count; p += 32) {
      const int64_t span = count - p < 32 ? count - p : 32;
      const quantised input = quantise_span(x + g + p, span, codes);
      int products = 0;
      for (int64_t i = 0; i < span; i++) products += codes[i] * weights[p + i];
      const double term = (double)products * weight.scale * input.scale;
      *sum += term;
      magnitude += fabs(term);
    }
  }
  *error = (double)(k / 32 + 5) * UNIT * magnitude + 0x1p-126;
}

/* reference_linear with weights and inputs in a low precision. */
static inline void reference_linear_in(pf_precision precision, const float *x, const float *weight, const float *bias,
                                       const float *residual, double *y, double *bound, int64_t tokens, int64_t n,
                                       int64_t k, pf_activation activation) {
  const int64_t padded = (k + 63) / 64 * 64;
  int *codes = malloc((size_t)((tokens + n) * padded) * sizeof *codes + 1), *weights = codes + tokens * padded;
  float *rotated = malloc((size_t)((tokens + n) * padded) * sizeof *rotated + 1);
  quantised *scales = malloc((size_t)(tokens + n) * sizeof *scales + 1);
  if (!codes || !rotated || !scales) abort();
  if (precision == PF_PRECISION_INT8) {
    float *rotated_weight = rotated + tokens * padded;
    reference_rotate(x, rotated, tokens, k, 1);
    reference_rotate(weight, rotated_weight, n, k, 0);
    for (int64_t i = 0; i < tokens; i++) scales[i] = quantise_row(rotated + i * padded, padded, codes + i * padded);
    for (int64_t j = 0; j < n; j++)
      scales[tokens + j] = quantise_weight(rotated_weight + j * padded, padded, weights + j * padded);
  }
  for (int64_t i = 0; i < tokens; i++) {
    for (int64_t j = 0; j < n; j++) {
      double sum, error;
      if (precision == PF_PRECISION_BF16)
        linear_bf16(x + i * k, weight + j * k, k, &sum, &error);
      else if (precision == PF_PRECISION_INT8)
        linear_int8(scales[i], codes + i * padded, scales[tokens + j], weights + j * padded, padded, &sum, &error);
      else
        linear_int4(x + i * k, weight + j * k, k, precision == PF_PRECISION_INT4 ? 32 : 128, &sum, &error);
      finish_sum(sum, error, bias ? bias + j : NULL, residual ? residual + i * n + j : NULL, y + i * n + j,
                 bound + i * n + j, activation);
    }
  }
  free(codes);
  free(rotated);
  free(scales);
}

#endif
