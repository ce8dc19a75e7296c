/* The engine as the kernels see it: a table and a way to run tasks in parallel. */
#ifndef PF_ENGINE_H
#define PF_ENGINE_H

#include "kernels.h"

/* What every engine begins with, whichever library made it. The functions of api.c read nothing else of it. */
struct pf_engine {
  const pf_kernels *kernels;
  int32_t threads;
};

/*
 * One unit of work. `thread` is in [0, pf_engine_threads) and differs between tasks that run at the same time in one
 * pf_parallel_for, so that it can index per-thread slices of a workspace.
 */
typedef void (*pf_task)(const void *context, int64_t task, int32_t thread);

/*
 * Runs task(context, 0 .. tasks - 1) and returns when all are done. Each thread begins with an equal, contiguous range
 * of tasks and takes some of the others' when it is done with its own; nobody waits for a worker that does not wake up
 * in time. If the pool is busy with another call, or there is only one task, everything runs on the caller's thread.
 */
void pf_parallel_for(pf_engine *engine, int64_t tasks, pf_task task, const void *context);

/* Joins the workers of an engine on the CPU and frees it; `destroy` of its table (engine.c). */
void pf_cpu_engine_destroy(pf_engine *engine);

/* Which PF_EXTENSION_ flags (cpu.h) the kernels of an engine on the CPU may use (engine.c). */
uint32_t pf_engine_extensions(const pf_engine *engine);

/* The engine's table (api.c). */
const pf_kernels *pf_engine_kernels(const pf_engine *engine);

#endif
