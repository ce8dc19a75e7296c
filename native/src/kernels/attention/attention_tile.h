/*
 * The inner loops of all kinds of attention: one block of queries against one tile of keys after another, with an
 * online softmax.
 *
 * Every lane of a vector has a query: scores^T = k q^T, then y^T = v^T p^T. Keys and values are therefore broadcast
 * straight from where they lie, and neither is repacked. Maximum, exponential and sum work on whole registers, without
 * a step across lanes. Only q and y are transposed, once for each block of queries, however many keys there are. A lane
 * computes what it would compute alone: its result depends on its own query, keys and values.
 *
 * The order of additions is the same in pf_attention and pf_paged_attention, which have to agree to the last bit. Keys
 * come in tiles that are counted from the first key; a score is one chain of FMAs over the features; the sum of weights
 * and each feature of y are one chain over the keys.
 */
#ifndef PF_ATTENTION_TILE_H
#define PF_ATTENTION_TILE_H

#include <float.h>
#include <math.h>

#include "kernels/kernel.h"

/* Queries of a block: two vectors, one if that is enough. */
#define BLOCK (2 * VF_WIDTH)
/* Floats of a cache line. */
#define LINE 16
/* Keys of a tile: their scores for a block fill a third of the first-level cache. */
#define TILE_KEYS 128

#if VF_REGISTERS == 32
#define TILE_ROWS 14
#else
#define TILE_ROWS 6
#endif

static inline int64_t padded(int64_t head_dim) { return round_up(head_dim, VF_WIDTH); }

/* Adjacent keys and their values: rows a fixed stride apart. */
typedef struct {
  const float *k, *v;
  int64_t keys;
} key_run;

/* Keys first .. first + keys - 1 of a sequence, wherever they lie. */
typedef struct {
  key_run runs[TILE_KEYS];
  int64_t count; /* of runs */
  int64_t first, keys;
} key_tile;

/* What a block of queries has seen so far: weights exp(score - max), their sums, and the values they weigh. */
typedef struct {
  vf max[2], sum[2];
  float *yt; /* [head_dim, BLOCK]; nothing yet if empty */
  int empty;
} softmax_sums;

typedef struct {
  int64_t head_dim, stride;        /* of a row of k and of v */
  int64_t queries;                 /* lanes in use */
  const float *q[BLOCK];           /* the row of each lane */
  float *y[BLOCK];                 /* and where its result goes */
  int64_t position[BLOCK], window; /* lane i sees keys position - window < key <= position, window 0 for all up to it */
  float *qt;                       /* [head_dim, BLOCK], scaled */
  float *pt;                       /* [TILE_KEYS, BLOCK]: scores, then weights */
  softmax_sums sums;
} query_block;

/* A stretch of the dimension that a product sums over: x[i * row + p * step] for p < steps. */
typedef struct {
  const float *x;
  int64_t steps;
} strip;

/*
 * out[i] = beta out[i] + sum over p of x[i * row + p * step] panel[p], for `rows` vectors of queries, with p running
 * through one strip after the other; the inner loop of both products. `rows` and `vectors` are constants wherever this
 * is inlined; beta NULL stands for 0.
 */
static inline __attribute__((always_inline)) void multiply_rows(const strip *strips, int64_t count, int64_t first,
                                                                int64_t row, int64_t step, const float *panel,
                                                                float *out, const vf *beta, const int rows,
                                                                const int vectors) {
  vf sum[TILE_ROWS][2];
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
    for (int j = 0; j < vectors; j++)
      sum[i][j] = beta ? vf_mul(beta[j], vf_load(out + i * BLOCK + j * VF_WIDTH)) : vf_zero();
  }
  for (int64_t s = 0; s < count; s++) {
    const float *x = strips[s].x + first * row;
    for (const float *end = panel + strips[s].steps * BLOCK; panel < end; panel += BLOCK, x += step) {
      vf w[2];
#pragma GCC unroll 2
      for (int j = 0; j < vectors; j++) w[j] = vf_load(panel + j * VF_WIDTH);
#pragma GCC unroll 14
      for (int i = 0; i < rows; i++) {
        const vf a = vf_set1(x[i * row]);
#pragma GCC unroll 2
        for (int j = 0; j < vectors; j++) sum[i][j] = vf_fma(a, w[j], sum[i][j]);
      }
    }
  }
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
    for (int j = 0; j < vectors; j++) vf_store(out + i * BLOCK + j * VF_WIDTH, sum[i][j]);
  }
}

static inline __attribute__((always_inline)) void multiply_tile(const strip *strips, int64_t count, int64_t first,
                                                                int64_t row, int64_t step, const float *panel,
                                                                float *out, const vf *beta, int64_t rows,
                                                                const int vectors) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    multiply_rows(strips, count, first, row, step, panel, out, beta, r, vectors);                                      \
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
static inline __attribute__((always_inline)) void multiply(const strip *strips, int64_t count, int64_t row,
                                                           int64_t step, const float *panel, float *out, const vf *beta,
                                                           int64_t rows, const int vectors) {
  const int64_t tiles = ceil_div(rows, TILE_ROWS);
  for (int64_t t = 0; t < tiles; t++) {
    const int64_t i = rows * t / tiles, next = rows * (t + 1) / tiles;
    multiply_tile(strips, count, i, row, step, panel, out + i * BLOCK, beta, next - i, vectors);
  }
}

/* Floats of a query block's qt, yt and pt. */
static inline int64_t block_floats(int64_t head_dim) { return BLOCK * (2 * padded(head_dim) + TILE_KEYS); }

/* Lays qt, yt and pt of a block out in memory; head_dim must have been set. */
static inline void place_block(query_block *b, float *memory) {
  b->qt = memory;
  b->sums.yt = b->qt + padded(b->head_dim) * BLOCK;
  b->pt = b->sums.yt + padded(b->head_dim) * BLOCK;
}

/* qt = scale q^T, lanes without a query 0. */
static inline void load_queries(const query_block *b, float scale) {
  const vf scales = vf_set1(scale);
  for (int64_t i = 0; i < b->queries; i += VF_WIDTH) {
    for (int64_t d = 0; d < b->head_dim; d += VF_WIDTH) {
      vf r[VF_WIDTH];
      for (int64_t l = 0; l < VF_WIDTH; l++) {
        if (i + l >= b->queries) {
          r[l] = vf_zero();
          continue;
        }
        const float *q = b->q[i + l] + d;
        r[l] = vf_mul(scales, b->head_dim - d < VF_WIDTH ? vf_load_first(q, b->head_dim - d) : vf_load(q));
      }
      vf_transpose(r);
      for (int64_t l = 0; l < VF_WIDTH; l++) vf_store(b->qt + (d + l) * BLOCK + i, r[l]);
    }
  }
}

static inline void clear_sums(softmax_sums *s) {
  for (int j = 0; j < 2; j++) {
    /* Finite, so that a tile of only -inf leaves exp(-inf - max) = 0 rather than NaN. */
    s->max[j] = vf_set1(-FLT_MAX);
    s->sum[j] = vf_zero();
  }
  s->empty = 1;
}

/* y = yt^T / sum, 0 where no key was seen. */
static inline void store_result(const query_block *b) {
  const softmax_sums *s = &b->sums;
  for (int64_t i = 0, j = 0; i < b->queries; i += VF_WIDTH, j++) {
    const vf one = vf_set1(1.0f);
    const vf inverse = vf_select_less(vf_zero(), s->sum[j], vf_div(one, s->sum[j]), vf_mul(vf_zero(), s->sum[j]));
    for (int64_t d = 0; d < b->head_dim; d += VF_WIDTH) {
      vf r[VF_WIDTH];
      /* Adding 0 takes the sign from a zero, which is all that keys a query does not see can change. */
      for (int64_t l = 0; l < VF_WIDTH; l++)
        r[l] = d + l < b->head_dim && !s->empty
                   ? vf_add(vf_mul(inverse, vf_load(s->yt + (d + l) * BLOCK + i)), vf_zero())
                   : vf_zero();
      vf_transpose(r);
      for (int64_t l = 0; l < VF_WIDTH && i + l < b->queries; l++) {
        float *y = b->y[i + l] + d;
        if (b->head_dim - d < VF_WIDTH)
          vf_store_first(y, r[l], b->head_dim - d);
        else
          vf_store(y, r[l]);
      }
    }
  }
}

/* pt = scores of adjacent keys. */
static inline void score_run(const query_block *b, const key_run *run, float *pt) {
  const strip features = {run->k, b->head_dim};
  if (b->queries <= VF_WIDTH)
    multiply(&features, 1, b->stride, 1, b->qt, pt, NULL, run->keys, 1);
  else
    multiply(&features, 1, b->stride, 1, b->qt, pt, NULL, run->keys, 2);
}

/* pt = scores of the tile. */
static inline void score(const query_block *b, const key_tile *tile) {
  float *pt = b->pt;
  for (int64_t r = 0; r < tile->count; r++) {
    score_run(b, &tile->runs[r], pt);
    pt += tile->runs[r].keys * BLOCK;
  }
}

/* pt = -inf where a lane does not see the key. */
static inline void mask(const query_block *b, const key_tile *tile) {
  for (int64_t i = 0; i < b->queries; i += VF_WIDTH) {
    float last[VF_WIDTH], hidden[VF_WIDTH];
    for (int64_t l = 0; l < VF_WIDTH; l++) {
      const int64_t position = b->position[i + l < b->queries ? i + l : 0] - tile->first;
      last[l] = (float)position;
      hidden[l] = b->window ? (float)(position - b->window) : -FLT_MAX;
    }
    const vf upper = vf_load(last), lower = vf_load(hidden), never = vf_set1(-INFINITY);
    for (int64_t key = 0; key < tile->keys; key++) {
      float *p = b->pt + key * BLOCK + i;
      const vf at = vf_set1((float)key);
      vf_store(p, vf_select_less(upper, at, never, vf_select_less(lower, at, vf_load(p), never)));
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

static inline __attribute__((always_inline)) void weigh_vectors(query_block *b, const key_tile *tile,
                                                                const int vectors) {
  softmax_sums *s = &b->sums;
  vf decay[2];
#pragma GCC unroll 2
  for (int j = 0; j < vectors; j++) {
    float *pt = b->pt + j * VF_WIDTH;
    const vf max = vf_max(s->max[j], column_max(pt, tile->keys));
    decay[j] = vf_exp(vf_sub(s->max[j], max));
    vf sum = vf_mul(s->sum[j], decay[j]);
    for (int64_t key = 0; key < tile->keys; key++) {
      const vf p = vf_exp(vf_sub(vf_load(pt + key * BLOCK), max));
      vf_store(pt + key * BLOCK, p);
      sum = vf_add(sum, p);
    }
    s->max[j] = max;
    s->sum[j] = sum;
  }
  strip values[TILE_KEYS];
  for (int64_t r = 0; r < tile->count; r++) values[r] = (strip){tile->runs[r].v, tile->runs[r].keys};
  if (s->empty)
    multiply(values, tile->count, 1, b->stride, b->pt, s->yt, NULL, b->head_dim, vectors);
  else
    multiply(values, tile->count, 1, b->stride, b->pt, s->yt, decay, b->head_dim, vectors);
  s->empty = 0;
}

/* The exponentials of the scores in pt, and what they add to the sums. */
static inline void weigh(query_block *b, const key_tile *tile) {
  if (b->queries <= VF_WIDTH)
    weigh_vectors(b, tile, 1);
  else
    weigh_vectors(b, tile, 2);
}

/* The longest of some sequences whose lengths are valid. */
static inline int64_t longest_of(const int32_t *cu_seqlens, int64_t sequences) {
  int64_t longest = 0;
  for (int64_t s = 0; s < sequences; s++) longest = max64(longest, cu_seqlens[s + 1] - cu_seqlens[s]);
  return longest;
}

/*
 * Of sequences whose heads each have memory of a size of their own, how many are computed at once: every thread finds a
 * few heads, and no batch, however many short sequences it has, needs more.
 */
static inline int64_t sequences_at_once(int32_t threads, int64_t heads) { return ceil_div(4 * threads, heads); }

#endif
