/*
 * Linear layers, y = activation(x W^T + bias) + residual, in float32, and the feed-forward networks that are made of
 * those of any precision.
 *
 * FLOPs 2 tokens n k; bytes 4 (n k + tokens (n + k)). W is packed as its transpose, [k][n padded to a warp], so that
 * the lanes of a warp read adjacent output features.
 *
 * The sum over k is cut into chunks of CHUNK input features, each one chain of FMAs in ascending order, and the chunks
 * are added in order. A tile of many tokens does so one chunk after the other in registers; for few tokens, where the
 * stream of weights is the floor, the warps of a block take chunks side by side, for one warp of output features. Both
 * are the same operations in the same order: no result depends on how many tokens there are.
 */
#include "linear.h"

namespace {

constexpr int CHUNK = 256;

__device__ __forceinline__ const float *weight_of(const linear_layer &l) { return static_cast<const float *>(l.packed); }

/* ---- Many tokens: tiles ---- */

constexpr int TILE = 64; /* tokens and output features */
constexpr int STEP = 16; /* input features in shared memory */
constexpr int SIDE = 16; /* threads of a tile's side */
constexpr int EACH = TILE / SIDE;
constexpr int TILE_THREADS = SIDE * SIDE;

__global__ void __launch_bounds__(TILE_THREADS) multiply_tiles(linear_layer l) {
  SHARED(float, xs, STEP * (TILE + 1)); /* [STEP][TILE + 1] */
  SHARED(float, ws, STEP * TILE);       /* [STEP][TILE] */
  /* Tokens vary fastest: what runs at the same time reads the same weights. */
  const int64_t token_tiles = (l.tokens + TILE - 1) / TILE;
  const int64_t token = blockIdx.x % token_tiles * TILE, feature = blockIdx.x / token_tiles * TILE;
  const float *weight = weight_of(l);
  const int row = threadIdx.x / SIDE, column = threadIdx.x % SIDE;
  const int64_t ld = fp32_row(l.n);
  float total[EACH][EACH] = {}, sum[EACH][EACH] = {};
  for (int64_t first = 0; first < l.k; first += STEP) {
#pragma unroll
    for (int i = threadIdx.x; i < STEP * TILE; i += TILE_THREADS) {
      const int64_t t = token + i / STEP, p = first + i % STEP;
      xs[i % STEP * (TILE + 1) + i / STEP] = t < l.tokens && p < l.k ? l.x[t * l.k + p] : 0;
      const int64_t j = feature + i % TILE, q = first + i / TILE;
      ws[i] = j < l.n && q < l.k ? weight[q * ld + j] : 0;
    }
    __syncthreads();
    const int steps = static_cast<int>(l.k - first < STEP ? l.k - first : STEP);
    for (int p = 0; p < steps; p++) {
      float a[EACH], b[EACH];
#pragma unroll
      for (int i = 0; i < EACH; i++) {
        a[i] = xs[p * (TILE + 1) + row + i * SIDE];
        b[i] = ws[p * TILE + column + i * SIDE];
      }
#pragma unroll
      for (int i = 0; i < EACH; i++) {
#pragma unroll
        for (int j = 0; j < EACH; j++) sum[i][j] = fmaf(a[i], b[j], sum[i][j]);
      }
    }
    if ((first + STEP) % CHUNK == 0 || first + STEP >= l.k) {
#pragma unroll
      for (int i = 0; i < EACH; i++) {
#pragma unroll
        for (int j = 0; j < EACH; j++) {
          total[i][j] += sum[i][j];
          sum[i][j] = 0;
        }
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < EACH; i++) {
#pragma unroll
    for (int j = 0; j < EACH; j++) {
      const int64_t t = token + row + i * SIDE, f = feature + column + j * SIDE;
      if (t < l.tokens && f < l.n) finish(l, t, f, total[i][j]);
    }
  }
}

/* ---- Few tokens: a warp of output features, chunks side by side ---- */

constexpr int FEW = 8;
constexpr int STREAM_WARPS = 8;
constexpr int STREAM_THREADS = STREAM_WARPS * WARP_LANES;

/* `most` >= tokens, a constant, so that the sums are registers. */
template <int most> __global__ void __launch_bounds__(STREAM_THREADS) multiply_streams(linear_layer l) {
  SHARED(float, partial, STREAM_WARPS * most * WARP_LANES); /* [warp][token][lane] */
  const int lane = threadIdx.x % WARP_LANES, warp = threadIdx.x / WARP_LANES;
  const int64_t feature = static_cast<int64_t>(blockIdx.x) * WARP_LANES + lane, ld = fp32_row(l.n);
  const float *weight = weight_of(l);
  float total = 0; /* of token `warp`, should there be one */
  for (int64_t wave = 0; wave < l.k; wave += STREAM_WARPS * CHUNK) {
    const int64_t first = wave + warp * CHUNK, end = first + CHUNK < l.k ? first + CHUNK : l.k;
    float sum[most] = {};
#pragma unroll 8
    for (int64_t p = first; p < end; p++) {
      const float w = weight[p * ld + feature];
#pragma unroll
      for (int t = 0; t < most; t++)
        if (t < l.tokens) sum[t] = fmaf(l.x[t * l.k + p], w, sum[t]);
    }
#pragma unroll
    for (int t = 0; t < most; t++) partial[(warp * most + t) * WARP_LANES + lane] = sum[t];
    __syncthreads();
    if (warp < most) {
      for (int c = 0; c < STREAM_WARPS && wave + c * CHUNK < l.k; c++)
        total += partial[(c * most + warp) * WARP_LANES + lane];
    }
    __syncthreads();
  }
  if (warp < l.tokens && feature < l.n) finish(l, warp, feature, total);
}

/* ---- Packing ---- */

template <typename element>
__global__ void __launch_bounds__(TILE_THREADS) transpose(const element *weight, float *packed, int64_t n, int64_t k) {
  SHARED(float, tile, WARP_LANES * (WARP_LANES + 1));
  const int64_t ld = fp32_row(n), columns = ld / WARP_LANES;
  const int64_t feature = blockIdx.x % columns * WARP_LANES, first = blockIdx.x / columns * WARP_LANES;
  for (int i = threadIdx.x; i < WARP_LANES * WARP_LANES; i += TILE_THREADS) {
    const int64_t j = feature + i / WARP_LANES, p = first + i % WARP_LANES;
    tile[i / WARP_LANES * (WARP_LANES + 1) + i % WARP_LANES] = j < n && p < k ? widened(weight[j * k + p]) : 0;
  }
  __syncthreads();
  for (int i = threadIdx.x; i < WARP_LANES * WARP_LANES; i += TILE_THREADS) {
    const int64_t j = feature + i % WARP_LANES, p = first + i / WARP_LANES;
    if (p < k) packed[p * ld + j] = tile[i % WARP_LANES * (WARP_LANES + 1) + i / WARP_LANES];
  }
}

/* Intermediate values of a feed-forward network: enough rows to fill any GPU, and bounded. */
constexpr int64_t INTERMEDIATE_BYTES = 32 << 20;

int64_t intermediate_rows(int64_t tokens, int64_t intermediate) {
  const int64_t rows = INTERMEDIATE_BYTES / static_cast<int64_t>(sizeof(float)) / intermediate;
  return min64(tokens, rows < TILE ? TILE : rows);
}

} // namespace

pf_status cuda::linear_open(const cuda_call &call, const void *packed, int64_t n, int64_t k, pf_activation activation,
                            linear_layer *layer) {
  if (!is_extent(n) || !is_extent(k)) return PF_ERROR_ARGUMENT;
  if (!is_aligned(packed)) return PF_ERROR_ARGUMENT;
  if (!is_activation(activation)) return PF_ERROR_ARGUMENT;
  const packed_weight *known = call.find_packed(packed);
  if (!known || known->n != n || known->k != k) return PF_ERROR_PACKED_WEIGHTS;
  *layer = {};
  layer->packed = packed;
  layer->n = n;
  layer->k = k;
  layer->activation = activation;
  layer->precision = known->precision;
  return PF_OK;
}

void cuda::linear_run(cuda_call &call, const linear_layer &l) {
  if (l.precision == PF_PRECISION_BF16) {
    linear_bf16_run(call, l);
    return;
  }
  const unsigned warps = static_cast<unsigned>(ceil_div(l.n, WARP_LANES));
  if (l.tokens == 1) {
    call.launch(multiply_streams<1>, warps, STREAM_THREADS, l);
  } else if (l.tokens == 2) {
    call.launch(multiply_streams<2>, warps, STREAM_THREADS, l);
  } else if (l.tokens <= 4) {
    call.launch(multiply_streams<4>, warps, STREAM_THREADS, l);
  } else if (l.tokens <= FEW) {
    call.launch(multiply_streams<FEW>, warps, STREAM_THREADS, l);
  } else {
    const unsigned tiles = static_cast<unsigned>(ceil_div(l.tokens, TILE) * ceil_div(l.n, TILE));
    call.launch(multiply_tiles, tiles, TILE_THREADS, l);
  }
}

pf_status cuda::linear_packed_size(const pf_engine *, int64_t n, int64_t k, pf_precision precision, int64_t *bytes) {
  if (!is_extent(n) || !is_extent(k)) return PF_ERROR_ARGUMENT;
  if (precision < PF_PRECISION_FP32 || precision > PF_PRECISION_INT4_128) return PF_ERROR_ARGUMENT;
  if (precision > PF_PRECISION_BF16) return PF_ERROR_UNSUPPORTED;
  const bool bf16 = precision == PF_PRECISION_BF16;
  const int64_t rows = bf16 ? ceil_div(n, BF16_FEATURES) * BF16_FEATURES : k;
  const int64_t row = bf16 ? bf16_row(k) : fp32_row(n), element = bf16 ? 2 : 4;
  if (row > INT64_MAX / element / rows) return PF_ERROR_ARGUMENT;
  *bytes = rows * row * element;
  return PF_OK;
}

pf_status cuda::linear_pack(pf_engine *engine, const void *weight, pf_dtype dtype, void *packed, int64_t n, int64_t k,
                            pf_precision precision) {
  int64_t bytes;
  pf_status status = linear_packed_size(engine, n, k, precision, &bytes);
  if (status != PF_OK) return status;
  if (dtype < PF_DTYPE_FP32 || dtype > PF_DTYPE_BF16) return PF_ERROR_ARGUMENT;
  if (!weight || !is_aligned(packed)) return PF_ERROR_ARGUMENT;
  cuda_call call(engine);
  const size_t weight_bytes = static_cast<size_t>(n * k) * (dtype == PF_DTYPE_FP32 ? 4 : 2);
  const bool staged = !is_on_device(weight);
  const void *source = weight;
  if (staged) {
    void *copy = call.scratch(weight_bytes);
    if (!copy) return call.status();
    status = call.copy(copy, weight, weight_bytes);
    if (status != PF_OK) return status;
    source = copy;
  }
  const unsigned tiles = static_cast<unsigned>(ceil_div(n, WARP_LANES) * ceil_div(k, WARP_LANES));
  float *to = static_cast<float *>(packed);
  if (precision == PF_PRECISION_BF16)
    linear_bf16_pack(call, source, dtype, packed, n, k);
  else if (dtype == PF_DTYPE_FP16)
    call.launch(transpose<half_bits>, tiles, TILE_THREADS, static_cast<const half_bits *>(source), to, n, k);
  else if (dtype == PF_DTYPE_BF16)
    call.launch(transpose<bfloat16_bits>, tiles, TILE_THREADS, static_cast<const bfloat16_bits *>(source), to, n, k);
  else
    call.launch(transpose<float>, tiles, TILE_THREADS, static_cast<const float *>(source), to, n, k);
  status = staged ? call.wait() : call.status();
  if (status == PF_OK) call.remember(packed, {n, k, precision});
  return status;
}

/* A layout for CPUs. */
pf_status cuda::linear_compact_size(const pf_engine *engine, int64_t n, int64_t k, pf_precision precision, int64_t *bytes) {
  const pf_status status = linear_packed_size(engine, n, k, precision, bytes);
  if (status == PF_OK) *bytes = 0;
  return status;
}

pf_status cuda::linear_compact_pack(pf_engine *engine, const void *packed, void *compact, int64_t n, int64_t k, int64_t *) {
  cuda_call call(engine);
  linear_layer layer;
  const pf_status status = linear_open(call, packed, n, k, PF_ACTIVATION_NONE, &layer);
  return status != PF_OK ? status : compact ? PF_ERROR_UNSUPPORTED : PF_ERROR_ARGUMENT;
}

pf_status cuda::linear(pf_engine *engine, const float *x, const void *packed, const float *bias, const float *residual,
                       float *y, int64_t tokens, int64_t n, int64_t k, pf_activation activation, void *, int64_t) {
  cuda_call call(engine);
  linear_layer layer;
  const pf_status status = linear_open(call, packed, n, k, activation, &layer);
  if (status != PF_OK) return status;
  if (!is_count(tokens) || (tokens > 0 && (!x || !y))) return PF_ERROR_ARGUMENT;
  if (tokens == 0) return PF_OK;
  layer.x = x;
  layer.bias = bias;
  layer.residual = residual;
  layer.y = y;
  layer.tokens = tokens;
  linear_run(call, layer);
  return call.status();
}

pf_status cuda::linear_workspace_size(const pf_engine *engine, int64_t tokens, int64_t k, pf_precision precision, int64_t *bytes) {
  int64_t packed;
  if (!is_count(tokens)) return PF_ERROR_ARGUMENT;
  const pf_status status = linear_packed_size(engine, 1, k, precision, &packed);
  if (status == PF_OK) *bytes = 0;
  return status;
}

pf_status cuda::ffn_workspace_size(const pf_engine *, int64_t tokens, int64_t hidden, int64_t intermediate, int64_t *bytes) {
  if (!is_count(tokens) || !is_extent(hidden) || !is_extent(intermediate)) return PF_ERROR_ARGUMENT;
  *bytes = intermediate_rows(tokens, intermediate) * intermediate * static_cast<int64_t>(sizeof(float));
  return PF_OK;
}

pf_status cuda::ffn(pf_engine *engine, const pf_ffn_params *p) {
  int64_t bytes;
  pf_status status = ffn_workspace_size(engine, p->tokens, p->hidden, p->intermediate, &bytes);
  if (status == PF_OK && !p->gate && p->gate_bias) status = PF_ERROR_ARGUMENT;
  if (status != PF_OK) return status;
  cuda_call call(engine);
  linear_layer gate = {}, up, down;
  if (p->gate) status = linear_open(call, p->gate, p->intermediate, p->hidden, p->activation, &gate);
  if (status == PF_OK)
    status = linear_open(call, p->up, p->intermediate, p->hidden, p->gate ? PF_ACTIVATION_NONE : p->activation, &up);
  if (status == PF_OK) status = linear_open(call, p->down, p->hidden, p->intermediate, PF_ACTIVATION_NONE, &down);
  if (status == PF_OK && !is_activation(p->activation))
    status = PF_ERROR_ARGUMENT;
  if (status != PF_OK) return status;
  if (p->tokens == 0) return PF_OK;
  if (!p->x || !p->y) return PF_ERROR_ARGUMENT;
  if (!is_workspace(p->workspace, p->workspace_bytes, bytes)) return PF_ERROR_WORKSPACE;

  float *middle = static_cast<float *>(p->workspace);
  gate.bias = p->gate_bias;
  up.bias = p->up_bias;
  down.bias = p->down_bias;
  gate.y = up.y = middle;
  down.x = middle;
  /* The gate's values wait in the place of the intermediate ones, which are multiplied into them. */
  up.residual = p->gate ? middle : nullptr;
  up.multiplies = true;
  const int64_t rows = intermediate_rows(p->tokens, p->intermediate);
  for (int64_t first = 0; first < p->tokens; first += rows) {
    const int64_t at = first * p->hidden;
    gate.tokens = up.tokens = down.tokens = min64(rows, p->tokens - first);
    gate.x = up.x = p->x + at;
    down.residual = p->residual ? p->residual + at : nullptr;
    down.y = p->y + at;
    if (p->gate) linear_run(call, gate);
    linear_run(call, up);
    linear_run(call, down);
  }
  return call.status();
}
