#include <math.h>
#include <string.h>

#include "guard.h"
#include "norm/norm_reference.h"
#include "test.h"

typedef struct {
  const float *x, *residual, *weight;
  int64_t tokens, hidden;
  float eps;
} rms_norm_case;

static const float *check(const rms_norm_case *c) {
  const int64_t count = c->tokens * c->hidden;
  double *expected = case_doubles(count), *bound = case_doubles(count);
  reference_rms_norm(c->x, c->residual, c->weight, expected, bound, c->tokens, c->hidden, c->eps);
  float *first = case_floats(count);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    float *y = guarded_output(count);
    EXPECT_STATUS(PF_OK,
                  pf_rms_norm(tested_engine(threads), guarded_copy(c->x, count), guarded_copy(c->residual, count),
                              guarded_copy(c->weight, c->hidden), y, c->tokens, c->hidden, c->eps));
    guard_check();
    expect_result(threads, y, expected, bound, first, count);
  }
  return first;
}

static rms_norm_case random_case(int64_t tokens, int64_t hidden, float scale, int residual) {
  return (rms_norm_case){.x = random_floats(tokens * hidden, scale),
                         .residual = residual ? random_floats(tokens * hidden, scale) : NULL,
                         .weight = random_floats(hidden, 1),
                         .tokens = tokens,
                         .hidden = hidden,
                         .eps = 1e-6f};
}

static void matches_reference(void) {
  static const float scales[] = {1, 1e4f, 1e-4f};
  static const int64_t tokens[] = {1, 3, 17};
  for (int h = 0; h < odd_size_count; h++) {
    for (int t = 0; t < COUNT(tokens); t++) {
      for (int s = 0; s < COUNT(scales); s++) {
        for (int residual = 0; residual < 2; residual++) {
          const int64_t hidden = odd_sizes[h];
          if (!begin_case("tokens=%d hidden=%d scale=%g residual=%d", (int)tokens[t], (int)hidden, (double)scales[s],
                          residual))
            continue;
          const rms_norm_case c = random_case(tokens[t], hidden, scales[s], residual);
          check(&c);
        }
      }
    }
  }
}

static void does_not_depend_on_the_batch(void) {
  static const int64_t hidden[] = {97, 384, 4096, 20000};
  for (int h = 0; h < COUNT(hidden); h++) {
    begin_case("tokens=101 hidden=%d", (int)hidden[h]);
    const rms_norm_case c = random_case(101, hidden[h], 1, 1);
    const float *y = check(&c);
    static const int64_t rows[] = {0, 1, 50, 99, 100};
    for (int r = 0; r < COUNT(rows); r++) {
      const int64_t at = rows[r] * c.hidden;
      float *alone = case_floats(c.hidden);
      EXPECT_STATUS(PF_OK,
                    pf_rms_norm(tested_engine(1), c.x + at, c.residual + at, c.weight, alone, 1, c.hidden, c.eps));
      expect_same_bits(alone, y + at, c.hidden);
    }
  }
}

static void keeps_nan_in_its_row(void) {
  for (int h = 0; h < odd_size_count; h++) {
    const int64_t hidden = odd_sizes[h];
    begin_case("hidden=%d", (int)hidden);
    rms_norm_case c = random_case(3, hidden, 1, 0);
    float *x = case_floats(3 * hidden);
    memcpy(x, c.x, (size_t)(3 * hidden) * sizeof *x);
    x[hidden + hidden / 2] = NAN;
    c.x = x;
    check(&c);
  }
}

static void handles_rows_of_zeros(void) {
  begin_case("-");
  const rms_norm_case c = {
      .x = random_floats(2 * 33, 0), .weight = random_floats(33, 1), .tokens = 2, .hidden = 33, .eps = 1e-6f};
  check(&c);
}

static void computes_in_place(void) {
  for (int h = 0; h < odd_size_count; h++) {
    const int64_t hidden = odd_sizes[h], count = 5 * hidden;
    begin_case("hidden=%d", (int)hidden);
    const rms_norm_case c = random_case(5, hidden, 1, 1);
    const float *y = check(&c);
    float *x = case_floats(count);
    memcpy(x, c.x, (size_t)count * sizeof *x);
    EXPECT_STATUS(PF_OK, pf_rms_norm(tested_engine(2), x, c.residual, c.weight, x, 5, hidden, c.eps));
    expect_same_bits(x, y, count);
    memcpy(x, c.residual, (size_t)count * sizeof *x);
    EXPECT_STATUS(PF_OK, pf_rms_norm(tested_engine(2), c.x, x, c.weight, x, 5, hidden, c.eps));
    expect_same_bits(x, y, count);
  }
}

static void refuses_bad_arguments(void) {
  begin_case("-");
  const rms_norm_case c = random_case(2, 8, 1, 0);
  pf_engine *e = tested_engine(2);
  guard_begin(EXACT_END);
  float *y = guarded_output(16);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_rms_norm(NULL, c.x, NULL, c.weight, y, 2, 8, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_rms_norm(e, NULL, NULL, c.weight, y, 2, 8, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_rms_norm(e, c.x, NULL, NULL, y, 2, 8, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_rms_norm(e, c.x, NULL, c.weight, NULL, 2, 8, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_rms_norm(e, c.x, NULL, c.weight, y, -1, 8, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_rms_norm(e, c.x, NULL, c.weight, y, 2, 0, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_rms_norm(e, c.x, NULL, c.weight, y, 2, INT64_MAX, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_rms_norm(e, c.x, NULL, c.weight, y, 2, 8, -1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_rms_norm(e, c.x, NULL, c.weight, y, 2, 8, NAN));
  EXPECT_STATUS(PF_OK, pf_rms_norm(e, NULL, NULL, NULL, NULL, 0, 8, 1e-5f));
  expect_untouched(y, 16);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),    TEST(does_not_depend_on_the_batch),
      TEST(keeps_nan_in_its_row), TEST(handles_rows_of_zeros),
      TEST(computes_in_place),    TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
