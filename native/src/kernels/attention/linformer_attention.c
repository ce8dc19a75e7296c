/*
 * Linformer attention (Wang et al. 2020): keys and values are projected along the sequence, from its tokens to a fixed
 * number of rows, and queries attend to those: y = softmax(scale q (E k)^T) (F v).
 *
 * FLOPs 8 length projected head_dim a head, half of them to project and half to attend; bytes 4 head_dim (2 length for
 * keys and values, 2 length for q and y) and the rows of the projections, which stay in the second-level cache from
 * head to head. The FMA units are the floor of both parts.
 *
 * The projection is a matrix product whose inner dimension is the sequence. Features lie in the lanes, projected rows
 * in the registers, and the tokens are gathered a tile at a time, so that no stride of q, k and v meets a cache's; each
 * sum is one chain over the tokens in their order. The attention is that of attention.c.
 *
 * Sequences are taken a few at a time, for what they project to has a size of its own, which a batch of short sequences
 * would multiply.
 */
#include "attention_tile.h"

/* Queries that a task computes while the projected keys and values are in cache. */
#define TASK_QUERIES 64
/* Projected rows of a task, whose sums fill half of a first-level cache, and tokens that are gathered for them. */
#define TASK_ROWS 256
#define TILE_TOKENS 128

typedef struct {
  const pf_linformer_attention_params *params;
  float *projected; /* [sequences at once, heads, 2, projected, padded head_dim]: keys, values */
  int64_t first;    /* sequence of those that are computed at once */
  int64_t row_blocks, feature_blocks;
  int64_t query_blocks; /* of the longest of them */
} linformer_call;

static int64_t projected_floats(const pf_linformer_attention_params *a) { return a->projected * padded(a->head_dim); }

static int64_t thread_floats(int64_t head_dim) {
  const int64_t project = (TILE_TOKENS + TASK_ROWS) * BLOCK, attend = block_floats(head_dim);
  return max64(project, attend);
}

static float *thread_memory(const linformer_call *c, int32_t thread) {
  return (float *)c->params->workspace + thread * thread_floats(c->params->head_dim);
}

/* panel[t] = `features` features of token t, and zeros up to a whole block. */
static void gather(float *panel, const float *x, int64_t stride, int64_t tokens, int64_t features) {
  for (int64_t t = 0; t < tokens; t++, x += stride, panel += BLOCK) {
    for (int64_t i = 0; i < BLOCK; i += VF_WIDTH) {
      const int64_t lanes = features - i;
      vf_store(panel + i, lanes >= VF_WIDTH ? vf_load(x + i) : lanes > 0 ? vf_load_first(x + i, lanes) : vf_zero());
    }
  }
}

/* The rows of a projection that belong to tokens: a strip for each run of adjacent positions. */
static int64_t rows_of(strip *strips, const int32_t *positions, int64_t tokens, const float *projection, int64_t row) {
  int64_t count = 0;
  for (int64_t t = 0; t < tokens; t++) {
    if (t > 0 && positions[t] == positions[t - 1] + 1)
      strips[count - 1].steps++;
    else
      strips[count++] = (strip){projection + positions[t] * row, 1};
  }
  return count;
}

/* Up to TASK_ROWS projected rows of up to BLOCK features of the keys or the values of one head of one sequence. */
static void project(const void *context, int64_t task, int32_t thread) {
  const linformer_call *c = context;
  const pf_linformer_attention_params *a = c->params;
  const int64_t first_row = task % c->row_blocks * TASK_ROWS,
                feature = task / c->row_blocks % c->feature_blocks * BLOCK;
  const int64_t part = task / c->row_blocks / c->feature_blocks; /* [sequences at once, heads, 2] */
  const int64_t head = part / 2 % a->heads, s = c->first + part / 2 / a->heads;
  const int64_t begin = a->cu_seqlens[s], length = a->cu_seqlens[s + 1] - begin;
  if (length == 0) return;
  const int64_t rows = min64(a->projected - first_row, TASK_ROWS);
  const int64_t at = begin * a->kv_token_stride + head * a->kv_head_stride + feature;
  const float *x = (part % 2 ? a->v : a->k) + at;
  const float *projection = (part % 2 ? a->value_projection : a->key_projection) + first_row;
  float *panel = thread_memory(c, thread), *sums = panel + TILE_TOKENS * BLOCK;
  const vf ones[2] = {vf_set1(1.0f), vf_set1(1.0f)};
  const int one_vector = padded(a->head_dim) - feature <= VF_WIDTH;
  for (int64_t t = 0; t < length; t += TILE_TOKENS) {
    const int64_t tokens = min64(length - t, TILE_TOKENS);
    gather(panel, x + t * a->kv_token_stride, a->kv_token_stride, tokens, a->head_dim - feature);
    strip strips[TILE_TOKENS];
    const int64_t count = rows_of(strips, a->position_ids + begin + t, tokens, projection, a->projected);
    const vf *beta = t > 0 ? ones : NULL;
    if (one_vector)
      multiply(strips, count, 1, a->projected, panel, sums, beta, rows, 1);
    else
      multiply(strips, count, 1, a->projected, panel, sums, beta, rows, 2);
  }
  float *to = c->projected + part * projected_floats(a) + first_row * padded(a->head_dim) + feature;
  for (int64_t i = 0; i < rows; i++, to += padded(a->head_dim)) {
    vf_store(to, vf_load(sums + i * BLOCK));
    if (!one_vector) vf_store(to + VF_WIDTH, vf_load(sums + i * BLOCK + VF_WIDTH));
  }
}

/* Up to TASK_QUERIES queries of one head of one sequence over its projected keys and values. */
static void attend(const void *context, int64_t task, int32_t thread) {
  const linformer_call *c = context;
  const pf_linformer_attention_params *a = c->params;
  const int64_t block = task % c->query_blocks, part = task / c->query_blocks; /* [sequences at once, heads] */
  const int64_t head = part % a->heads, s = c->first + part / a->heads;
  const int64_t begin = a->cu_seqlens[s], length = a->cu_seqlens[s + 1] - begin;
  const float *k = c->projected + 2 * part * projected_floats(a), *v = k + projected_floats(a);

  query_block b;
  b.head_dim = a->head_dim;
  b.stride = padded(a->head_dim);
  place_block(&b, thread_memory(c, thread));
  const int64_t stop = min64(length, (block + 1) * TASK_QUERIES);
  for (int64_t i = block * TASK_QUERIES; i < stop; i += BLOCK) {
    b.queries = min64(stop - i, BLOCK);
    for (int64_t l = 0; l < b.queries; l++) {
      b.q[l] = a->q + (begin + i + l) * a->q_token_stride + head * a->q_head_stride;
      b.y[l] = a->y + (begin + i + l) * a->y_token_stride + head * a->y_head_stride;
    }
    load_queries(&b, a->scale);
    clear_sums(&b.sums);
    key_tile tile;
    tile.count = 1;
    for (tile.first = 0; tile.first < a->projected; tile.first += TILE_KEYS) {
      tile.keys = min64(a->projected - tile.first, TILE_KEYS);
      tile.runs[0] = (key_run){k + tile.first * b.stride, v + tile.first * b.stride, tile.keys};
      score(&b, &tile);
      weigh(&b, &tile);
    }
    store_result(&b);
  }
}

pf_status PF_KERNEL(linformer_attention_workspace_size)(const pf_engine *engine, int64_t heads, int64_t head_dim,
                                                        int64_t projected, int64_t *bytes) {
  if (!is_head_dim(head_dim) || !is_extent(heads) || !is_extent(projected) || heads > PF_MAX_DIMENSION / projected)
    return PF_ERROR_ARGUMENT;
  const int32_t threads = pf_engine_threads(engine);
  const int64_t kv = sequences_at_once(threads, heads) * heads * 2 * projected * padded(head_dim);
  *bytes = (int64_t)sizeof(float) * (threads * thread_floats(head_dim) + kv);
  return PF_OK;
}

pf_status PF_KERNEL(linformer_attention)(pf_engine *engine, const pf_linformer_attention_params *a) {
  int64_t bytes, longest;
  const int32_t threads = pf_engine_threads(engine);
  const pf_status status =
      PF_KERNEL(linformer_attention_workspace_size)(engine, a->heads, a->head_dim, a->projected, &bytes);
  if (status != PF_OK) return status;
  if (!is_count(a->sequences) || !is_count(a->tokens) || !is_extent(a->positions)) return PF_ERROR_ARGUMENT;
  if (!HAS_STRIDES(a)) return PF_ERROR_ARGUMENT;
  if (a->sequences == 0) return a->tokens == 0 ? PF_OK : PF_ERROR_INDEX;
  if (!a->cu_seqlens) return PF_ERROR_ARGUMENT;
  if (!are_lengths(a->cu_seqlens, a->sequences, a->tokens, &longest)) return PF_ERROR_INDEX;
  if (a->tokens == 0) return PF_OK;
  if (!a->q || !a->k || !a->v || !a->y || !a->key_projection || !a->value_projection || !a->position_ids)
    return PF_ERROR_ARGUMENT;
  if (!are_within(a->position_ids, a->tokens, a->positions)) return PF_ERROR_INDEX;
  if (!is_workspace(a->workspace, a->workspace_bytes, bytes)) return PF_ERROR_WORKSPACE;

  linformer_call call = {.params = a,
                         .projected = (float *)a->workspace + threads * thread_floats(a->head_dim),
                         .row_blocks = ceil_div(a->projected, TASK_ROWS),
                         .feature_blocks = ceil_div(a->head_dim, BLOCK)};
  const int64_t most = sequences_at_once(threads, a->heads);
  for (; call.first < a->sequences; call.first += most) {
    const int64_t sequences = min64(a->sequences - call.first, most);
    call.query_blocks = ceil_div(longest_of(a->cu_seqlens + call.first, sequences), TASK_QUERIES);
    const int64_t heads = sequences * a->heads;
    pf_parallel_for(engine, heads * 2 * call.feature_blocks * call.row_blocks, project, &call);
    pf_parallel_for(engine, heads * call.query_blocks, attend, &call);
  }
  return PF_OK;
}
