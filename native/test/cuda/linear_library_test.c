/* Linears of bfloat16 weights by cuBLASLt, which only a device has, and what it has no epilogue for. */
#include <math.h>
#include <string.h>

#include "guard.h"
#include "linear/linear_precision_reference.h"
#include "panaformer_cuda.h"
#include "test.h"

static const void *packed_in(pf_engine *engine, const float *weight, int64_t n, int64_t k) {
  int64_t bytes = 0;
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, n, k, PF_PRECISION_BF16, &bytes));
  void *packed = guarded_aligned(bytes);
  EXPECT_STATUS(PF_OK, pf_linear_pack(engine, weight, PF_DTYPE_FP32, packed, n, k, PF_PRECISION_BF16));
  return packed;
}

static void check(int64_t tokens, int64_t n, int64_t k, int bias, int residual, int in_place,
                  pf_activation activation) {
  begin_case("tokens=%d n=%d k=%d bias=%d residual=%d in_place=%d activation=%d", (int)tokens, (int)n, (int)k, bias,
             residual, in_place, (int)activation);
  pf_engine *engine = tested_engine(1);
  const float *x = random_floats(tokens * k, 1), *weight = random_floats(n * k, 1);
  const float *b = bias ? random_floats(n, 1) : NULL, *r = residual ? random_floats(tokens * n, 1) : NULL;
  double *expected = case_doubles(tokens * n), *bound = case_doubles(tokens * n);
  reference_linear_in(PF_PRECISION_BF16, x, weight, b, r, expected, bound, tokens, n, k, activation);
  guard_begin(EXACT_END);
  const void *packed = packed_in(engine, weight, n, k);
  float *y = guarded_output(tokens * n);
  const float *added = guarded_copy(r, tokens * n);
  if (in_place) {
    memcpy(y, r, (size_t)(tokens * n) * sizeof *y);
    added = y;
  }
  EXPECT_STATUS(PF_OK, pf_linear(engine, guarded_copy(x, tokens * k), packed, guarded_copy(b, n), added, y, tokens, n,
                                 k, activation, NULL, 0));
  guard_check();
  expect_close(y, expected, bound, tokens * n);
}

static void matches_reference(void) {
  EXPECT_STATUS(PF_OK, pf_cuda_set_library(tested_engine(1), 1));
  static const int64_t shapes[][3] = {{1, 33, 65}, {65, 1, 1}, {66, 17, 33}, {130, 63, 97}, {197, 65, 128}};
  for (int s = 0; s < COUNT(shapes); s++) {
    for (pf_activation a = PF_ACTIVATION_NONE; a <= PF_ACTIVATION_TANH; a++)
      check(shapes[s][0], shapes[s][1], shapes[s][2], (s + (int)a) % 2, (s + (int)a) % 3 == 0,
            s % 2 && (s + (int)a) % 3 == 0, a);
    check(shapes[s][0], shapes[s][1], shapes[s][2], 1, 1, 1, PF_ACTIVATION_NONE);
  }
}

/* The gate's values are in the place of the result, which the library would overwrite. */
static void computes_gated_networks(void) {
  begin_case("-");
  pf_engine *engine = tested_engine(1);
  const int64_t tokens = 70, hidden = 33, intermediate = 50;
  const float *x = random_floats(tokens * hidden, 1);
  float *y[2];
  for (int on = 0; on < 2; on++) {
    EXPECT_STATUS(PF_OK, pf_cuda_set_library(engine, on));
    guard_begin(EXACT_END);
    pf_ffn_params p = {.x = guarded_copy(x, tokens * hidden), .tokens = tokens, .hidden = hidden};
    float *weights = case_floats(3 * intermediate * hidden);
    for (int64_t i = 0; i < 3 * intermediate * hidden; i++) weights[i] = (float)(i % 17 - 8) / 32;
    p.gate = packed_in(engine, weights, intermediate, hidden);
    p.up = packed_in(engine, weights + intermediate * hidden, intermediate, hidden);
    p.down = packed_in(engine, weights + 2 * intermediate * hidden, hidden, intermediate);
    p.intermediate = intermediate;
    p.activation = PF_ACTIVATION_SILU;
    p.residual = p.x;
    p.y = guarded_output(tokens * hidden);
    EXPECT_STATUS(PF_OK, pf_ffn_workspace_size(engine, tokens, hidden, intermediate, &p.workspace_bytes));
    p.workspace = guarded_aligned(p.workspace_bytes);
    EXPECT_STATUS(PF_OK, pf_ffn(engine, &p));
    guard_check();
    y[on] = case_floats(tokens * hidden);
    memcpy(y[on], p.y, (size_t)(tokens * hidden) * sizeof *p.y);
  }
  for (int64_t i = 0; i < tokens * hidden; i++) EXPECT(fabsf(y[0][i] - y[1][i]) <= 0.02f + 0.01f * fabsf(y[0][i]));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_cuda_set_library(NULL, 1));
}

int main(void) {
  static const test tests[] = {TEST(matches_reference), TEST(computes_gated_networks)};
  return run_tests(tests, COUNT(tests));
}
