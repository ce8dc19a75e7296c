/*
 * Fused attention: y = softmax(scale q k^T + bias) v, tile by tile over the keys with an online softmax (Milakov,
 * Gimelshein 2018; Dao et al. 2022).
 *
 * FLOPs 4 q_len kv_len head_dim a head, half of it if causal; bytes 4 head_dim (2 q_len + 2 kv_len) a head. The FMA
 * units are the floor, with some eight cycles of exponential to every head_dim cycles of products. Queries lie in the
 * lanes; see attention_tile.h.
 *
 * Tried and lost: keys in the lanes, which needs k transposed and a horizontal maximum and sum for every query.
 */
#include "attention_tile.h"

/* Blocks that a task computes while its keys and values are in cache. */
#ifndef TASK_QUERIES
#define TASK_QUERIES 64
#endif

typedef struct {
  const pf_attention_params *params;
  int64_t blocks; /* tasks over the queries of the longest sequence */
} attention_call;

/* pt += bias^T; `bias` is the block's row of it. */
static void add_bias(const query_block *b, const key_tile *tile, const float *bias, int64_t stride) {
  for (int64_t i = 0; i < b->queries; i += VF_WIDTH) {
    for (int64_t key = 0; key < tile->keys; key += VF_WIDTH) {
      const int64_t keys = min64(tile->keys - key, VF_WIDTH);
      vf r[VF_WIDTH];
      for (int64_t l = 0; l < VF_WIDTH; l++) {
        const float *from = bias + (i + l) * stride + tile->first + key;
        if (i + l >= b->queries)
          r[l] = vf_zero();
        else
          r[l] = keys < VF_WIDTH ? vf_load_first(from, keys) : vf_load(from);
      }
      vf_transpose(r);
      for (int64_t l = 0; l < keys; l++) {
        float *p = b->pt + (key + l) * BLOCK + i;
        vf_store(p, vf_add(vf_load(p), r[l]));
      }
    }
  }
}

/* One block of queries; k and v are the head's. */
static void attend(query_block *b, const pf_attention_params *a, const float *k, const float *v, const float *bias,
                   int64_t keys) {
  load_queries(b, a->scale);
  clear_sums(&b->sums);
  key_tile tile;
  tile.count = 1;
  for (int64_t first = 0; first < keys; first += TILE_KEYS) {
    tile.first = first;
    tile.keys = min64(keys - first, TILE_KEYS);
    tile.runs[0] = (key_run){k + first * b->stride, v + first * b->stride, tile.keys};
    score(b, &tile);
    if (bias) add_bias(b, &tile, bias, a->bias_query_stride);
    if (a->causal && first + tile.keys - 1 > b->position[0]) mask(b, &tile);
    weigh(b, &tile);
  }
  store_result(b);
}

static int64_t thread_bytes(int64_t head_dim) { return (int64_t)sizeof(float) * block_floats(head_dim); }

/* Up to TASK_QUERIES queries of one head of one sequence. */
static void run_task(const void *context, int64_t task, int32_t thread) {
  const attention_call *c = context;
  const pf_attention_params *a = c->params;
  /* Heads vary fastest: a thread keeps to its rows, as in the linears before and after. */
  const int64_t head = task % a->heads, block = task / a->heads % c->blocks, s = task / a->heads / c->blocks;
  const int64_t q_begin = a->cu_seqlens_q[s], q_length = a->cu_seqlens_q[s + 1] - q_begin;
  const int64_t kv_begin = a->cu_seqlens_kv[s], kv_length = a->cu_seqlens_kv[s + 1] - kv_begin;
  const int64_t kv_head = head / (a->heads / a->kv_heads);
  const int64_t kv_at = kv_begin * a->kv_token_stride + kv_head * a->kv_head_stride;
  float *workspace = (float *)((char *)a->workspace + thread * thread_bytes(a->head_dim));

  query_block b;
  b.head_dim = a->head_dim;
  b.stride = a->kv_token_stride;
  b.window = 0;
  place_block(&b, workspace);
  const int64_t stop = min64(q_length, (block + 1) * TASK_QUERIES);
  for (int64_t i = block * TASK_QUERIES; i < stop; i += BLOCK) {
    b.queries = min64(stop - i, BLOCK);
    for (int64_t l = 0; l < b.queries; l++) {
      b.q[l] = a->q + (q_begin + i + l) * a->q_token_stride + head * a->q_head_stride;
      b.y[l] = a->y + (q_begin + i + l) * a->y_token_stride + head * a->y_head_stride;
      b.position[l] = i + l + kv_length - q_length;
    }
    const float *bias = NULL;
    if (a->bias) bias = a->bias + s * a->bias_sequence_stride + head * a->bias_head_stride + i * a->bias_query_stride;
    const int64_t keys = a->causal ? min64(kv_length, b.position[b.queries - 1] + 1) : kv_length;
    attend(&b, a, a->k + kv_at, a->v + kv_at, bias, keys);
  }
}

pf_status PF_KERNEL(attention_workspace_size)(const pf_engine *engine, int64_t head_dim, int64_t *bytes) {
  if (!is_head_dim(head_dim)) return PF_ERROR_ARGUMENT;
  *bytes = pf_engine_threads(engine) * thread_bytes(head_dim);
  return PF_OK;
}

pf_status PF_KERNEL(attention)(pf_engine *engine, const pf_attention_params *a) {
  int64_t bytes, longest_q, longest_kv;
  const pf_status status = PF_KERNEL(attention_workspace_size)(engine, a->head_dim, &bytes);
  if (status != PF_OK) return status;
  if (!is_count(a->sequences) || !is_count(a->q_tokens) || !is_count(a->kv_tokens) || !is_extent(a->heads) ||
      !is_extent(a->kv_heads) || a->heads % a->kv_heads != 0)
    return PF_ERROR_ARGUMENT;
  if (!HAS_STRIDES(a) || !is_count(a->bias_sequence_stride) || !is_count(a->bias_head_stride) ||
      a->bias_query_stride < -(int64_t)PF_MAX_DIMENSION || a->bias_query_stride > PF_MAX_DIMENSION)
    return PF_ERROR_ARGUMENT;
  if (a->sequences == 0) return a->q_tokens == 0 ? PF_OK : PF_ERROR_INDEX;
  if (!a->cu_seqlens_q || !a->cu_seqlens_kv) return PF_ERROR_ARGUMENT;
  if (!are_lengths(a->cu_seqlens_q, a->sequences, a->q_tokens, &longest_q) ||
      !are_lengths(a->cu_seqlens_kv, a->sequences, a->kv_tokens, &longest_kv))
    return PF_ERROR_INDEX;
  if (a->q_tokens == 0) return PF_OK;
  if (!a->q || !a->y || (a->kv_tokens > 0 && (!a->k || !a->v))) return PF_ERROR_ARGUMENT;
  if (!is_workspace(a->workspace, a->workspace_bytes, bytes)) return PF_ERROR_WORKSPACE;

  const attention_call call = {a, ceil_div(longest_q, TASK_QUERIES)};
  pf_parallel_for(engine, a->sequences * a->heads * call.blocks, run_task, &call);
  return PF_OK;
}
