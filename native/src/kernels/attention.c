/*
 * Fused attention: y = softmax(scale q k^T + bias) v, tile by tile over the keys with an online softmax (Milakov,
 * Gimelshein 2018; Dao et al. 2022).
 *
 * FLOPs 4 q_len kv_len head_dim a head, half of it if causal; bytes 4 head_dim (2 q_len + 2 kv_len) a head. The FMA
 * units are the floor, with some eight cycles of exponential to every head_dim cycles of products.
 *
 * Everything is computed with the queries in the lanes: scores^T = k q^T, then y^T = v^T p^T. So keys and values are
 * only ever broadcast, straight from the caller's rows, and neither is repacked; maximum, exponential and sum run down
 * the registers with no horizontal step; and only q and y are transposed, once a block of queries, whatever the number
 * of keys. A lane computes what it would alone: its result depends on its own query, keys and values.
 *
 * Tried and lost: keys in the lanes, which needs k transposed and a horizontal maximum and sum for every query.
 */
#include <float.h>
#include <math.h>
#include <stddef.h>

#include "engine.h"
#include "simd/vmath.h"

/* Queries of a block: two vectors, one if that is enough. */
#define BLOCK (2 * VF_WIDTH)
/* Blocks that a task computes while its keys and values are in cache. */
#ifndef TASK_QUERIES
#define TASK_QUERIES 64
#endif
/* Keys of a tile: their scores for a block fill a third of the first-level cache. */
#define TILE_KEYS 128

#if VF_REGISTERS == 32
#define TILE_ROWS 14
#else
#define TILE_ROWS 6
#endif

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t padded(int64_t head_dim) { return (head_dim + VF_WIDTH - 1) / VF_WIDTH * VF_WIDTH; }

/* One block of queries of one head and what is known of it so far. */
typedef struct {
  const pf_attention_params *params;
  const float *q, *k, *v, *bias; /* first element of this block's query, of the head's keys and values */
  float *y;
  int64_t queries, keys; /* keys: those that any query of the block sees */
  int64_t first_visible; /* query i sees keys 0 .. first_visible + i if causal */
  float *qt;             /* [head_dim, BLOCK], scaled */
  float *yt;             /* [head_dim, BLOCK] */
  float *pt;             /* [TILE_KEYS, BLOCK] */
  vf max[2], sum[2];
} query_block;

/*
 * out[i] = beta out[i] + sum over p of x[i * row + p * step] panel[p], for `rows` vectors of queries; the inner loop of
 * both products. `rows` and `vectors` are constants wherever this is inlined; beta NULL stands for 0.
 */
static inline __attribute__((always_inline)) void multiply_rows(const float *x, int64_t row, int64_t step,
                                                                const float *panel, int64_t steps, float *out,
                                                                const vf *beta, const int rows, const int vectors) {
  vf sum[TILE_ROWS][2];
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
    for (int j = 0; j < vectors; j++)
      sum[i][j] = beta ? vf_mul(beta[j], vf_load(out + i * BLOCK + j * VF_WIDTH)) : vf_zero();
  }
  for (int64_t p = 0; p < steps; p++) {
    vf w[2];
#pragma GCC unroll 2
    for (int j = 0; j < vectors; j++) w[j] = vf_load(panel + p * BLOCK + j * VF_WIDTH);
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
      const vf a = vf_set1(x[i * row + p * step]);
#pragma GCC unroll 2
      for (int j = 0; j < vectors; j++) sum[i][j] = vf_fma(a, w[j], sum[i][j]);
    }
  }
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
    for (int j = 0; j < vectors; j++) vf_store(out + i * BLOCK + j * VF_WIDTH, sum[i][j]);
  }
}

static inline __attribute__((always_inline)) void multiply_tile(const float *x, int64_t row, int64_t step,
                                                                const float *panel, int64_t steps, float *out,
                                                                const vf *beta, int64_t rows, const int vectors) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    multiply_rows(x, row, step, panel, steps, out, beta, r, vectors);                                                  \
    break;
  switch (rows) {
    ROWS(1)
    ROWS(2)
    ROWS(3)
    ROWS(4)
    ROWS(5)
    ROWS(6)
#if TILE_ROWS > 6
    ROWS(7)
    ROWS(8)
    ROWS(9)
    ROWS(10)
    ROWS(11)
    ROWS(12)
    ROWS(13)
    ROWS(14)
#endif
  }
#undef ROWS
}

/* The same for any number of rows, spread evenly over tiles. */
static inline __attribute__((always_inline)) void multiply(const float *x, int64_t row, int64_t step,
                                                           const float *panel, int64_t steps, float *out,
                                                           const vf *beta, int64_t rows, const int vectors) {
  const int64_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
  for (int64_t t = 0; t < tiles; t++) {
    const int64_t i = rows * t / tiles, next = rows * (t + 1) / tiles;
    multiply_tile(x + i * row, row, step, panel, steps, out + i * BLOCK, beta, next - i, vectors);
  }
}

/* qt = scale q^T, lanes without a query 0. */
static void load_queries(query_block *b) {
  const int64_t head_dim = b->params->head_dim, stride = b->params->q_token_stride;
  const vf scale = vf_set1(b->params->scale);
  for (int64_t i = 0; i < b->queries; i += VF_WIDTH) {
    for (int64_t d = 0; d < head_dim; d += VF_WIDTH) {
      vf r[VF_WIDTH];
      for (int64_t l = 0; l < VF_WIDTH; l++) {
        const float *q = b->q + (i + l) * stride + d;
        if (i + l >= b->queries)
          r[l] = vf_zero();
        else
          r[l] = vf_mul(scale, head_dim - d < VF_WIDTH ? vf_load_first(q, head_dim - d) : vf_load(q));
      }
      vf_transpose(r);
      for (int64_t l = 0; l < VF_WIDTH; l++) vf_store(b->qt + (d + l) * BLOCK + i, r[l]);
    }
  }
}

/* y = yt^T / sum, 0 where no key was seen. */
static void store_result(const query_block *b) {
  const int64_t head_dim = b->params->head_dim, stride = b->params->y_token_stride;
  for (int64_t i = 0, j = 0; i < b->queries; i += VF_WIDTH, j++) {
    const vf one = vf_set1(1.0f);
    const vf inverse = vf_select_less(vf_zero(), b->sum[j], vf_div(one, b->sum[j]), vf_mul(vf_zero(), b->sum[j]));
    for (int64_t d = 0; d < head_dim; d += VF_WIDTH) {
      vf r[VF_WIDTH];
      for (int64_t l = 0; l < VF_WIDTH; l++)
        r[l] = d + l < head_dim ? vf_mul(inverse, vf_load(b->yt + (d + l) * BLOCK + i)) : vf_zero();
      vf_transpose(r);
      for (int64_t l = 0; l < VF_WIDTH && i + l < b->queries; l++) {
        float *y = b->y + (i + l) * stride + d;
        if (head_dim - d < VF_WIDTH)
          vf_store_first(y, r[l], head_dim - d);
        else
          vf_store(y, r[l]);
      }
    }
  }
}

/* pt += bias^T for keys first .. first + keys - 1. */
static void add_bias(const query_block *b, int64_t first, int64_t keys) {
  const int64_t stride = b->params->bias_query_stride;
  for (int64_t i = 0; i < b->queries; i += VF_WIDTH) {
    for (int64_t key = 0; key < keys; key += VF_WIDTH) {
      vf r[VF_WIDTH];
      for (int64_t l = 0; l < VF_WIDTH; l++) {
        const float *bias = b->bias + (i + l) * stride + first + key;
        if (i + l >= b->queries)
          r[l] = vf_zero();
        else
          r[l] = keys - key < VF_WIDTH ? vf_load_first(bias, keys - key) : vf_load(bias);
      }
      vf_transpose(r);
      for (int64_t l = 0; l < VF_WIDTH && key + l < keys; l++) {
        float *p = b->pt + (key + l) * BLOCK + i;
        vf_store(p, vf_add(vf_load(p), r[l]));
      }
    }
  }
}

/* pt = -inf where key > first_visible + query. */
static void mask_future(const query_block *b, int64_t first, int64_t keys) {
  for (int64_t i = 0; i < b->queries; i += VF_WIDTH) {
    float last[VF_WIDTH];
    for (int64_t l = 0; l < VF_WIDTH; l++) last[l] = (float)(b->first_visible + i + l - first);
    const vf visible = vf_load(last);
    for (int64_t key = 0; key < keys; key++) {
      float *p = b->pt + key * BLOCK + i;
      vf_store(p, vf_select_less(visible, vf_set1((float)key), vf_set1(-INFINITY), vf_load(p)));
    }
  }
}

/* The maximum over the keys, in four chains, since one would wait for itself. */
static inline vf column_max(const float *pt, int64_t keys) {
  vf max[4];
  for (int c = 0; c < 4; c++) max[c] = vf_set1(-FLT_MAX);
  int64_t key = 0;
  for (; key + 4 <= keys; key += 4)
    for (int c = 0; c < 4; c++) max[c] = vf_max(max[c], vf_load(pt + (key + c) * BLOCK));
  for (; key < keys; key++) max[0] = vf_max(max[0], vf_load(pt + key * BLOCK));
  return vf_max(vf_max(max[0], max[1]), vf_max(max[2], max[3]));
}

/* One tile of keys: scores, their exponentials, and what they add to the sums and to yt. */
static inline __attribute__((always_inline)) void attend(query_block *b, int64_t first, int64_t keys,
                                                         const int vectors) {
  const pf_attention_params *a = b->params;
  const int64_t stride = a->kv_token_stride;
  multiply(b->k + first * stride, stride, 1, b->qt, a->head_dim, b->pt, NULL, keys, vectors);
  if (b->bias) add_bias(b, first, keys);
  if (a->causal && first + keys - 1 > b->first_visible) mask_future(b, first, keys);

  vf decay[2];
#pragma GCC unroll 2
  for (int j = 0; j < vectors; j++) {
    float *pt = b->pt + j * VF_WIDTH;
    const vf max = vf_max(b->max[j], column_max(pt, keys));
    decay[j] = vf_exp(vf_sub(b->max[j], max));
    vf sum = vf_mul(b->sum[j], decay[j]);
    for (int64_t key = 0; key < keys; key++) {
      const vf p = vf_exp(vf_sub(vf_load(pt + key * BLOCK), max));
      vf_store(pt + key * BLOCK, p);
      sum = vf_add(sum, p);
    }
    b->max[j] = max;
    b->sum[j] = sum;
  }
  const float *v = b->v + first * stride;
  if (first == 0)
    multiply(v, 1, stride, b->pt, keys, b->yt, NULL, a->head_dim, vectors);
  else
    multiply(v, 1, stride, b->pt, keys, b->yt, decay, a->head_dim, vectors);
}

static void attend_block(query_block *b) {
  load_queries(b);
  for (int j = 0; j < 2; j++) {
    /* Finite, so that a tile of only -inf leaves exp(-inf - max) = 0 rather than NaN. */
    b->max[j] = vf_set1(-FLT_MAX);
    b->sum[j] = vf_zero();
  }
  for (int64_t first = 0; first < b->keys; first += TILE_KEYS) {
    const int64_t keys = min64(b->keys - first, TILE_KEYS);
    if (b->queries <= VF_WIDTH)
      attend(b, first, keys, 1);
    else
      attend(b, first, keys, 2);
  }
  if (b->keys <= 0)
    for (int64_t i = 0; i < b->params->head_dim * BLOCK; i++) b->yt[i] = 0.0f;
  store_result(b);
}

typedef struct {
  const pf_attention_params *params;
  int64_t blocks; /* tasks over the queries of the longest sequence */
} attention_call;

static int64_t thread_bytes(int64_t head_dim) {
  return (int64_t)sizeof(float) * BLOCK * (2 * padded(head_dim) + TILE_KEYS);
}

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

  query_block b = {.params = a, .k = a->k + kv_at, .v = a->v + kv_at};
  b.qt = workspace;
  b.yt = b.qt + padded(a->head_dim) * BLOCK;
  b.pt = b.yt + padded(a->head_dim) * BLOCK;
  const int64_t stop = min64(q_length, (block + 1) * TASK_QUERIES);
  for (int64_t i = block * TASK_QUERIES; i < stop; i += BLOCK) {
    b.queries = min64(stop - i, BLOCK);
    b.first_visible = i + kv_length - q_length;
    b.keys = a->causal ? min64(kv_length, b.first_visible + b.queries) : kv_length;
    b.q = a->q + (q_begin + i) * a->q_token_stride + head * a->q_head_stride;
    b.y = a->y + (q_begin + i) * a->y_token_stride + head * a->y_head_stride;
    if (a->bias) b.bias = a->bias + s * a->bias_sequence_stride + head * a->bias_head_stride + i * a->bias_query_stride;
    attend_block(&b);
  }
}

pf_status PF_KERNEL(attention_workspace_size)(int32_t threads, int64_t head_dim, int64_t *bytes) {
  if (!bytes || head_dim < 1 || head_dim > PF_MAX_HEAD_DIM) return PF_ERROR_ARGUMENT;
  *bytes = threads * thread_bytes(head_dim);
  return PF_OK;
}

/* Whether cu_seqlens rises from 0 to tokens; *longest is then the longest sequence. */
static int valid_lengths(const int32_t *cu_seqlens, int64_t sequences, int64_t tokens, int64_t *longest) {
  if (cu_seqlens[0] != 0 || cu_seqlens[sequences] != tokens) return 0;
  *longest = 0;
  for (int64_t s = 0; s < sequences; s++) {
    const int64_t length = (int64_t)cu_seqlens[s + 1] - cu_seqlens[s];
    if (length < 0) return 0;
    if (length > *longest) *longest = length;
  }
  return 1;
}

static int valid_stride(int64_t stride) { return stride >= 0 && stride <= PF_MAX_DIMENSION; }

pf_status PF_KERNEL(attention)(pf_engine *engine, const pf_attention_params *a) {
  int64_t bytes, longest_q, longest_kv;
  const int32_t threads = pf_engine_threads(engine);
  const pf_status status = PF_KERNEL(attention_workspace_size)(threads, a->head_dim, &bytes);
  if (status != PF_OK) return status;
  if (a->sequences < 0 || a->sequences > PF_MAX_DIMENSION || a->q_tokens < 0 || a->q_tokens > PF_MAX_DIMENSION ||
      a->kv_tokens < 0 || a->kv_tokens > PF_MAX_DIMENSION || a->kv_heads < 1 || a->heads < 1 ||
      a->heads > PF_MAX_DIMENSION || a->heads % a->kv_heads != 0)
    return PF_ERROR_ARGUMENT;
  if (!valid_stride(a->q_token_stride) || !valid_stride(a->q_head_stride) || !valid_stride(a->kv_token_stride) ||
      !valid_stride(a->kv_head_stride) || !valid_stride(a->y_token_stride) || !valid_stride(a->y_head_stride) ||
      !valid_stride(a->bias_sequence_stride) || !valid_stride(a->bias_head_stride) ||
      !valid_stride(a->bias_query_stride))
    return PF_ERROR_ARGUMENT;
  if (a->sequences == 0) return a->q_tokens == 0 ? PF_OK : PF_ERROR_INDEX;
  if (!a->cu_seqlens_q || !a->cu_seqlens_kv) return PF_ERROR_ARGUMENT;
  if (!valid_lengths(a->cu_seqlens_q, a->sequences, a->q_tokens, &longest_q) ||
      !valid_lengths(a->cu_seqlens_kv, a->sequences, a->kv_tokens, &longest_kv))
    return PF_ERROR_INDEX;
  if (a->q_tokens == 0) return PF_OK;
  if (!a->q || !a->y || (a->kv_tokens > 0 && (!a->k || !a->v))) return PF_ERROR_ARGUMENT;
  if (!a->workspace || (uintptr_t)a->workspace % PF_ALIGNMENT || a->workspace_bytes < bytes) return PF_ERROR_WORKSPACE;

  const attention_call call = {a, (longest_q + TASK_QUERIES - 1) / TASK_QUERIES};
  pf_parallel_for(engine, a->sequences * a->heads * call.blocks, run_task, &call);
  return PF_OK;
}
