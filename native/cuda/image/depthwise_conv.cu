/*
 * Depthwise convolution: y = activation(bias + sum over the neighbours of weight * x), channel by channel.
 *
 * FLOPs 2 kernel^2 an element; bytes 8 an element where the lines of a kernel's height stay in the second-level cache. A
 * thread a channel of one place, adjacent channels in adjacent lanes; each output is one chain of FMAs over the taps.
 */
#include "cuda_engine.h"

namespace {

constexpr int THREADS = 256;

__global__ void __launch_bounds__(THREADS) convolve(pf_depthwise_conv_params p, int64_t count) {
  const int64_t half = p.kernel / 2;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x; i < count;
       i += static_cast<int64_t>(gridDim.x) * THREADS) {
    const int64_t channel = i % p.channels, place = i / p.channels;
    const int64_t column = place % p.width, row = place / p.width % p.height;
    float sum = p.bias ? p.bias[channel] : 0;
    for (int64_t down = 0; down < p.kernel; down++) {
      if (row + down < half || row + down - half >= p.height) continue;
      for (int64_t across = 0; across < p.kernel; across++) {
        if (column + across < half || column + across - half >= p.width) continue;
        const int64_t from = place + (down - half) * p.width + across - half;
        sum = fmaf(p.weight[(down * p.kernel + across) * p.channels + channel], p.x[from * p.channels + channel], sum);
      }
    }
    p.y[i] = activated(sum, p.activation);
  }
}

} // namespace

pf_status cuda::depthwise_conv(pf_engine *engine, const pf_depthwise_conv_params *p) {
  if (!is_count(p->images) || !is_extent(p->height) || !is_extent(p->width) || !is_extent(p->channels))
    return PF_ERROR_ARGUMENT;
  if (p->kernel < 1 || p->kernel > PF_MAX_KERNEL || p->kernel % 2 == 0) return PF_ERROR_ARGUMENT;
  if (!is_activation(p->activation)) return PF_ERROR_ARGUMENT;
  if (p->height > PF_MAX_DIMENSION / p->width) return PF_ERROR_ARGUMENT;
  if (p->images == 0) return PF_OK;
  if (p->channels > INT64_MAX / 8 / (p->height * p->width) / p->images) return PF_ERROR_ARGUMENT;
  if (!p->x || !p->weight || !p->y) return PF_ERROR_ARGUMENT;
  cuda_call call(engine);
  const int64_t count = p->images * p->height * p->width * p->channels;
  call.launch(convolve, grid_of(count, THREADS), THREADS, *p, count);
  return call.status();
}
