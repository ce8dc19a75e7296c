/*
 * The `count` largest of each row of logits, in order, and log sum exp(logit * inverse_temperature).
 *
 * About 20 FLOPs and 4 bytes a logit: bound by the exponentials. A row is read in chunks that stay in the first-level
 * cache for three looks: their maximum, their exponentials relative to it (Milakov, Gimelshein 2018), and, only where
 * the maximum reaches the worst of the best so far, the candidates. Chunks are merged in order and in double, so that
 * the sum depends on nothing but the row.
 */
#include "top_k.h"

#include "kernels/kernel.h"

/* Vectors whose maximum decides whether any of them is looked at alone. */
#define LOOK 4

static inline int is_better(float value, int32_t id, float other, int32_t other_id) {
  return value > other || (value == other && id < other_id);
}

static inline void swap_entries(top_k_heap *h, int64_t i, int64_t j) {
  const float value = h->values[i];
  const int32_t id = h->ids[i];
  h->values[i] = h->values[j];
  h->ids[i] = h->ids[j];
  h->values[j] = value;
  h->ids[j] = id;
}

static inline int is_worse(const top_k_heap *h, int64_t i, int64_t j) {
  return is_better(h->values[j], h->ids[j], h->values[i], h->ids[i]);
}

static void sift_down(top_k_heap *h, int64_t i) {
  for (;;) {
    int64_t worst = i;
    for (int64_t child = 2 * i + 1; child <= 2 * i + 2 && child < h->size; child++)
      if (is_worse(h, child, worst)) worst = child;
    if (worst == i) return;
    swap_entries(h, i, worst);
    i = worst;
  }
}

void PF_KERNEL(top_k_offer)(top_k_heap *h, float value, int32_t id) {
  if (h->size < h->count) {
    int64_t i = h->size++;
    h->values[i] = value;
    h->ids[i] = id;
    for (; i > 0 && is_worse(h, i, (i - 1) / 2); i = (i - 1) / 2) swap_entries(h, i, (i - 1) / 2);
  } else if (is_better(value, id, h->values[0], h->ids[0])) {
    h->values[0] = value;
    h->ids[0] = id;
    sift_down(h, 0);
  }
}

/* Whether a logit of this value could be among the best; false for NaN. */
static inline int is_candidate(const top_k_heap *h, float value) {
  return h->size < h->count ? value == value : value >= h->values[0];
}

/* VF_WIDTH logits of which `columns` are there, the others -inf. */
static inline vf load_logits(const float *logits, int64_t columns) {
  if (columns >= VF_WIDTH) return vf_load(logits);
  float lanes[VF_WIDTH];
  for (int64_t l = 0; l < VF_WIDTH; l++) lanes[l] = l < columns ? logits[l] : -INFINITY;
  return vf_load(lanes);
}

void PF_KERNEL(top_k_offer_all)(top_k_heap *h, const float *logits, int64_t columns, int64_t first_id) {
  for (int64_t j = 0; j < columns; j += LOOK * VF_WIDTH) {
    vf max = vf_set1(-INFINITY);
    const int64_t end = columns - j < LOOK * VF_WIDTH ? columns : j + LOOK * VF_WIDTH;
    for (int64_t i = j; i < end; i += VF_WIDTH) max = vf_max(load_logits(logits + i, columns - i), max);
    if (!is_candidate(h, vf_reduce_max(max))) continue;
    for (int64_t i = j; i < end; i++)
      if (is_candidate(h, logits[i])) PF_KERNEL(top_k_offer)(h, logits[i], (int32_t)(first_id + i));
  }
}

/* NaN is skipped here and comes back in the exponentials. */
static float chunk_max(const float *logits, int64_t columns) {
  vf m0 = vf_set1(-INFINITY), m1 = m0;
  int64_t j = 0;
  for (; j + 2 * VF_WIDTH <= columns; j += 2 * VF_WIDTH) {
    m0 = vf_max(vf_load(logits + j), m0);
    m1 = vf_max(vf_load(logits + j + VF_WIDTH), m1);
  }
  for (; j < columns; j += VF_WIDTH) m0 = vf_max(load_logits(logits + j, columns - j), m0);
  return vf_reduce_max(vf_max(m0, m1));
}

static float sum_exponentials(const float *logits, int64_t columns, float max, float inverse_temperature) {
  const vf shift = vf_set1(max), scale = vf_set1(inverse_temperature);
  vf s0 = vf_zero(), s1 = vf_zero();
  int64_t j = 0;
  for (; j + 2 * VF_WIDTH <= columns; j += 2 * VF_WIDTH) {
    s0 = vf_add(s0, vf_exp(vf_mul(scale, vf_sub(vf_load(logits + j), shift))));
    s1 = vf_add(s1, vf_exp(vf_mul(scale, vf_sub(vf_load(logits + j + VF_WIDTH), shift))));
  }
  for (; j < columns; j += VF_WIDTH)
    s0 = vf_add(s0, vf_exp(vf_mul(scale, vf_sub(load_logits(logits + j, columns - j), shift))));
  return vf_reduce_add(vf_add(s0, s1));
}

static int has_nan(const float *logits, int64_t columns) {
  for (int64_t j = 0; j < columns; j++)
    if (logits[j] != logits[j]) return 1;
  return 0;
}

exponential_sum PF_KERNEL(top_k_chunk)(const float *logits, int64_t columns, int64_t first_id,
                                       float inverse_temperature, top_k_heap *h) {
  exponential_sum chunk = {.max = chunk_max(logits, columns)};
  /* Infinities have no difference; where all are -inf nothing is to be added, and one +inf is all there is. */
  if (isinf(chunk.max))
    chunk.sum = has_nan(logits, columns) ? NAN : chunk.max > 0.0f;
  else
    chunk.sum = sum_exponentials(logits, columns, chunk.max, inverse_temperature);

  if (is_candidate(h, chunk.max)) PF_KERNEL(top_k_offer_all)(h, logits, columns, first_id);
  return chunk;
}

void PF_KERNEL(top_k_merge)(exponential_sum *sum, exponential_sum chunk, float inverse_temperature) {
  const double scale = inverse_temperature;
  if (isnan(sum->sum) || isnan(chunk.sum)) {
    sum->sum = NAN;
  } else if (chunk.max > sum->max) {
    chunk.sum += isinf(chunk.max) ? 0.0 : sum->sum * exp(scale * ((double)sum->max - chunk.max));
    *sum = chunk;
  } else if (!isinf(sum->max)) {
    sum->sum += chunk.sum * exp(scale * ((double)chunk.max - sum->max));
  }
}

float PF_KERNEL(top_k_finish)(top_k_heap *h, exponential_sum sum, float inverse_temperature) {
  if (isnan(sum.sum)) {
    for (int64_t i = 0; i < h->count; i++) {
      h->values[i] = NAN;
      h->ids[i] = -1;
    }
    return NAN;
  }
  while (h->size > 1) {
    swap_entries(h, 0, --h->size);
    sift_down(h, 0);
  }
  return isinf(sum.max) ? sum.max : (float)((double)inverse_temperature * sum.max + log(sum.sum));
}

typedef struct {
  const float *logits, *inverse_temperature;
  float *values;
  int32_t *ids;
  float *log_sum_exp;
  int64_t columns, count;
} top_k_call;

static void choose_row(const void *context, int64_t row, int32_t thread) {
  (void)thread;
  const top_k_call *c = context;
  const float *logits = c->logits + row * c->columns;
  const float inverse_temperature = c->inverse_temperature ? c->inverse_temperature[row] : 1.0f;
  top_k_heap heap = {c->values + row * c->count, c->ids + row * c->count, 0, c->count};
  exponential_sum sum = EMPTY_SUM;
  for (int64_t j = 0; j < c->columns; j += CHUNK_COLUMNS) {
    const int64_t columns = min64(c->columns - j, CHUNK_COLUMNS);
    const exponential_sum chunk = PF_KERNEL(top_k_chunk)(logits + j, columns, j, inverse_temperature, &heap);
    PF_KERNEL(top_k_merge)(&sum, chunk, inverse_temperature);
  }
  c->log_sum_exp[row] = PF_KERNEL(top_k_finish)(&heap, sum, inverse_temperature);
}

pf_status PF_KERNEL(top_k)(pf_engine *engine, const float *logits, const float *inverse_temperature, float *values,
                           int32_t *ids, float *log_sum_exp, int64_t rows, int64_t columns, int64_t count) {
  if (!is_count(rows) || !is_extent(columns) || count < 1 || count > columns) return PF_ERROR_ARGUMENT;
  if (rows == 0) return PF_OK;
  if (!logits || !values || !ids || !log_sum_exp) return PF_ERROR_ARGUMENT;
  if (!are_inverse_temperatures(inverse_temperature, rows)) return PF_ERROR_ARGUMENT;
  const top_k_call call = {logits, inverse_temperature, values, ids, log_sum_exp, columns, count};
  pf_parallel_for(engine, rows, choose_row, &call);
  return PF_OK;
}
