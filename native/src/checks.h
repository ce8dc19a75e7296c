/*
 * What every kernel checks of its arguments, and the arithmetic of sizes. Kernels of the CPU and of CUDA include it, so
 * it is C and C++ alike.
 */
#ifndef PF_CHECKS_H
#define PF_CHECKS_H

#include <float.h>

#include "panaformer.h"

/* ---- Sizes ------------------------------------------------------------------------------------------------------ */

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
/* Of n >= 0. */
static inline int64_t ceil_div(int64_t n, int64_t divisor) { return (n + divisor - 1) / divisor; }
static inline int64_t round_up(int64_t n, int64_t multiple) { return ceil_div(n, multiple) * multiple; }

/* ---- Arguments -------------------------------------------------------------------------------------------------- */

/* A count may be zero, an extent may not. Two of either multiply without overflow. */
static inline int is_count(int64_t n) { return n >= 0 && n <= PF_MAX_DIMENSION; }
static inline int is_extent(int64_t n) { return n >= 1 && n <= PF_MAX_DIMENSION; }

static inline int is_activation(pf_activation activation) {
  return activation >= PF_ACTIVATION_NONE && activation <= PF_ACTIVATION_TANH;
}

static inline int is_head_dim(int64_t head_dim) { return head_dim >= 1 && head_dim <= PF_MAX_HEAD_DIM; }

/* Whether the strides of the heads of q, k, v and y in attention's parameters are counts. */
#define HAS_STRIDES(p)                                                                                                 \
  (is_count((p)->q_token_stride) && is_count((p)->q_head_stride) && is_count((p)->kv_token_stride) &&                  \
   is_count((p)->kv_head_stride) && is_count((p)->y_token_stride) && is_count((p)->y_head_stride))

/* Memory that may hold packed weights or a workspace. */
static inline int is_aligned(const void *memory) { return memory && (uintptr_t)memory % PF_ALIGNMENT == 0; }

/* A workspace of `bytes` bytes for a call that needs `needed` of them. Without it a call is PF_ERROR_WORKSPACE. */
static inline int is_workspace(const void *workspace, int64_t bytes, int64_t needed) {
  return is_aligned(workspace) && bytes >= needed;
}

/* Whether each id is a row of a table of so many. */
static inline int are_within(const int32_t *ids, int64_t count, int64_t rows) {
  for (int64_t i = 0; i < count; i++) {
    if (ids[i] < 0 || ids[i] >= rows) return 0;
  }
  return 1;
}

/* Whether cumulative lengths begin at 0, never fall, and end on `tokens`. *longest is then the longest sequence's. */
static inline int are_lengths(const int32_t *cu_seqlens, int64_t sequences, int64_t tokens, int64_t *longest) {
  *longest = 0;
  if (cu_seqlens[0] != 0 || cu_seqlens[sequences] != tokens) return 0;
  for (int64_t s = 0; s < sequences; s++) {
    const int64_t length = (int64_t)cu_seqlens[s + 1] - cu_seqlens[s];
    if (length < 0) return 0;
    *longest = max64(*longest, length);
  }
  return 1;
}

/* A paged cache (pf_kv_store_params) whose slots fit an int32_t and whose bytes fit an int64_t. */
static inline int is_cache(int64_t blocks, int64_t kv_heads, int64_t block_tokens, int64_t head_dim) {
  return is_extent(blocks) && is_extent(block_tokens) && blocks <= PF_MAX_DIMENSION / block_tokens &&
         is_extent(kv_heads) && is_head_dim(head_dim) &&
         kv_heads <= INT64_MAX / (int64_t)(2 * sizeof(float)) / head_dim / (blocks * block_tokens);
}

/*
 * Whether two heads of pf_rope share an element, so that two threads could turn the same pair. They do not where all
 * heads of a token lie between it and the next token, or all tokens of a head between it and the next head.
 */
static inline int heads_overlap(const pf_rope_params *p) {
  const int64_t token = (p->heads - 1) * p->head_stride + p->rotary_dim;
  const int64_t head = (p->tokens - 1) * p->token_stride + p->rotary_dim;
  const int heads_inside = (p->heads == 1 || p->head_stride >= p->rotary_dim) && p->token_stride >= token;
  const int tokens_inside = (p->tokens == 1 || p->token_stride >= p->rotary_dim) && p->head_stride >= head;
  return !heads_inside && !tokens_inside && p->tokens * p->heads > 1;
}

/* Whether all inverse temperatures are finite and above 0. NULL stands for 1. */
static inline int are_inverse_temperatures(const float *inverse_temperature, int64_t count) {
  for (int64_t i = 0; inverse_temperature && i < count; i++) {
    if (!(inverse_temperature[i] > 0.0f && inverse_temperature[i] <= FLT_MAX)) return 0;
  }
  return 1;
}

#endif
