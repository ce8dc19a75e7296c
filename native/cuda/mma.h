/*
 * Tensor cores: D = A B + C of one warp, A [16, 16] and B [16, 8] in 16 bits, C and D [16, 8] in float32
 * (PTX ISA, mma.sync.m16n8k16). In the emulation the products are exact, and each element rounds once.
 *
 * A lane, of group lane / 4 and of place lane % 4 in it, holds
 *   of A  four words: columns 2 place and 2 place + 1 of the rows group and group + 8, then columns + 8 of the same
 *   of B  two words: rows 2 place and 2 place + 1 of the column group, then rows + 8
 *   of C  columns 2 place and 2 place + 1 of the row group, then of the row group + 8
 * Which input is which of the 16 is for the caller to say, as long as A and B agree.
 */
#ifndef PF_CUDA_MMA_H
#define PF_CUDA_MMA_H

#include "device.h"

enum class half_format { bf16, fp16 };

/* Two floats, rounded to nearest even, as one word. */
template <half_format format> __device__ __forceinline__ uint32_t rounded_pair(float low, float high) {
#if defined(__CUDACC__)
  uint32_t word;
  if constexpr (format == half_format::bf16)
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  else
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
#else
  constexpr bool bf16 = format == half_format::bf16;
  return emulation::rounded_half(low, bf16) | static_cast<uint32_t>(emulation::rounded_half(high, bf16)) << 16;
#endif
}

template <half_format format>
__device__ __forceinline__ void multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if defined(__CUDACC__)
  if constexpr (format == half_format::bf16)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  emulation::multiply_add(c, a, b, format == half_format::bf16, __LINE__);
#endif
}

#endif
