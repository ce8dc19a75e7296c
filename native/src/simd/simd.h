/*
 * A small vector vocabulary. Each kernel is written once over it and compiled once per instruction set, with one of
 * PF_SIMD_{PORTABLE,AVX2,AVX512,NEON} defined by the build.
 *
 *   vf                      VF_WIDTH floats; VF_REGISTERS of them fit the register file
 *   vf_load, vf_store       unaligned; _first: the first n lanes only (0 <= n < VF_WIDTH), memory behind them is not
 *                           touched, other lanes load as 0
 *   vf_fma(a, b, c)         a b + c
 *   vf_max, vf_min(a, b)    b where either is NaN
 *   vf_scale2(x, n)         x 2^n for integral n in [-252, 254]
 *   vf_select_less(a, b, x, y)   x where a < b, else y
 *   vf_reduce_add, _max     over the lanes, in a fixed order
 *   vf_transpose(r)         the VF_WIDTH x VF_WIDTH matrix whose rows are r, in place
 *   vf_store_bytes          integral lanes of [-128, 255], the low byte of each
 *   vf_store_bf16           each lane rounded to the nearest bfloat16, ties to even; NaN stays NaN
 *   vi                      VF_WIDTH int32, which wrap; shifts to the right fill with zeros
 *   vi_to_vf, vi_as_vf      the values, and the bits, as floats
 *   vi_widen16              from VF_WIDTH uint16
 *   vi_dot(sum, u, s)       sum + the four products of the unsigned bytes of u with the signed bytes of s, lane by lane
 *   vi_dot_vnni, _bf16      (VI_HAS_VNNI, VI_HAS_BF16) vpdpbusd, which is vi_dot; vdpbf16ps, the two products of
 *                           bfloat16: only where the engine's extensions have them
 *   vi_permute_bytes(a, index)   (VI_HAS_VBMI, and only where the engine's extensions have it, like the next three)
 *                           bytes of a, each by its index
 *   vi_rotate_left(a, n)    lanes, each by its own n bits
 *   vi_shift_bytes(a, n)    in place of each byte, the eight bits from bit n on of the eight bytes that it is among
 *   vi_look_up_odd(a, table)   odd bytes replaced by those of the table that their lower six bits name
 */
#ifndef PF_SIMD_H
#define PF_SIMD_H

#include <stdint.h>

#if defined(PF_SIMD_AVX512)
#include "avx512.h"
#define PF_ISA PF_ISA_AVX512
#define PF_KERNEL(name) pf_##name##_avx512
#elif defined(PF_SIMD_AVX2)
#include "avx2.h"
#define PF_ISA PF_ISA_AVX2
#define PF_KERNEL(name) pf_##name##_avx2
#elif defined(PF_SIMD_NEON)
#include "neon.h"
#define PF_ISA PF_ISA_NEON
#define PF_KERNEL(name) pf_##name##_neon
#elif defined(PF_SIMD_PORTABLE)
#include "portable.h"
#define PF_ISA PF_ISA_PORTABLE
#define PF_KERNEL(name) pf_##name##_portable
#else
#error "the build defines one of PF_SIMD_PORTABLE, PF_SIMD_AVX2, PF_SIMD_AVX512, PF_SIMD_NEON"
#endif

#endif
