/* The choice of a row's largest logits, chunk by chunk as they come, for pf_top_k and pf_linear_top_k. */
#ifndef PF_TOP_K_H
#define PF_TOP_K_H

#include <math.h>

#include "kernels/linear/linear.h"

/* Columns of a chunk, the last of a row excepted; their exponentials are summed before they are merged. */
#define CHUNK_COLUMNS (8 * PANEL)

/* The best so far: a heap of at most `count`, the worst of them on top. */
typedef struct {
  float *values;
  int32_t *ids;
  int64_t size, count;
} top_k_heap;

/* exp(logit * inverse_temperature) added up over columns: sum exp(max * inverse_temperature), with the largest logit
 * for max. A NaN among the logits leaves a NaN sum. */
typedef struct {
  double sum;
  float max;
} exponential_sum;

#define EMPTY_SUM ((exponential_sum){0.0, -INFINITY})

/* A chunk's columns, which are first_id and so on in their row: offers them to the heap and sums them up. */
exponential_sum PF_KERNEL(top_k_chunk)(const float *logits, int64_t columns, int64_t first_id,
                                       float inverse_temperature, top_k_heap *heap);

/* *sum += chunk, which comes later in the row. */
void PF_KERNEL(top_k_merge)(exponential_sum *sum, exponential_sum chunk, float inverse_temperature);

/* Offers one candidate; of equal values that with the smaller id is better. */
void PF_KERNEL(top_k_offer)(top_k_heap *heap, float value, int32_t id);

/* Offers columns of a row, which are first_id and so on in it; NaN is skipped. */
void PF_KERNEL(top_k_offer_all)(top_k_heap *heap, const float *logits, int64_t columns, int64_t first_id);

/* Sorts the heap, best first, and returns log_sum_exp; or fills both with what a row with a NaN gets. */
float PF_KERNEL(top_k_finish)(top_k_heap *heap, exponential_sum sum, float inverse_temperature);

#endif
