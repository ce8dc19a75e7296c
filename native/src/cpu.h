/* What the CPU can run and the operating system saves. Compiled without instruction set flags, so that asking is safe.
 */
#ifndef PF_CPU_H
#define PF_CPU_H

#include "panaformer.h"

/* Non-zero if code compiled for `isa` runs here. Zero for PF_ISA_AUTO, which is no instruction set. */
int pf_cpu_supports(pf_isa isa);

/* The widest instruction set that runs here. */
pf_isa pf_cpu_best_isa(void);

#endif
