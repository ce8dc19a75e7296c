#define _GNU_SOURCE
#include "bench.h"

#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define HUGE_PAGE (2 << 20)

double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, compare);
  return values[count / 2];
}

float *tensor(int64_t count) {
  const int64_t alignment = count * 4 < HUGE_PAGE ? PF_ALIGNMENT : HUGE_PAGE;
  const size_t bytes = (size_t)((count * 4 + alignment - 1) / alignment * alignment);
  float *x = aligned_alloc((size_t)alignment, bytes);
  if (!x) abort();
  if (alignment == HUGE_PAGE && !getenv("SMALL_PAGES")) madvise(x, bytes, MADV_HUGEPAGE);
  for (int64_t i = 0; i < count; i++) x[i] = ((float)(rand() % 2000) - 999.5f) * 1e-3f;
  return x;
}

#define STREAMS 4
#define AHEAD 192
/* Floats that a task reads, and that it reads of one stream before it turns to the next. */
#define TASK_FLOATS (256 * 1024)
#define STEP 64

#define READER(name, isa, type, zero, load, add, first)                                                                \
  __attribute__((target(isa))) static float name(const float *p) {                                                     \
    type sum[4] = {zero(), zero(), zero(), zero()};                                                                    \
    const int lanes = sizeof(type) / sizeof(float);                                                                    \
    for (int i = 0; i < TASK_FLOATS / STREAMS; i += STEP) {                                                            \
      for (int s = 0; s < STREAMS; s++) {                                                                              \
        const float *x = p + s * (TASK_FLOATS / STREAMS) + i;                                                          \
        for (int j = 0; j < STEP; j += 16) __builtin_prefetch(x + AHEAD + j);                                          \
        _Pragma("GCC unroll 8") for (int j = 0; j < STEP; j += lanes) sum[j / lanes % 4] =                             \
            add(sum[j / lanes % 4], load(x + j));                                                                      \
      }                                                                                                                \
    }                                                                                                                  \
    return first(add(add(sum[0], sum[1]), add(sum[2], sum[3])));                                                       \
  }
READER(read_avx512, "avx512f", __m512, _mm512_setzero_ps, _mm512_load_ps, _mm512_add_ps, _mm512_cvtss_f32)
READER(read_avx2, "avx2", __m256, _mm256_setzero_ps, _mm256_load_ps, _mm256_add_ps, _mm256_cvtss_f32)

typedef struct {
  const float *data;
  volatile float *sums; /* [PF_MAX_THREADS] */
} read_call;

static void read_task(const void *context, int64_t task, int32_t thread) {
  const read_call *c = context;
  const float *p = c->data + task * TASK_FLOATS;
  c->sums[thread] = __builtin_cpu_supports("avx512f") ? read_avx512(p) : read_avx2(p);
}

double read_bandwidth(pf_engine *engine, const void *data, int64_t bytes) {
  float sums[PF_MAX_THREADS];
  const int64_t tasks = bytes / 4 / TASK_FLOATS;
  const read_call call = {data, sums};
  const double begin = seconds();
  pf_parallel_for(engine, tasks, read_task, &call);
  return (double)(tasks * TASK_FLOATS * 4) / (seconds() - begin);
}

pf_precision precision_of(const char *name) {
  static const char *const names[] = {"fp32", "bf16", "int8", "int4", "int4-128"};
  for (int i = 0; i <= PF_PRECISION_INT4_128; i++)
    if (strcmp(name, names[i]) == 0) return (pf_precision)i;
  fprintf(stderr, "no precision %s\n", name);
  exit(2);
}
