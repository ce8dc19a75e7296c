/* What the CPU can run and the operating system saves. Compiled without instruction set flags, so that asking is safe.
 */
#ifndef PF_CPU_H
#define PF_CPU_H

#include <stdint.h>

#include "panaformer.h"

/* Non-zero if code compiled for `isa` runs here. Zero for PF_ISA_AUTO, which is no instruction set. */
int pf_cpu_supports(pf_isa isa);

/* The widest instruction set that runs here. */
pf_isa pf_cpu_best_isa(void);

/*
 * What a CPU may have beyond an instruction set and the kernels of that set use where it is there: dot products of
 * bytes (AVX-512 VNNI or AVX-VNNI), of bfloat16 (AVX-512 BF16), tiles of both (AMX), which the first call asks the
 * operating system for, and permutations of bytes (AVX-512 VBMI).
 */
#define PF_EXTENSION_VNNI 1u
#define PF_EXTENSION_BF16 2u
#define PF_EXTENSION_AMX 4u
#define PF_EXTENSION_VBMI 8u
uint32_t pf_cpu_extensions(pf_isa isa);

#endif
