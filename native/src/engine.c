#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "threadpool.h"

typedef struct {
  pf_engine base;
  pf_threadpool *pool; /* NULL with one thread */
  uint32_t extensions;
} cpu_engine;

/* NULL if this build has no kernels for `isa`. */
static const pf_kernels *table_of(pf_isa isa) {
  switch (isa) {
#if defined(PF_BUILT_PORTABLE)
  case PF_ISA_PORTABLE:
    return &pf_kernels_portable;
#endif
#if defined(PF_BUILT_AVX2)
  case PF_ISA_AVX2:
    return &pf_kernels_avx2;
#endif
#if defined(PF_BUILT_AVX512)
  case PF_ISA_AVX512:
    return &pf_kernels_avx512;
#endif
#if defined(PF_BUILT_NEON)
  case PF_ISA_NEON:
    return &pf_kernels_neon;
#endif
  default:
    return NULL;
  }
}

/* The best that this CPU supports of what was built: a build for one machine has one instruction set alone. */
static pf_isa best_isa(void) {
  for (pf_isa isa = pf_cpu_best_isa(); isa > PF_ISA_PORTABLE; isa--) {
    if (table_of(isa) && pf_cpu_supports(isa)) return isa;
  }
  return PF_ISA_PORTABLE;
}

/* What PANAFORMER_ISA asks for; unset or empty, the best there is. */
static pf_status isa_from_environment(pf_isa *isa) {
  static const struct {
    const char *name;
    pf_isa isa;
  } names[] = {{"portable", PF_ISA_PORTABLE}, {"avx2", PF_ISA_AVX2}, {"avx512", PF_ISA_AVX512}, {"neon", PF_ISA_NEON}};
  const char *value = getenv("PANAFORMER_ISA");
  if (!value || !*value) {
    *isa = best_isa();
    return PF_OK;
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(value, names[i].name) == 0) {
      *isa = names[i].isa;
      return PF_OK;
    }
  }
  return PF_ERROR_ISA_UNKNOWN;
}

/* Those of the CPU, or of them the ones that PANAFORMER_EXTENSIONS names, so that every path can be tested. */
static uint32_t extensions_of(pf_isa isa) {
  const char *value = getenv("PANAFORMER_EXTENSIONS");
  uint32_t allowed = 0;
  if (!value) return pf_cpu_extensions(isa);
  if (strstr(value, "vnni")) allowed |= PF_EXTENSION_VNNI;
  if (strstr(value, "bf16")) allowed |= PF_EXTENSION_BF16;
  if (strstr(value, "amx")) allowed |= PF_EXTENSION_AMX;
  if (strstr(value, "vbmi")) allowed |= PF_EXTENSION_VBMI;
  return allowed ? allowed & pf_cpu_extensions(isa) : 0;
}

pf_status pf_engine_create(pf_isa isa, int32_t threads, pf_engine **engine) {
  if (!engine) return PF_ERROR_ARGUMENT;
  *engine = NULL;
  if (isa < PF_ISA_AUTO || isa > PF_ISA_NEON || threads < 1 || threads > PF_MAX_THREADS) return PF_ERROR_ARGUMENT;
  if (isa == PF_ISA_AUTO) {
    const pf_status status = isa_from_environment(&isa);
    if (status != PF_OK) return status;
  }
  const pf_kernels *kernels = table_of(isa);
  if (!kernels || !pf_cpu_supports(isa)) return PF_ERROR_ISA_UNAVAILABLE;

  cpu_engine *created = malloc(sizeof *created);
  if (!created) return PF_ERROR_OUT_OF_MEMORY;
  *created = (cpu_engine){.base = {kernels, threads}, .extensions = extensions_of(isa)};
  if (threads > 1) {
    const pf_status status = pf_threadpool_create(threads, &created->pool);
    if (status != PF_OK) {
      free(created);
      return status;
    }
  }
  *engine = &created->base;
  return PF_OK;
}

void pf_cpu_engine_destroy(pf_engine *engine) {
  cpu_engine *cpu = (cpu_engine *)engine;
  if (cpu->pool) pf_threadpool_destroy(cpu->pool);
  free(cpu);
}

uint32_t pf_engine_extensions(const pf_engine *engine) { return ((const cpu_engine *)engine)->extensions; }

void pf_parallel_for(pf_engine *engine, int64_t tasks, pf_task task, const void *context) {
  pf_threadpool *pool = ((cpu_engine *)engine)->pool;
  if (tasks > 1 && pool && pf_threadpool_run(pool, tasks, task, context)) return;
  for (int64_t i = 0; i < tasks; i++) task(context, i, 0);
}
