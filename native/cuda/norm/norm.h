/* What kernels that normalise rows share: the residual, and LayerNorm of one row by one block. */
#ifndef PF_CUDA_NORM_H
#define PF_CUDA_NORM_H

#include "device.h"

#define NORM_THREADS 128
#define NORM_WARPS (NORM_THREADS / WARP_LANES)

/* z = x + residual in y where there is a residual; returns where z lies. */
__device__ __forceinline__ const float *add_residual(const float *x, const float *residual, float *y, int64_t hidden) {
  if (!residual) return x;
  for (int64_t j = threadIdx.x; j < hidden; j += NORM_THREADS) y[j] = x[j] + residual[j];
  return y;
}

/*
 * y = (z - mean(z)) / sqrt(var(z) + eps) * weight + bias; z and y may be the same. A thread reads of z and writes of y
 * the same elements, from its own index on in steps of the block.
 *
 * The mean is rounded to a float; the second pass sums the differences from it along with their squares, and their mean
 * corrects both moments (Chan, Golub, LeVeque 1983).
 */
__device__ __forceinline__ void normalize_row(const float *z, const float *weight, const float *bias, float *y,
                                              int64_t hidden, float eps, shared_pointer<float> scratch) {
  float sum = 0;
  for (int64_t j = threadIdx.x; j < hidden; j += NORM_THREADS) sum += z[j];
  const float mean = block_sum<NORM_WARPS>(sum, scratch) / static_cast<float>(hidden);
  float differences = 0, squares = 0;
  for (int64_t j = threadIdx.x; j < hidden; j += NORM_THREADS) {
    const float d = z[j] - mean;
    differences += d;
    squares = fmaf(d, d, squares);
  }
  const float correction = block_sum<NORM_WARPS>(differences, scratch) / static_cast<float>(hidden);
  float variance = block_sum<NORM_WARPS>(squares, scratch) / static_cast<float>(hidden) - correction * correction;
  if (variance < 0) variance = 0; /* a constant row, by a rounding */
  const float inverse = 1 / sqrtf(variance + eps);
  for (int64_t j = threadIdx.x; j < hidden; j += NORM_THREADS) {
    const float normal = fmaf(z[j] - mean, inverse, -correction * inverse);
    y[j] = fmaf(normal, weight[j], bias ? bias[j] : 0);
  }
}

#endif
