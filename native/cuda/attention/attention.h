/* What attention in float32 and on tensor cores share: a problem, its keys, and how spans of them are merged. */
#ifndef PF_CUDA_ATTENTION_H
#define PF_CUDA_ATTENTION_H

#include "cuda_engine.h"

/* Keys of a span of a paged cache, counted from the first: what is summed by itself. */
constexpr int SPAN = 512;

/* Attention over adjacent keys, or, with a block table, over a paged cache. All pointers are the device's. */
struct attention_problem {
  const float *q, *k, *v;
  float *y;
  const float *bias;
  const int32_t *cu_seqlens_q, *cu_seqlens_kv, *kv_lengths, *block_tables;
  int64_t q_token_stride, q_head_stride, kv_token_stride, kv_head_stride, y_token_stride, y_head_stride;
  int64_t bias_sequence_stride, bias_head_stride, bias_query_stride;
  const float *distance_bias; /* [heads, distances], or NULL: of a key that lies so far before its query */
  int64_t distances;
  int64_t block_table_stride, block_tokens;
  int64_t sequences, heads, kv_heads, head_dim, window;
  float scale;
  bool causal;
  int64_t row_blocks; /* of the longest sequence */
  int64_t spans;      /* of the longest sequence, where each has a block; else 1 */
  float *partial;     /* [row of y, spans, 2 + head_dim]: maximum, sum, and weighted values */
};

/* By what sums relative to `max` are multiplied to be relative to `larger`. */
__device__ __forceinline__ float decay(float max, float larger) { return max == larger ? 1 : expf(max - larger); }

/* max, sum and y of a span into those of the spans before it. */
__device__ __forceinline__ void merge_moments(float &max, float &sum, float span_max, float span_sum, float &old_scale,
                                              float &span_scale) {
  const float larger = span_max > max ? span_max : max;
  old_scale = decay(max, larger);
  span_scale = decay(span_max, larger);
  sum = sum * old_scale + span_sum * span_scale;
  max = larger;
}

__device__ __forceinline__ int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* What a block has to do: rows of one sequence and key head, over the keys from `begin` to `end`. */
struct attention_task {
  int64_t s, kv_head, group, q_begin, q_length, kv_begin, kv_length;
  int64_t first_row, rows, begin, end;
  int64_t own_span;
};

__device__ __forceinline__ attention_task task_of(const attention_problem &p, int64_t block, int64_t most_rows) {
  attention_task t;
  t.own_span = block % p.spans;
  block /= p.spans;
  t.kv_head = block % p.kv_heads;
  block /= p.kv_heads;
  t.s = block / p.row_blocks;
  t.group = p.heads / p.kv_heads;
  t.q_begin = p.cu_seqlens_q[t.s];
  t.q_length = p.cu_seqlens_q[t.s + 1] - t.q_begin;
  t.kv_begin = p.cu_seqlens_kv ? p.cu_seqlens_kv[t.s] : 0;
  t.kv_length = p.kv_lengths ? p.kv_lengths[t.s] : p.cu_seqlens_kv[t.s + 1] - t.kv_begin;
  t.first_row = block % p.row_blocks * most_rows;
  t.rows = smaller(t.q_length * t.group - t.first_row, most_rows);
  t.begin = 0;
  t.end = t.kv_length;
  if (p.causal) {
    const int64_t last = (t.first_row + t.rows - 1) / t.group + t.kv_length - t.q_length;
    t.end = smaller(t.kv_length, last + 1);
    if (p.window) t.begin = t.first_row / t.group + t.kv_length - t.q_length - p.window + 1;
    if (t.begin < 0) t.begin = 0;
  }
  if (p.spans > 1) {
    if (t.begin < t.own_span * SPAN) t.begin = t.own_span * SPAN;
    t.end = smaller(t.end, (t.own_span + 1) * SPAN);
  }
  return t;
}

/* What one row sees, and what is added to its scores. */
struct attention_row {
  int64_t token, head; /* of the sequence; in q and y */
  int begin, end;      /* of its keys; both 0 where there is no such row */
  const float *bias;   /* of key 0, or of distance 0; or NULL */
};

__device__ __forceinline__ attention_row row_of(const attention_problem &p, const attention_task &t, int64_t index) {
  const int64_t row = t.first_row + index, token = row / t.group, position = token + t.kv_length - t.q_length;
  attention_row r = {token, t.kv_head * t.group + row % t.group, 0, 0, nullptr};
  if (index >= t.rows) return r;
  r.end = static_cast<int>(p.causal ? smaller(t.kv_length, position + 1) : t.kv_length);
  if (p.window && position >= p.window) r.begin = static_cast<int>(position - p.window + 1);
  if (p.bias)
    r.bias = p.bias + t.s * p.bias_sequence_stride + r.head * p.bias_head_stride + token * p.bias_query_stride;
  if (p.distance_bias) r.bias = p.distance_bias + r.head * p.distances;
  return r;
}

/* Both kinds are one addition: a key's own element, or that of its distance, the last for all beyond. With the second
   kind rows are causal, and end at themselves. */
__device__ __forceinline__ float bias_of(const attention_problem &p, const attention_row &r, int64_t key) {
  return r.bias[p.distance_bias ? smaller(r.end - 1 - key, p.distances - 1) : key];
}

/* The key (pass 0) or the value (pass 1) at `key` of the task's sequence. */
__device__ __forceinline__ const float *key_of(const attention_problem &p, const attention_task &t, int64_t key,
                                               int pass) {
  if (!p.block_tables)
    return (pass == 0 ? p.k : p.v) + (t.kv_begin + key) * p.kv_token_stride + t.kv_head * p.kv_head_stride;
  const int64_t block = p.block_tables[t.s * p.block_table_stride + key / p.block_tokens];
  return p.k + ((2 * block + pass) * p.kv_heads + t.kv_head) * p.block_tokens * p.head_dim +
         key % p.block_tokens * p.head_dim;
}


namespace cuda {
/* Attention over adjacent keys, of which the longest sequence has so many queries (attention.cu). */
void attend_adjacent(cuda_call &call, attention_problem p, int64_t longest_q);

/* attention_mma.cu */
constexpr int64_t MMA_HEAD_DIM = 128; /* at most */
constexpr int MMA_ROWS = 64;          /* of a block */
void attend_on_tensor_cores(cuda_call &call, const attention_problem &p, pf_dtype dtype);
} // namespace cuda

#endif
