/* What the linears of every precision share, and what layers are made of them: feed-forward networks, heads, patches. */
#ifndef PF_CUDA_LINEAR_H
#define PF_CUDA_LINEAR_H

#include "cuda_engine.h"

struct linear_layer {
  const float *x;        /* [tokens, k] */
  const void *packed;    /* as linear_pack left it */
  const float *bias;     /* [n] or NULL */
  const float *residual; /* [tokens, n] or NULL */
  float *y;              /* [tokens, n] */
  int64_t tokens, n, k;
  pf_activation activation;
  pf_precision precision;
  bool multiplies; /* by the residual, instead of adding it */
  /* Or rows of y lie in groups of so many, a stride apart, and the residual is [group, n], the same for each group. */
  int64_t group, group_stride;
};

__device__ __forceinline__ void finish(const linear_layer &l, int64_t token, int64_t feature, float sum) {
  const int64_t row = l.group ? token % l.group : token, at = row * l.n + feature;
  const int64_t to = l.group ? token / l.group * l.group_stride + at : at;
  float v = activated(l.bias ? sum + l.bias[feature] : sum, l.activation);
  if (l.residual) v = l.multiplies ? v * l.residual[at] : v + l.residual[at];
  l.y[to] = v;
}

/* Elements of a weight before it is packed. */
struct half_bits {
  uint16_t bits;
};
struct bfloat16_bits {
  uint16_t bits;
};

__device__ __forceinline__ float bits_as_float(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

__device__ __forceinline__ float widened(float x) { return x; }
__device__ __forceinline__ float widened(bfloat16_bits x) {
  return bits_as_float(static_cast<uint32_t>(x.bits) << 16);
}
/* The exponent is shifted by a product, which is exact, subnormal numbers included. */
__device__ __forceinline__ float widened(half_bits x) {
  const uint32_t sign = static_cast<uint32_t>(x.bits & 0x8000) << 16, magnitude = x.bits & 0x7fff;
  if (magnitude >= 0x7c00) return bits_as_float(sign | 0x7f800000 | magnitude << 13);
  const float value = bits_as_float(magnitude << 13) * 5192296858534827628530496329220096.0f;
  return sign ? -value : value;
}

/* Layouts of packed weights. FP32: the transpose, [k][n padded to a warp]. BF16: [n padded][k padded] bfloat16. */
__host__ __device__ constexpr int64_t fp32_row(int64_t n) { return (n + WARP_LANES - 1) / WARP_LANES * WARP_LANES; }
constexpr int BF16_FEATURES = 64; /* to multiples of which n is padded */
constexpr int BF16_INPUTS = 32;   /* and k */
__host__ __device__ constexpr int64_t bf16_row(int64_t k) { return (k + BF16_INPUTS - 1) / BF16_INPUTS * BF16_INPUTS; }

namespace cuda {
/* Checks a layer and fills in what the engine knows of its weight. */
pf_status linear_open(const cuda_call &call, const void *packed, int64_t n, int64_t k, pf_activation activation,
                      linear_layer *layer);
void linear_run(cuda_call &call, const linear_layer &layer);

/* linear_bf16.cu */
void linear_bf16_run(cuda_call &call, const linear_layer &layer);
/* Of a weight that is on the device. */
void linear_bf16_pack(cuda_call &call, const void *weight, pf_dtype dtype, void *packed, int64_t n, int64_t k);
} // namespace cuda

#endif
