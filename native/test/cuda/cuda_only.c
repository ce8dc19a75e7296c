/* Tests of the CUDA library run on it alone, whatever the CPU has. */
#include "cpu.h"
#include "engine.h"

int pf_cpu_supports(pf_isa isa) { return isa == PF_ISA_CUDA; }

uint32_t pf_engine_extensions(const pf_engine *engine) {
  (void)engine;
  return 0;
}
