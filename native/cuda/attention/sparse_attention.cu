/*
 * Sparse attention: y = softmax(scale q k^T) v, each block of queries over the keys of its list alone, span by span with
 * the online softmax of attention.cu.
 *
 * FLOPs 4 head_dim a head and pair of query and key that is computed; bytes 8 head_dim a head and key, once for ROWS
 * queries. Of a banded span only the tiles are computed that some of those queries see; a tile that a query does not
 * see changes nothing. Bound by FMAs.
 */
#include <vector>

#include "attention.h"

namespace {

constexpr int THREADS = 128;
constexpr int WARPS = THREADS / WARP_LANES;
constexpr int KEYS = WARP_LANES; /* of a tile: one a lane */

constexpr int MOST_FEATURES = 8; /* of a lane */

/* Queries of a block: what leaves room for a tile of keys in 48 KB of shared memory. */
__host__ __device__ constexpr int rows_of(int features) { return features <= 4 ? 16 : 8; }

/* A block of the grid: queries from `first` on, of a block of the lists. */
struct sparse_task {
  int32_t block, first, rows, unused;
};

/* Its lists, bands and tasks are the device's. A block computes features * WARP_LANES features of y, its chunk; wider
   heads are several, each of which computes the scores for itself. */
template <int features>
__global__ void __launch_bounds__(THREADS, 3) attend_spans(pf_sparse_attention_params p, const sparse_task *tasks) {
  constexpr int ROWS = rows_of(features), WARP_ROWS = ROWS / WARPS, WIDTH = features * WARP_LANES;
  SHARED(float, qs, ROWS *WIDTH);       /* [ROWS][WIDTH], scaled */
  SHARED(float, kv, KEYS *(WIDTH + 1)); /* [KEYS][WIDTH + 1]: keys, then values */
  SHARED(float, weights, ROWS *KEYS);   /* [ROWS][KEYS] */
  const int lane = threadIdx.x % WARP_LANES, warp = threadIdx.x / WARP_LANES;
  const int head_dim = static_cast<int>(p.head_dim), chunks = (head_dim + WIDTH - 1) / WIDTH;
  const int own = static_cast<int>(blockIdx.x % chunks) * WIDTH; /* first feature */
  const int64_t head = blockIdx.x / chunks % p.heads, kv_head = head / (p.heads / p.kv_heads);
  const sparse_task t = tasks[blockIdx.x / chunks / p.heads];
  const int64_t list = t.block * p.lists + (p.lists == 1 ? 0 : head);

  const auto load_queries = [&](int chunk) {
    for (int i = threadIdx.x; i < ROWS * WIDTH; i += THREADS) {
      const int r = i / WIDTH, d = chunk + i % WIDTH;
      const bool there = r < t.rows && d < head_dim;
      qs[i] = there ? p.scale * p.q[(t.first + r) * p.q_token_stride + head * p.q_head_stride + d] : 0;
    }
  };
  if (chunks == 1) load_queries(0);
  /* What some query of the block sees of banded spans, and each of the warp's. */
  int some_begin = PF_MAX_DIMENSION, some_end = 0, band_begin[WARP_ROWS] = {}, band_end[WARP_ROWS] = {};
  if (p.bands) {
    for (int r = 0; r < t.rows; r++) {
      const int begin = p.bands[2 * (t.first + r)], end = p.bands[2 * (t.first + r) + 1];
      if (begin == end) continue;
      some_begin = begin < some_begin ? begin : some_begin;
      some_end = end > some_end ? end : some_end;
    }
#pragma unroll
    for (int i = 0; i < WARP_ROWS; i++) {
      const int r = warp * WARP_ROWS + i;
      if (r < t.rows) {
        band_begin[i] = p.bands[2 * (t.first + r)];
        band_end[i] = p.bands[2 * (t.first + r) + 1];
      }
    }
  }

  float max[WARP_ROWS], sum[WARP_ROWS] = {}, y[WARP_ROWS][features] = {};
#pragma unroll
  for (int i = 0; i < WARP_ROWS; i++) max[i] = -INFINITY;
  for (int32_t s = p.list_starts[list]; s < p.list_starts[list + 1]; s++) {
    const pf_key_span span = p.spans[s];
    for (int64_t first = span.begin; first < span.end; first += KEYS) {
      if (span.banded && (first >= some_end || first + KEYS <= some_begin)) continue;
      const int keys = static_cast<int>(smaller(span.end - first, KEYS));
      const auto load_keys = [&](const float *from, int chunk) {
        for (int i = threadIdx.x; i < KEYS * WIDTH; i += THREADS) {
          const int j = i / WIDTH, d = chunk + i % WIDTH;
          kv[j * (WIDTH + 1) + i % WIDTH] =
              j < keys && d < head_dim ? from[(first + j) * p.kv_token_stride + kv_head * p.kv_head_stride + d] : 0;
        }
      };
      float score[WARP_ROWS] = {};
      for (int chunk = 0; chunk < head_dim; chunk += WIDTH) {
        __syncthreads();
        load_keys(p.k, chunk);
        if (chunks > 1) load_queries(chunk);
        __syncthreads();
        const int end = head_dim - chunk < WIDTH ? head_dim - chunk : WIDTH;
        for (int d = 0; d < end; d++) {
          const float k = kv[lane * (WIDTH + 1) + d];
#pragma unroll
          for (int i = 0; i < WARP_ROWS; i++) score[i] = fmaf(qs[(warp * WARP_ROWS + i) * WIDTH + d], k, score[i]);
        }
      }
      const int64_t key = first + lane;
#pragma unroll
      for (int i = 0; i < WARP_ROWS; i++) {
        const bool seen = lane < keys && (!span.banded || (key >= band_begin[i] && key < band_end[i]));
        if (!seen) score[i] = -INFINITY;
        const float larger = fmaxf(max[i], warp_max(score[i]));
        const float weight = seen ? expf(score[i] - (larger == -INFINITY ? 0 : larger)) : 0;
        const float shrink = decay(max[i], larger);
        max[i] = larger;
        sum[i] = sum[i] * shrink + warp_sum(weight);
#pragma unroll
        for (int f = 0; f < features; f++) y[i][f] *= shrink;
        weights[(warp * WARP_ROWS + i) * KEYS + lane] = weight;
      }
      __syncthreads();
      load_keys(p.v, own);
      __syncthreads();
#pragma unroll
      for (int i = 0; i < WARP_ROWS; i++) {
        /* Not beyond what the row sees: what it does not see may be anything. */
        int from = 0, to = keys;
        if (span.banded) {
          from = static_cast<int>(band_begin[i] > first ? smaller(band_begin[i] - first, keys) : 0);
          to = static_cast<int>(smaller(band_end[i] - first, keys));
        }
        for (int j = from; j < to; j++) {
          const float weight = weights[(warp * WARP_ROWS + i) * KEYS + j];
#pragma unroll
          for (int f = 0; f < features; f++)
            y[i][f] = fmaf(weight, kv[j * (WIDTH + 1) + f * WARP_LANES + lane], y[i][f]);
        }
      }
    }
  }
#pragma unroll
  for (int i = 0; i < WARP_ROWS; i++) {
    const int r = warp * WARP_ROWS + i;
    if (r >= t.rows) continue;
#pragma unroll
    for (int f = 0; f < features; f++) {
      const int d = own + f * WARP_LANES + lane;
      if (d < head_dim)
        p.y[(t.first + r) * p.y_token_stride + head * p.y_head_stride + d] = sum[i] == 0 ? 0 : y[i][f] / sum[i];
    }
  }
}

bool ascends(const int32_t *starts, int64_t count) {
  if (starts[0] != 0) return false;
  for (int64_t i = 0; i < count; i++)
    if (starts[i] > starts[i + 1]) return false;
  return true;
}

bool is_range(int32_t begin, int32_t end, int64_t keys) { return begin >= 0 && begin <= end && end <= keys; }

pf_status check_lists(const pf_sparse_attention_params *a) {
  if (!ascends(a->block_starts, a->blocks) || a->block_starts[a->blocks] != a->q_tokens) return PF_ERROR_INDEX;
  if (!ascends(a->list_starts, a->blocks * a->lists)) return PF_ERROR_INDEX;
  const int64_t spans = a->list_starts[a->blocks * a->lists];
  if (spans > 0 && !a->spans) return PF_ERROR_ARGUMENT;
  bool banded = false;
  for (int64_t i = 0; i < spans; i++) {
    if (!is_range(a->spans[i].begin, a->spans[i].end, a->kv_tokens)) return PF_ERROR_INDEX;
    banded = banded || a->spans[i].banded;
  }
  if (banded && !a->bands) return PF_ERROR_ARGUMENT;
  for (int64_t i = 0; a->bands && i < a->q_tokens; i++)
    if (!is_range(a->bands[2 * i], a->bands[2 * i + 1], a->kv_tokens)) return PF_ERROR_INDEX;
  return PF_OK;
}

} // namespace

/* Nothing is kept there; not 0, so that what callers have to say about workspaces is checked all the same. */
pf_status cuda::sparse_attention_workspace_size(const pf_engine *, int64_t head_dim, int64_t *bytes) {
  if (head_dim < 1 || head_dim > PF_MAX_SPARSE_HEAD_DIM) return PF_ERROR_ARGUMENT;
  *bytes = PF_ALIGNMENT;
  return PF_OK;
}

pf_status cuda::sparse_attention(pf_engine *engine, const pf_sparse_attention_params *a) {
  int64_t bytes;
  pf_status status = sparse_attention_workspace_size(engine, a->head_dim, &bytes);
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

  const int features = static_cast<int>(min64(ceil_div(a->head_dim, WARP_LANES), MOST_FEATURES));
  const int rows = rows_of(features);
  std::vector<sparse_task> tasks;
  tasks.reserve(static_cast<size_t>(ceil_div(a->q_tokens, rows) + a->blocks));
  for (int32_t b = 0; b < a->blocks; b++)
    for (int32_t first = a->block_starts[b]; first < a->block_starts[b + 1]; first += rows)
      tasks.push_back({b, first, static_cast<int32_t>(min64(a->block_starts[b + 1] - first, rows)), 0});

  cuda_call call(engine);
  pf_sparse_attention_params p = *a;
  const int64_t lists = a->blocks * a->lists, spans = a->list_starts[lists];
  p.list_starts = call.upload(a->list_starts, lists + 1);
  if (spans > 0) p.spans = call.upload_all(a->spans, spans);
  if (a->bands) p.bands = call.upload(a->bands, 2 * a->q_tokens);
  const sparse_task *on_device = call.upload_all(tasks.data(), static_cast<int64_t>(tasks.size()));
  if (call.status() != PF_OK) return call.status();
  const int64_t chunks = ceil_div(a->head_dim, MOST_FEATURES * WARP_LANES);
  const unsigned blocks = static_cast<unsigned>(static_cast<int64_t>(tasks.size()) * a->heads * chunks);
  switch (features) {
  case 1:
    call.launch(attend_spans<1>, blocks, THREADS, p, on_device);
    break;
  case 2:
    call.launch(attend_spans<2>, blocks, THREADS, p, on_device);
    break;
  case 3:
  case 4:
    call.launch(attend_spans<4>, blocks, THREADS, p, on_device);
    break;
  default:
    call.launch(attend_spans<8>, blocks, THREADS, p, on_device);
    break;
  }
  return call.status();
}
