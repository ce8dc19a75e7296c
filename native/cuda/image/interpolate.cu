/*
 * Interpolation of a map [height, width, channels] at another resolution, bilinear or bicubic (Keys 1981). A block a
 * place of y.
 *
 * FLOPs 8 or 32 an element of y; bytes 4 an element of both, the places of x that a line needs coming from the
 * second-level cache. Places and weights are computed in double, once a place, and rounded once; each output is one
 * chain of FMAs over its places of x, row by row.
 */
#include "cuda_engine.h"

namespace {

constexpr int THREADS = 128;
constexpr int MOST_TAPS = 4;

/* Keys' weight of a place at distance x < 1, and at 1 <= x < 2. */
constexpr double A = -0.75;
__device__ __forceinline__ double near_weight(double x) { return ((A + 2) * x - (A + 3)) * x * x + 1; }
__device__ __forceinline__ double far_weight(double x) { return ((x - 5) * x + 8) * x * A - 4 * A; }

/* The place and the weight of tap `index` of `taps`, along one dimension. */
__device__ __forceinline__ int64_t tap(int64_t place, int64_t size, int64_t y_size, int taps, int index,
                                       double &weight) {
  const double at = (static_cast<double>(place) + 0.5) * static_cast<double>(size) / static_cast<double>(y_size) - 0.5;
  const double below = floor(at), part = at - below;
  if (taps == 2)
    weight = index == 0 ? 1 - part : part;
  else if (index == 0 || index == 3)
    weight = far_weight(index == 0 ? part + 1 : 2 - part);
  else
    weight = near_weight(index == 1 ? part : 1 - part);
  const int64_t from = static_cast<int64_t>(below) + index - (taps / 2 - 1);
  return from < 0 ? 0 : from < size ? from : size - 1;
}

__global__ void __launch_bounds__(THREADS) resample(pf_interpolate_params p, int taps) {
  SHARED(float, weights, MOST_TAPS *MOST_TAPS);
  SHARED(int64_t, places, MOST_TAPS *MOST_TAPS); /* within an image */
  const int64_t grid = p.y_height * p.y_width;
  for (int64_t at = blockIdx.x; at < p.images * grid; at += gridDim.x) {
    const int index = static_cast<int>(threadIdx.x);
    if (index < taps * taps) {
      double down, across;
      const int64_t row = tap(at % grid / p.y_width, p.height, p.y_height, taps, index / taps, down);
      const int64_t column = tap(at % p.y_width, p.width, p.y_width, taps, index % taps, across);
      weights[index] = static_cast<float>(down * across);
      places[index] = row * p.width + column;
    }
    __syncthreads();
    const float *x = p.x + at / grid * p.height * p.width * p.channels;
    for (int64_t c = threadIdx.x; c < p.channels; c += THREADS) {
      float sum = 0;
      for (int i = 0; i < taps * taps; i++) sum = fmaf(weights[i], x[places[i] * p.channels + c], sum);
      p.y[at * p.y_pixel_stride + c] = sum;
    }
    __syncthreads();
  }
}

} // namespace

pf_status cuda::interpolate(pf_engine *engine, const pf_interpolate_params *p) {
  if (!is_count(p->images) || !is_extent(p->height) || !is_extent(p->width) || !is_extent(p->channels))
    return PF_ERROR_ARGUMENT;
  if (!is_extent(p->y_height) || !is_extent(p->y_width) || !is_extent(p->y_pixel_stride)) return PF_ERROR_ARGUMENT;
  if (p->interpolation != PF_INTERPOLATION_BILINEAR && p->interpolation != PF_INTERPOLATION_BICUBIC)
    return PF_ERROR_ARGUMENT;
  if (p->y_pixel_stride < p->channels) return PF_ERROR_ARGUMENT;
  if (p->height > PF_MAX_DIMENSION / p->width || p->y_height > PF_MAX_DIMENSION / p->y_width) return PF_ERROR_ARGUMENT;
  if (p->images == 0) return PF_OK;
  const int64_t most = INT64_MAX / 8 / p->images;
  if (p->channels > most / (p->height * p->width) || p->y_pixel_stride > most / (p->y_height * p->y_width))
    return PF_ERROR_ARGUMENT;
  if (!p->x || !p->y) return PF_ERROR_ARGUMENT;
  cuda_call call(engine);
  call.launch(resample, grid_of(p->images * p->y_height * p->y_width, 1), THREADS, *p,
         p->interpolation == PF_INTERPOLATION_BILINEAR ? 2 : MOST_TAPS);
  return call.status();
}
