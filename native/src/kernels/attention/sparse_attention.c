/*
 * Sparse attention: y = softmax(scale q k^T) v, each block of queries over the keys of its list alone.
 *
 * A list is spans of adjacent keys: the neighbourhood of a sliding window, blocks drawn at random, single tokens that
 * all see. Spans become the runs of tiles (attention_tile.h), one behind the other whatever their lengths, so that keys
 * are read where they lie and a tile is full but for the last. What a band cuts off at its edges is masked; of a banded
 * span only what some query of the BLOCK at hand sees is computed, however long the caller's block is.
 *
 * FLOPs 4 head_dim a head and pair of query and key that is computed; bytes 8 head_dim a head and key, once for the
 * queries of a BLOCK, from a cache if their block is no longer than a few of them. A window of w keys costs w + BLOCK a
 * query. As in attention.c the FMA units are the floor.
 */
#include "attention_tile.h"

/* Of longer rows two tiles would not leave the second-level cache to anything else; they are streams of their own. */
#define MOST_FETCHED_FEATURES 256

/* The keys of a tile with what the lanes see of them. */
typedef struct {
  key_tile keys;
  int64_t first[TILE_KEYS]; /* key of a run that is to be masked, -1 of one that all lanes see */
} sparse_tile;

/* Where a walk through a list of spans stands. */
typedef struct {
  const pf_key_span *span, *last; /* the one it is in, and the one behind the list */
  int64_t key;                    /* the next one, if it lies in the span */
} key_walk;

/* The bands of a block's lanes, and what all and some of them cover. */
typedef struct {
  int64_t begin[BLOCK], end[BLOCK];
  int64_t some_begin, some_end, all_begin, all_end;
} lane_bands;

static void read_bands(const int32_t *bands, int64_t queries, lane_bands *b) {
  b->some_begin = b->all_end = INT64_MAX;
  b->some_end = b->all_begin = 0;
  for (int64_t l = 0; l < queries; l++) {
    b->begin[l] = bands[2 * l];
    b->end[l] = bands[2 * l + 1];
    /* An empty band leaves no key that all see. */
    b->all_begin = max64(b->all_begin, b->begin[l]);
    b->all_end = min64(b->all_end, b->end[l]);
    if (b->begin[l] == b->end[l]) continue;
    b->some_begin = min64(b->some_begin, b->begin[l]);
    b->some_end = max64(b->some_end, b->end[l]);
  }
}

/* pt = -inf for the keys of a run, from `first` on, that lie outside of a lane's band. */
static void mask_run(const query_block *b, const lane_bands *bands, int64_t first, int64_t keys, float *pt) {
  const vf never = vf_set1(-INFINITY);
  for (int64_t i = 0; i < b->queries; i += VF_WIDTH) {
    float before[VF_WIDTH], last[VF_WIDTH];
    for (int64_t l = 0; l < VF_WIDTH; l++) {
      const int64_t lane = i + l < b->queries ? i + l : 0;
      before[l] = (float)(bands->begin[lane] - first - 1);
      last[l] = (float)(bands->end[lane] - first - 1);
    }
    const vf lower = vf_load(before), upper = vf_load(last);
    for (int64_t key = 0; key < keys; key++) {
      float *p = pt + key * BLOCK + i;
      const vf at = vf_set1((float)key);
      vf_store(p, vf_select_less(upper, at, never, vf_select_less(lower, at, vf_load(p), never)));
    }
  }
}

/* The next TILE_KEYS keys of a list, fewer at its end. */
static void collect(const query_block *b, const lane_bands *bands, const float *k, const float *v, key_walk *walk,
                    sparse_tile *tile) {
  tile->keys.count = tile->keys.keys = tile->keys.first = 0;
  for (; walk->span < walk->last; walk->span++, walk->key = 0) {
    const pf_key_span *span = walk->span;
    int64_t key = max64(walk->key, span->begin), end = span->end;
    if (span->banded) {
      key = max64(key, bands->some_begin);
      end = min64(end, bands->some_end);
    }
    if (key >= end) continue;
    const int64_t keys = min64(end - key, TILE_KEYS - tile->keys.keys);
    if (keys == 0) return;
    const int seen_by_all = !span->banded || (key >= bands->all_begin && key + keys <= bands->all_end);
    tile->first[tile->keys.count] = seen_by_all ? -1 : key;
    tile->keys.runs[tile->keys.count++] = (key_run){k + key * b->stride, v + key * b->stride, keys};
    tile->keys.keys += keys;
    walk->key = key + keys;
    if (walk->key < end) return;
  }
}

/* Where fetching the keys and values of a tile stands. */
typedef struct {
  const key_tile *tile;
  int64_t run, key; /* the next one: a key of a run */
} key_fetch;

/* Fetches the next so many keys with their values into the second-level cache; the first one has no room for a tile. */
static void fetch(const query_block *b, key_fetch *f, int64_t keys) {
  for (; keys > 0 && f->run < f->tile->count; keys--) {
    const key_run *run = &f->tile->runs[f->run];
    const int64_t row = f->key * b->stride;
    for (int64_t d = 0; d < b->head_dim; d += LINE) {
      __builtin_prefetch(run->k + row + d, 0, 2);
      __builtin_prefetch(run->v + row + d, 0, 2);
    }
    if (++f->key == run->keys) {
      f->key = 0;
      f->run++;
    }
  }
}

/*
 * A tile; while its scores are computed, step by step, the next one is fetched. A row is too short and the next one too
 * far for the CPU to see a pattern, and a block drawn at random has none: of 16 384 tokens of BigBird, 12 heads of 64
 * on Zen 5, one thread takes 189 ms so and 279 ms without.
 */
static void attend_tile(query_block *b, const lane_bands *bands, const sparse_tile *tile, const sparse_tile *next) {
  float *pt = b->pt;
  key_fetch ahead = {&next->keys, 0, 0};
  for (int64_t r = 0; r < tile->keys.count; r++) {
    const key_run *run = &tile->keys.runs[r];
    const int64_t steps = ceil_div(run->keys, TILE_ROWS);
    for (int64_t s = 0; s < steps; s++) {
      const int64_t key = run->keys * s / steps, keys = run->keys * (s + 1) / steps - key;
      const key_run step = {run->k + key * b->stride, run->v + key * b->stride, keys};
      score_run(b, &step, pt + key * BLOCK);
      if (b->head_dim <= MOST_FETCHED_FEATURES) fetch(b, &ahead, keys);
    }
    if (tile->first[r] >= 0) mask_run(b, bands, tile->first[r], run->keys, pt);
    pt += run->keys * BLOCK;
  }
  weigh(b, &tile->keys);
}

/* One BLOCK of queries over a list; k and v are the head's. */
static void attend(query_block *b, float scale, const float *k, const float *v, const pf_key_span *spans, int64_t count,
                   const lane_bands *bands) {
  load_queries(b, scale);
  clear_sums(&b->sums);
  sparse_tile tiles[2];
  key_walk walk = {spans, spans + count, 0};
  collect(b, bands, k, v, &walk, &tiles[0]);
  for (int now = 0; tiles[now].keys.keys > 0; now ^= 1) {
    collect(b, bands, k, v, &walk, &tiles[now ^ 1]);
    attend_tile(b, bands, &tiles[now], &tiles[now ^ 1]);
  }
  store_result(b);
}

static int64_t thread_bytes(int64_t head_dim) { return (int64_t)sizeof(float) * block_floats(head_dim); }

/* One head of one block of the caller's. */
static void run_task(const void *context, int64_t task, int32_t thread) {
  const pf_sparse_attention_params *a = context;
  /* Heads vary fastest: a thread keeps to its rows, as in the linears before and after. */
  const int64_t head = task % a->heads, block = task / a->heads;
  const int64_t list = block * a->lists + (a->lists == 1 ? 0 : head);
  const int64_t kv_at = head / (a->heads / a->kv_heads) * a->kv_head_stride;
  float *workspace = (float *)((char *)a->workspace + thread * thread_bytes(a->head_dim));

  query_block b;
  lane_bands bands;
  b.head_dim = a->head_dim;
  b.stride = a->kv_token_stride;
  place_block(&b, workspace);
  const int64_t stop = a->block_starts[block + 1];
  for (int64_t i = a->block_starts[block]; i < stop; i += BLOCK) {
    b.queries = min64(stop - i, BLOCK);
    for (int64_t l = 0; l < b.queries; l++) {
      b.q[l] = a->q + (i + l) * a->q_token_stride + head * a->q_head_stride;
      b.y[l] = a->y + (i + l) * a->y_token_stride + head * a->y_head_stride;
    }
    if (a->bands) read_bands(a->bands + 2 * i, b.queries, &bands);
    attend(&b, a->scale, a->k + kv_at, a->v + kv_at, a->spans + a->list_starts[list],
           a->list_starts[list + 1] - a->list_starts[list], &bands);
  }
}

pf_status PF_KERNEL(sparse_attention_workspace_size)(const pf_engine *engine, int64_t head_dim, int64_t *bytes) {
  if (head_dim < 1 || head_dim > PF_MAX_SPARSE_HEAD_DIM) return PF_ERROR_ARGUMENT;
  *bytes = pf_engine_threads(engine) * thread_bytes(head_dim);
  return PF_OK;
}

static int ascends(const int32_t *starts, int64_t count) {
  if (starts[0] != 0) return 0;
  for (int64_t i = 0; i < count; i++) {
    if (starts[i] > starts[i + 1]) return 0;
  }
  return 1;
}

static int valid_range(int32_t begin, int32_t end, int64_t keys) { return begin >= 0 && begin <= end && end <= keys; }

static pf_status check_lists(const pf_sparse_attention_params *a) {
  if (!ascends(a->block_starts, a->blocks) || a->block_starts[a->blocks] != a->q_tokens) return PF_ERROR_INDEX;
  if (!ascends(a->list_starts, a->blocks * a->lists)) return PF_ERROR_INDEX;
  const int64_t spans = a->list_starts[a->blocks * a->lists];
  if (spans > 0 && !a->spans) return PF_ERROR_ARGUMENT;
  int banded = 0;
  for (int64_t i = 0; i < spans; i++) {
    if (!valid_range(a->spans[i].begin, a->spans[i].end, a->kv_tokens)) return PF_ERROR_INDEX;
    banded |= a->spans[i].banded;
  }
  if (banded && !a->bands) return PF_ERROR_ARGUMENT;
  for (int64_t i = 0; a->bands && i < a->q_tokens; i++) {
    if (!valid_range(a->bands[2 * i], a->bands[2 * i + 1], a->kv_tokens)) return PF_ERROR_INDEX;
  }
  return PF_OK;
}

pf_status PF_KERNEL(sparse_attention)(pf_engine *engine, const pf_sparse_attention_params *a) {
  int64_t bytes;
  pf_status status = PF_KERNEL(sparse_attention_workspace_size)(engine, a->head_dim, &bytes);
  if (status != PF_OK) return status;
  if (!is_count(a->q_tokens) || !is_count(a->kv_tokens) || !is_count(a->blocks) || !is_extent(a->heads) ||
      !is_extent(a->kv_heads) || a->heads % a->kv_heads != 0 || (a->lists != 1 && a->lists != a->heads))
    return PF_ERROR_ARGUMENT;
  if (!HAS_STRIDES(a)) return PF_ERROR_ARGUMENT;
  if (a->blocks == 0) return a->q_tokens == 0 ? PF_OK : PF_ERROR_INDEX;
  if (!a->block_starts || !a->list_starts) return PF_ERROR_ARGUMENT;
  status = check_lists(a);
  if (status != PF_OK) return status;
  if (a->q_tokens == 0) return PF_OK;
  if (!a->q || !a->y || (a->kv_tokens > 0 && (!a->k || !a->v))) return PF_ERROR_ARGUMENT;
  if (!is_workspace(a->workspace, a->workspace_bytes, bytes)) return PF_ERROR_WORKSPACE;

  pf_parallel_for(engine, a->blocks * a->heads, run_task, a);
  return PF_OK;
}
