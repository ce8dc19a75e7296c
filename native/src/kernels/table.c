/* The table of the kernels that were compiled for this instruction set. */
#include "kernels/kernel.h"

const pf_kernels PF_KERNEL(kernels) = {
    .isa = PF_ISA,
    .vector_width = VF_WIDTH,
    .destroy = pf_cpu_engine_destroy,
#define KERNEL(name, parameters, arguments, given) .name = PF_KERNEL(name),
#include "kernels.def"
};
