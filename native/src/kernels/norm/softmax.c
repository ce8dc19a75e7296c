/*
 * Softmax: y = exp(x - max x) / sum, row by row.
 *
 * About 20 FLOPs an element for the exponential, 8 bytes: bound by the FMA units for rows in cache. Three passes:
 * maximum, exponentials and their sum, scale. An online softmax (Milakov, Gimelshein 2018) saves the first pass over
 * memory at the price of a second exponential, which is dearer as long as the row is in cache.
 */
#include "kernels/kernel.h"

#include <math.h>

/* NaN is skipped here and comes back in the exponentials. */
static float row_max(const float *x, int64_t columns) {
  vf m0 = vf_set1(-INFINITY), m1 = m0;
  int64_t j = 0;
  for (; j + 2 * VF_WIDTH <= columns; j += 2 * VF_WIDTH) {
    m0 = vf_max(vf_load(x + j), m0);
    m1 = vf_max(vf_load(x + j + VF_WIDTH), m1);
  }
  float m = vf_reduce_max(vf_max(m0, m1));
  for (; j < columns; j++) m = x[j] > m ? x[j] : m;
  return m;
}

static void softmax_row(const float *x, float *y, int64_t columns) {
  const float max = row_max(x, columns);
  /* Only -inf: subtracting 0 makes all exponentials 0 rather than NaN, and the sum says so. */
  const vf shift = vf_set1(max == -INFINITY ? 0.0f : max);
  vf s0 = vf_zero(), s1 = vf_zero();
  int64_t j = 0;
  for (; j + 2 * VF_WIDTH <= columns; j += 2 * VF_WIDTH) {
    const vf e0 = vf_exp(vf_sub(vf_load(x + j), shift));
    const vf e1 = vf_exp(vf_sub(vf_load(x + j + VF_WIDTH), shift));
    vf_store(y + j, e0);
    vf_store(y + j + VF_WIDTH, e1);
    s0 = vf_add(s0, e0);
    s1 = vf_add(s1, e1);
  }
  for (; j < columns; j += VF_WIDTH) {
    const int64_t n = min64(columns - j, VF_WIDTH);
    if (n == VF_WIDTH) {
      const vf e = vf_exp(vf_sub(vf_load(x + j), shift));
      vf_store(y + j, e);
      s0 = vf_add(s0, e);
    } else {
      vf_store_first(y + j, vf_exp(vf_sub(vf_load_first(x + j, n), shift)), n);
      s1 = vf_add(s1, vf_load_first(y + j, n)); /* read back, since the lanes behind n are not 0 */
    }
  }
  const float sum = vf_reduce_add(vf_add(s0, s1));
  const vf scale = vf_set1(sum == 0.0f ? 0.0f : 1.0f / sum);
  for (j = 0; j + VF_WIDTH <= columns; j += VF_WIDTH) vf_store(y + j, vf_mul(vf_load(y + j), scale));
  if (j < columns) vf_store_first(y + j, vf_mul(vf_load_first(y + j, columns - j), scale), columns - j);
}

typedef struct {
  const float *x;
  float *y;
  int64_t rows, columns, rows_per_task;
} softmax_call;

static void softmax_rows(const void *context, int64_t task, int32_t thread) {
  (void)thread;
  const softmax_call *c = context;
  const int64_t first = task * c->rows_per_task;
  const int64_t end = min64(first + c->rows_per_task, c->rows);
  for (int64_t row = first; row < end; row++) {
    softmax_row(c->x + row * c->columns, c->y + row * c->columns, c->columns);
  }
}

pf_status PF_KERNEL(softmax)(pf_engine *engine, const float *x, float *y, int64_t rows, int64_t columns) {
  if (!is_count(rows) || !is_extent(columns)) return PF_ERROR_ARGUMENT;
  if (rows == 0) return PF_OK;
  if (!x || !y) return PF_ERROR_ARGUMENT;
  const int64_t block = rows_per_task(columns);
  const softmax_call call = {x, y, rows, columns, block};
  pf_parallel_for(engine, ceil_div(rows, block), softmax_rows, &call);
  return PF_OK;
}
