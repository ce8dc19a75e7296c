/*
 * LayerNorm (Ba, Kiros, Hinton 2016) of x + residual, a block a row.
 *
 * 8 FLOPs and, with a residual, 12 bytes an element: bound by memory. The sum x + residual is kept in y, so that later
 * passes over the row, which come out of the first-level cache, read one tensor.
 */
#include "cuda_engine.h"
#include "norm.h"

namespace {

__global__ void __launch_bounds__(NORM_THREADS)
    layer_norm_rows(const float *x, const float *residual, const float *weight, const float *bias, float *y,
                    int64_t tokens, int64_t hidden, float eps) {
  SHARED(float, scratch, NORM_WARPS);
  for (int64_t row = blockIdx.x; row < tokens; row += gridDim.x) {
    const int64_t at = row * hidden;
    const float *z = add_residual(x + at, residual ? residual + at : nullptr, y + at, hidden);
    normalize_row(z, weight, bias, y + at, hidden, eps, scratch);
  }
}

} // namespace

pf_status cuda::layer_norm(pf_engine *engine, const float *x, const float *residual, const float *weight,
                           const float *bias, float *y, int64_t tokens, int64_t hidden, float eps) {
  if (!is_count(tokens) || !is_extent(hidden) || !(eps >= 0)) return PF_ERROR_ARGUMENT;
  if (tokens == 0) return PF_OK;
  if (!x || !weight || !y) return PF_ERROR_ARGUMENT;
  cuda_call call(engine);
  call.launch(layer_norm_rows, grid_of(tokens, 1), NORM_THREADS, x, residual, weight, bias, y, tokens, hidden,
         eps);
  return call.status();
}
