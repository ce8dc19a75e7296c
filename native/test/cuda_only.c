/* Tests of the CUDA library run on it alone, whatever the CPU has. */
#include "cpu.h"

int pf_cpu_supports(pf_isa isa) { return isa == PF_ISA_CUDA; }
