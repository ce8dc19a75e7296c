/*
 * Performer attention, FAVOR+ (Choromanski et al. 2021): y_i = sum_j f(q_i) f(k_j) v_j / sum_j f(q_i) f(k_j) with
 * random features f, summed over the keys first: for each feature the sums S of f(k_j) v_j and Z of f(k_j), and then
 * y_i = f(q_i) S / f(q_i) Z.
 *
 * FLOPs 8 length features head_dim a head; bytes 16 length head_dim a head, and S once for every block of queries,
 * from the second-level cache. Bound by FMAs; causal by the latency of one token after the other, of which a
 * device has as many going on as there are sequences and heads.
 *
 * Of the softmax map a feature of a key is an exponential, exp(w k - |k|^2/2), of which only the exponent less the
 * largest so far, M, is taken; S and Z shrink as M rises. A query's are exp(w q + M) less the largest of all features.
 * What is taken out is common to a feature's terms, or to a query's, and cancels, as do |q|^2/2 and 1/sqrt(features).
 *
 * Keys are taken in tiles from the first of their sequence on, features in tiles from the first on: no result depends
 * on the batch.
 */
#include <cfloat>

#include "attention.h"

namespace {

constexpr int TILE = WARP_LANES; /* of features, and of keys */
constexpr int WARPS = 4;
constexpr int THREADS = WARPS * WARP_LANES;
constexpr int QUERIES = 2 * WARPS; /* of a block */

/* What is summed at a time, at least one sequence. */
constexpr int64_t SUM_BYTES = 64 << 20;

__device__ __forceinline__ float relu_feature(const pf_performer_attention_params &a, float x) {
  return (x < 0 ? 0 : x) + a.offset; /* NaN stays NaN */
}

/* Where the sums of a head of a sequence lie: a row a feature, [head_dim] of S, then Z, then M. */
__device__ __forceinline__ float *sums_of(const pf_performer_attention_params &a, float *sums, int64_t sequence,
                                          int64_t head) {
  return sums + (sequence * a.heads + head) * a.features * (a.head_dim + 2);
}

/* ---- All keys ---- */

/* The sums of TILE features over all keys of one head of one sequence; a lane a feature. A thread has every WARPS-th of
   `each` * WARPS elements. */
template <int each>
__global__ void __launch_bounds__(THREADS, 3)
    sum_keys(pf_performer_attention_params a, float *sums, int64_t first, int64_t tiles) {
  constexpr int WIDTH = each * WARPS, LOADED = 16;
  SHARED(float, xs, TILE *(LOADED + 1)); /* [feature][element], scaled: LOADED of them at a time */
  SHARED(float, ys, TILE *(LOADED + 1)); /* [key][element] */
  SHARED(float, fs, TILE *TILE);         /* [key][feature] */
  SHARED(float, squares, TILE);
  SHARED(float, maxima, WARPS *TILE);
  const int lane = threadIdx.x % WARP_LANES, warp = threadIdx.x / WARP_LANES, index = static_cast<int>(threadIdx.x);
  const int64_t tile = blockIdx.x % tiles, head = blockIdx.x / tiles % a.heads, s = blockIdx.x / tiles / a.heads;
  const int64_t begin = a.cu_seqlens[first + s], end = a.cu_seqlens[first + s + 1], feature = tile * TILE + lane;
  const bool softmax = a.map == PF_FEATURE_MAP_SOFTMAX;
  float values[each] = {}, z = 0, max = -FLT_MAX;
  for (int64_t t = begin; t < end; t += TILE) {
    const int keys = static_cast<int>(smaller(end - t, TILE));
    /* Products of keys with features: of a lane's feature and of every WARPS-th key. */
    float product[TILE / WARPS] = {}, square = 0;
    for (int64_t d = 0; d < a.head_dim; d += LOADED) {
      __syncthreads();
      for (int i = index; i < TILE * LOADED; i += THREADS) {
        const int64_t r = tile * TILE + i / LOADED, at = d + i % LOADED;
        const bool inside = at < a.head_dim;
        xs[i / LOADED * (LOADED + 1) + i % LOADED] =
            inside && r < a.features ? a.scale * a.random_features[r * a.head_dim + at] : 0;
        ys[i / LOADED * (LOADED + 1) + i % LOADED] =
            inside && i / LOADED < keys ? a.k[(t + i / LOADED) * a.kv_token_stride + head * a.kv_head_stride + at] : 0;
      }
      __syncthreads();
      for (int i = 0; i < LOADED; i++) {
        const float x = xs[lane * (LOADED + 1) + i];
#pragma unroll
        for (int j = 0; j < TILE / WARPS; j++)
          product[j] = fmaf(x, ys[(warp + j * WARPS) * (LOADED + 1) + i], product[j]);
        if (warp == 0) {
          const float y = a.scale * ys[lane * (LOADED + 1) + i];
          square = fmaf(y, y, square);
        }
      }
    }
    if (warp == 0) squares[lane] = 0.5f * square;
    __syncthreads();
    float larger = max;
#pragma unroll
    for (int j = 0; j < TILE / WARPS; j++) {
      const int key = warp + j * WARPS;
      product[j] = softmax ? product[j] - squares[key] : relu_feature(a, product[j]);
      if (key < keys) larger = fmaxf(larger, product[j]);
    }
    maxima[warp * TILE + lane] = larger;
    __syncthreads();
    float decay = 1;
    if (softmax) {
#pragma unroll
      for (int w = 0; w < WARPS; w++) larger = fmaxf(larger, maxima[w * TILE + lane]);
      decay = expf(max - larger);
      max = larger;
    }
#pragma unroll
    for (int j = 0; j < TILE / WARPS; j++)
      fs[(warp + j * WARPS) * TILE + lane] = softmax ? expf(product[j] - max) : product[j];
    __syncthreads();
    z *= decay;
#pragma unroll
    for (int i = 0; i < each; i++) values[i] *= decay;
    for (int key = 0; key < keys; key++) {
      const float f = fs[key * TILE + lane];
      const float *v = a.v + (t + key) * a.kv_token_stride + head * a.kv_head_stride;
      z += f;
#pragma unroll
      for (int i = 0; i < each; i++)
        if (warp + i * WARPS < a.head_dim) values[i] = fmaf(f, v[warp + i * WARPS], values[i]);
    }
  }
  if (feature >= a.features) return;
  float *row = sums_of(a, sums, s, head) + feature * (a.head_dim + 2);
#pragma unroll
  for (int i = 0; i < WIDTH / WARPS; i++)
    if (warp + i * WARPS < a.head_dim) row[warp + i * WARPS] = values[i];
  if (warp == 0) {
    row[a.head_dim] = z;
    row[a.head_dim + 1] = max;
  }
}

/* QUERIES queries of one head of one sequence, two a warp, over the sums; tiles of features with an online maximum. A
   lane has the elements lane, lane + 32, ... of y. */
template <int each>
__global__ void __launch_bounds__(THREADS)
    answer_queries(pf_performer_attention_params a, float *sums, int64_t first, int64_t blocks) {
  constexpr int WIDTH = each * WARP_LANES;
  SHARED(float, ws, TILE *(WIDTH + 1)); /* [feature][element], scaled */
  SHARED(float, qs, QUERIES *WIDTH);
  SHARED(float, weights, QUERIES *TILE);
  const int lane = threadIdx.x % WARP_LANES, warp = threadIdx.x / WARP_LANES;
  const int64_t block = blockIdx.x % blocks, head = blockIdx.x / blocks % a.heads, s = blockIdx.x / blocks / a.heads;
  const int64_t begin = a.cu_seqlens[first + s] + block * QUERIES;
  const int64_t queries = smaller(a.cu_seqlens[first + s + 1] - begin, QUERIES);
  if (queries <= 0) return;
  const bool softmax = a.map == PF_FEATURE_MAP_SOFTMAX;
  for (int i = threadIdx.x; i < QUERIES * WIDTH; i += THREADS)
    qs[i] = i / WIDTH < queries && i % WIDTH < a.head_dim
                ? a.q[(begin + i / WIDTH) * a.q_token_stride + head * a.q_head_stride + i % WIDTH]
                : 0;
  const float *known = sums_of(a, sums, s, head);
  float y[2][each] = {}, z[2] = {}, max[2] = {-FLT_MAX, -FLT_MAX};
  for (int64_t r = 0; r < a.features; r += TILE) {
    __syncthreads();
    for (int i = threadIdx.x; i < TILE * WIDTH; i += THREADS)
      ws[i / WIDTH * (WIDTH + 1) + i % WIDTH] = r + i / WIDTH < a.features && i % WIDTH < a.head_dim
                                                    ? a.scale * a.random_features[(r + i / WIDTH) * a.head_dim + i % WIDTH]
                                                    : 0;
    __syncthreads();
    const bool there = r + lane < a.features;
    const float *row = known + (r + lane) * (a.head_dim + 2);
#pragma unroll
    for (int j = 0; j < 2; j++) {
      float product = 0;
      for (int d = 0; d < a.head_dim; d++)
        product = fmaf(ws[lane * (WIDTH + 1) + d], qs[(warp * 2 + j) * WIDTH + d], product);
      float weight = 0, shrink = 1;
      if (softmax) {
        const float exponent = there ? product + row[a.head_dim + 1] : -FLT_MAX;
        const float larger = fmaxf(max[j], warp_max(exponent));
        shrink = expf(max[j] - larger);
        max[j] = larger;
        if (there) weight = expf(exponent - larger);
      } else if (there) {
        weight = relu_feature(a, product);
      }
      weights[(warp * 2 + j) * TILE + lane] = weight;
      z[j] = z[j] * shrink + warp_sum(there ? weight * row[a.head_dim] : 0);
#pragma unroll
      for (int f = 0; f < each; f++) y[j][f] *= shrink;
    }
    __syncthreads();
    const int features = static_cast<int>(smaller(a.features - r, TILE));
    for (int i = 0; i < features; i++) {
#pragma unroll
      for (int f = 0; f < each; f++) {
        const int d = lane + f * WARP_LANES;
        const float value = d < a.head_dim ? known[(r + i) * (a.head_dim + 2) + d] : 0;
#pragma unroll
        for (int j = 0; j < 2; j++) y[j][f] = fmaf(weights[(warp * 2 + j) * TILE + i], value, y[j][f]);
      }
    }
  }
#pragma unroll
  for (int j = 0; j < 2; j++) {
    if (warp * 2 + j >= queries) continue;
    float *to = a.y + (begin + warp * 2 + j) * a.y_token_stride + head * a.y_head_stride;
#pragma unroll
    for (int f = 0; f < each; f++)
      if (lane + f * WARP_LANES < a.head_dim) to[lane + f * WARP_LANES] = z[j] == 0 ? 0 : y[j][f] / z[j];
  }
}

/* ---- Causal ---- */

constexpr int CAUSAL_THREADS = 256; /* at least one for each element of a head */
constexpr int CAUSAL_WARPS = CAUSAL_THREADS / WARP_LANES;

/* One head of one sequence, token by token: its key is added to the sums before its query asks. What a token needs of
   each feature, [3, features], lies behind the sums: by what S shrinks, the key's weight, the query's exponent. */
__global__ void __launch_bounds__(CAUSAL_THREADS, 2)
    run_causal(pf_performer_attention_params a, float *sums, int64_t first, int64_t groups) {
  SHARED(float, ks, PF_MAX_HEAD_DIM);
  SHARED(float, qs, PF_MAX_HEAD_DIM);
  SHARED(float, scratch, CAUSAL_WARPS);
  SHARED(float, partial, 2 * CAUSAL_THREADS);
  const int64_t head = blockIdx.x % a.heads, s = blockIdx.x / a.heads, row = a.head_dim + 2;
  const int64_t begin = a.cu_seqlens[first + s], end = a.cu_seqlens[first + s + 1];
  const bool softmax = a.map == PF_FEATURE_MAP_SOFTMAX;
  const int index = static_cast<int>(threadIdx.x);
  float *known = sums + blockIdx.x * a.features * (row + 3), *shrinks = known + a.features * row;
  float *keys = shrinks + a.features, *exponents = keys + a.features;
  for (int64_t i = index; i < a.features * row; i += CAUSAL_THREADS) known[i] = i % row == a.head_dim + 1 ? -FLT_MAX : 0;
  /* Threads of one group have the elements of y, and every groups-th feature. */
  const int64_t d = index % a.head_dim, group = index / a.head_dim;
  for (int64_t t = begin; t < end; t++) {
    __syncthreads();
    float part = 0;
    if (index < a.head_dim) {
      ks[index] = a.scale * a.k[t * a.kv_token_stride + head * a.kv_head_stride + index];
      qs[index] = a.scale * a.q[t * a.q_token_stride + head * a.q_head_stride + index];
      part = ks[index] * ks[index];
    }
    const float square = 0.5f * block_sum<CAUSAL_WARPS>(part, scratch); /* and a barrier */
    float max = -FLT_MAX;
    for (int64_t r = index; r < a.features; r += CAUSAL_THREADS) {
      float of_key = 0, of_query = 0;
      for (int64_t i = 0; i < a.head_dim; i++) {
        const float w = a.random_features[r * a.head_dim + i];
        of_key = fmaf(w, ks[i], of_key);
        of_query = fmaf(w, qs[i], of_query);
      }
      if (softmax) {
        const float before = known[r * row + a.head_dim + 1], exponent = of_key - square;
        const float larger = fmaxf(before, exponent);
        known[r * row + a.head_dim + 1] = larger;
        shrinks[r] = expf(before - larger);
        keys[r] = expf(exponent - larger);
        exponents[r] = of_query + larger;
        max = fmaxf(max, exponents[r]);
      } else {
        shrinks[r] = 1;
        keys[r] = relu_feature(a, of_key);
        exponents[r] = relu_feature(a, of_query);
      }
    }
    max = block_max<CAUSAL_WARPS>(max, scratch);
    float y = 0, z = 0;
    if (group < groups) {
      const float v = a.v[t * a.kv_token_stride + head * a.kv_head_stride + d];
      for (int64_t r = group; r < a.features; r += groups) {
        const float weight = softmax ? expf(exponents[r] - max) : exponents[r];
        float *at = known + r * row;
        const float value = fmaf(keys[r], v, at[d] * shrinks[r]);
        at[d] = value;
        y = fmaf(weight, value, y);
        /* Z is an element of its own for the last of a group's threads. */
        if (d == a.head_dim - 1) {
          const float sum = at[a.head_dim] * shrinks[r] + keys[r];
          at[a.head_dim] = sum;
          z = fmaf(weight, sum, z);
        }
      }
    }
    partial[index] = y;
    partial[CAUSAL_THREADS + index] = z;
    __syncthreads();
    if (index < a.head_dim) {
      y = z = 0;
      for (int64_t g = 0; g < groups; g++) {
        y += partial[g * a.head_dim + index];
        z += partial[CAUSAL_THREADS + g * a.head_dim + a.head_dim - 1];
      }
      a.y[t * a.y_token_stride + head * a.y_head_stride + index] = z == 0 ? 0 : y / z;
    }
  }
}

template <int each>
void launch_pair(cuda_call &call, const pf_performer_attention_params &a, float *sums, int64_t first,
                 int64_t sequences, int64_t longest) {
  constexpr int SUMMED = each * WARP_LANES / WARPS;
  const int64_t tiles = ceil_div(a.features, TILE), blocks = ceil_div(longest, QUERIES);
  call.launch(sum_keys<SUMMED>, static_cast<unsigned>(sequences * a.heads * tiles), THREADS, a, sums, first, tiles);
  call.launch(answer_queries<each>, static_cast<unsigned>(sequences * a.heads * blocks), THREADS, a, sums, first,
              blocks);
}

} // namespace

/* The sums lie in the engine's scratch memory; not 0, so that what callers say of workspaces is checked. */
pf_status cuda::performer_attention_workspace_size(const pf_engine *, int64_t heads, int64_t head_dim, int64_t features, int32_t,
                                                   int64_t *bytes) {
  if (!is_head_dim(head_dim) || !is_extent(heads) || !is_extent(features) ||
      heads > PF_MAX_DIMENSION / features)
    return PF_ERROR_ARGUMENT;
  *bytes = PF_ALIGNMENT;
  return PF_OK;
}

pf_status cuda::performer_attention(pf_engine *engine, const pf_performer_attention_params *a) {
  int64_t bytes, longest;
  const pf_status status =
      performer_attention_workspace_size(engine, a->heads, a->head_dim, a->features, a->causal, &bytes);
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

  cuda_call call(engine);
  const int64_t floats = a->heads * a->features * (a->head_dim + 5);
  int64_t most = SUM_BYTES / static_cast<int64_t>(sizeof(float)) / floats;
  most = min64(most < 1 ? 1 : most, a->sequences);
  float *sums = static_cast<float *>(call.scratch(static_cast<size_t>(most * floats) * sizeof(float)));
  if (!sums) return call.status();
  pf_performer_attention_params on_device = *a;
  on_device.cu_seqlens = call.upload(a->cu_seqlens, a->sequences + 1);
  if (call.status() != PF_OK) return call.status();
  for (int64_t first = 0; first < a->sequences; first += most) {
    const int64_t sequences = min64(most, a->sequences - first);
    if (a->causal) {
      const unsigned blocks = static_cast<unsigned>(sequences * a->heads);
      call.launch(run_causal, blocks, CAUSAL_THREADS, on_device, sums, first, CAUSAL_THREADS / a->head_dim);
    } else if (a->head_dim <= 32) {
      launch_pair<1>(call, on_device, sums, first, sequences, longest);
    } else if (a->head_dim <= 64) {
      launch_pair<2>(call, on_device, sums, first, sequences, longest);
    } else if (a->head_dim <= 128) {
      launch_pair<4>(call, on_device, sums, first, sequences, longest);
    } else {
      launch_pair<8>(call, on_device, sums, first, sequences, longest);
    }
  }
  return call.status();
}
