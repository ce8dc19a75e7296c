/* Softmax of rows, a block each. 8 bytes an element: bound by memory. */
#include "cuda_engine.h"

namespace {

constexpr int THREADS = 256;
constexpr int WARPS = THREADS / WARP_LANES;

__global__ void __launch_bounds__(THREADS) softmax_rows(const float *x, float *y, int64_t rows, int64_t columns) {
  SHARED(float, scratch, WARPS);
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const float *from = x + row * columns;
    float *to = y + row * columns;
    float max = -INFINITY;
    for (int64_t j = threadIdx.x; j < columns; j += THREADS) max = fmaxf(max, from[j]);
    max = block_max<WARPS>(max, scratch);
    if (max == -INFINITY) max = 0; /* a row of only -inf gives zeros */
    float sum = 0;
    for (int64_t j = threadIdx.x; j < columns; j += THREADS) {
      const float e = expf(from[j] - max);
      to[j] = e;
      sum += e;
    }
    sum = block_sum<WARPS>(sum, scratch);
    const float scale = sum == 0 ? 0 : 1 / sum;
    for (int64_t j = threadIdx.x; j < columns; j += THREADS) to[j] *= scale;
  }
}

} // namespace

pf_status cuda::softmax(pf_engine *engine, const float *x, float *y, int64_t rows, int64_t columns) {
  if (!is_count(rows) || !is_extent(columns)) return PF_ERROR_ARGUMENT;
  if (rows == 0) return PF_OK;
  if (!x || !y) return PF_ERROR_ARGUMENT;
  cuda_call call(engine);
  call.launch(softmax_rows, grid_of(rows, 1), THREADS, x, y, rows, columns);
  return call.status();
}
