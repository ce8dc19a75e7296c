/* What the kernel files share: the vector vocabulary, the kernels of this instruction set, the sizes of tasks. */
#ifndef PF_KERNEL_H
#define PF_KERNEL_H

#include <stddef.h>

#include "checks.h"
#include "engine.h"
#include "simd/vmath.h"

/* All kernels of this instruction set, with the parameters of their rows. */
#define KERNEL(name, parameters, arguments, given) pf_status PF_KERNEL(name) parameters;
#include "kernels.def"

/*
 * Kernels that compute row by row make tasks of about 16 K floats, which take two to five microseconds. To draw such a
 * task costs nothing beside it, and a small call is one task, which stays on the caller's thread.
 */
#define ROW_BLOCK_FLOATS 16384
static inline int64_t rows_per_task(int64_t columns) {
  return columns < ROW_BLOCK_FLOATS ? ROW_BLOCK_FLOATS / columns : 1;
}

#endif
