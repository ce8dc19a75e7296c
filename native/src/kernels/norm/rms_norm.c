/*
 * RMSNorm: y = z / sqrt(mean(z^2) + eps) * weight with z = x + residual (Zhang, Sennrich 2019).
 *
 * 4 FLOPs and, with a residual, 12 bytes an element: bound by memory. Two passes over a row, which stays in L1; the
 * first adds the residual.
 */
#include "kernels/kernel.h"

#include <math.h>

/* Chains of multiply-adds in flight: latency times throughput of the FMA units. */
#define CHAINS 4

typedef struct {
  const float *x, *residual, *weight;
  float *y;
  int64_t tokens, hidden, rows_per_task;
  float eps;
} rms_norm_call;

/* z = x + residual, kept in y if there is a residual, and z^2 added to `squares`. n <= VF_WIDTH. */
static inline vf add_square(const float *x, const float *residual, float *y, vf squares) {
  vf z = vf_load(x);
  if (residual) {
    z = vf_add(z, vf_load(residual));
    vf_store(y, z);
  }
  return vf_fma(z, z, squares);
}

static inline vf add_square_first(const float *x, const float *residual, float *y, vf squares, int64_t n) {
  vf z = vf_load_first(x, n);
  if (residual) {
    z = vf_add(z, vf_load_first(residual, n));
    vf_store_first(y, z, n);
  }
  return vf_fma(z, z, squares);
}

static void normalize_row(const float *x, const float *residual, const float *weight, float *y, int64_t hidden,
                          float eps) {
#define AT(j) x + (j), residual ? residual + (j) : NULL, y + (j)
  vf squares[CHAINS] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
  int64_t j = 0;
  for (; j + CHAINS * VF_WIDTH <= hidden; j += CHAINS * VF_WIDTH) {
    for (int c = 0; c < CHAINS; c++) squares[c] = add_square(AT(j + c * VF_WIDTH), squares[c]);
  }
  for (; j + VF_WIDTH <= hidden; j += VF_WIDTH) squares[0] = add_square(AT(j), squares[0]);
  if (j < hidden) squares[1] = add_square_first(AT(j), squares[1], hidden - j);
#undef AT
  const float sum = vf_reduce_add(vf_add(vf_add(squares[0], squares[2]), vf_add(squares[1], squares[3])));
  const vf inverse = vf_set1(1.0f / sqrtf(sum / (float)hidden + eps));

  const float *z = residual ? y : x;
  for (j = 0; j + VF_WIDTH <= hidden; j += VF_WIDTH) {
    vf_store(y + j, vf_mul(vf_mul(vf_load(z + j), inverse), vf_load(weight + j)));
  }
  if (j < hidden) {
    const int64_t n = hidden - j;
    vf_store_first(y + j, vf_mul(vf_mul(vf_load_first(z + j, n), inverse), vf_load_first(weight + j, n)), n);
  }
}

static void normalize_rows(const void *context, int64_t task, int32_t thread) {
  (void)thread;
  const rms_norm_call *c = context;
  const int64_t first = task * c->rows_per_task;
  const int64_t end = min64(first + c->rows_per_task, c->tokens);
  for (int64_t row = first; row < end; row++) {
    const int64_t at = row * c->hidden;
    normalize_row(c->x + at, c->residual ? c->residual + at : NULL, c->weight, c->y + at, c->hidden, c->eps);
  }
}

pf_status PF_KERNEL(rms_norm)(pf_engine *engine, const float *x, const float *residual, const float *weight, float *y,
                              int64_t tokens, int64_t hidden, float eps) {
  if (!is_count(tokens) || !is_extent(hidden) || !(eps >= 0.0f)) return PF_ERROR_ARGUMENT;
  if (tokens == 0) return PF_OK;
  if (!x || !weight || !y) return PF_ERROR_ARGUMENT;
  const int64_t rows = rows_per_task(hidden);
  const rms_norm_call call = {x, residual, weight, y, tokens, hidden, rows, eps};
  pf_parallel_for(engine, ceil_div(tokens, rows), normalize_rows, &call);
  return PF_OK;
}
