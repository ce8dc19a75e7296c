/*
 * Performer attention, FAVOR+ (Choromanski et al. 2021): y_i = sum_j f(q_i) f(k_j) v_j / sum_j f(q_i) f(k_j) with
 * random features f, summed over the keys first: for each feature the sums S of f(k_j) v_j and Z of f(k_j), and then
 * y_i = f(q_i) S / f(q_i) Z.
 *
 * FLOPs 8 length features head_dim a head: features of keys, sums over them, features of queries, sums over those;
 * causal 2 BLOCK (features + head_dim) a token more. Bytes 16 length head_dim, while S and the random features stay in
 * the second-level cache. The FMA units are the floor.
 *
 * All of it is made of attention's inner loops. S and Z of the softmax map are an attention of the random features, as
 * queries, over the keys: exponents w k - |k|^2/2, less a running maximum M of each feature. The result is one of the
 * queries over the features: exponents w q + M, less the maximum of each query, with S for values. What is taken out is
 * common to a feature's terms, or to a query's, and cancels; so the sum of a query's weights is never 0 and no exponent
 * too large. |q|^2/2 and the 1/sqrt(features) of the paper cancel as well.
 *
 * Causal: token blocks one after the other. A block's queries see S and Z as the blocks before left them, and the keys
 * of their own block up to their own through the products of features, A = f(q) f(k)^T. There a maximum M may come from
 * a key that a query does not see. As long as it lies no more than REACH above those it sees, nothing that counts is
 * lost; else the block is cut in half.
 */
#include "attention_tile.h"

/* Queries that a task computes while S and the random features are in cache. */
#define TASK_QUERIES 64
/* Blocks of features that a task sums the keys for, one after the other while a tile of them is in cache. */
#define TASK_BLOCKS 4
/* How far a maximum may lie above those of the keys that a query sees: weights are lost from e^(REACH - 87) of its
 * largest on, which is still far below a rounding. */
#define REACH 40.0f
/* Blocks of features that one product runs through. */
#define MOST_STRIPS 32

typedef struct {
  const pf_performer_attention_params *params;
  float *sums;   /* [sequences at once, heads, feature blocks, sums_floats], unless causal */
  int64_t first; /* sequence of those that are computed at once */
  int64_t feature_blocks;
  int64_t query_blocks; /* of the longest of them */
} performer_call;

static int64_t feature_blocks_of(int64_t features) { return ceil_div(features, BLOCK); }

/* What the keys seen so far add up to, for a block of features in the lanes: [head_dim] of S, then Z, then M. */
static int64_t sums_floats(int64_t head_dim) { return (head_dim + 2) * BLOCK; }

static int64_t thread_floats(int64_t head_dim, int64_t features, int32_t causal) {
  const int64_t blocks = feature_blocks_of(features), panel = padded(head_dim) * BLOCK;
  const int64_t answer = panel + blocks * BLOCK * BLOCK + padded(head_dim + 1) * BLOCK;
  if (!causal) return max64(answer, TASK_BLOCKS * panel + TILE_KEYS * BLOCK);
  return answer + blocks * (panel + sums_floats(head_dim) + BLOCK * BLOCK) + BLOCK * BLOCK;
}

static float *thread_memory(const performer_call *c, int32_t thread) {
  const pf_performer_attention_params *a = c->params;
  return (float *)a->workspace + thread * thread_floats(a->head_dim, a->features, a->causal);
}

/* ---- Keys ---- */

/* wt [head_dim, BLOCK] = scale w^T of a block of random features, lanes without one 0. */
static void load_features(float *wt, const pf_performer_attention_params *a, int64_t block) {
  query_block b;
  b.head_dim = a->head_dim;
  b.qt = wt;
  b.queries = min64(a->features - block * BLOCK, BLOCK);
  for (int64_t l = 0; l < b.queries; l++) b.q[l] = a->random_features + (block * BLOCK + l) * a->head_dim;
  load_queries(&b, a->scale);
  for (int64_t d = 0; d < a->head_dim && b.queries <= VF_WIDTH; d++) vf_store(wt + d * BLOCK + VF_WIDTH, vf_zero());
}

static void clear(float *sums, int64_t head_dim) {
  for (int64_t i = 0; i < (head_dim + 1) * BLOCK; i += VF_WIDTH) vf_store(sums + i, vf_zero());
  /* Finite, so that a key of exponent -inf has weight 0 rather than NaN. */
  for (int64_t i = 0; i < BLOCK; i += VF_WIDTH) vf_store(sums + (head_dim + 1) * BLOCK + i, vf_set1(-FLT_MAX));
}

/* |scale k|^2 / 2. */
static float half_square(const pf_performer_attention_params *a, const float *k) {
  vf sum = vf_zero();
  int64_t d = 0;
  for (; d + VF_WIDTH <= a->head_dim; d += VF_WIDTH) {
    const vf x = vf_mul(vf_set1(a->scale), vf_load(k + d));
    sum = vf_fma(x, x, sum);
  }
  if (d < a->head_dim) {
    const vf x = vf_mul(vf_set1(a->scale), vf_load_first(k + d, a->head_dim - d));
    sum = vf_fma(x, x, sum);
  }
  return 0.5f * vf_reduce_add(sum);
}

/* max(x, 0) + offset; NaN stays NaN. */
static vf relu_feature(const pf_performer_attention_params *a, vf x) {
  return vf_add(vf_max(vf_zero(), x), vf_set1(a->offset));
}

/* |scale k|^2 / 2 of adjacent keys, if the map asks for it. */
static void square_keys(const pf_performer_attention_params *a, const float *k, int64_t keys, float *squares) {
  for (int64_t key = 0; key < keys && a->map == PF_FEATURE_MAP_SOFTMAX; key++)
    squares[key] = half_square(a, k + key * a->kv_token_stride);
}

/* kt [keys, BLOCK] = a block's features of adjacent keys; of the softmax map their exponents. */
static void score_keys(const pf_performer_attention_params *a, const float *wt, const float *k, int64_t keys,
                       const float *squares, float *kt) {
  const strip features = {k, a->head_dim};
  multiply(&features, 1, a->kv_token_stride, 1, wt, kt, NULL, keys, 2);
  for (int64_t key = 0; key < keys; key++) {
    for (int64_t i = 0; i < BLOCK; i += VF_WIDTH) {
      float *at = kt + key * BLOCK + i;
      if (a->map == PF_FEATURE_MAP_SOFTMAX)
        vf_store(at, vf_sub(vf_load(at), vf_set1(squares[key])));
      else
        vf_store(at, relu_feature(a, vf_load(at)));
    }
  }
}

/* M after some keys; NaN is skipped, and comes back in the exponentials. */
static vf raised(vf max, const float *kt, int64_t keys) {
  vf other = max;
  int64_t key = 0;
  for (; key + 2 <= keys; key += 2) {
    max = vf_max(vf_load(kt + key * BLOCK), max);
    other = vf_max(vf_load(kt + (key + 1) * BLOCK), other);
  }
  if (key < keys) max = vf_max(vf_load(kt + key * BLOCK), max);
  return vf_max(max, other);
}

/*
 * Exponents of keys to features, of the softmax map; `decay` is what all sums before are to be multiplied by, since M
 * has risen.
 */
static void weigh_keys(const pf_performer_attention_params *a, float *kt, int64_t keys, float *sums, vf *decay) {
  for (int j = 0; j < 2; j++) {
    decay[j] = vf_set1(1.0f);
    if (a->map != PF_FEATURE_MAP_SOFTMAX) continue;
    float *max = sums + (a->head_dim + 1) * BLOCK + j * VF_WIDTH, *column = kt + j * VF_WIDTH;
    const vf before = vf_load(max), after = raised(before, column, keys);
    vf_store(max, after);
    decay[j] = vf_exp(vf_sub(before, after));
    for (int64_t key = 0; key < keys; key++)
      vf_store(column + key * BLOCK, vf_exp(vf_sub(vf_load(column + key * BLOCK), after)));
  }
}

/* S = decay S + kt^T v, Z = decay Z + the sums of kt. */
static void add_keys(const pf_performer_attention_params *a, const float *kt, const float *v, int64_t keys, float *sums,
                     const vf *decay) {
  const strip values = {v, keys};
  multiply(&values, 1, 1, a->kv_token_stride, kt, sums, decay, a->head_dim, 2);
  for (int j = 0; j < 2; j++) {
    float *z = sums + a->head_dim * BLOCK + j * VF_WIDTH;
    vf sum = vf_mul(decay[j], vf_load(z));
    for (int64_t key = 0; key < keys; key++) sum = vf_add(sum, vf_load(kt + key * BLOCK + j * VF_WIDTH));
    vf_store(z, sum);
  }
}

/* ---- Queries ---- */

/*
 * out [rows, BLOCK] = sum over all features of x times the queries' features. x lies in blocks of features, [rows,
 * BLOCK] each.
 */
static void sum_over_features(const pf_performer_attention_params *a, const query_block *b, const float *x,
                              int64_t block_floats, int64_t rows, float *out) {
  const vf ones[2] = {vf_set1(1.0f), vf_set1(1.0f)};
  const int64_t blocks = feature_blocks_of(a->features);
  for (int64_t block = 0; block < blocks; block += MOST_STRIPS) {
    strip strips[MOST_STRIPS];
    const int64_t count = min64(blocks - block, MOST_STRIPS);
    for (int64_t i = 0; i < count; i++)
      strips[i] = (strip){x + (block + i) * block_floats, min64(a->features - (block + i) * BLOCK, BLOCK)};
    const float *panel = b->pt + block * BLOCK * BLOCK;
    if (b->queries <= VF_WIDTH)
      multiply(strips, count, BLOCK, 1, panel, out, block > 0 ? ones : NULL, rows, 1);
    else
      multiply(strips, count, BLOCK, 1, panel, out, block > 0 ? ones : NULL, rows, 2);
  }
}

/* pt [features, BLOCK] = the features of a block of queries; of the softmax map times e^M, and one at most. */
static void weigh_queries(const pf_performer_attention_params *a, query_block *b, const float *sums) {
  const strip dims = {a->random_features, a->head_dim};
  load_queries(b, a->scale);
  if (b->queries <= VF_WIDTH)
    multiply(&dims, 1, a->head_dim, 1, b->qt, b->pt, NULL, a->features, 1);
  else
    multiply(&dims, 1, a->head_dim, 1, b->qt, b->pt, NULL, a->features, 2);
  for (int64_t i = 0; i < b->queries; i += VF_WIDTH) {
    if (a->map == PF_FEATURE_MAP_RELU) {
      for (int64_t r = 0; r < a->features; r++) {
        float *p = b->pt + r * BLOCK + i;
        vf_store(p, relu_feature(a, vf_load(p)));
      }
      continue;
    }
    vf max = vf_set1(-FLT_MAX);
    for (int64_t r = 0; r < a->features; r++) {
      const float *m = sums + r / BLOCK * sums_floats(a->head_dim) + (a->head_dim + 1) * BLOCK + r % BLOCK;
      float *p = b->pt + r * BLOCK + i;
      const vf exponent = vf_add(vf_load(p), vf_set1(*m));
      max = vf_max(exponent, max);
      vf_store(p, exponent);
    }
    for (int64_t r = 0; r < a->features; r++) {
      float *p = b->pt + r * BLOCK + i;
      vf_store(p, vf_exp(vf_sub(vf_load(p), max)));
    }
  }
}

/* yt, whose row head_dim is the sum of the weights, to y. */
static void store_answer(query_block *b) {
  for (int64_t i = 0, j = 0; i < b->queries; i += VF_WIDTH, j++)
    b->sums.sum[j] = vf_load(b->sums.yt + b->head_dim * BLOCK + i);
  b->sums.empty = 0;
  store_result(b);
}

/* The memory of a block of queries, and what lies behind it. */
static float *place_answer(query_block *b, const pf_performer_attention_params *a, float *memory) {
  b->head_dim = a->head_dim;
  b->qt = memory;
  b->pt = b->qt + padded(a->head_dim) * BLOCK;
  b->sums.yt = b->pt + feature_blocks_of(a->features) * BLOCK * BLOCK;
  return b->sums.yt + padded(a->head_dim + 1) * BLOCK;
}

static void point_block(query_block *b, const pf_performer_attention_params *a, int64_t head, int64_t first,
                        int64_t queries) {
  b->queries = queries;
  for (int64_t l = 0; l < queries; l++) {
    b->q[l] = a->q + (first + l) * a->q_token_stride + head * a->q_head_stride;
    b->y[l] = a->y + (first + l) * a->y_token_stride + head * a->y_head_stride;
  }
}

/* ---- All keys ---- */

/* The sums of up to TASK_BLOCKS blocks of features over all keys of one head of one sequence. */
static void sum_keys(const void *context, int64_t task, int32_t thread) {
  const performer_call *c = context;
  const pf_performer_attention_params *a = c->params;
  const int64_t groups = ceil_div(c->feature_blocks, TASK_BLOCKS);
  const int64_t first = task % groups * TASK_BLOCKS, part = task / groups; /* [sequences at once, heads] */
  const int64_t blocks = min64(c->feature_blocks - first, TASK_BLOCKS);
  const int64_t head = part % a->heads, s = c->first + part / a->heads;
  const int64_t begin = a->cu_seqlens[s], length = a->cu_seqlens[s + 1] - begin;
  const int64_t at = begin * a->kv_token_stride + head * a->kv_head_stride;
  const int64_t panel = padded(a->head_dim) * BLOCK, floats = sums_floats(a->head_dim);
  float *wt = thread_memory(c, thread), *kt = wt + TASK_BLOCKS * panel;
  float *sums = c->sums + (part * c->feature_blocks + first) * floats;
  for (int64_t block = 0; block < blocks; block++) {
    load_features(wt + block * panel, a, first + block);
    clear(sums + block * floats, a->head_dim);
  }
  for (int64_t t = 0; t < length; t += TILE_KEYS) {
    const float *k = a->k + at + t * a->kv_token_stride, *v = a->v + at + t * a->kv_token_stride;
    const int64_t keys = min64(length - t, TILE_KEYS);
    float squares[TILE_KEYS];
    square_keys(a, k, keys, squares);
    for (int64_t block = 0; block < blocks; block++) {
      vf decay[2];
      score_keys(a, wt + block * panel, k, keys, squares, kt);
      weigh_keys(a, kt, keys, sums + block * floats, decay);
      add_keys(a, kt, v, keys, sums + block * floats, decay);
    }
  }
}

/* Up to TASK_QUERIES queries of one head of one sequence. */
static void answer(const void *context, int64_t task, int32_t thread) {
  const performer_call *c = context;
  const pf_performer_attention_params *a = c->params;
  const int64_t block = task % c->query_blocks, part = task / c->query_blocks; /* [sequences at once, heads] */
  const int64_t head = part % a->heads, s = c->first + part / a->heads;
  const int64_t begin = a->cu_seqlens[s], length = a->cu_seqlens[s + 1] - begin;
  const float *sums = c->sums + part * c->feature_blocks * sums_floats(a->head_dim);
  query_block b;
  place_answer(&b, a, thread_memory(c, thread));
  const int64_t stop = min64(length, (block + 1) * TASK_QUERIES);
  for (int64_t i = block * TASK_QUERIES; i < stop; i += BLOCK) {
    point_block(&b, a, head, begin + i, min64(stop - i, BLOCK));
    weigh_queries(a, &b, sums);
    sum_over_features(a, &b, sums, sums_floats(a->head_dim), a->head_dim + 1, b.sums.yt);
    store_answer(&b);
  }
}

/* ---- Causal ---- */

/* The memory of a causal task: of every block of features its weights, its sums, and its features of a block's keys. */
typedef struct {
  float *wt, *sums, *kt;
  float *products; /* [BLOCK keys, BLOCK queries] */
} prefix;

/* How far the first query's maxima lie below those of a block of so many keys. */
static float rise(const performer_call *c, const prefix *p, int64_t keys) {
  const int64_t head_dim = c->params->head_dim;
  vf most = vf_zero();
  for (int64_t block = 0; block < c->feature_blocks; block++) {
    for (int64_t i = 0; i < BLOCK; i += VF_WIDTH) {
      const vf before = vf_load(p->sums + block * sums_floats(head_dim) + (head_dim + 1) * BLOCK + i);
      const float *column = p->kt + block * BLOCK * BLOCK + i;
      const vf first = vf_max(vf_load(column), before);
      most = vf_max(vf_sub(raised(first, column, keys), first), most);
    }
  }
  return vf_reduce_max(most);
}

/* products [keys, BLOCK]: 0 where a query stands before the key. */
static void hide_later_keys(float *products, int64_t keys) {
  float query[BLOCK];
  for (int64_t i = 0; i < BLOCK; i++) query[i] = (float)i;
  for (int64_t key = 0; key < keys; key++) {
    for (int64_t i = 0; i < BLOCK; i += VF_WIDTH) {
      float *at = products + key * BLOCK + i;
      vf_store(at, vf_select_less(vf_load(query + i), vf_set1((float)key), vf_zero(), vf_load(at)));
    }
  }
}

/* yt += what the queries of a block get from the keys of the same block. */
static void add_own_keys(const pf_performer_attention_params *a, const query_block *b, const prefix *p,
                         const float *v) {
  const vf ones[2] = {vf_set1(1.0f), vf_set1(1.0f)};
  const int64_t keys = b->queries;
  sum_over_features(a, b, p->kt, BLOCK * BLOCK, keys, p->products);
  hide_later_keys(p->products, keys);
  const strip values = {v, keys};
  if (b->queries <= VF_WIDTH)
    multiply(&values, 1, 1, a->kv_token_stride, p->products, b->sums.yt, ones, a->head_dim, 1);
  else
    multiply(&values, 1, 1, a->kv_token_stride, p->products, b->sums.yt, ones, a->head_dim, 2);
  for (int64_t i = 0; i < b->queries; i += VF_WIDTH) {
    float *z = b->sums.yt + a->head_dim * BLOCK + i;
    vf sum = vf_load(z);
    for (int64_t key = 0; key < keys; key++) sum = vf_add(sum, vf_load(p->products + key * BLOCK + i));
    vf_store(z, sum);
  }
}

/* One head of one sequence, whose blocks follow one another. */
static void run_causal(const void *context, int64_t task, int32_t thread) {
  const performer_call *c = context;
  const pf_performer_attention_params *a = c->params;
  const int64_t head = task % a->heads, s = task / a->heads;
  const int64_t begin = a->cu_seqlens[s], length = a->cu_seqlens[s + 1] - begin;
  const int64_t panel = padded(a->head_dim) * BLOCK, floats = sums_floats(a->head_dim);
  if (length == 0) return;
  query_block b;
  prefix p;
  p.wt = place_answer(&b, a, thread_memory(c, thread));
  p.sums = p.wt + c->feature_blocks * panel;
  p.kt = p.sums + c->feature_blocks * floats;
  p.products = p.kt + c->feature_blocks * BLOCK * BLOCK;
  for (int64_t block = 0; block < c->feature_blocks; block++) {
    load_features(p.wt + block * panel, a, block);
    clear(p.sums + block * floats, a->head_dim);
  }
  int64_t tokens;
  for (int64_t t = 0; t < length; t += tokens) {
    const int64_t at = (begin + t) * a->kv_token_stride + head * a->kv_head_stride;
    tokens = min64(length - t, BLOCK);
    float squares[BLOCK];
    square_keys(a, a->k + at, tokens, squares);
    for (int64_t block = 0; block < c->feature_blocks; block++)
      score_keys(a, p.wt + block * panel, a->k + at, tokens, squares, p.kt + block * BLOCK * BLOCK);
    while (a->map == PF_FEATURE_MAP_SOFTMAX && tokens > 1 && rise(c, &p, tokens) > REACH) tokens = (tokens + 1) / 2;
    for (int64_t block = 0; block < c->feature_blocks; block++) {
      float *sums = p.sums + block * floats;
      vf decay[2];
      weigh_keys(a, p.kt + block * BLOCK * BLOCK, tokens, sums, decay);
      if (a->map != PF_FEATURE_MAP_SOFTMAX) continue;
      for (int64_t i = 0; i < (a->head_dim + 1) * BLOCK; i += VF_WIDTH)
        vf_store(sums + i, vf_mul(decay[i / VF_WIDTH % 2], vf_load(sums + i)));
    }
    point_block(&b, a, head, begin + t, tokens);
    weigh_queries(a, &b, p.sums);
    sum_over_features(a, &b, p.sums, floats, a->head_dim + 1, b.sums.yt);
    add_own_keys(a, &b, &p, a->v + at);
    store_answer(&b);
    for (int64_t block = 0; block < c->feature_blocks; block++) {
      const vf ones[2] = {vf_set1(1.0f), vf_set1(1.0f)};
      add_keys(a, p.kt + block * BLOCK * BLOCK, a->v + at, tokens, p.sums + block * floats, ones);
    }
  }
}

pf_status PF_KERNEL(performer_attention_workspace_size)(const pf_engine *engine, int64_t heads, int64_t head_dim,
                                                        int64_t features, int32_t causal, int64_t *bytes) {
  if (!is_head_dim(head_dim) || !is_extent(heads) || !is_extent(features) || heads > PF_MAX_DIMENSION / features)
    return PF_ERROR_ARGUMENT;
  const int32_t threads = pf_engine_threads(engine);
  int64_t floats = threads * thread_floats(head_dim, features, causal);
  if (!causal)
    floats += sequences_at_once(threads, heads) * heads * feature_blocks_of(features) * sums_floats(head_dim);
  *bytes = (int64_t)sizeof(float) * floats;
  return PF_OK;
}

pf_status PF_KERNEL(performer_attention)(pf_engine *engine, const pf_performer_attention_params *a) {
  int64_t bytes, longest;
  const int32_t threads = pf_engine_threads(engine);
  const pf_status status =
      PF_KERNEL(performer_attention_workspace_size)(engine, a->heads, a->head_dim, a->features, a->causal, &bytes);
  if (status != PF_OK) return status;
  if (!is_count(a->sequences) || !is_count(a->tokens)) return PF_ERROR_ARGUMENT;
  if (a->map != PF_FEATURE_MAP_SOFTMAX && a->map != PF_FEATURE_MAP_RELU) return PF_ERROR_ARGUMENT;
  if (!(a->offset >= 0)) return PF_ERROR_ARGUMENT;
  if (!HAS_STRIDES(a)) return PF_ERROR_ARGUMENT;
  if (a->sequences == 0) return a->tokens == 0 ? PF_OK : PF_ERROR_INDEX;
  if (!a->cu_seqlens) return PF_ERROR_ARGUMENT;
  if (!are_lengths(a->cu_seqlens, a->sequences, a->tokens, &longest)) return PF_ERROR_INDEX;
  if (a->tokens == 0) return PF_OK;
  if (!a->q || !a->k || !a->v || !a->y || !a->random_features) return PF_ERROR_ARGUMENT;
  if (!is_workspace(a->workspace, a->workspace_bytes, bytes)) return PF_ERROR_WORKSPACE;

  performer_call call = {.params = a, .feature_blocks = feature_blocks_of(a->features)};
  if (a->causal) {
    pf_parallel_for(engine, a->sequences * a->heads, run_causal, &call);
    return PF_OK;
  }
  call.sums = (float *)a->workspace + threads * thread_floats(a->head_dim, a->features, 0);
  const int64_t most = sequences_at_once(threads, a->heads);
  for (; call.first < a->sequences; call.first += most) {
    const int64_t sequences = min64(a->sequences - call.first, most);
    call.query_blocks = ceil_div(longest_of(a->cu_seqlens + call.first, sequences), TASK_QUERIES);
    const int64_t groups = ceil_div(call.feature_blocks, TASK_BLOCKS);
    pf_parallel_for(engine, sequences * a->heads * groups, sum_keys, &call);
    pf_parallel_for(engine, sequences * a->heads * call.query_blocks, answer, &call);
  }
  return PF_OK;
}
