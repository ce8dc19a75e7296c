/* Creating engines, and proof that an engine computes with the instruction set that it names. */
#define _GNU_SOURCE /* setenv */
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "engine.h"
#include "guard.h"
#include "test.h"

#define AUTO_NAME "PANAFORMER_ISA"
static const char *const names[] = {"auto", "portable", "avx2", "avx512", "neon"};

static void reports_what_it_was_created_with(void) {
  EXPECT(pf_abi_version() == PF_ABI_VERSION);
  static const int32_t threads[] = {1, 2, 3, 17};
  for (int i = 0; i < COUNT(threads); i++) {
    begin_case("threads=%d", (int)threads[i]);
    pf_engine *engine = NULL;
    EXPECT_STATUS(PF_OK, pf_engine_create(tested_isa(), threads[i], &engine));
    EXPECT(pf_engine_isa(engine) == tested_isa());
    EXPECT(pf_engine_threads(engine) == threads[i]);
    EXPECT(pf_engine_kernels(engine)->isa == tested_isa());
    pf_engine_destroy(engine);
  }
  pf_engine_destroy(NULL);
}

static void refuses_bad_arguments(void) {
  pf_engine *const sentinel = (pf_engine *)&sentinel, *engine = sentinel;
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_engine_create(tested_isa(), 1, NULL));
  static const int32_t threads[] = {0, -1, INT32_MIN, PF_MAX_THREADS + 1, INT32_MAX};
  for (int i = 0; i < COUNT(threads); i++) {
    engine = sentinel;
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_engine_create(tested_isa(), threads[i], &engine));
    EXPECT(engine == NULL);
  }
  engine = sentinel;
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_engine_create((pf_isa)-1, 1, &engine));
  EXPECT(engine == NULL);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_engine_create((pf_isa)(PF_ISA_NEON + 1), 1, &engine));
  EXPECT(pf_engine_threads(NULL) == 0 && pf_engine_isa(NULL) == PF_ISA_AUTO);
}

/* What PANAFORMER_ISA=value gives: a status, and the instruction set if it is PF_OK. */
static void expect_auto(const char *value, pf_status status, pf_isa isa) {
  begin_case(AUTO_NAME "=%s", value ? value : "(unset)");
  if (value)
    setenv(AUTO_NAME, value, 1);
  else
    unsetenv(AUTO_NAME);
  pf_engine *engine = NULL;
  EXPECT_STATUS(status, pf_engine_create(PF_ISA_AUTO, 1, &engine));
  EXPECT((engine != NULL) == (status == PF_OK));
  if (engine) EXPECT(pf_engine_isa(engine) == isa);
  pf_engine_destroy(engine);
  /* An instruction set that the caller names is not overruled. */
  EXPECT_STATUS(PF_OK, pf_engine_create(PF_ISA_PORTABLE, 1, &engine));
  EXPECT(pf_engine_isa(engine) == PF_ISA_PORTABLE);
  pf_engine_destroy(engine);
}

static void follows_the_environment(void) {
  const char *before = getenv(AUTO_NAME);
  char *saved = before ? strdup(before) : NULL;
  for (pf_isa isa = PF_ISA_PORTABLE; isa <= PF_ISA_NEON; isa++) {
    const int available = pf_cpu_supports(isa);
    expect_auto(names[isa], available ? PF_OK : PF_ERROR_ISA_UNAVAILABLE, isa);
    pf_engine *engine = NULL;
    EXPECT_STATUS(available ? PF_OK : PF_ERROR_ISA_UNAVAILABLE, pf_engine_create(isa, 1, &engine));
    pf_engine_destroy(engine);
  }
  expect_auto(NULL, PF_OK, pf_cpu_best_isa());
  expect_auto("", PF_OK, pf_cpu_best_isa());
  static const char *const unknown[] = {"auto", "AVX2", "avx", "avx2 ", "sse4.1", "avx512f", "1"};
  for (int i = 0; i < COUNT(unknown); i++) expect_auto(unknown[i], PF_ERROR_ISA_UNKNOWN, PF_ISA_AUTO);
  if (saved)
    setenv(AUTO_NAME, saved, 1);
  else
    unsetenv(AUTO_NAME);
  free(saved);
}

/* [n, k] = [64, 2], whose element [j][p] is 2 j + p, packed on `engine`. */
static float *packed_ramp(pf_engine *engine) {
  float *weight = case_floats(128);
  for (int i = 0; i < 128; i++) weight[i] = (float)i;
  int64_t bytes = 0;
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, 64, 2, PF_PRECISION_FP32, &bytes));
  float *packed = guarded_aligned(bytes);
  EXPECT_STATUS(PF_OK, pf_linear_pack(engine, weight, PF_DTYPE_FP32, packed, 64, 2, PF_PRECISION_FP32));
  return packed;
}

/*
 * Packed panels are two vectors wide: what follows one vector pair of the first input feature is the second input
 * feature. So the kernels that packed show their vectors.
 */
static void packs_with_its_own_vectors(void) {
  static const int widths[] = {0, 4, 8, 16, 4};
  begin_case("-");
  guard_begin(EXACT_END);
  const float *panels = packed_ramp(tested_engine(1)) + 16;
  const int panel = 2 * widths[tested_isa()];
  for (int j = 0; j < panel; j++) EXPECT(panels[j] == (float)(2 * j) && panels[panel + j] == (float)(2 * j + 1));
}

/*
 * (1 + e)(1 + e) - (1 + 2 e) with e = 2^-12: a fused multiply-add gives e^2, and one that rounds the product first
 * gives 0. So the kernels that multiply show their instructions.
 */
static void multiplies_with_its_own_instructions(void) {
  begin_case("-");
  static const float x[] = {1, 1 + 0x1p-12f}, weight[] = {-(1 + 0x1p-11f), 1 + 0x1p-12f};
  pf_engine *engine = tested_engine(1);
  int64_t bytes = 0;
  guard_begin(EXACT_END);
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, 1, 2, PF_PRECISION_FP32, &bytes));
  void *packed = guarded_aligned(bytes);
  EXPECT_STATUS(PF_OK, pf_linear_pack(engine, weight, PF_DTYPE_FP32, packed, 1, 2, PF_PRECISION_FP32));
  float y = -1;
  EXPECT_STATUS(PF_OK, pf_linear(engine, x, packed, NULL, NULL, &y, 1, 1, 2, PF_ACTIVATION_NONE, NULL, 0));
  EXPECT(y == (tested_isa() == PF_ISA_PORTABLE ? 0 : 0x1p-24f));
}

static void refuses_weights_packed_for_another(void) {
  const float x[] = {1, 1};
  for (pf_isa other = PF_ISA_PORTABLE; other <= PF_ISA_NEON; other++) {
    pf_engine *engine = NULL;
    begin_case("packed for %s", names[other]);
    if (!pf_cpu_supports(other)) continue;
    EXPECT_STATUS(PF_OK, pf_engine_create(other, 1, &engine));
    guard_begin(EXACT_END);
    const void *packed = packed_ramp(engine);
    float *y = guarded_output(64);
    EXPECT_STATUS(other == tested_isa() ? PF_OK : PF_ERROR_PACKED_WEIGHTS,
                  pf_linear(tested_engine(1), x, packed, NULL, NULL, y, 1, 64, 2, PF_ACTIVATION_NONE, NULL, 0));
    if (other != tested_isa()) expect_untouched(y, 64);
    pf_engine_destroy(engine);
  }
}

int main(void) {
  static const test tests[] = {
      TEST(reports_what_it_was_created_with),
      TEST(refuses_bad_arguments),
      TEST(follows_the_environment),
      TEST(packs_with_its_own_vectors),
      TEST(multiplies_with_its_own_instructions),
      TEST(refuses_weights_packed_for_another),
  };
  return run_tests(tests, COUNT(tests));
}
