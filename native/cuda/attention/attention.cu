/*
 * Fused attention, y = softmax(scale q k^T + bias) v, over adjacent keys or a paged cache, tile by tile over the keys
 * with an online softmax (Milakov, Gimelshein 2018; Dao et al. 2022).
 *
 * FLOPs 4 q_len kv_len head_dim a head, half of it if causal; bytes 4 head_dim (2 q_len + 2 kv_len) a head, keys and
 * values once for every block of rows. A row is a query of one of the heads that share a key head, so that a step of
 * decoding with grouped heads reads its cache once.
 *
 * Tiles are counted from the first key, and so are the spans of a paged cache, whose sums are merged in order: by the
 * block that took one span after the other, or, where there are too few blocks to fill the device, by a kernel after
 * the blocks that took one span each (split-KV; Dao et al. 2023). What a row gets does not depend on which it was, nor
 * on the other rows of its block: a tile that a row does not see changes nothing.
 */
#include <initializer_list>

#include "attention.h"

namespace {

constexpr int THREADS = 128;
constexpr int WARPS = THREADS / WARP_LANES;
constexpr int KEYS = WARP_LANES; /* of a tile: one a lane */

/* Rows of a block: what leaves room for a tile of keys in 48 KB of shared memory. */
__host__ __device__ constexpr int rows_of(int features) { return features <= 4 ? 16 : 8; }

/* Sums over keys of a warp's rows; a lane has the features lane, lane + 32, … of each. */
template <int features> struct sums {
  static constexpr int WARP_ROWS = rows_of(features) / WARPS;
  float max[WARP_ROWS], sum[WARP_ROWS], y[WARP_ROWS][features];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int r = 0; r < WARP_ROWS; r++) {
      max[r] = -INFINITY;
      sum[r] = 0;
#pragma unroll
      for (int f = 0; f < features; f++) y[r][f] = 0;
    }
  }
};

/* `features` of a lane: head_dim is at most features * WARP_LANES. */
template <int features> __global__ void __launch_bounds__(THREADS, 3) attend(attention_problem p) {
  constexpr int ROWS = rows_of(features), WARP_ROWS = ROWS / WARPS, WIDTH = features * WARP_LANES;
  SHARED(float, qs, ROWS *WIDTH);         /* [ROWS][WIDTH], scaled */
  SHARED(float, kv, KEYS *(WIDTH + 1));   /* [KEYS][WIDTH + 1]: keys, then values */
  SHARED(float, weights, ROWS *KEYS);     /* [ROWS][KEYS] */
  const int lane = threadIdx.x % WARP_LANES, warp = threadIdx.x / WARP_LANES;
  const int head_dim = static_cast<int>(p.head_dim);

  const attention_task t = task_of(p, blockIdx.x, ROWS);
  if (t.rows <= 0) return;
  const bool split = p.spans > 1;

  for (int i = threadIdx.x; i < ROWS * WIDTH; i += THREADS) {
    const int r = i / WIDTH, d = i % WIDTH;
    float q = 0;
    if (r < t.rows && d < head_dim) {
      const attention_row row = row_of(p, t, r);
      q = p.scale * p.q[(t.q_begin + row.token) * p.q_token_stride + row.head * p.q_head_stride + d];
    }
    qs[i] = q;
  }
  attention_row row[WARP_ROWS];
#pragma unroll
  for (int i = 0; i < WARP_ROWS; i++) row[i] = row_of(p, t, warp * WARP_ROWS + i);

  sums<features> all, span;
  all.clear();
  span.clear();
  const int64_t first_tile = t.begin / KEYS * KEYS;
  for (int64_t first = first_tile; first < t.end; first += KEYS) {
    /* One barrier before keys are replaced and one behind: the values of the tile before are not needed any more. */
    for (int pass = 0; pass < 2; pass++) {
      __syncthreads();
      for (int i = threadIdx.x; i < KEYS * WIDTH; i += THREADS) {
        const int j = i / WIDTH, d = i % WIDTH;
        const int64_t key = first + j;
        const float value = key >= t.begin && key < t.end && d < head_dim ? key_of(p, t, key, pass)[d] : 0;
        kv[j * (WIDTH + 1) + d] = value;
      }
      __syncthreads();
      if (pass == 1) break;

      /* Scores of a key a lane, which become weights; the sums so far shrink to the new maximum. */
      float score[WARP_ROWS] = {};
      for (int d = 0; d < head_dim; d++) {
        const float k = kv[lane * (WIDTH + 1) + d];
#pragma unroll
        for (int i = 0; i < WARP_ROWS; i++) score[i] = fmaf(qs[(warp * WARP_ROWS + i) * WIDTH + d], k, score[i]);
      }
      const int64_t key = first + lane;
#pragma unroll
      for (int i = 0; i < WARP_ROWS; i++) {
        const bool seen = key >= row[i].begin && key < row[i].end;
        if (seen && row[i].bias) score[i] += bias_of(p, row[i], key);
        if (!seen) score[i] = -INFINITY;
        const float larger = fmaxf(span.max[i], warp_max(score[i]));
        const float weight = seen ? expf(score[i] - (larger == -INFINITY ? 0 : larger)) : 0;
        const float shrink = decay(span.max[i], larger);
        span.max[i] = larger;
        span.sum[i] = span.sum[i] * shrink + warp_sum(weight);
#pragma unroll
        for (int f = 0; f < features; f++) span.y[i][f] *= shrink;
        weights[(warp * WARP_ROWS + i) * KEYS + lane] = weight;
      }
    }

#pragma unroll
    for (int i = 0; i < WARP_ROWS; i++) {
      const int from = static_cast<int>(row[i].begin > first ? smaller(row[i].begin - first, KEYS) : 0);
      const int to = static_cast<int>(smaller(row[i].end - first, KEYS));
      for (int j = from; j < to; j++) {
        const float weight = weights[(warp * WARP_ROWS + i) * KEYS + j];
#pragma unroll
        for (int f = 0; f < features; f++)
          span.y[i][f] = fmaf(weight, kv[j * (WIDTH + 1) + f * WARP_LANES + lane], span.y[i][f]);
      }
    }

    if (p.block_tables && !split && ((first + KEYS) % SPAN == 0 || first + KEYS >= t.end)) {
#pragma unroll
      for (int i = 0; i < WARP_ROWS; i++) {
        float old_scale, span_scale;
        merge_moments(all.max[i], all.sum[i], span.max[i], span.sum[i], old_scale, span_scale);
#pragma unroll
        for (int f = 0; f < features; f++) all.y[i][f] = all.y[i][f] * old_scale + span.y[i][f] * span_scale;
      }
      span.clear();
    }
  }

  const bool merged = p.block_tables && !split;
#pragma unroll
  for (int i = 0; i < WARP_ROWS; i++) {
    if (warp * WARP_ROWS + i >= t.rows) continue;
    /* Once more: it does not have to stay in registers all the while. */
    const attention_row own = row_of(p, t, warp * WARP_ROWS + i);
    const int64_t token = t.q_begin + own.token, head = own.head;
    const float sum = merged ? all.sum[i] : span.sum[i];
    float *partial = split ? p.partial + ((token * p.heads + head) * p.spans + t.own_span) * (2 + p.head_dim) : nullptr;
    if (split && lane == 0) {
      partial[0] = span.max[i];
      partial[1] = span.sum[i];
    }
#pragma unroll
    for (int f = 0; f < features; f++) {
      const int d = f * WARP_LANES + lane;
      if (d >= head_dim) continue;
      const float y = merged ? all.y[i][f] : span.y[i][f];
      if (split)
        partial[2 + d] = y;
      else
        p.y[token * p.y_token_stride + head * p.y_head_stride + d] = sum == 0 ? 0 : y / sum;
    }
  }
}

/* Merges the spans of each token and head, in order; a warp each. */
__global__ void __launch_bounds__(THREADS) merge_spans(attention_problem p, int64_t rows) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * WARPS + threadIdx.x / WARP_LANES;
  if (row >= rows) return;
  const int64_t token = row / p.heads, head = row % p.heads;
  const float *partial = p.partial + row * p.spans * (2 + p.head_dim);
  for (int64_t d = threadIdx.x % WARP_LANES; d < p.head_dim; d += WARP_LANES) {
    float max = -INFINITY, sum = 0, y = 0;
    for (int64_t i = 0; i < p.spans; i++) {
      const float *span = partial + i * (2 + p.head_dim);
      float old_scale, span_scale;
      merge_moments(max, sum, span[0], span[1], old_scale, span_scale);
      y = y * old_scale + span[2 + d] * span_scale;
    }
    p.y[token * p.y_token_stride + head * p.y_head_stride + d] = sum == 0 ? 0 : y / sum;
  }
}

/* Vectors of lanes that a head fills, rounded up to a kernel that there is. */
int features_of(int64_t head_dim) {
  const int features = static_cast<int>(ceil_div(head_dim, WARP_LANES));
  return features <= 4 ? features : 8;
}

bool is_for_tensor_cores(const cuda_call &call, int64_t head_dim) {
  return call.attention_dtype() != PF_DTYPE_FP32 && head_dim <= cuda::MMA_HEAD_DIM;
}

int64_t block_rows(const cuda_call &call, int64_t head_dim) {
  return is_for_tensor_cores(call, head_dim) ? cuda::MMA_ROWS : rows_of(features_of(head_dim));
}

void launch(cuda_call &call, const attention_problem &p) {
  if (is_for_tensor_cores(call, p.head_dim)) {
    cuda::attend_on_tensor_cores(call, p, call.attention_dtype());
    return;
  }
  const unsigned blocks = static_cast<unsigned>(p.sequences * p.row_blocks * p.kv_heads * p.spans);
  switch (features_of(p.head_dim)) {
  case 1:
    call.launch(attend<1>, blocks, THREADS, p);
    break;
  case 2:
    call.launch(attend<2>, blocks, THREADS, p);
    break;
  case 3:
    call.launch(attend<3>, blocks, THREADS, p);
    break;
  case 4:
    call.launch(attend<4>, blocks, THREADS, p);
    break;
  default:
    call.launch(attend<8>, blocks, THREADS, p);
    break;
  }
}

bool are_strides(std::initializer_list<int64_t> strides) {
  for (const int64_t stride : strides)
    if (!is_count(stride)) return false;
  return true;
}

} // namespace

void cuda::attend_adjacent(cuda_call &call, attention_problem p, int64_t longest_q) {
  p.row_blocks = ceil_div(longest_q * (p.heads / p.kv_heads), block_rows(call, p.head_dim));
  p.spans = 1;
  launch(call, p);
}

/* Nothing is kept there; not 0, so that what callers have to say about workspaces is checked all the same. */
pf_status cuda::attention_workspace_size(const pf_engine *, int64_t head_dim, int64_t *bytes) {
  if (!is_head_dim(head_dim)) return PF_ERROR_ARGUMENT;
  *bytes = PF_ALIGNMENT;
  return PF_OK;
}

pf_status cuda::attention(pf_engine *engine, const pf_attention_params *a) {
  int64_t bytes, longest_q, longest_kv;
  const pf_status status = attention_workspace_size(engine, a->head_dim, &bytes);
  if (status != PF_OK) return status;
  if (!is_count(a->sequences) || !is_count(a->q_tokens) || !is_count(a->kv_tokens) || !is_extent(a->heads) ||
      !is_extent(a->kv_heads) || a->heads % a->kv_heads != 0)
    return PF_ERROR_ARGUMENT;
  if (!are_strides({a->q_token_stride, a->q_head_stride, a->kv_token_stride, a->kv_head_stride, a->y_token_stride,
                    a->y_head_stride, a->bias_sequence_stride, a->bias_head_stride}) ||
      a->bias_query_stride < -static_cast<int64_t>(PF_MAX_DIMENSION) || a->bias_query_stride > PF_MAX_DIMENSION)
    return PF_ERROR_ARGUMENT;
  if (a->sequences == 0) return a->q_tokens == 0 ? PF_OK : PF_ERROR_INDEX;
  if (!a->cu_seqlens_q || !a->cu_seqlens_kv) return PF_ERROR_ARGUMENT;
  if (!are_lengths(a->cu_seqlens_q, a->sequences, a->q_tokens, &longest_q) ||
      !are_lengths(a->cu_seqlens_kv, a->sequences, a->kv_tokens, &longest_kv))
    return PF_ERROR_INDEX;
  if (a->q_tokens == 0) return PF_OK;
  if (!a->q || !a->y || (a->kv_tokens > 0 && (!a->k || !a->v))) return PF_ERROR_ARGUMENT;
  if (!is_workspace(a->workspace, a->workspace_bytes, bytes)) return PF_ERROR_WORKSPACE;

  cuda_call call(engine);
  attention_problem p = {};
  p.q = a->q;
  p.k = a->k;
  p.v = a->v;
  p.y = a->y;
  p.bias = a->bias;
  p.cu_seqlens_q = call.upload(a->cu_seqlens_q, a->sequences + 1);
  p.cu_seqlens_kv = call.upload(a->cu_seqlens_kv, a->sequences + 1);
  p.q_token_stride = a->q_token_stride;
  p.q_head_stride = a->q_head_stride;
  p.kv_token_stride = a->kv_token_stride;
  p.kv_head_stride = a->kv_head_stride;
  p.y_token_stride = a->y_token_stride;
  p.y_head_stride = a->y_head_stride;
  p.bias_sequence_stride = a->bias_sequence_stride;
  p.bias_head_stride = a->bias_head_stride;
  p.bias_query_stride = a->bias_query_stride;
  p.sequences = a->sequences;
  p.heads = a->heads;
  p.kv_heads = a->kv_heads;
  p.head_dim = a->head_dim;
  p.scale = a->scale;
  p.causal = a->causal != 0;
  if (call.status() == PF_OK) attend_adjacent(call, p, longest_q);
  return call.status();
}

pf_status cuda::paged_attention_workspace_size(const pf_engine *engine, int64_t head_dim, int64_t *bytes) {
  return attention_workspace_size(engine, head_dim, bytes);
}

/* Whether the sequence has its queries' keys, and every block of them that a query sees is one of the cache. */
static bool has_blocks(const pf_paged_attention_params *a, int64_t s) {
  const int64_t q_length = a->cu_seqlens_q[s + 1] - a->cu_seqlens_q[s], kv_length = a->kv_lengths[s];
  if (q_length == 0) return kv_length >= 0;
  if (kv_length < (a->all_keys ? 1 : q_length)) return false;
  const int64_t blocks = ceil_div(kv_length, a->block_tokens);
  if (blocks > a->block_table_stride) return false;
  const int64_t seen = a->window ? kv_length - q_length - a->window + 1 : 0;
  const int64_t first = seen > 0 ? seen / a->block_tokens : 0;
  return are_within(a->block_tables + s * a->block_table_stride + first, blocks - first, a->blocks);
}

pf_status cuda::paged_attention(pf_engine *engine, const pf_paged_attention_params *a) {
  int64_t bytes, longest_q, longest_kv = 0;
  const pf_status status = paged_attention_workspace_size(engine, a->head_dim, &bytes);
  if (status != PF_OK) return status;
  if (!is_count(a->sequences) || !is_count(a->q_tokens) || !is_extent(a->heads) || !is_extent(a->kv_heads) ||
      a->heads % a->kv_heads != 0 || !is_cache(a->blocks, a->kv_heads, a->block_tokens, a->head_dim) ||
      !is_count(a->window) || (a->all_keys && (a->window || a->bias)) || (a->bias && !is_extent(a->bias_distances)))
    return PF_ERROR_ARGUMENT;
  if (!are_strides({a->q_token_stride, a->q_head_stride, a->y_token_stride, a->y_head_stride, a->block_table_stride}))
    return PF_ERROR_ARGUMENT;
  if (a->sequences == 0) return a->q_tokens == 0 ? PF_OK : PF_ERROR_INDEX;
  if (!a->cu_seqlens_q || !a->kv_lengths) return PF_ERROR_ARGUMENT;
  if (!are_lengths(a->cu_seqlens_q, a->sequences, a->q_tokens, &longest_q)) return PF_ERROR_INDEX;
  if (a->q_tokens > 0 && (!a->q || !a->cache || !a->y || !a->block_tables)) return PF_ERROR_ARGUMENT;
  for (int64_t s = 0; s < a->sequences; s++) {
    if (!has_blocks(a, s)) return PF_ERROR_INDEX;
    if (a->cu_seqlens_q[s + 1] > a->cu_seqlens_q[s] && a->kv_lengths[s] > longest_kv) longest_kv = a->kv_lengths[s];
  }
  if (a->q_tokens == 0) return PF_OK;
  if (!is_workspace(a->workspace, a->workspace_bytes, bytes)) return PF_ERROR_WORKSPACE;

  cuda_call call(engine);
  attention_problem p = {};
  p.q = a->q;
  p.k = a->cache;
  p.y = a->y;
  p.cu_seqlens_q = call.upload(a->cu_seqlens_q, a->sequences + 1);
  p.kv_lengths = call.upload(a->kv_lengths, a->sequences);
  p.block_tables = call.upload(a->block_tables, a->sequences * a->block_table_stride);
  p.q_token_stride = a->q_token_stride;
  p.q_head_stride = a->q_head_stride;
  p.y_token_stride = a->y_token_stride;
  p.y_head_stride = a->y_head_stride;
  p.block_table_stride = a->block_table_stride;
  p.block_tokens = a->block_tokens;
  p.sequences = a->sequences;
  p.heads = a->heads;
  p.kv_heads = a->kv_heads;
  p.head_dim = a->head_dim;
  p.window = a->window;
  p.scale = a->scale;
  p.causal = !a->all_keys;
  p.distance_bias = a->bias;
  p.distances = a->bias_distances;
  p.row_blocks = ceil_div(longest_q * (a->heads / a->kv_heads), block_rows(call, a->head_dim));
  const int64_t spans = ceil_div(longest_kv, SPAN);
  /* Two blocks a multiprocessor keep it busy; more of them would only write and read more partial sums. */
  p.spans = p.sequences * p.row_blocks * p.kv_heads < 2 * call.multiprocessors() ? spans : 1;
  if (p.spans > 1) {
    const int64_t rows = a->q_tokens * a->heads;
    p.partial = static_cast<float *>(call.scratch(static_cast<size_t>(rows * spans * (2 + a->head_dim)) * sizeof(float)));
    if (call.status() != PF_OK) return call.status();
    launch(call, p);
    call.launch(merge_spans, static_cast<unsigned>(ceil_div(rows, WARPS)), THREADS, p, rows);
  } else if (call.status() == PF_OK) {
    launch(call, p);
  }
  return call.status();
}
