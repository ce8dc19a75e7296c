/* What the kernel files share: the vocabulary, their declarations for this instruction set, argument checks. */
#ifndef PF_KERNEL_H
#define PF_KERNEL_H

#include <stddef.h>

#include "engine.h"
#include "simd/vmath.h"

/* Declared with the types of the table, so that a definition cannot differ from its row. */
#define PF_DECLARE_KERNEL(name) __typeof__(*((pf_kernels *)0)->name) PF_KERNEL(name)
PF_DECLARE_KERNEL(embedding);
PF_DECLARE_KERNEL(patch_embedding_workspace_size);
PF_DECLARE_KERNEL(patch_embedding);
PF_DECLARE_KERNEL(depthwise_conv);
PF_DECLARE_KERNEL(interpolate);
PF_DECLARE_KERNEL(linear_packed_size);
PF_DECLARE_KERNEL(linear_pack);
PF_DECLARE_KERNEL(linear_dense_size);
PF_DECLARE_KERNEL(linear_dense_pack);
PF_DECLARE_KERNEL(linear_packed_check);
PF_DECLARE_KERNEL(linear_workspace_size);
PF_DECLARE_KERNEL(linear);
PF_DECLARE_KERNEL(ffn_workspace_size);
PF_DECLARE_KERNEL(ffn);
PF_DECLARE_KERNEL(attention_workspace_size);
PF_DECLARE_KERNEL(attention);
PF_DECLARE_KERNEL(linformer_attention_workspace_size);
PF_DECLARE_KERNEL(linformer_attention);
PF_DECLARE_KERNEL(performer_attention_workspace_size);
PF_DECLARE_KERNEL(performer_attention);
PF_DECLARE_KERNEL(sparse_attention_workspace_size);
PF_DECLARE_KERNEL(sparse_attention);
PF_DECLARE_KERNEL(rope);
PF_DECLARE_KERNEL(kv_store);
PF_DECLARE_KERNEL(paged_attention_workspace_size);
PF_DECLARE_KERNEL(paged_attention);
PF_DECLARE_KERNEL(screen_size);
PF_DECLARE_KERNEL(screen_pack);
PF_DECLARE_KERNEL(linear_top_k_workspace_size);
PF_DECLARE_KERNEL(linear_top_k);
PF_DECLARE_KERNEL(top_k);
PF_DECLARE_KERNEL(layer_norm);
PF_DECLARE_KERNEL(rms_norm);
PF_DECLARE_KERNEL(softmax);
PF_DECLARE_KERNEL(activate);
PF_DECLARE_KERNEL(pool);
#undef PF_DECLARE_KERNEL

/* A count that may be zero, and an extent that may not. Two of them multiply without overflow. */
static inline int is_count(int64_t n) { return n >= 0 && n <= PF_MAX_DIMENSION; }
static inline int is_extent(int64_t n) { return n >= 1 && n <= PF_MAX_DIMENSION; }

static inline int are_within(const int32_t *ids, int64_t count, int64_t rows) {
  for (int64_t i = 0; i < count; i++) {
    if (ids[i] < 0 || ids[i] >= rows) return 0;
  }
  return 1;
}

/* A paged cache (pf_kv_store_params) whose slots fit an int32_t and whose bytes fit an int64_t. */
static inline int is_cache(int64_t blocks, int64_t kv_heads, int64_t block_tokens, int64_t head_dim) {
  return is_extent(blocks) && is_extent(block_tokens) && blocks <= PF_MAX_DIMENSION / block_tokens &&
         is_extent(kv_heads) && head_dim >= 1 && head_dim <= PF_MAX_HEAD_DIM &&
         kv_heads <= INT64_MAX / (int64_t)(2 * sizeof(float)) / head_dim / (blocks * block_tokens);
}

/*
 * Row-wise kernels hand out blocks of rows: about 16 K floats, two to five microseconds, so that drawing a task costs
 * nothing beside it and a small call stays on the caller's thread.
 */
#define ROW_BLOCK_FLOATS 16384
static inline int64_t rows_per_task(int64_t columns) {
  return columns < ROW_BLOCK_FLOATS ? ROW_BLOCK_FLOATS / columns : 1;
}

#endif
