/* Activations, element by element. 8 bytes an element: bound by memory. */
#include "cuda_engine.h"

namespace {

constexpr int THREADS = 256;

__global__ void __launch_bounds__(THREADS)
    activate_elements(const float *x, float *y, int64_t count, pf_activation activation) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x; i < count;
       i += static_cast<int64_t>(gridDim.x) * THREADS)
    y[i] = activated(x[i], activation);
}

} // namespace

pf_status cuda::activate(pf_engine *engine, const float *x, float *y, int64_t count, pf_activation activation) {
  if (count < 0 || !is_activation(activation)) return PF_ERROR_ARGUMENT;
  if (count == 0) return PF_OK;
  if (!x || !y) return PF_ERROR_ARGUMENT;
  cuda_call call(engine);
  call.launch(activate_elements, grid_of(count, THREADS), THREADS, x, y, count, activation);
  return call.status();
}
