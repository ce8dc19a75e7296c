/*
 * The table of kernels. There is one for each instruction set, and an engine chooses its own when it is created.
 *
 * A file under kernels/ holds one kernel whole: checks, partition into tasks, inner loops. It is compiled once for each
 * instruction set and exports PF_KERNEL(name). A public function of panaformer.h calls the kernel in the table of its
 * engine. Which kernels there are, kernels.def says, and nothing else.
 */
#ifndef PF_KERNELS_H
#define PF_KERNELS_H

#include "panaformer.h"

typedef struct pf_kernels {
  pf_isa isa;
  int32_t vector_width; /* in floats */

  void (*destroy)(pf_engine *engine); /* of an engine that has this table */

  /* Of each kernel a pointer to a function like the public one. */
#define KERNEL(name, parameters, arguments, given) pf_status(*name) parameters;
#include "kernels.def"
} pf_kernels;

/* Those of this build; cpu.h says which of them the CPU can run. */
extern const pf_kernels pf_kernels_portable;
extern const pf_kernels pf_kernels_avx2;
extern const pf_kernels pf_kernels_avx512;
extern const pf_kernels pf_kernels_neon;

#endif
