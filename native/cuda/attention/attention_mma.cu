/*
 * Attention on tensor cores: queries, keys, values and weights in 16 bits, scores and sums in float32, with the online
 * softmax and the spans of attention.cu. For heads of at most 128 features.
 *
 * FLOPs and bytes are attention.cu's. A warp has 16 rows, and a block four of them, so that keys and values, which are
 * rounded on their way into shared memory, are read once for 64 rows. Scores never leave the registers: the C of
 * q k^T has the layout of the A of the weights times v.
 *
 * A key that a row does not see has the weight 0, and its value is multiplied by that: values have to be finite.
 */
#include "attention.h"
#include "mma.h"

namespace {

constexpr int WARPS = 4;
constexpr int THREADS = WARPS * WARP_LANES;
constexpr int ROWS = WARPS * 16;
constexpr int KEYS = 32; /* of a tile */
constexpr int SCORES = KEYS / 8;
static_assert(ROWS == cuda::MMA_ROWS, "what the host counts blocks by");

/* Words of a row of queries or keys in shared memory: an odd number of half banks, so that eight lanes that read 16
   bytes each, of two rows, read from all banks. */
__host__ __device__ constexpr int row_words(int width) { return width / 2 % 32 == 0 ? width / 2 + 16 : width / 2; }

/* Sums over keys of two rows of a lane, those of its group and of group + 8. */
template <int width> struct moments {
  float max[2], sum[2];
  float y[width / 8][4];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      max[r] = -INFINITY;
      sum[r] = 0;
    }
#pragma unroll
    for (int f = 0; f < width / 8; f++) {
#pragma unroll
      for (int e = 0; e < 4; e++) y[f][e] = 0;
    }
  }
};

/* Over the four lanes of a group, which have a row between them. */
__device__ __forceinline__ float group_max(float v) {
  v = fmaxf(v, __shfl_xor_sync(ALL_LANES, v, 1));
  return fmaxf(v, __shfl_xor_sync(ALL_LANES, v, 2));
}
__device__ __forceinline__ float group_sum(float v) {
  v += __shfl_xor_sync(ALL_LANES, v, 1);
  return v + __shfl_xor_sync(ALL_LANES, v, 2);
}

/* Element `d` of a key or value; 0 beyond the head and outside of the task. */
__device__ __forceinline__ float element_of(const attention_problem &p, const attention_task &t, int64_t key, int pass,
                                            int d) {
  return key >= t.begin && key < t.end && d < p.head_dim ? key_of(p, t, key, pass)[d] : 0;
}

/* Heads of at most `width` features. */
template <int width, half_format format> __global__ void __launch_bounds__(THREADS, 2) attend_mma(attention_problem p) {
  constexpr int STEPS = width / 32, ROW = row_words(width), PAIR = width + 8;
  SHARED(uint32_t, qs, ROWS *ROW);      /* [row][pair of features] */
  SHARED(uint32_t, ks, KEYS *ROW);      /* [key][pair of features] */
  SHARED(uint32_t, vs, KEYS / 2 * PAIR); /* [pair of keys][feature] */
  const attention_task t = task_of(p, blockIdx.x, ROWS);
  if (t.rows <= 0) return;
  const int lane = threadIdx.x % WARP_LANES, warp = threadIdx.x / WARP_LANES, group = lane / 4, place = lane % 4;
  const bool split = p.spans > 1;
  const int head_dim = static_cast<int>(p.head_dim);

  for (int i = threadIdx.x; i < ROWS * width / 2; i += THREADS) {
    const int r = i / (width / 2), d = i % (width / 2) * 2;
    float low = 0, high = 0;
    if (r < t.rows) {
      const attention_row row = row_of(p, t, r);
      const float *q = p.q + (t.q_begin + row.token) * p.q_token_stride + row.head * p.q_head_stride;
      if (d < head_dim) low = q[d];
      if (d + 1 < head_dim) high = q[d + 1];
    }
    qs[r * ROW + d / 2] = rounded_pair<format>(low, high);
  }
  const attention_row rows[] = {row_of(p, t, warp * 16 + group), row_of(p, t, warp * 16 + group + 8)};

  /* The spans before wait, merged but not divided, where the result will be. */
  const bool merged = p.block_tables && !split;
  float all_max[2] = {-INFINITY, -INFINITY}, all_sum[2] = {};
  bool first_span = true;
  moments<width> span;
  span.clear();
  for (int64_t first = t.begin / KEYS * KEYS; first < t.end; first += KEYS) {
    __syncthreads();
    for (int i = threadIdx.x; i < KEYS * width / 2; i += THREADS) {
      const int j = i / (width / 2), d = i % (width / 2) * 2;
      ks[j * ROW + d / 2] =
          rounded_pair<format>(element_of(p, t, first + j, 0, d), element_of(p, t, first + j, 0, d + 1));
    }
    for (int i = threadIdx.x; i < KEYS / 2 * width; i += THREADS) {
      const int j = i / width * 2, d = i % width;
      vs[j / 2 * PAIR + d] =
          rounded_pair<format>(element_of(p, t, first + j, 1, d), element_of(p, t, first + j + 1, 1, d));
    }
    __syncthreads();

    /* Lanes hold eight features of a row at a time: which of them an mma takes first is the same for queries and keys.
       Queries stay in shared memory, since the sums take most registers. */
    float score[SCORES][4] = {};
#pragma unroll
    for (int s = 0; s < STEPS; s++) {
      const words4 upper = load4(qs, (warp * 16 + group) * ROW + s * 16 + place * 4);
      const words4 lower = load4(qs, (warp * 16 + group + 8) * ROW + s * 16 + place * 4);
#pragma unroll
      for (int n = 0; n < SCORES; n++) {
        const words4 k = load4(ks, (n * 8 + group) * ROW + s * 16 + place * 4);
#pragma unroll
        for (int i = 0; i < 4; i += 2) {
          const uint32_t a[] = {upper.w[i], lower.w[i], upper.w[i + 1], lower.w[i + 1]};
          const uint32_t b[] = {k.w[i], k.w[i + 1]};
          multiply_add<format>(score[n], a, b);
        }
      }
    }

    /* Scores become weights, and the sums so far shrink to the new maximum. */
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float larger = span.max[r];
#pragma unroll
      for (int n = 0; n < SCORES; n++) {
#pragma unroll
        for (int e = 2 * r; e < 2 * r + 2; e++) {
          const int64_t key = first + n * 8 + place * 2 + e % 2;
          const bool seen = key >= rows[r].begin && key < rows[r].end;
          float s = p.scale * score[n][e];
          if (seen && rows[r].bias) s += bias_of(p, rows[r], key);
          score[n][e] = seen ? s : -INFINITY;
          larger = fmaxf(larger, score[n][e]);
        }
      }
      larger = group_max(larger);
      const float base = larger == -INFINITY ? 0 : larger, shrink = decay(span.max[r], larger);
      float sum = 0;
#pragma unroll
      for (int n = 0; n < SCORES; n++) {
#pragma unroll
        for (int e = 2 * r; e < 2 * r + 2; e++) {
          score[n][e] = expf(score[n][e] - base);
          sum += score[n][e];
        }
      }
      span.max[r] = larger;
      span.sum[r] = span.sum[r] * shrink + group_sum(sum);
#pragma unroll
      for (int f = 0; f < width / 8; f++) {
        span.y[f][2 * r] *= shrink;
        span.y[f][2 * r + 1] *= shrink;
      }
    }

#pragma unroll
    for (int j = 0; j < KEYS / 16; j++) {
      const float *low = score[2 * j], *high = score[2 * j + 1];
      const uint32_t a[] = {rounded_pair<format>(low[0], low[1]), rounded_pair<format>(low[2], low[3]),
                            rounded_pair<format>(high[0], high[1]), rounded_pair<format>(high[2], high[3])};
#pragma unroll
      for (int f = 0; f < width / 8; f++) {
        const uint32_t b[] = {vs[(j * 8 + place) * PAIR + f * 8 + group], vs[(j * 8 + place + 4) * PAIR + f * 8 + group]};
        multiply_add<format>(span.y[f], a, b);
      }
    }

    if (!merged || ((first + KEYS) % SPAN != 0 && first + KEYS < t.end)) continue;
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float old_scale, span_scale;
      merge_moments(all_max[r], all_sum[r], span.max[r], span.sum[r], old_scale, span_scale);
      if (warp * 16 + group + r * 8 >= t.rows) continue;
      const attention_row own = row_of(p, t, warp * 16 + group + r * 8);
      float *y = p.y + (t.q_begin + own.token) * p.y_token_stride + own.head * p.y_head_stride;
#pragma unroll
      for (int f = 0; f < width / 8; f++) {
#pragma unroll
        for (int e = 2 * r; e < 2 * r + 2; e++) {
          const int d = f * 8 + place * 2 + e % 2;
          if (d < head_dim) y[d] = (first_span ? 0 : y[d]) * old_scale + span.y[f][e] * span_scale;
        }
      }
    }
    first_span = false;
    span.clear();
  }

#pragma unroll
  for (int r = 0; r < 2; r++) {
    const int index = warp * 16 + group + r * 8;
    if (index >= t.rows) continue;
    const attention_row own = row_of(p, t, index);
    const int64_t token = t.q_begin + own.token;
    float *y = p.y + token * p.y_token_stride + own.head * p.y_head_stride;
    float *partial =
        split ? p.partial + ((token * p.heads + own.head) * p.spans + t.own_span) * (2 + p.head_dim) : nullptr;
    if (split && place == 0) {
      partial[0] = span.max[r];
      partial[1] = span.sum[r];
    }
    const float sum = merged ? all_sum[r] : span.sum[r];
#pragma unroll
    for (int f = 0; f < width / 8; f++) {
#pragma unroll
      for (int e = 2 * r; e < 2 * r + 2; e++) {
        const int d = f * 8 + place * 2 + e % 2;
        if (d >= head_dim) continue;
        if (split)
          partial[2 + d] = span.y[f][e];
        else
          y[d] = sum == 0 ? 0 : (merged ? y[d] : span.y[f][e]) / sum;
      }
    }
  }
}

template <half_format format> void launch(cuda_call &call, const attention_problem &p) {
  const unsigned blocks = static_cast<unsigned>(p.sequences * p.row_blocks * p.kv_heads * p.spans);
  if (p.head_dim <= 32)
    call.launch(attend_mma<32, format>, blocks, THREADS, p);
  else if (p.head_dim <= 64)
    call.launch(attend_mma<64, format>, blocks, THREADS, p);
  else
    call.launch(attend_mma<128, format>, blocks, THREADS, p);
}

} // namespace

void cuda::attend_on_tensor_cores(cuda_call &call, const attention_problem &p, pf_dtype dtype) {
  if (dtype == PF_DTYPE_BF16)
    launch<half_format::bf16>(call, p);
  else
    launch<half_format::fp16>(call, p);
}
