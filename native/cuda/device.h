/* What every .cu file begins with: CUDA, or its emulation on the host, and the few idioms that kernels share. */
#ifndef PF_CUDA_DEVICE_H
#define PF_CUDA_DEVICE_H

#include <cmath>
#include <cstdint>

#if defined(__CUDACC__)
#include <cuda_runtime.h>

/* `count` elements of the block's shared memory; every thread of the block comes by the declaration. */
#define SHARED(type, name, count) __shared__ __align__(16) type name[count]
template <class T> using shared_pointer = T *;
#else
#include "emulation/emulation.h"

#define SHARED(type, name, count)                                                                                      \
  static const char name##_site = 0;                                                                                   \
  const emulation::shared_array<type> name(emulation::shared(&name##_site, (count), sizeof(type) * (count)), (count))
template <class T> using shared_pointer = const emulation::shared_array<T> &;
#endif

/* Launches a kernel, whose arguments are of its parameters' very types. */
template <class... P>
void run_kernel(void (*kernel)(P...), unsigned grid, unsigned block, cudaStream_t stream, P... arguments) {
#if defined(__CUDACC__)
  kernel<<<grid, block, 0, stream>>>(arguments...);
#else
  (void)stream;
  emulation::launch(grid, block, [=] { kernel(arguments...); });
#endif
}

/* What a graph knows a kernel by. */
template <class... P> const void *function_of(void (*kernel)(P...)) {
#if !defined(__CUDACC__)
  emulation::know(reinterpret_cast<const void *>(kernel), emulation::signature_of<P...>());
#endif
  return reinterpret_cast<const void *>(kernel);
}

#include "panaformer.h"

#define WARP_LANES 32
#define ALL_LANES 0xffffffffu

/* Four words, which are read at once. */
struct words4 {
  uint32_t w[4];
};

/* From the device's memory, or from shared memory; aligned to 16 bytes. */
__device__ __forceinline__ words4 load4(const uint32_t *from) {
#if defined(__CUDACC__)
  const uint4 v = *reinterpret_cast<const uint4 *>(from);
  return {v.x, v.y, v.z, v.w};
#else
  emulation::require_aligned(from, 16);
  return {from[0], from[1], from[2], from[3]};
#endif
}

#if defined(__CUDACC__)
__device__ __forceinline__ words4 load4(const uint32_t *from, int index) { return load4(from + index); }

/* Copies four words to shared memory while the thread goes on: they are there after wait_async, for others after a
   barrier behind it. Aligned to 16 bytes. */
__device__ __forceinline__ void copy_async(uint32_t *to, int index, const uint32_t *from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(
                   static_cast<unsigned>(__cvta_generic_to_shared(to + index))),
               "l"(from)
               : "memory");
}
__device__ __forceinline__ void commit_async() { asm volatile("cp.async.commit_group;" ::: "memory"); }
__device__ __forceinline__ void wait_async() { asm volatile("cp.async.wait_group 0;" ::: "memory"); }
#else
inline words4 load4(shared_pointer<uint32_t> from, int index) {
  if (index % 4 != 0) emulation::fault("four words are read from shared[%d]", index);
  return {from[index], from[index + 1], from[index + 2], from[index + 3]};
}
inline void copy_async(shared_pointer<uint32_t> to, int index, const uint32_t *from) {
  emulation::require_aligned(from, 16);
  if (index % 4 != 0) emulation::fault("four words are copied to shared[%d]", index);
  to.copy_async(index, from, 4);
}
inline void commit_async() {}
inline void wait_async() { emulation::wait_async(); }
#endif

template <class T> __device__ __forceinline__ T warp_sum(T v) {
#pragma unroll
  for (int lanes = WARP_LANES / 2; lanes > 0; lanes /= 2) v += __shfl_xor_sync(ALL_LANES, v, lanes);
  return v;
}

/* NaN is passed over. */
__device__ __forceinline__ float warp_max(float v) {
#pragma unroll
  for (int lanes = WARP_LANES / 2; lanes > 0; lanes /= 2) v = fmaxf(v, __shfl_xor_sync(ALL_LANES, v, lanes));
  return v;
}

/* The sum over a block of `warps` warps, in every thread. `scratch` has `warps` elements and may be used again. */
template <int warps, class T> __device__ __forceinline__ T block_sum(T v, shared_pointer<T> scratch) {
  v = warp_sum(v);
  __syncthreads();
  if (threadIdx.x % WARP_LANES == 0) scratch[threadIdx.x / WARP_LANES] = v;
  __syncthreads();
  T sum = 0;
#pragma unroll
  for (int w = 0; w < warps; w++) sum += scratch[w];
  return sum;
}

template <int warps> __device__ __forceinline__ float block_max(float v, shared_pointer<float> scratch) {
  v = warp_max(v);
  __syncthreads();
  if (threadIdx.x % WARP_LANES == 0) scratch[threadIdx.x / WARP_LANES] = v;
  __syncthreads();
  float max = scratch[0];
#pragma unroll
  for (int w = 1; w < warps; w++) max = fmaxf(max, scratch[w]);
  return max;
}

__device__ __forceinline__ float activated(float x, pf_activation activation) {
  switch (activation) {
  case PF_ACTIVATION_RELU:
    return x < 0 ? 0 : x;
  case PF_ACTIVATION_GELU_ERF:
    return 0.5f * x * erfcf(-0.70710678f * x);
  case PF_ACTIVATION_GELU_TANH:
    return x / (1 + expf(-1.5957691f * fmaf(0.044715f * x * x, x, x)));
  case PF_ACTIVATION_GELU_QUICK:
    return x / (1 + expf(-1.702f * x));
  case PF_ACTIVATION_SILU:
    return x / (1 + expf(-x));
  case PF_ACTIVATION_TANH:
    return tanhf(x);
  case PF_ACTIVATION_NONE:
    break;
  }
  return x;
}

#endif
