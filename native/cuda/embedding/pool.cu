/*
 * One vector a sequence: its first or last token, or the mean or maximum over its tokens; then, if asked for, divided
 * by max(L2 norm, 1e-12). A block a sequence, a thread every THREADS-th feature, over the tokens in ascending order.
 *
 * One FLOP and 4 bytes an element: bound by memory.
 */
#include "cuda_engine.h"

namespace {

constexpr int THREADS = 256;
constexpr float SMALLEST_NORM = 1e-12f;

__global__ void __launch_bounds__(THREADS)
    pool_sequence(const float *x, const int32_t *cu_seqlens, float *y, int64_t hidden, pf_pooling pooling,
                  bool normalize) {
  SHARED(float, scratch, THREADS / WARP_LANES);
  const int64_t first = cu_seqlens[blockIdx.x], end = cu_seqlens[blockIdx.x + 1];
  y += blockIdx.x * hidden;
  float squares = 0;
  for (int64_t j = threadIdx.x; j < hidden; j += THREADS) {
    float pooled = x[(pooling == PF_POOLING_LAST ? end - 1 : first) * hidden + j];
    if (pooling == PF_POOLING_MEAN || pooling == PF_POOLING_MAX) {
      for (int64_t t = first + 1; t < end; t++) {
        const float z = x[t * hidden + j];
        if (pooling == PF_POOLING_MEAN)
          pooled += z;
        else if (z > pooled || z != z) /* NaN stays */
          pooled = z;
      }
      if (pooling == PF_POOLING_MEAN) pooled /= static_cast<float>(end - first);
    }
    y[j] = pooled;
    squares = fmaf(pooled, pooled, squares);
  }
  if (!normalize) return;
  const float norm = sqrtf(block_sum<THREADS / WARP_LANES>(squares, scratch));
  const float divisor = norm < SMALLEST_NORM ? SMALLEST_NORM : norm;
  for (int64_t j = threadIdx.x; j < hidden; j += THREADS) y[j] /= divisor;
}

} // namespace

pf_status cuda::pool(pf_engine *engine, const float *x, const int32_t *cu_seqlens, float *y, int64_t tokens,
                     int64_t sequences, int64_t hidden, pf_pooling pooling, int32_t normalize) {
  if (!is_count(tokens) || !is_count(sequences) || !is_extent(hidden)) return PF_ERROR_ARGUMENT;
  if (pooling < PF_POOLING_CLS || pooling > PF_POOLING_LAST) return PF_ERROR_ARGUMENT;
  if (sequences == 0) return tokens == 0 ? PF_OK : PF_ERROR_INDEX;
  if (!x || !cu_seqlens || !y) return PF_ERROR_ARGUMENT;
  if (cu_seqlens[0] != 0 || cu_seqlens[sequences] != tokens) return PF_ERROR_INDEX;
  for (int64_t s = 0; s < sequences; s++)
    if (cu_seqlens[s] >= cu_seqlens[s + 1]) return PF_ERROR_INDEX;
  cuda_call call(engine);
  const int32_t *lengths = call.upload(cu_seqlens, sequences + 1);
  const pf_status status = call.status();
  if (status != PF_OK) return status;
  call.launch(pool_sequence, static_cast<unsigned>(sequences), THREADS, x, lengths, y, hidden, pooling,
         normalize != 0);
  return call.status();
}
