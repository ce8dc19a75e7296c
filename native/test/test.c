#define _GNU_SOURCE
#include "test.h"

#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cpu.h"
#include "guard.h"

#define MOST_MESSAGES 20 /* of one test; the rest is only counted */
#define SKIPPED 77

const int64_t odd_sizes[] = {1, 7, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 65, 95, 96, 97, 197, 300};
const int odd_size_count = COUNT(odd_sizes);

static const char *const isa_names[] = {"auto", "portable", "avx2", "avx512", "neon", "cuda"};

static struct {
  const char *test_name;
  char case_name[256];
  pf_isa isa;
  int forced; /* by PANAFORMER_ISA */
  pf_engine *engines[MOST_ENGINES];
  long failures, checks, cases, drawn;
  double worst; /* error as a fraction of its bound */
  uint64_t random;
} state;

/* ---- Cases and their memory ---- */

static void **memory;
static int memory_count, memory_capacity;

static void free_case_memory(void) {
  for (int i = 0; i < memory_count; i++) free(memory[i]);
  memory_count = 0;
}

void *case_memory(size_t bytes) {
  if (memory_count == memory_capacity) {
    memory_capacity = memory_capacity ? 2 * memory_capacity : 64;
    memory = realloc(memory, (size_t)memory_capacity * sizeof *memory);
    if (!memory) abort();
  }
  void *p = malloc(bytes ? bytes : 1);
  if (!p) abort();
  return memory[memory_count++] = p;
}

float *case_floats(int64_t count) { return case_memory((size_t)count * sizeof(float)); }
double *case_doubles(int64_t count) { return case_memory((size_t)count * sizeof(double)); }

float *random_floats(int64_t count, float scale) {
  float *x = case_floats(count);
  for (int64_t i = 0; i < count; i++) {
    state.random ^= state.random << 13;
    state.random ^= state.random >> 7;
    state.random ^= state.random << 17;
    x[i] = scale * ((float)(state.random >> 40) * 0x1p-23f - 1.0f);
  }
  return x;
}

int begin_case(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(state.case_name, sizeof state.case_name, format, arguments);
  va_end(arguments);
  free_case_memory();
  /* The first case and, scattered so that nested loops do not fall into step with the stride, one in so many others. */
  const uint64_t draw = (uint64_t)state.drawn++;
  const int selected = draw == 0 || (draw * 0x9E3779B97F4A7C15u >> 40) % PF_TEST_STRIDE == 0;
  state.cases += selected;
  return selected;
}

/* ---- Expectations ---- */

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void fail(const char *format, ...) {
  if (++state.failures > MOST_MESSAGES) return;
  printf("FAIL %s %s [%s] ", isa_names[state.isa], state.test_name, state.case_name);
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  printf("\n");
}

int expect(int condition, const char *file, int line, const char *text) {
  state.checks++;
  if (!condition) fail("%s:%d: %s", file, line, text);
  return condition;
}

void expect_status(pf_status expected, pf_status actual, const char *file, int line, const char *text) {
  state.checks++;
  if (actual != expected) fail("%s:%d: status %d instead of %d: %s", file, line, (int)actual, (int)expected, text);
}

static int is_poison(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits == POISON_BITS;
}

static int is_close(float actual, double expected, double bound) {
  if (bound == UNTOUCHED) return is_poison(actual);
  if (is_poison(actual)) return 0;
  if (isnan(expected)) return isnan(actual);
  if (fabs(expected) > FLT_MAX) return isinf(actual) && (actual > 0) == (expected > 0);
  const double error = fabs(actual - expected);
  /* Below the normal numbers precision is absolute: a few times the smallest float. */
  const double allowed = bound + 0x1p-147;
  if (error / allowed > state.worst) state.worst = error / allowed;
  return error <= allowed;
}

void expect_close(const float *actual, const double *expected, const double *bound, int64_t count) {
  state.checks += count;
  for (int64_t i = 0; i < count; i++) {
    if (is_close(actual[i], expected[i], bound[i])) continue;
    fail("element %lld is %.9g instead of %.9g, off by %.3g with %.3g allowed", (long long)i, (double)actual[i],
         expected[i], fabs(actual[i] - expected[i]), bound[i]);
  }
}

void expect_same_bits(const float *actual, const float *expected, int64_t count) {
  state.checks += count;
  if (memcmp(actual, expected, (size_t)count * sizeof *actual) == 0) return;
  for (int64_t i = 0; i < count; i++) {
    if (memcmp(actual + i, expected + i, sizeof *actual) == 0) continue;
    fail("element %lld is %.9g instead of the same bits as %.9g", (long long)i, (double)actual[i], (double)expected[i]);
    return;
  }
}

void expect_result(int32_t threads, const float *actual, const double *expected, const double *bound, float *first,
                   int64_t count) {
  if (threads > 1) {
    expect_same_bits(actual, first, count);
    return;
  }
  expect_close(actual, expected, bound, count);
  memcpy(first, actual, (size_t)count * sizeof *first);
}

void expect_untouched(const float *y, int64_t count) {
  int64_t untouched = 0;
  for (int64_t i = 0; i < count; i++) untouched += is_poison(y[i]);
  EXPECT(untouched == count);
}

/* ---- Running ---- */

pf_isa tested_isa(void) { return state.isa; }

pf_engine *tested_engine(int32_t threads) {
  pf_engine **engine = &state.engines[threads - 1];
  if (!*engine) {
    /* Forced from the environment, the engine has to find its instruction set there itself. */
    EXPECT_STATUS(PF_OK, pf_engine_create(state.forced ? PF_ISA_AUTO : state.isa, threads, engine));
    if (!*engine || !EXPECT(pf_engine_isa(*engine) == state.isa)) exit(1);
  }
  return *engine;
}

#if !defined(PF_SANITIZED)
/* Says which case ran into a guard page; sanitizers have handlers of their own. */
static void report_fault(int signal) {
  static const char said[] = "FAULT in case: ";
  ssize_t ignored = write(STDOUT_FILENO, said, sizeof said - 1);
  ignored += write(STDOUT_FILENO, state.test_name, strlen(state.test_name));
  ignored += write(STDOUT_FILENO, " ", 1);
  ignored += write(STDOUT_FILENO, state.case_name, strlen(state.case_name));
  ignored += write(STDOUT_FILENO, "\n", 1);
  (void)ignored;
  _exit(128 + signal);
}
#endif

static double processor_seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

static long run_on(pf_isa isa, const test *tests, int count) {
  long failures = 0;
  state.isa = isa;
  for (int i = 0; i < count; i++) {
    state.test_name = tests[i].name;
    snprintf(state.case_name, sizeof state.case_name, "-");
    state.failures = state.checks = state.cases = state.drawn = 0;
    state.worst = 0;
    state.random = 0x9e3779b97f4a7c15u;
    const double start = processor_seconds();
    tests[i].run();
    guard_check();
    if (state.checks == 0) fail("checked nothing");
    printf("%s %-8s %-40s %5ld cases, %9ld checks, %.2f s", state.failures ? "FAIL" : "ok  ", isa_names[isa],
           tests[i].name, state.cases, state.checks, processor_seconds() - start);
    if (state.worst > 0) printf(", largest error %.3f of its bound", state.worst);
    printf("\n");
    failures += state.failures;
  }
  for (int i = 0; i < MOST_ENGINES; i++) {
    pf_engine_destroy(state.engines[i]);
    state.engines[i] = NULL;
  }
  free_case_memory();
  guard_release();
  return failures;
}

int run_tests(const test *tests, int count) {
  setvbuf(stdout, NULL, _IOLBF, 0);
#if !defined(PF_SANITIZED)
  signal(SIGSEGV, report_fault);
  signal(SIGBUS, report_fault);
#endif
  const char *forced = getenv("PANAFORMER_ISA");
  long failures = 0;
  int ran = 0;
  for (pf_isa isa = PF_ISA_PORTABLE; isa <= PF_ISA_CUDA; isa++) {
    if (forced && *forced && strcmp(forced, isa_names[isa]) != 0) continue;
    if (!pf_cpu_supports(isa)) continue;
    state.forced = forced && *forced;
    failures += run_on(isa, tests, count);
    ran++;
  }
  free(memory);
  if (ran == 0) {
    printf("this CPU does not run %s\n", forced ? forced : "any instruction set");
    return SKIPPED;
  }
  return failures ? 1 : 0;
}
