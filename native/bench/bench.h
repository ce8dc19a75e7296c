/* What the benchmarks share: time, medians, memory, and the read bandwidth that decoding is measured against. */
#ifndef PF_BENCH_H
#define PF_BENCH_H

#include "engine.h"

double seconds(void);
/* Sorts. */
double median(double *values, int count);
/* Random floats, aligned to PF_ALIGNMENT, on huge pages where there are and SMALL_PAGES is not in the environment; freed
 * with free(). */
float *tensor(int64_t count);

/*
 * Bytes per second at which the engine's threads read `data`, each its own contiguous part: four streams at a time with
 * prefetches half a kilobyte ahead, which is the fastest way to read that we know of, on small pages and on huge ones.
 */
double read_bandwidth(pf_engine *engine, const void *data, int64_t bytes);

/* fp32, bf16, int8, int4 or int4-128; ends the program for any other name. */
pf_precision precision_of(const char *name);

#endif
