/* The public functions. Each checks that it has an engine, and calls the kernel in the engine's table. */
#include "engine.h"

int32_t pf_abi_version(void) { return PF_ABI_VERSION; }

void pf_engine_destroy(pf_engine *engine) {
  if (engine) engine->kernels->destroy(engine);
}

pf_isa pf_engine_isa(const pf_engine *engine) { return engine ? engine->kernels->isa : PF_ISA_AUTO; }

int32_t pf_engine_threads(const pf_engine *engine) { return engine ? engine->threads : 0; }

const pf_kernels *pf_engine_kernels(const pf_engine *engine) { return engine->kernels; }

/* pf_<name> of every kernel. Parameters that are not those of panaformer.h do not compile. */
#define KERNEL(name, parameters, arguments, given)                                                                     \
  pf_status pf_##name parameters {                                                                                     \
    if (!(given)) return PF_ERROR_ARGUMENT;                                                                            \
    return engine->kernels->name arguments;                                                                            \
  }
#include "kernels.def"
