/*
 * RMSNorm (Zhang, Sennrich 2019) of x + residual, a block a row.
 *
 * 4 FLOPs and, with a residual, 12 bytes an element: bound by memory. The sum x + residual is kept in y, so that the
 * second pass over the row, which comes out of the first-level cache, reads one tensor.
 */
#include "cuda_engine.h"
#include "norm.h"

namespace {

__global__ void __launch_bounds__(NORM_THREADS)
    rms_norm_rows(const float *x, const float *residual, const float *weight, float *y, int64_t tokens, int64_t hidden,
                  float eps) {
  SHARED(float, scratch, NORM_WARPS);
  for (int64_t row = blockIdx.x; row < tokens; row += gridDim.x) {
    const int64_t at = row * hidden;
    const float *z = add_residual(x + at, residual ? residual + at : nullptr, y + at, hidden);
    float squares = 0;
    for (int64_t j = threadIdx.x; j < hidden; j += NORM_THREADS) squares = fmaf(z[j], z[j], squares);
    const float sum = block_sum<NORM_WARPS>(squares, scratch);
    const float inverse = 1 / sqrtf(sum / static_cast<float>(hidden) + eps);
    for (int64_t j = threadIdx.x; j < hidden; j += NORM_THREADS) y[at + j] = z[j] * inverse * weight[j];
  }
}

} // namespace

pf_status cuda::rms_norm(pf_engine *engine, const float *x, const float *residual, const float *weight, float *y,
                         int64_t tokens, int64_t hidden, float eps) {
  if (!is_count(tokens) || !is_extent(hidden) || !(eps >= 0)) return PF_ERROR_ARGUMENT;
  if (tokens == 0) return PF_OK;
  if (!x || !weight || !y) return PF_ERROR_ARGUMENT;
  cuda_call call(engine);
  call.launch(rms_norm_rows, grid_of(tokens, 1), NORM_THREADS, x, residual, weight, y, tokens, hidden, eps);
  return call.status();
}
