/* References of what decoders need: attention over a paged cache, rotary positions, the choice of a token. */
#ifndef PF_DECODING_REFERENCE_H
#define PF_DECODING_REFERENCE_H

#include "attention/attention_reference.h"
#include "reference.h"

/* Each sequence gathered into adjacent rows; keys before the window as a bias of -inf. */
static inline void reference_paged_attention(const pf_paged_attention_params *p, double *y, double *bound) {
  const int64_t row = p->kv_heads * p->head_dim;
  for (int64_t s = 0; s < p->sequences; s++) {
    const int32_t q_begin = p->cu_seqlens_q[s], q_length = p->cu_seqlens_q[s + 1] - q_begin;
    const int32_t kv_length = p->kv_lengths[s];
    if (q_length == 0) continue;
    float *k = malloc((size_t)(2 * kv_length * row + 1) * sizeof *k), *v = k + kv_length * row;
    float *bias = calloc((size_t)(p->heads * q_length) * (size_t)kv_length + 1, sizeof *bias);
    if (!k || !bias) abort();
    /* Keys that no query sees may have no block any more. */
    const int64_t first = p->window && kv_length - q_length >= p->window ? kv_length - q_length - p->window + 1 : 0;
    for (int64_t j = 0; j < kv_length * row; j++) k[j] = v[j] = 0;
    for (int64_t j = first; j < kv_length; j++) {
      const int64_t block = p->block_tables[s * p->block_table_stride + j / p->block_tokens];
      for (int64_t h = 0; h < p->kv_heads; h++) {
        for (int64_t d = 0; d < p->head_dim; d++) {
          const int64_t at = (h * p->block_tokens + j % p->block_tokens) * p->head_dim + d;
          const int64_t values = p->kv_heads * p->block_tokens * p->head_dim;
          k[j * row + h * p->head_dim + d] = p->cache[2 * block * values + at];
          v[j * row + h * p->head_dim + d] = p->cache[(2 * block + 1) * values + at];
        }
      }
    }
    for (int64_t h = 0; h < p->heads; h++) {
      for (int64_t i = 0; i < q_length; i++) {
        const int64_t position = kv_length - q_length + i;
        for (int64_t j = 0; j <= position && !p->all_keys; j++) {
          const int64_t distance = position - j, last = p->bias_distances - 1;
          float *at = bias + (h * q_length + i) * kv_length + j;
          if (p->bias) *at = p->bias[h * p->bias_distances + (distance < last ? distance : last)];
          if (p->window && distance >= p->window) *at = -INFINITY;
        }
      }
    }
    const int32_t cu_seqlens_q[] = {0, q_length}, cu_seqlens_kv[] = {0, kv_length};
    const pf_attention_params gathered = {.q = p->q + q_begin * p->q_token_stride,
                                          .k = k,
                                          .v = v,
                                          .cu_seqlens_q = cu_seqlens_q,
                                          .cu_seqlens_kv = cu_seqlens_kv,
                                          .bias = bias,
                                          .q_token_stride = p->q_token_stride,
                                          .q_head_stride = p->q_head_stride,
                                          .kv_token_stride = row,
                                          .kv_head_stride = p->head_dim,
                                          .y_token_stride = p->y_token_stride,
                                          .y_head_stride = p->y_head_stride,
                                          .bias_head_stride = (int64_t)q_length * kv_length,
                                          .bias_query_stride = kv_length,
                                          .q_tokens = q_length,
                                          .kv_tokens = kv_length,
                                          .sequences = 1,
                                          .heads = p->heads,
                                          .kv_heads = p->kv_heads,
                                          .head_dim = p->head_dim,
                                          .scale = p->scale,
                                          .causal = !p->all_keys};
    reference_attention(&gathered, y + q_begin * p->y_token_stride, bound + q_begin * p->y_token_stride);
    free(bias);
    free(k);
  }
}

static inline void reference_rope(const pf_rope_params *p, double *x, double *bound) {
  const int64_t half = p->rotary_dim / 2;
  for (int64_t t = 0; t < p->tokens; t++) {
    for (int64_t h = 0; h < p->heads; h++) {
      for (int64_t i = 0; i < half; i++) {
        const int64_t low = t * p->token_stride + h * p->head_stride + i, high = low + half;
        const double c = p->cos[p->position_ids[t] * half + i], s = p->sin[p->position_ids[t] * half + i];
        const double a = p->x[low], b = p->x[high];
        x[low] = a * c - b * s;
        x[high] = b * c + a * s;
        bound[low] = 2 * UNIT * (fabs(a * c) + fabs(b * s));
        bound[high] = 2 * UNIT * (fabs(b * c) + fabs(a * s));
      }
    }
  }
}

/* log_sum_exp of rows alone. Values and ids are exact, so tests sort for themselves. */
static inline void reference_log_sum_exp(const float *logits, const float *inverse_temperature, double *log_sum_exp,
                                         double *bound, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; i++, logits += columns) {
    const double scale = inverse_temperature ? inverse_temperature[i] : 1;
    double max = -INFINITY, sum = 0, error = 0;
    for (int64_t j = 0; j < columns; j++) max = logits[j] > max || isnan(logits[j]) ? logits[j] : max;
    for (int64_t j = 0; j < columns && !isinf(max); j++) {
      const double below = scale * (max - logits[j]), e = exp(-below);
      sum += e;
      /* The exponential, the two roundings of its argument, and those of a running maximum below the last. */
      error += (2 * EXP_ERROR + 4 * UNIT * (below < 110 ? below : 110)) * e;
    }
    log_sum_exp[i] = isinf(max) ? max : scale * max + log(sum);
    /* Chains no longer than what one vector adds of a chunk, and the result's own rounding. */
    bound[i] = error / sum + (double)(columns < 512 ? columns : 512) * UNIT + 2 * UNIT * fabs(log_sum_exp[i]);
    if (isinf(max)) bound[i] = 0;
  }
}

#endif
