/*
 * LayerNorm: y = (z - mean(z)) / sqrt(var(z) + eps) * weight + bias with z = x + residual (Ba, Kiros, Hinton 2016).
 *
 * 8 FLOPs and, with a residual, 12 bytes an element: bound by memory, or by the L1 cache for rows that come out of the
 * kernel before. Three passes over a row, which stays in L1.
 *
 * The mean is rounded to a float, which for values around 10^4 with a deviation of 10^-2 is wrong by more than the
 * result may be. The second pass therefore sums the differences from it along with their squares, and their mean
 * corrects both moments (Chan, Golub, LeVeque 1983). One addition a vector; Welford's update, which divides for each
 * element and chains them, is several times as slow, and E[z^2] - E[z]^2 in one pass cancels.
 */
#include "layer_norm.h"

#include <math.h>

/* Chains of additions in flight: latency times throughput of the adders. */
#define CHAINS 4

/* The first n lanes of x, and 0. */
static inline vf keep_first(vf x, int64_t n) {
  float lanes[VF_WIDTH];
  vf_store(lanes, x);
  return vf_load_first(lanes, n);
}

static inline float sum_chains(const vf *chain) {
  return vf_reduce_add(vf_add(vf_add(chain[0], chain[2]), vf_add(chain[1], chain[3])));
}

static float row_sum(const float *x, int64_t hidden) {
  vf sum[CHAINS] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
  int64_t j = 0;
  for (; j + CHAINS * VF_WIDTH <= hidden; j += CHAINS * VF_WIDTH) {
    for (int c = 0; c < CHAINS; c++) sum[c] = vf_add(sum[c], vf_load(x + j + c * VF_WIDTH));
  }
  for (; j + VF_WIDTH <= hidden; j += VF_WIDTH) sum[0] = vf_add(sum[0], vf_load(x + j));
  if (j < hidden) sum[1] = vf_add(sum[1], vf_load_first(x + j, hidden - j));
  return sum_chains(sum);
}

void PF_KERNEL(normalize_row)(const float *x, const float *weight, const float *bias, float *y, int64_t hidden,
                              float eps) {
  const float rounded_mean = row_sum(x, hidden) / (float)hidden;
  const vf mean = vf_set1(rounded_mean);

  vf sum[CHAINS] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
  vf squares[CHAINS] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
  int64_t j = 0;
  for (; j + CHAINS * VF_WIDTH <= hidden; j += CHAINS * VF_WIDTH) {
    for (int c = 0; c < CHAINS; c++) {
      const vf d = vf_sub(vf_load(x + j + c * VF_WIDTH), mean);
      sum[c] = vf_add(sum[c], d);
      squares[c] = vf_fma(d, d, squares[c]);
    }
  }
  for (; j + VF_WIDTH <= hidden; j += VF_WIDTH) {
    const vf d = vf_sub(vf_load(x + j), mean);
    sum[0] = vf_add(sum[0], d);
    squares[0] = vf_fma(d, d, squares[0]);
  }
  if (j < hidden) {
    const vf d = keep_first(vf_sub(vf_load_first(x + j, hidden - j), mean), hidden - j);
    sum[1] = vf_add(sum[1], d);
    squares[1] = vf_fma(d, d, squares[1]);
  }
  const float correction = sum_chains(sum) / (float)hidden;
  float variance = sum_chains(squares) / (float)hidden - correction * correction;
  if (variance < 0.0f) variance = 0.0f; /* a constant row, by a rounding */
  const float inverse = 1.0f / sqrtf(variance + eps);

  const vf scale = vf_set1(inverse);
  const vf shift = vf_set1(-correction * inverse);
  for (j = 0; j + VF_WIDTH <= hidden; j += VF_WIDTH) {
    const vf z = vf_fma(vf_sub(vf_load(x + j), mean), scale, shift);
    vf_store(y + j, vf_fma(z, vf_load(weight + j), bias ? vf_load(bias + j) : vf_zero()));
  }
  if (j < hidden) {
    const int64_t n = hidden - j;
    const vf z = vf_fma(vf_sub(vf_load_first(x + j, n), mean), scale, shift);
    const vf b = bias ? vf_load_first(bias + j, n) : vf_zero();
    vf_store_first(y + j, vf_fma(z, vf_load_first(weight + j, n), b), n);
  }
}

typedef struct {
  const float *x, *residual, *weight, *bias;
  float *y;
  int64_t tokens, hidden, rows_per_task;
  float eps;
} layer_norm_call;

static void add_rows(const float *a, const float *b, float *y, int64_t n) {
  int64_t j = 0;
  for (; j + VF_WIDTH <= n; j += VF_WIDTH) vf_store(y + j, vf_add(vf_load(a + j), vf_load(b + j)));
  if (j < n) vf_store_first(y + j, vf_add(vf_load_first(a + j, n - j), vf_load_first(b + j, n - j)), n - j);
}

static void normalize_rows(const void *context, int64_t task, int32_t thread) {
  (void)thread;
  const layer_norm_call *c = context;
  const int64_t first = task * c->rows_per_task;
  const int64_t end = min64(first + c->rows_per_task, c->tokens);
  for (int64_t row = first; row < end; row++) {
    const int64_t at = row * c->hidden;
    const float *z = c->x + at;
    if (c->residual) {
      add_rows(z, c->residual + at, c->y + at, c->hidden);
      z = c->y + at;
    }
    PF_KERNEL(normalize_row)(z, c->weight, c->bias, c->y + at, c->hidden, c->eps);
  }
}

pf_status PF_KERNEL(layer_norm)(pf_engine *engine, const float *x, const float *residual, const float *weight,
                                const float *bias, float *y, int64_t tokens, int64_t hidden, float eps) {
  if (!is_count(tokens) || !is_extent(hidden) || !(eps >= 0.0f)) return PF_ERROR_ARGUMENT;
  if (tokens == 0) return PF_OK;
  if (!x || !weight || !y) return PF_ERROR_ARGUMENT;
  const int64_t rows = rows_per_task(hidden);
  const layer_norm_call call = {x, residual, weight, bias, y, tokens, hidden, rows, eps};
  pf_parallel_for(engine, ceil_div(tokens, rows), normalize_rows, &call);
  return PF_OK;
}
