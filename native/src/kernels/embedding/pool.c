/*
 * One vector a sequence: its first or last token, or the mean or maximum over its tokens; then, if asked for, divided
 * by max(L2 norm, 1e-12).
 *
 * One FLOP and 4 bytes an element: bound by memory. A task is a sequence. Columns are taken a few vectors at a time,
 * which stay in registers while the tokens pass by in ascending order.
 */
#include "kernels/kernel.h"

#include <math.h>
#include <string.h>

/* Vectors of a column block: enough independent chains to hide the latency of an addition. */
#define BLOCK 4
#define SMALLEST_NORM 1e-12f

typedef struct {
  const float *x;
  const int32_t *cu_seqlens;
  float *y;
  int64_t hidden;
  pf_pooling pooling;
  int normalize;
} pool_call;

/* The larger of two, NaN if one is NaN. */
static inline vf max_or_nan(vf x, vf m) {
  const vf larger = vf_max(x, m); /* m if one is NaN */
  /* x if x is NaN, that is, neither below infinity nor above zero. */
  return vf_select_less(x, vf_set1(INFINITY), larger, vf_select_less(vf_zero(), x, larger, x));
}

/* One block of `columns` columns over the tokens; columns is at most a vector unless it is all of BLOCK vectors. */
static inline void pool_columns(const float *x, float *y, int64_t tokens, int64_t hidden, pf_pooling pooling,
                                int64_t columns) {
  const vf length = vf_set1((float)tokens);
  if (columns == BLOCK * VF_WIDTH) {
    vf r[BLOCK];
    for (int b = 0; b < BLOCK; b++) r[b] = vf_load(x + b * VF_WIDTH);
    for (int64_t t = 1; t < tokens; t++) {
      for (int b = 0; b < BLOCK; b++) {
        const vf z = vf_load(x + t * hidden + b * VF_WIDTH);
        r[b] = pooling == PF_POOLING_MEAN ? vf_add(r[b], z) : max_or_nan(z, r[b]);
      }
    }
    for (int b = 0; b < BLOCK; b++) {
      vf_store(y + b * VF_WIDTH, pooling == PF_POOLING_MEAN ? vf_div(r[b], length) : r[b]);
    }
    return;
  }
  if (columns == VF_WIDTH) {
    vf r = vf_load(x);
    for (int64_t t = 1; t < tokens; t++) {
      const vf z = vf_load(x + t * hidden);
      r = pooling == PF_POOLING_MEAN ? vf_add(r, z) : max_or_nan(z, r);
    }
    vf_store(y, pooling == PF_POOLING_MEAN ? vf_div(r, length) : r);
    return;
  }
  vf r = vf_load_first(x, columns);
  for (int64_t t = 1; t < tokens; t++) {
    const vf z = vf_load_first(x + t * hidden, columns);
    r = pooling == PF_POOLING_MEAN ? vf_add(r, z) : max_or_nan(z, r);
  }
  vf_store_first(y, pooling == PF_POOLING_MEAN ? vf_div(r, length) : r, columns);
}

static void normalize_vector(float *y, int64_t n) {
  vf s0 = vf_zero(), s1 = vf_zero();
  int64_t j = 0;
  for (; j + 2 * VF_WIDTH <= n; j += 2 * VF_WIDTH) {
    const vf a = vf_load(y + j), b = vf_load(y + j + VF_WIDTH);
    s0 = vf_fma(a, a, s0);
    s1 = vf_fma(b, b, s1);
  }
  for (; j + VF_WIDTH <= n; j += VF_WIDTH) {
    const vf a = vf_load(y + j);
    s0 = vf_fma(a, a, s0);
  }
  if (j < n) {
    const vf a = vf_load_first(y + j, n - j);
    s1 = vf_fma(a, a, s1);
  }
  const float norm = sqrtf(vf_reduce_add(vf_add(s0, s1)));
  const vf divisor = vf_set1(norm < SMALLEST_NORM ? SMALLEST_NORM : norm);
  for (j = 0; j + VF_WIDTH <= n; j += VF_WIDTH) vf_store(y + j, vf_div(vf_load(y + j), divisor));
  if (j < n) vf_store_first(y + j, vf_div(vf_load_first(y + j, n - j), divisor), n - j);
}

static void pool_sequence(const void *context, int64_t sequence, int32_t thread) {
  (void)thread;
  const pool_call *c = context;
  const int64_t hidden = c->hidden;
  const int64_t first = c->cu_seqlens[sequence], end = c->cu_seqlens[sequence + 1];
  const float *x = c->x + first * hidden;
  float *y = c->y + sequence * hidden;
  switch (c->pooling) {
  case PF_POOLING_CLS:
    memcpy(y, x, (size_t)hidden * sizeof *y);
    break;
  case PF_POOLING_LAST:
    memcpy(y, c->x + (end - 1) * hidden, (size_t)hidden * sizeof *y);
    break;
  case PF_POOLING_MEAN:
  case PF_POOLING_MAX: {
    int64_t j = 0;
    while (j < hidden) {
      const int64_t left = hidden - j;
      const int64_t columns = left >= BLOCK * VF_WIDTH ? BLOCK * VF_WIDTH : left >= VF_WIDTH ? VF_WIDTH : left;
      pool_columns(x + j, y + j, end - first, hidden, c->pooling, columns);
      j += columns;
    }
    break;
  }
  }
  if (c->normalize) normalize_vector(y, hidden);
}

pf_status PF_KERNEL(pool)(pf_engine *engine, const float *x, const int32_t *cu_seqlens, float *y, int64_t tokens,
                          int64_t sequences, int64_t hidden, pf_pooling pooling, int32_t normalize) {
  if (!is_count(tokens) || !is_count(sequences) || !is_extent(hidden)) return PF_ERROR_ARGUMENT;
  if (pooling < PF_POOLING_CLS || pooling > PF_POOLING_LAST) return PF_ERROR_ARGUMENT;
  if (sequences == 0) return tokens == 0 ? PF_OK : PF_ERROR_INDEX;
  if (!x || !cu_seqlens || !y) return PF_ERROR_ARGUMENT;

  if (cu_seqlens[0] != 0 || cu_seqlens[sequences] != tokens) return PF_ERROR_INDEX;
  for (int64_t s = 0; s < sequences; s++) {
    if (cu_seqlens[s] >= cu_seqlens[s + 1]) return PF_ERROR_INDEX;
  }
  const pool_call call = {x, cu_seqlens, y, hidden, pooling, normalize != 0};
  pf_parallel_for(engine, sequences, pool_sequence, &call);
  return PF_OK;
}
