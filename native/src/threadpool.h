/* Worker threads that run the tasks of one job at a time together with the thread that brought it. */
#ifndef PF_THREADPOOL_H
#define PF_THREADPOOL_H

#include "engine.h"

typedef struct pf_threadpool pf_threadpool;

/* Starts threads - 1 workers, threads >= 2. On failure nothing is left behind and *pool is NULL. */
pf_status pf_threadpool_create(int32_t threads, pf_threadpool **pool);

/* Joins the workers. No job may be running. */
void pf_threadpool_destroy(pf_threadpool *pool);

/*
 * Runs the tasks on the caller's thread (as thread 0) and on the workers that come in time (as 1, 2, ...), and returns
 * when all are done. Returns 0 at once, and runs nothing, if another caller's job has the pool.
 */
int pf_threadpool_run(pf_threadpool *pool, int64_t tasks, pf_task task, const void *context);

#endif
