/*
 * The harness. A test program is a list of functions; each runs once per instruction set that this CPU has, or, with
 * PANAFORMER_ISA in the environment, once on that one. A failed expectation is printed with its case and counted, and
 * the test goes on.
 */
#ifndef PF_TEST_H
#define PF_TEST_H

#include <stdint.h>
#include <stdlib.h>

#include "panaformer.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

typedef struct {
  const char *name;
  void (*run)(void);
} test;

#define TEST(function) {#function, function}

/* Runs the tests; what main returns: 0, 1 after a failure, 77 where the CPU has not the instruction set asked for. */
int run_tests(const test *tests, int count);

/* The instruction set under test, and an engine on it that lives until its tests are over. threads is 1 to 4. */
pf_isa tested_isa(void);
#define MOST_ENGINES 4
pf_engine *tested_engine(int32_t threads);
/* Up to how many threads a case is repeated: CUDA's engines have none, but both guards. */
#ifndef MOST_THREADS
#define MOST_THREADS MOST_ENGINES
#endif

/*
 * Names the case that follows and frees the memory of the one before. Returns 0 for cases to leave out: slow builds run
 * one in PF_TEST_STRIDE.
 */
int begin_case(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Lives until the next case. */
void *case_memory(size_t bytes);
float *case_floats(int64_t count);
double *case_doubles(int64_t count);
/* Uniform in [-scale, scale), the same in every run. */
float *random_floats(int64_t count, float scale);

#define EXPECT(condition) expect((condition) != 0, __FILE__, __LINE__, #condition)
#define EXPECT_STATUS(expected, call) expect_status(expected, call, __FILE__, __LINE__, #call)
int expect(int condition, const char *file, int line, const char *text);
void expect_status(pf_status expected, pf_status actual, const char *file, int line, const char *text);

/*
 * |actual - expected| <= bound everywhere; NaN where NaN is expected, and infinities beyond the largest float. A bound
 * of UNTOUCHED says that nothing may have been written there.
 */
#define UNTOUCHED (-1.0)
void expect_close(const float *actual, const double *expected, const double *bound, int64_t count);
void expect_same_bits(const float *actual, const float *expected, int64_t count);
/*
 * What a call on so many threads has to give: on one the reference's values, which are copied to `first`, and on more
 * the same bits as `first`.
 */
void expect_result(int32_t threads, const float *actual, const double *expected, const double *bound, float *first,
                   int64_t count);
/* Every element is still the poison that guarded_output left there. */
void expect_untouched(const float *y, int64_t count);

/* Sizes around the multiples of every vector width, and some that models have. */
extern const int64_t odd_sizes[];
extern const int odd_size_count;

#endif
