/*
 * Attention over a paged cache: y = softmax(scale q k^T + bias) v, each query over the keys up to its own, or over all.
 *
 * FLOPs 4 keys head_dim a query and head; bytes 8 keys head_dim a key-value head, once for the block of queries that
 * shares them. Prompts are bound by the FMA units, as in attention.c. A step of decoding has one query to every key: it
 * is bound by the stream of the cache, and what it must not do is to spend more on a key than it takes to arrive.
 *
 * The query heads of one key-value head lie side by side in the lanes, token after token. Where that fills no more than
 * ROW_LANES of them, keys lie in the lanes instead: k is transposed in registers, vector by vector, and values are
 * added row by row. Both ways are the same operations on the same operands in the same order (attention_tile.h), so
 * that a token decoded has the bits that it has in a prompt.
 *
 * Keys are taken in spans counted from the first. Each span has sums of its own, which are merged in order: where there
 * are fewer blocks of queries than keep the threads busy, spans are computed in parallel, a wave of them at a time, and
 * still give the same bits. A span or tile that a query does not see changes nothing, so it does not matter what else
 * is in its block.
 *
 * Measured on one AVX-512 core, one query over 8192 keys in scattered blocks of 4 KB, beyond all caches: 51 -> 66 % of
 * the read bandwidth by fetching values and next keys while keys are scored; in cache it is three times as fast as
 * memory is. Where all keys are one tile, 128 of them, fetching those of the next head: 54 -> 65 %. Tried and lost:
 * fetching values row by row before each sixteen keys, and keys while values are added.
 */
#include "kernels/attention/attention_tile.h"

#include <string.h>

#define SPAN_KEYS (4 * TILE_KEYS)

/* Queries up to which keys in the lanes are faster; a group of query heads for one token is fewer in most models. */
#define ROW_LANES (VF_WIDTH / 2)

/* Spans of a wave and thread; more of them wait less for the slowest, and take more workspace. */
#define WAVE_SPANS 8
/* Blocks of queries that a thread needs for itself, lest spans be computed in parallel. */
#define THREAD_BLOCKS 4

typedef struct {
  const pf_paged_attention_params *params;
  int64_t group;        /* query heads of a key-value head */
  int64_t block_tokens; /* of queries */
  int64_t parts;        /* blocks that one block of tokens is: more than one if its group fills more than a block */
  int64_t token_blocks;
} paged_call;

/* ---- Where things lie ---- */

/* Of a thread: qt, pt, and two sums, of which one gathers the spans and the other is the span at hand. */
static int64_t sums_floats(int64_t head_dim) { return BLOCK * (2 + padded(head_dim)); }
static int64_t thread_floats(int64_t head_dim) {
  return BLOCK * (padded(head_dim) + TILE_KEYS) + 2 * sums_floats(head_dim);
}

/* Sums in memory: [BLOCK] of maxima, [BLOCK] of sums, and yt, which stays where it is. */
static void save_sums(const softmax_sums *s, float *to) {
  for (int j = 0; j < 2; j++) {
    vf_store(to + j * VF_WIDTH, s->max[j]);
    vf_store(to + BLOCK + j * VF_WIDTH, s->sum[j]);
  }
}

static softmax_sums saved_sums(float *from) {
  softmax_sums s = {.yt = from + 2 * BLOCK};
  for (int j = 0; j < 2; j++) {
    s.max[j] = vf_load(from + j * VF_WIDTH);
    s.sum[j] = vf_load(from + BLOCK + j * VF_WIDTH);
  }
  return s;
}

/* One block of queries with the keys that it sees. */
typedef struct {
  query_block queries;
  const float *keys;          /* those of its key-value head in block 0 of the cache */
  const int32_t *block_table; /* of its sequence */
  int64_t first, end;         /* keys that any of its queries sees */
  int64_t next_head;          /* from its keys to those of the next head, whose block comes after it; 0 for none */
  const float *bias[BLOCK];   /* of each lane's head, by distance */
} paged_block;

/* Keys of the tile from `first` on, up to `end`. Tiles are counted from key 0. */
static void find_keys(const paged_call *c, const paged_block *b, int64_t first, int64_t end, key_tile *tile) {
  const pf_paged_attention_params *a = c->params;
  const int64_t values = a->kv_heads * a->block_tokens * a->head_dim;
  tile->first = first;
  tile->keys = min64(end, (first / TILE_KEYS + 1) * TILE_KEYS) - first;
  tile->count = 0;
  for (int64_t key = first; key < first + tile->keys;) {
    const int64_t offset = key % a->block_tokens;
    const int64_t keys = min64(a->block_tokens - offset, first + tile->keys - key);
    const float *k = b->keys + 2 * values * b->block_table[key / a->block_tokens] + offset * a->head_dim;
    tile->runs[tile->count++] = (key_run){k, k + values, keys};
    key += keys;
  }
}

/*
 * Blocks of tokens are numbered through the batch with one number to spare for every sequence, so that a sequence is
 * found by its tokens alone: its blocks begin at cu_seqlens / block_tokens + its index. Returns 0 for a spare number.
 */
static int open_block(const paged_call *c, int64_t task, float *workspace, paged_block *b) {
  const pf_paged_attention_params *a = c->params;
  /* Heads vary fastest: a thread keeps to its rows, as in the linears before and after. */
  const int64_t part = task % c->parts, kv_head = task / c->parts % a->kv_heads;
  const int64_t token_block = task / c->parts / a->kv_heads;
  int64_t s = 0;
  for (int64_t above = a->sequences; above - s > 1;) {
    const int64_t middle = s + (above - s) / 2;
    if (a->cu_seqlens_q[middle] / c->block_tokens + middle <= token_block)
      s = middle;
    else
      above = middle;
  }
  const int64_t q_begin = a->cu_seqlens_q[s], q_length = a->cu_seqlens_q[s + 1] - q_begin;
  const int64_t token = (token_block - q_begin / c->block_tokens - s) * c->block_tokens;
  if (token >= q_length) return 0;

  query_block *q = &b->queries;
  q->head_dim = q->stride = a->head_dim;
  q->window = a->window;
  q->queries = min64(min64(q_length - token, c->block_tokens) * c->group - part * BLOCK, BLOCK);
  for (int64_t l = 0; l < q->queries; l++) {
    const int64_t lane = part * BLOCK + l;
    const int64_t row = token + lane / c->group, head = kv_head * c->group + lane % c->group;
    q->q[l] = a->q + (q_begin + row) * a->q_token_stride + head * a->q_head_stride;
    q->y[l] = a->y + (q_begin + row) * a->y_token_stride + head * a->y_head_stride;
    q->position[l] = a->all_keys ? a->kv_lengths[s] - 1 : a->kv_lengths[s] - q_length + row;
    if (a->bias) b->bias[l] = a->bias + head * a->bias_distances;
  }
  q->qt = workspace;
  q->pt = q->qt + padded(a->head_dim) * BLOCK;
  b->keys = a->cache + kv_head * a->block_tokens * a->head_dim;
  b->block_table = a->block_tables + s * a->block_table_stride;
  b->first = a->window ? max64(0, q->position[0] - a->window + 1) : 0;
  b->end = q->position[q->queries - 1] + 1;
  b->next_head = c->parts == 1 && kv_head + 1 < a->kv_heads ? a->block_tokens * a->head_dim : 0;
  return 1;
}

/* scores[lane * lane_step + key * key_step] += the lane's bias by distance. Keys that a lane does not see get any. */
static void add_bias(const paged_call *c, const paged_block *b, const key_tile *tile, float *scores, int64_t lane_step,
                     int64_t key_step) {
  const int64_t farthest = c->params->bias_distances - 1;
  for (int64_t l = 0; l < b->queries.queries; l++) {
    for (int64_t key = 0; key < tile->keys; key++) {
      const int64_t distance = max64(b->queries.position[l] - tile->first - key, 0);
      scores[l * lane_step + key * key_step] += b->bias[l][min64(distance, farthest)];
    }
  }
}

/* ---- Few queries: keys in the lanes ---- */

/*
 * scores[lane][key] for up to VF_WIDTH keys at `rows`; each a chain over the features, as in multiply_rows. Meanwhile
 * the values of these keys, which lie `values` behind them, and the keys at `next`, unless NULL, are fetched, line
 * after line: in the order of the transposition the CPU would not see that they are adjacent.
 */
static inline __attribute__((always_inline)) void score_keys(const float *const *rows, int64_t keys, int64_t values,
                                                             const float *const *next, const float *q, int64_t head_dim,
                                                             float *scores, const int lanes) {
  vf sum[ROW_LANES];
  int64_t fetched = 0, line = 0;
#pragma GCC unroll 8
  for (int i = 0; i < lanes; i++) sum[i] = vf_zero();
  for (int64_t d = 0; d < head_dim; d += VF_WIDTH) {
    const int64_t features = min64(head_dim - d, VF_WIDTH);
    vf k[VF_WIDTH];
    for (int64_t l = 0; l < VF_WIDTH; l++) {
      if (l >= keys)
        k[l] = vf_zero();
      else
        k[l] = features < VF_WIDTH ? vf_load_first(rows[l] + d, features) : vf_load(rows[l] + d);
    }
    vf_transpose(k);
    if (keys == VF_WIDTH && features == VF_WIDTH) {
#pragma GCC unroll 16
      for (int64_t l = 0; l < VF_WIDTH; l++) {
        if (fetched < VF_WIDTH) {
          __builtin_prefetch(rows[fetched] + values + line);
          if (next) __builtin_prefetch(next[fetched] + line);
          line += LINE;
          if (line >= head_dim) {
            line = 0;
            fetched++;
          }
        }
#pragma GCC unroll 8
        for (int i = 0; i < lanes; i++) sum[i] = vf_fma(k[l], vf_set1(q[i * PF_MAX_HEAD_DIM + d + l]), sum[i]);
      }
    } else {
      for (int64_t l = 0; l < features; l++) {
        for (int i = 0; i < lanes; i++) sum[i] = vf_fma(k[l], vf_set1(q[i * PF_MAX_HEAD_DIM + d + l]), sum[i]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < lanes; i++) vf_store(scores + i * TILE_KEYS, sum[i]);
}

/* y[lane][d ..] = decay y + sum over keys of p[lane][key] v[key][d ..], for `vectors` vectors. */
static inline __attribute__((always_inline)) void add_values(const key_tile *tile, int64_t stride, const float *p,
                                                             const float *decay, float *y, int64_t d, int64_t features,
                                                             const int lanes, const int vectors) {
  vf sum[ROW_LANES][4];
#pragma GCC unroll 8
  for (int i = 0; i < lanes; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++)
      sum[i][j] = vf_mul(vf_set1(decay[i]), vf_load(y + i * PF_MAX_HEAD_DIM + d + j * VF_WIDTH));
  }
  for (int64_t r = 0; r < tile->count; r++) {
    const float *v = tile->runs[r].v + d;
    for (const float *end = p + tile->runs[r].keys; p < end; p++, v += stride) {
      vf values[4];
#pragma GCC unroll 4
      for (int j = 0; j < vectors; j++)
        values[j] = features < VF_WIDTH ? vf_load_first(v, features) : vf_load(v + j * VF_WIDTH);
#pragma GCC unroll 8
      for (int i = 0; i < lanes; i++) {
        const vf weight = vf_set1(p[i * TILE_KEYS]);
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) sum[i][j] = vf_fma(values[j], weight, sum[i][j]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < lanes; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) vf_store(y + i * PF_MAX_HEAD_DIM + d + j * VF_WIDTH, sum[i][j]);
  }
}

/* Queries, scores and sums of a block with few lanes. */
typedef struct {
  float q[ROW_LANES * PF_MAX_HEAD_DIM]; /* [lanes, PF_MAX_HEAD_DIM], scaled */
  float p[ROW_LANES * TILE_KEYS];       /* [lanes, TILE_KEYS]: scores, then weights */
  float y[ROW_LANES * PF_MAX_HEAD_DIM]; /* [lanes, PF_MAX_HEAD_DIM] */
  float max[ROW_LANES], sum[ROW_LANES], decay[ROW_LANES];
} row_sums;

static float exp_of(float x) {
  float lanes[VF_WIDTH];
  vf_store(lanes, vf_exp(vf_set1(x)));
  return lanes[0];
}

/* Masks a lane's scores, turns them into weights, and adds these to its sum. */
static void weigh_row(const query_block *b, const key_tile *tile, row_sums *s, int64_t lane) {
  float *p = s->p + lane * TILE_KEYS;
  const int64_t position = b->position[lane] - tile->first;
  const int64_t end = min64(position + 1, tile->keys), begin = b->window ? position - b->window + 1 : 0;
  const int64_t stop = round_up(tile->keys, VF_WIDTH);
  for (int64_t key = 0; key < begin && key < stop; key++) p[key] = -INFINITY;
  for (int64_t key = max64(end, 0); key < stop; key++) p[key] = -INFINITY;

  vf max = vf_set1(s->max[lane]);
  for (int64_t key = 0; key < stop; key += VF_WIDTH) max = vf_max(max, vf_load(p + key));
  const float largest = vf_reduce_max(max);
  s->decay[lane] = exp_of(s->max[lane] - largest);
  float sum = s->sum[lane] * s->decay[lane];
  for (int64_t key = 0; key < stop; key += VF_WIDTH)
    vf_store(p + key, vf_exp(vf_sub(vf_load(p + key), vf_set1(largest))));
  for (int64_t key = 0; key < tile->keys; key++) sum += p[key];
  s->max[lane] = largest;
  s->sum[lane] = sum;
}

/* Keys of a tile one by one, as lanes take them. */
typedef struct {
  const float *rows[TILE_KEYS];
} key_rows;

/* The keys of the tile, or those `offset` behind them. */
static void list_keys(const key_tile *tile, int64_t stride, int64_t offset, key_rows *list) {
  int64_t keys = 0;
  for (int64_t r = 0; r < tile->count; r++)
    for (int64_t i = 0; i < tile->runs[r].keys; i++) list->rows[keys++] = tile->runs[r].k + offset + i * stride;
}

/* One tile; `next` are the keys of the one after it, or of the next head's first, or NULL. */
static inline __attribute__((always_inline)) void attend_rows(const paged_call *c, const paged_block *block,
                                                              const key_tile *tile, const key_rows *list,
                                                              const float *const *next, row_sums *s, const int lanes) {
  const query_block *b = &block->queries;
  const int64_t values = tile->runs[0].v - tile->runs[0].k, head_dim = b->head_dim, stride = b->stride;
  for (int64_t key = 0; key < tile->keys; key += VF_WIDTH) {
    const int64_t keys = min64(tile->keys - key, VF_WIDTH);
    score_keys(list->rows + key, keys, values, next ? next + key : NULL, s->q, head_dim, s->p + key, lanes);
  }
  if (c->params->bias) add_bias(c, block, tile, s->p, TILE_KEYS, 1);
  for (int i = 0; i < lanes; i++) weigh_row(b, tile, s, i);

  /* As many vectors of values at a time as their sums for all lanes fit the registers. */
  const int most = VF_REGISTERS / 2 / lanes, vectors = most >= 4 ? 4 : most >= 2 ? 2 : 1;
  int64_t d = 0;
  for (; d + vectors * VF_WIDTH <= head_dim; d += vectors * VF_WIDTH)
    add_values(tile, stride, s->p, s->decay, s->y, d, VF_WIDTH, lanes, vectors);
  for (; d + VF_WIDTH <= head_dim; d += VF_WIDTH) add_values(tile, stride, s->p, s->decay, s->y, d, VF_WIDTH, lanes, 1);
  if (d < head_dim) add_values(tile, stride, s->p, s->decay, s->y, d, head_dim - d, lanes, 1);
}

static void attend_few(const paged_call *c, const paged_block *b, const key_tile *tile, const key_rows *list,
                       const float *const *next, row_sums *s) {
#define LANES(n)                                                                                                       \
  case n:                                                                                                              \
    attend_rows(c, b, tile, list, next, s, n);                                                                         \
    break;
  switch (b->queries.queries) {
    LANES(1)
    LANES(2)
#if VF_WIDTH >= 8
    LANES(3)
    LANES(4)
#endif
#if VF_WIDTH >= 16
    LANES(5)
    LANES(6)
    LANES(7)
    LANES(8)
#endif
  }
#undef LANES
}

static void span_of_few(const paged_call *c, paged_block *b, int64_t first, int64_t end) {
  query_block *q = &b->queries;
  const int64_t head_dim = q->head_dim;
  row_sums s;
  for (int64_t i = 0; i < q->queries; i++) {
    for (int64_t d = 0; d < head_dim; d++) s.q[i * PF_MAX_HEAD_DIM + d] = c->params->scale * q->q[i][d];
    memset(s.y + i * PF_MAX_HEAD_DIM, 0, (size_t)padded(head_dim) * sizeof(float));
    s.max[i] = -FLT_MAX;
    s.sum[i] = 0.0f;
  }
  key_tile tiles[2];
  key_rows lists[2];
  find_keys(c, b, first, end, &tiles[0]);
  list_keys(&tiles[0], q->stride, 0, &lists[0]);
  for (int64_t key = first, i = 0; key < end; key += tiles[i].keys, i = 1 - i) {
    const int64_t next = key + tiles[i].keys;
    const int ends = next >= b->end, fetches = !ends || b->next_head;
    if (fetches) {
      find_keys(c, b, ends ? b->first : next, b->end, &tiles[1 - i]);
      list_keys(&tiles[1 - i], q->stride, ends ? b->next_head : 0, &lists[1 - i]);
      /* A last tile has fewer keys than this one. */
      for (int64_t l = tiles[1 - i].keys; l < tiles[i].keys; l++) lists[1 - i].rows[l] = lists[1 - i].rows[0];
    }
    attend_few(c, b, &tiles[i], &lists[i], fetches ? lists[1 - i].rows : NULL, &s);
  }
  float max[VF_WIDTH] = {0}, sum[VF_WIDTH] = {0};
  for (int64_t i = 0; i < q->queries; i++) {
    max[i] = s.max[i];
    sum[i] = s.sum[i];
  }
  for (int64_t d = 0; d < head_dim; d++) {
    float *y = q->sums.yt + d * BLOCK;
    vf_store(y, vf_zero());
    for (int64_t i = 0; i < q->queries; i++) y[i] = s.y[i * PF_MAX_HEAD_DIM + d];
  }
  q->sums.max[0] = vf_load(max);
  q->sums.sum[0] = vf_load(sum);
  q->sums.empty = 0;
}

/* ---- Spans ---- */

static void span_of_many(const paged_call *c, paged_block *b, int64_t first, int64_t end) {
  query_block *q = &b->queries;
  key_tile tile;
  for (int64_t key = first; key < end; key += tile.keys) {
    find_keys(c, b, key, end, &tile);
    score(q, &tile);
    if (c->params->bias) add_bias(c, b, &tile, q->pt, 1, BLOCK);
    /* Hidden from some query: what is later than the first, or before the window of the last. */
    const int64_t first_position = q->position[0], last_position = q->position[q->queries - 1];
    if (key + tile.keys - 1 > first_position || (q->window && key <= last_position - q->window)) mask(q, &tile);
    weigh(q, &tile);
  }
}

static int64_t first_span(const paged_block *b) { return b->first / SPAN_KEYS; }
static int64_t end_span(const paged_block *b) { return ceil_div(b->end, SPAN_KEYS); }

/* The sums of one span in `to`; queries must have been loaded if there are many. */
static void attend_span(const paged_call *c, paged_block *b, int64_t span, float *to) {
  const int64_t first = max64(span * SPAN_KEYS, b->first);
  const int64_t end = min64((span + 1) * SPAN_KEYS, b->end);
  clear_sums(&b->queries.sums);
  b->queries.sums.yt = to + 2 * BLOCK;
  if (b->queries.queries <= ROW_LANES)
    span_of_few(c, b, first, end);
  else
    span_of_many(c, b, first, end);
  save_sums(&b->queries.sums, to);
}

/* sums += next, the later span. */
static void merge_sums(float *sums, float *next, int64_t head_dim, int64_t queries) {
  softmax_sums a = saved_sums(sums);
  const softmax_sums b = saved_sums(next);
  for (int64_t j = 0; j * VF_WIDTH < queries; j++) {
    const vf max = vf_max(a.max[j], b.max[j]);
    const vf decay = vf_exp(vf_sub(a.max[j], max)), weight = vf_exp(vf_sub(b.max[j], max));
    for (int64_t d = 0; d < head_dim; d++) {
      float *y = a.yt + d * BLOCK + j * VF_WIDTH;
      vf_store(y, vf_fma(weight, vf_load(b.yt + d * BLOCK + j * VF_WIDTH), vf_mul(decay, vf_load(y))));
    }
    a.max[j] = max;
    a.sum[j] = vf_fma(weight, b.sum[j], vf_mul(decay, a.sum[j]));
  }
  save_sums(&a, sums);
}

static void finish_block(paged_block *b, float *sums) {
  b->queries.sums = saved_sums(sums);
  store_result(&b->queries);
}

static float *thread_workspace(const paged_call *c, int32_t thread) {
  return (float *)c->params->workspace + thread * thread_floats(c->params->head_dim);
}

/* One block of queries over all of its keys. */
static void run_block(const void *context, int64_t task, int32_t thread) {
  const paged_call *c = context;
  const pf_paged_attention_params *a = c->params;
  float *workspace = thread_workspace(c, thread);
  paged_block b;
  if (!open_block(c, task, workspace, &b)) return;
  float *sums = b.queries.pt + TILE_KEYS * BLOCK, *next = sums + sums_floats(a->head_dim);
  if (b.queries.queries > ROW_LANES) load_queries(&b.queries, a->scale);
  attend_span(c, &b, first_span(&b), sums);
  for (int64_t span = first_span(&b) + 1; span < end_span(&b); span++) {
    attend_span(c, &b, span, next);
    merge_sums(sums, next, a->head_dim, b.queries.queries);
  }
  finish_block(&b, sums);
}

typedef struct {
  int64_t task, span;
} wave_item;

typedef struct {
  const paged_call *call;
  const wave_item *items;
  float *sums; /* of each item */
} wave;

static void run_item(const void *context, int64_t i, int32_t thread) {
  const wave *w = context;
  const pf_paged_attention_params *a = w->call->params;
  paged_block b;
  if (!open_block(w->call, w->items[i].task, thread_workspace(w->call, thread), &b)) return;
  if (b.queries.queries > ROW_LANES) load_queries(&b.queries, a->scale);
  attend_span(w->call, &b, w->items[i].span, w->sums + i * sums_floats(a->head_dim));
}

/* All blocks, span by span: waves of spans in parallel, each merged in order. */
static void run_waves(pf_engine *engine, const paged_call *c, int64_t tasks) {
  const pf_paged_attention_params *a = c->params;
  const int32_t threads = pf_engine_threads(engine);
  const int64_t capacity = threads * WAVE_SPANS, floats = sums_floats(a->head_dim);
  float *waves = thread_workspace(c, threads);
  wave_item *items = (wave_item *)(waves + capacity * floats);
  float *sums = thread_workspace(c, 0) + BLOCK * (padded(a->head_dim) + TILE_KEYS);
  const wave w = {c, items, waves};

  paged_block b = {0};
  int64_t task = 0, span = 0, end = 0;
  for (;;) {
    int64_t count = 0;
    while (count < capacity) {
      while (span == end && task < tasks) {
        if (open_block(c, task++, thread_workspace(c, 0), &b)) {
          span = first_span(&b);
          end = end_span(&b);
        }
      }
      if (span == end) break;
      items[count++] = (wave_item){task - 1, span++};
    }
    if (count == 0) return;
    pf_parallel_for(engine, count, run_item, &w);
    for (int64_t i = 0; i < count; i++) {
      paged_block merged;
      open_block(c, items[i].task, thread_workspace(c, 0), &merged);
      if (items[i].span == first_span(&merged))
        memcpy(sums, waves + i * floats, (size_t)floats * sizeof *sums);
      else
        merge_sums(sums, waves + i * floats, a->head_dim, merged.queries.queries);
      if (items[i].span == end_span(&merged) - 1) finish_block(&merged, sums);
    }
  }
}

pf_status PF_KERNEL(paged_attention_workspace_size)(const pf_engine *engine, int64_t head_dim, int64_t *bytes) {
  if (!is_head_dim(head_dim)) return PF_ERROR_ARGUMENT;
  const int64_t floats = thread_floats(head_dim) + WAVE_SPANS * sums_floats(head_dim);
  *bytes = pf_engine_threads(engine) * (floats * (int64_t)sizeof(float) + WAVE_SPANS * (int64_t)sizeof(wave_item));
  return PF_OK;
}

/* Whether the sequence has its queries' keys, if they are its own, and every block of them that a query sees is one of
 * the cache. */
static int valid_blocks(const pf_paged_attention_params *a, int64_t s) {
  const int64_t q_length = a->cu_seqlens_q[s + 1] - a->cu_seqlens_q[s], kv_length = a->kv_lengths[s];
  if (q_length == 0) return kv_length >= 0;
  if (kv_length < (a->all_keys ? 1 : q_length)) return 0;
  const int64_t blocks = ceil_div(kv_length, a->block_tokens);
  if (blocks > a->block_table_stride) return 0;
  const int64_t first = a->window ? max64(0, kv_length - q_length - a->window + 1) / a->block_tokens : 0;
  return are_within(a->block_tables + s * a->block_table_stride + first, blocks - first, a->blocks);
}

pf_status PF_KERNEL(paged_attention)(pf_engine *engine, const pf_paged_attention_params *a) {
  int64_t bytes, longest_q, longest_kv = 0;
  const int32_t threads = pf_engine_threads(engine);
  const pf_status status = PF_KERNEL(paged_attention_workspace_size)(engine, a->head_dim, &bytes);
  if (status != PF_OK) return status;
  if (!is_count(a->sequences) || !is_count(a->q_tokens) || !is_extent(a->heads) || !is_extent(a->kv_heads) ||
      a->heads % a->kv_heads != 0 || !is_cache(a->blocks, a->kv_heads, a->block_tokens, a->head_dim) ||
      !is_count(a->window) || (a->all_keys && (a->window || a->bias)) || (a->bias && !is_extent(a->bias_distances)))
    return PF_ERROR_ARGUMENT;
  if (!is_count(a->q_token_stride) || !is_count(a->q_head_stride) || !is_count(a->y_token_stride) ||
      !is_count(a->y_head_stride) || !is_count(a->block_table_stride))
    return PF_ERROR_ARGUMENT;
  if (a->sequences == 0) return a->q_tokens == 0 ? PF_OK : PF_ERROR_INDEX;
  if (!a->cu_seqlens_q || !a->kv_lengths) return PF_ERROR_ARGUMENT;
  if (!are_lengths(a->cu_seqlens_q, a->sequences, a->q_tokens, &longest_q)) return PF_ERROR_INDEX;
  if (a->q_tokens > 0 && (!a->q || !a->cache || !a->y || !a->block_tables)) return PF_ERROR_ARGUMENT;
  for (int64_t s = 0; s < a->sequences; s++) {
    if (!valid_blocks(a, s)) return PF_ERROR_INDEX;
    if (a->cu_seqlens_q[s + 1] > a->cu_seqlens_q[s]) longest_kv = max64(longest_kv, a->kv_lengths[s]);
  }
  if (a->q_tokens == 0) return PF_OK;
  if (!is_workspace(a->workspace, a->workspace_bytes, bytes)) return PF_ERROR_WORKSPACE;

  paged_call c = {.params = a, .group = a->heads / a->kv_heads};
  c.block_tokens = c.group < BLOCK ? BLOCK / c.group : 1;
  c.parts = c.group < BLOCK ? 1 : ceil_div(c.group, BLOCK);
  c.token_blocks = a->q_tokens / c.block_tokens + a->sequences;
  const int64_t tasks = c.token_blocks * a->kv_heads * c.parts;
  if (threads > 1 && tasks < THREAD_BLOCKS * threads && longest_kv > SPAN_KEYS)
    run_waves(engine, &c, tasks);
  else
    pf_parallel_for(engine, tasks, run_block, &c);
  return PF_OK;
}
