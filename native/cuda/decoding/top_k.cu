/*
 * The `count` largest of each row of logits, in order, and log sum exp(logit * inverse_temperature); a block a row.
 *
 * About 20 FLOPs and 8 bytes a logit, which is read twice: bound by memory. Every thread keeps the best of its logits
 * that is not taken yet; the block takes the best of these, and only the thread that had it looks through its logits
 * again.
 */
#include <cmath>
#include <cstring>

#include "linear/linear.h"

namespace {

constexpr int THREADS = 256;
constexpr int WARPS = THREADS / WARP_LANES;

using key = unsigned long long;

/* Larger for a larger logit and, of equal ones, for the smaller id; above 0. */
__device__ __forceinline__ key key_of(float logit, int64_t id) {
  union {
    float value;
    uint32_t bits;
  } float_bits = {logit + 0.0f}; /* -0 is 0 */
  const uint32_t bits = float_bits.bits;
  const uint32_t ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return static_cast<key>(ordered) << 32 | (0xffffffffu - static_cast<uint32_t>(id));
}

/* The best of a thread's logits that comes behind `taken`; 0 for none. */
__device__ __forceinline__ key best_behind(const float *logits, int64_t columns, key taken) {
  key best = 0;
  for (int64_t j = threadIdx.x; j < columns; j += THREADS) {
    const key k = key_of(logits[j], j);
    if (k < taken && k > best) best = k;
  }
  return best;
}

__device__ __forceinline__ key block_best(key k, shared_pointer<key> scratch) {
#pragma unroll
  for (int lanes = WARP_LANES / 2; lanes > 0; lanes /= 2) {
    const key other = __shfl_xor_sync(ALL_LANES, k, lanes);
    if (other > k) k = other;
  }
  __syncthreads();
  if (threadIdx.x % WARP_LANES == 0) scratch[threadIdx.x / WARP_LANES] = k;
  __syncthreads();
  key best = 0;
#pragma unroll
  for (int w = 0; w < WARPS; w++) {
    const key of_warp = scratch[w];
    if (of_warp > best) best = of_warp;
  }
  return best;
}

__global__ void __launch_bounds__(THREADS)
    choose_rows(const float *logits, const float *inverse_temperature, float *values, int32_t *ids, float *log_sum_exp,
                int64_t columns, int64_t count) {
  SHARED(float, maxima, WARPS);
  SHARED(double, partial, WARPS);
  SHARED(key, bests, WARPS);
  const int64_t row = blockIdx.x;
  logits += row * columns;
  values += row * count;
  ids += row * count;
  float max = -INFINITY;
  bool is_nan = false;
  for (int64_t j = threadIdx.x; j < columns; j += THREADS) {
    const float logit = logits[j];
    is_nan = is_nan || logit != logit;
    max = fmaxf(max, logit);
  }
  if (__syncthreads_or(is_nan)) {
    for (int64_t i = threadIdx.x; i < count; i += THREADS) {
      values[i] = NAN;
      ids[i] = -1;
    }
    if (threadIdx.x == 0) log_sum_exp[row] = NAN;
    return;
  }
  max = block_max<WARPS>(max, maxima);
  const float scale = inverse_temperature ? inverse_temperature[row] : 1;
  /* Infinities have no difference; where all are -inf nothing is to be added, and one +inf is all there is. */
  double sum = 0;
  if (fabsf(max) == INFINITY)
    sum = max > 0 && threadIdx.x == 0;
  else
    for (int64_t j = threadIdx.x; j < columns; j += THREADS) sum += expf(scale * (logits[j] - max));
  sum = block_sum<WARPS>(sum, partial);
  if (threadIdx.x == 0) log_sum_exp[row] = static_cast<float>(static_cast<double>(scale) * max + log(sum));

  key own = best_behind(logits, columns, ~static_cast<key>(0));
  for (int64_t i = 0; i < count; i++) {
    const key best = block_best(own, bests);
    if (own == best) {
      const uint32_t id = 0xffffffffu - static_cast<uint32_t>(best);
      values[i] = logits[id];
      ids[i] = static_cast<int32_t>(id);
      own = best_behind(logits, columns, best);
    }
  }
}

/* Tokens whose logits are in scratch memory at the same time. */
constexpr int64_t PASS_ROWS = 64;

size_t aligned(size_t bytes) { return (bytes + 255) / 256 * 256; }

} // namespace

size_t cuda::top_k_scratch_bytes(int64_t rows, int64_t count) {
  return static_cast<size_t>(rows * count) * (sizeof(float) + sizeof(int32_t)) +
         static_cast<size_t>(rows) * sizeof(float);
}

pf_status cuda::top_k_run(cuda_call &call, const float *logits, const float *inverse_temperature, float *values,
                          int32_t *ids, float *log_sum_exp, int64_t rows, int64_t columns, int64_t count,
                          void *scratch) {
  float *device_values = static_cast<float *>(scratch);
  int32_t *device_ids = reinterpret_cast<int32_t *>(device_values + rows * count);
  float *device_sums = reinterpret_cast<float *>(device_ids + rows * count);
  const float *scales = inverse_temperature ? call.upload(inverse_temperature, rows) : nullptr;
  if (call.status() != PF_OK) return call.status();
  call.launch(choose_rows, static_cast<unsigned>(rows), THREADS, logits, scales, device_values, device_ids,
         device_sums, columns, count);
  const size_t cells = static_cast<size_t>(rows * count) * sizeof *values;
  const char *results = call.fetch(scratch, top_k_scratch_bytes(rows, count));
  if (!results) return call.status();
  memcpy(values, results, cells);
  memcpy(ids, results + cells, cells);
  if (log_sum_exp) memcpy(log_sum_exp, results + 2 * cells, static_cast<size_t>(rows) * sizeof *log_sum_exp);
  return PF_OK;
}

pf_status cuda::top_k(pf_engine *engine, const float *logits, const float *inverse_temperature, float *values,
                      int32_t *ids, float *log_sum_exp, int64_t rows, int64_t columns, int64_t count) {
  if (!is_count(rows) || !is_extent(columns) || count < 1 || count > columns) return PF_ERROR_ARGUMENT;
  if (rows == 0) return PF_OK;
  if (!logits || !values || !ids || !log_sum_exp) return PF_ERROR_ARGUMENT;
  if (!are_inverse_temperatures(inverse_temperature, rows)) return PF_ERROR_ARGUMENT;
  cuda_call call(engine);
  const size_t results = aligned(top_k_scratch_bytes(rows, count));
  const size_t logit_bytes = static_cast<size_t>(rows * columns) * sizeof(float);
  const bool staged = !is_on_device(logits);
  char *scratch = static_cast<char *>(call.scratch(results + (staged ? logit_bytes : 0)));
  if (!scratch) return call.status();
  if (staged) {
    const pf_status status = call.copy(scratch + results, logits, logit_bytes);
    if (status != PF_OK) return status;
    logits = reinterpret_cast<const float *>(scratch + results);
  }
  return top_k_run(call, logits, inverse_temperature, values, ids, log_sum_exp, rows, columns, count, scratch);
}

/* The logits lie in the engine's scratch memory, so that no caller has to find room for a vocabulary. */
pf_status cuda::linear_top_k_workspace_size(const pf_engine *, int64_t tokens, int64_t vocab, int64_t hidden, int64_t count,
                                            int64_t *bytes) {
  if (!is_count(tokens) || !is_extent(vocab) || !is_extent(hidden) || count < 1 || count > vocab) return PF_ERROR_ARGUMENT;
  *bytes = PF_ALIGNMENT;
  return PF_OK;
}

pf_status cuda::linear_top_k(pf_engine *engine, const pf_linear_top_k_params *a) {
  int64_t bytes;
  pf_status status = linear_top_k_workspace_size(engine, a->tokens, a->vocab, a->hidden, a->count, &bytes);
  if (status != PF_OK) return status;
  cuda_call call(engine);
  linear_layer head;
  status = linear_open(call, a->packed, a->vocab, a->hidden, PF_ACTIVATION_NONE, &head);
  if (status != PF_OK) return status;
  if (a->tokens == 0) return PF_OK;
  if (a->screen) return PF_ERROR_UNSUPPORTED;
  if (!a->x || !a->values || !a->ids) return PF_ERROR_ARGUMENT;
  if (!are_inverse_temperatures(a->inverse_temperature, a->tokens)) return PF_ERROR_ARGUMENT;
  if (!is_workspace(a->workspace, a->workspace_bytes, bytes)) return PF_ERROR_WORKSPACE;

  const int64_t most = min64(a->tokens, PASS_ROWS);
  const size_t results = aligned(top_k_scratch_bytes(most, a->count));
  char *scratch = static_cast<char *>(call.scratch(results + static_cast<size_t>(most * a->vocab) * sizeof(float)));
  if (!scratch) return call.status();
  head.bias = a->bias;
  head.y = reinterpret_cast<float *>(scratch + results);
  for (int64_t first = 0; first < a->tokens && status == PF_OK; first += most) {
    head.x = a->x + first * a->hidden;
    head.tokens = min64(most, a->tokens - first);
    linear_run(call, head);
    status = top_k_run(call, head.y, a->inverse_temperature ? a->inverse_temperature + first : nullptr,
                       a->values + first * a->count, a->ids + first * a->count,
                       a->log_sum_exp ? a->log_sum_exp + first : nullptr, head.tokens, a->vocab, a->count, scratch);
  }
  if (a->computed && status == PF_OK) *a->computed = a->vocab;
  return status;
}
