/*
 * Linear layers with weights and inputs in bfloat16 and sums in float32, on tensor cores.
 *
 * FLOPs 2 tokens n k; bytes 2 n k + 4 tokens (k + n). W is packed as it is, [n][k] with both padded, so that a lane
 * reads 16 bytes, eight inputs of one output feature. Weights are the A of mma.sync and inputs its B, whatever the
 * number of tokens, and inputs are rounded as they are read.
 *
 * The sum over k is cut into chunks of CHUNK input features, each one chain of mma, and the chunks are added in order.
 * Many tokens take one chunk after the other in tiles; for up to 8, where the stream of weights is the floor, the warps
 * of a block take chunks side by side. Both are the same operations in the same order: no result depends on how many
 * tokens there are.
 */
#include "linear.h"
#include "mma.h"

namespace {

constexpr int CHUNK = 128;
constexpr int WORDS = BF16_INPUTS / 2; /* of a row in one step: two mma */
constexpr int FEATURES = 16;           /* of an mma, and its tokens */
constexpr int TOKENS = 8;

__device__ __forceinline__ const uint32_t *words_of(const linear_layer &l) {
  return static_cast<const uint32_t *>(l.packed);
}

/* c += 16 features x 8 tokens over 32 inputs. Each lane has eight of them: the upper row's, the lower row's, its
   token's. */
__device__ __forceinline__ void accumulate(float (&c)[4], words4 upper, words4 lower, words4 x) {
#pragma unroll
  for (int i = 0; i < 4; i += 2) {
    const uint32_t a[] = {upper.w[i], lower.w[i], upper.w[i + 1], lower.w[i + 1]}, b[] = {x.w[i], x.w[i + 1]};
    multiply_add<half_format::bf16>(c, a, b);
  }
}

/* Inputs 2 word and 2 word + 1 of a token; 0 where there are none. */
__device__ __forceinline__ uint32_t input_pair(const linear_layer &l, int64_t token, int64_t word) {
  const float *x = l.x + token * l.k + 2 * word;
  const bool low = token < l.tokens && 2 * word < l.k, high = token < l.tokens && 2 * word + 1 < l.k;
  return rounded_pair<half_format::bf16>(low ? x[0] : 0, high ? x[1] : 0);
}

/* ---- Many tokens: tiles ---- */

constexpr int TILE = 64; /* tokens and output features */
constexpr int TILE_WARPS = 8;
constexpr int TILE_THREADS = TILE_WARPS * WARP_LANES;
constexpr int DOWN = 2, ACROSS = 2; /* mma of a warp: 32 features x 16 tokens */
constexpr int WARPS_ACROSS = TILE / (ACROSS * TOKENS);
constexpr int EACH = TILE * WORDS / TILE_THREADS; /* words of a step's inputs that a thread brings */
static_assert(TILE == BF16_FEATURES, "tiles of features are whole");
static_assert(TILE_WARPS / WARPS_ACROSS * DOWN * FEATURES == TILE, "the warps of a block fill its tile");

__global__ void __launch_bounds__(TILE_THREADS, 2) multiply_bf16_tiles(linear_layer l) {
  SHARED(uint32_t, ws, 2 * TILE * WORDS); /* [buffer][feature][word] */
  SHARED(uint32_t, xs, 2 * TILE * WORDS); /* [buffer][token][word] */
  /* Tokens vary fastest: what runs at the same time reads the same weights. */
  const int64_t token_tiles = (l.tokens + TILE - 1) / TILE;
  const int64_t first_token = blockIdx.x % token_tiles * TILE, first_feature = blockIdx.x / token_tiles * TILE;
  const int lane = threadIdx.x % WARP_LANES, warp = threadIdx.x / WARP_LANES, group = lane / 4, place = lane % 4;
  const int row = warp / WARPS_ACROSS * DOWN * FEATURES + group;
  const int first_column = warp % WARPS_ACROSS * ACROSS * TOKENS, column = first_column + group;
  const int64_t row_words = bf16_row(l.k) / 2, steps = row_words / WORDS;
  const uint32_t *weight = words_of(l) + first_feature * row_words;

  uint32_t next[EACH];
  const auto fetch = [&](int64_t step) {
#pragma unroll
    for (int i = threadIdx.x * 4; i < TILE * WORDS; i += TILE_THREADS * 4)
      copy_async(ws, static_cast<int>(step % 2) * TILE * WORDS + i, weight + i / WORDS * row_words + step * WORDS + i % WORDS);
    commit_async();
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      const int i = threadIdx.x + e * TILE_THREADS;
      next[e] = input_pair(l, first_token + i / WORDS, step * WORDS + i % WORDS);
    }
  };
  const auto arrive = [&](int64_t step) {
#pragma unroll
    for (int e = 0; e < EACH; e++)
      xs[static_cast<int>(step % 2) * TILE * WORDS + threadIdx.x + e * TILE_THREADS] = next[e];
    wait_async();
  };

  float total[DOWN][ACROSS][4] = {}, sum[DOWN][ACROSS][4] = {};
  fetch(0);
  arrive(0);
  __syncthreads();
  for (int64_t step = 0; step < steps; step++) {
    if (step + 1 < steps) fetch(step + 1);
    const int buffer = static_cast<int>(step % 2) * TILE;
    words4 w[DOWN][2];
#pragma unroll
    for (int i = 0; i < DOWN; i++) {
      w[i][0] = load4(ws, (buffer + row + i * FEATURES) * WORDS + place * 4);
      w[i][1] = load4(ws, (buffer + row + i * FEATURES + 8) * WORDS + place * 4);
    }
#pragma unroll
    for (int j = 0; j < ACROSS; j++) {
      const words4 x = load4(xs, (buffer + column + j * TOKENS) * WORDS + place * 4);
#pragma unroll
      for (int i = 0; i < DOWN; i++) accumulate(sum[i][j], w[i][0], w[i][1], x);
    }
    if ((step + 1) % (CHUNK / BF16_INPUTS) == 0 || step + 1 == steps) {
#pragma unroll
      for (int i = 0; i < DOWN; i++) {
#pragma unroll
        for (int j = 0; j < ACROSS; j++) {
#pragma unroll
          for (int e = 0; e < 4; e++) {
            total[i][j][e] += sum[i][j][e];
            sum[i][j][e] = 0;
          }
        }
      }
    }
    if (step + 1 < steps) arrive(step + 1);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < DOWN; i++) {
#pragma unroll
    for (int j = 0; j < ACROSS; j++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const int64_t feature = first_feature + row + i * FEATURES + e / 2 * 8;
        const int64_t token = first_token + first_column + j * TOKENS + place * 2 + e % 2;
        if (token < l.tokens && feature < l.n) finish(l, token, feature, total[i][j][e]);
      }
    }
  }
}

/* ---- Few tokens: 16 output features, chunks side by side ---- */

constexpr int STREAM_WARPS = 8;
constexpr int STREAM_THREADS = STREAM_WARPS * WARP_LANES;

__global__ void __launch_bounds__(STREAM_THREADS, 2) multiply_bf16_streams(linear_layer l) {
  SHARED(float, partial, STREAM_WARPS * FEATURES * TOKENS); /* [warp][feature][token] */
  const int lane = threadIdx.x % WARP_LANES, warp = threadIdx.x / WARP_LANES, group = lane / 4, place = lane % 4;
  const int64_t first_feature = static_cast<int64_t>(blockIdx.x) * FEATURES, row = bf16_row(l.k);
  const uint32_t *upper = words_of(l) + (first_feature + group) * (row / 2) + place * 4;
  const uint32_t *lower = upper + 8 * (row / 2);
  const int index = static_cast<int>(threadIdx.x);
  float total = 0; /* of feature and token `index`, should there be such */
  for (int64_t wave = 0; wave < row; wave += STREAM_WARPS * CHUNK) {
    const int64_t first = wave + warp * CHUNK, end = first + CHUNK < row ? first + CHUNK : row;
    float sum[4] = {};
#pragma unroll 4
    for (int64_t p = first; p < end; p += BF16_INPUTS) {
      words4 x;
#pragma unroll
      for (int i = 0; i < 4; i++) x.w[i] = group < l.tokens ? input_pair(l, group, p / 2 + place * 4 + i) : 0;
      accumulate(sum, load4(upper + p / 2), load4(lower + p / 2), x);
    }
#pragma unroll
    for (int e = 0; e < 4; e++)
      partial[(warp * FEATURES + group + e / 2 * 8) * TOKENS + place * 2 + e % 2] = sum[e];
    __syncthreads();
    if (index < FEATURES * TOKENS) {
      for (int c = 0; c < STREAM_WARPS && wave + c * CHUNK < row; c++) total += partial[c * FEATURES * TOKENS + index];
    }
    __syncthreads();
  }
  const int64_t feature = first_feature + index / TOKENS, token = index % TOKENS;
  if (index < FEATURES * TOKENS && token < l.tokens && feature < l.n) finish(l, token, feature, total);
}

/* ---- Packing ---- */

constexpr int PACK_THREADS = 256;

template <typename element>
__global__ void __launch_bounds__(PACK_THREADS)
    round_weight(const element *weight, uint32_t *packed, int64_t n, int64_t k, int64_t words) {
  const int64_t row = bf16_row(k) / 2;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * PACK_THREADS + threadIdx.x; i < words;
       i += static_cast<int64_t>(gridDim.x) * PACK_THREADS) {
    const int64_t j = i / row, p = i % row * 2;
    const float low = j < n && p < k ? widened(weight[j * k + p]) : 0;
    const float high = j < n && p + 1 < k ? widened(weight[j * k + p + 1]) : 0;
    packed[i] = rounded_pair<half_format::bf16>(low, high);
  }
}

/* ---- By cuBLASLt ---- */

__global__ void __launch_bounds__(PACK_THREADS) round_inputs(linear_layer l, uint32_t *words, int64_t row) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * PACK_THREADS + threadIdx.x; i < l.tokens * row;
       i += static_cast<int64_t>(gridDim.x) * PACK_THREADS)
    words[i] = input_pair(l, i / row, i % row);
}

/* y is the product alone. */
__global__ void __launch_bounds__(PACK_THREADS) finish_products(linear_layer l) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * PACK_THREADS + threadIdx.x; i < l.tokens * l.n;
       i += static_cast<int64_t>(gridDim.x) * PACK_THREADS)
    finish(l, i / l.n, i % l.n, l.y[i]);
}

/* Whether the library has computed the layer. It adds a residual before its activation, and writes over y before we
   could add one behind. */
bool is_the_librarys(cuda_call &call, const linear_layer &l) {
  if (!call.has_library() || l.tokens <= TILE || l.group) return false;
  const bool fused = matmul::has_epilogue(l.activation) &&
                     (!l.residual || (l.activation == PF_ACTIVATION_NONE && !l.multiplies));
  if (!fused && l.residual == l.y) return false;
  const int64_t row = bf16_row(l.k) / 2;
  uint32_t *x = static_cast<uint32_t *>(call.converted(static_cast<size_t>(l.tokens * row) * sizeof *x));
  if (!x) return false;
  call.launch(round_inputs, grid_of(l.tokens * row, PACK_THREADS), PACK_THREADS, l, x, row);
  matmul_problem p = {x, l.packed, nullptr, nullptr, l.y, l.tokens, l.n, 2 * row, PF_ACTIVATION_NONE};
  if (fused) {
    p.bias = l.bias;
    p.residual = l.residual;
    p.activation = l.activation;
  }
  if (!call.multiply(p)) return false;
  if (!fused) call.launch(finish_products, grid_of(l.tokens * l.n, PACK_THREADS), PACK_THREADS, l);
  return true;
}

} // namespace

void cuda::linear_bf16_run(cuda_call &call, const linear_layer &l) {
  if (is_the_librarys(call, l)) return;
  if (l.tokens <= TOKENS) {
    call.launch(multiply_bf16_streams, static_cast<unsigned>(ceil_div(l.n, FEATURES)), STREAM_THREADS, l);
  } else {
    const unsigned tiles = static_cast<unsigned>(ceil_div(l.tokens, TILE) * ceil_div(l.n, TILE));
    call.launch(multiply_bf16_tiles, tiles, TILE_THREADS, l);
  }
}

void cuda::linear_bf16_pack(cuda_call &call, const void *weight, pf_dtype dtype, void *packed, int64_t n, int64_t k) {
  const int64_t words = ceil_div(n, BF16_FEATURES) * BF16_FEATURES * bf16_row(k) / 2;
  const unsigned grid = grid_of(words, PACK_THREADS);
  uint32_t *to = static_cast<uint32_t *>(packed);
  if (dtype == PF_DTYPE_FP16)
    call.launch(round_weight<half_bits>, grid, PACK_THREADS, static_cast<const half_bits *>(weight), to, n, k, words);
  else if (dtype == PF_DTYPE_BF16)
    call.launch(round_weight<bfloat16_bits>, grid, PACK_THREADS, static_cast<const bfloat16_bits *>(weight), to, n, k,
                words);
  else
    call.launch(round_weight<float>, grid, PACK_THREADS, static_cast<const float *>(weight), to, n, k, words);
}
