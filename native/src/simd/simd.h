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
