#include <math.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "norm/norm_reference.h"
#include "test.h"

typedef struct {
  const float *x, *residual, *weight, *bias;
  int64_t tokens, hidden;
  float eps;
} layer_norm_case;

/* Runs on every number of threads and both guards; returns the result. */
static const float *check(const layer_norm_case *c) {
  const int64_t count = c->tokens * c->hidden;
  double *expected = case_doubles(count), *bound = case_doubles(count);
  reference_layer_norm(c->x, c->residual, c->weight, c->bias, expected, bound, c->tokens, c->hidden, c->eps);
  float *first = case_floats(count);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    float *y = guarded_output(count);
    EXPECT_STATUS(PF_OK, pf_layer_norm(tested_engine(threads), guarded_copy(c->x, count),
                                       guarded_copy(c->residual, count), guarded_copy(c->weight, c->hidden),
                                       guarded_copy(c->bias, c->hidden), y, c->tokens, c->hidden, c->eps));
    guard_check();
    expect_result(threads, y, expected, bound, first, count);
  }
  return first;
}

static layer_norm_case random_case(int64_t tokens, int64_t hidden, float scale, int residual, int bias) {
  return (layer_norm_case){.x = random_floats(tokens * hidden, scale),
                           .residual = residual ? random_floats(tokens * hidden, scale) : NULL,
                           .weight = random_floats(hidden, 1),
                           .bias = bias ? random_floats(hidden, 1) : NULL,
                           .tokens = tokens,
                           .hidden = hidden,
                           .eps = 1e-12f};
}

static void matches_reference(void) {
  static const float scales[] = {1, 1e4f, 1e-4f};
  static const int64_t tokens[] = {1, 3, 17};
  for (int h = 0; h < odd_size_count; h++) {
    for (int t = 0; t < COUNT(tokens); t++) {
      for (int s = 0; s < COUNT(scales); s++) {
        for (int form = 0; form < 4; form++) {
          const int64_t hidden = odd_sizes[h];
          if (!begin_case("tokens=%d hidden=%d scale=%g form=%d", (int)tokens[t], (int)hidden, (double)scales[s], form))
            continue;
          const layer_norm_case c = random_case(tokens[t], hidden, scales[s], form & 1, form & 2);
          check(&c);
        }
      }
    }
  }
}

static void does_not_depend_on_the_batch(void) {
  static const int64_t hidden[] = {97, 384, 768, 4096, 20000};
  for (int h = 0; h < COUNT(hidden); h++) {
    begin_case("tokens=101 hidden=%d", (int)hidden[h]);
    const layer_norm_case c = random_case(101, hidden[h], 1, 1, 1);
    const float *y = check(&c);
    static const int64_t rows[] = {0, 1, 50, 99, 100};
    for (int r = 0; r < COUNT(rows); r++) {
      const int64_t at = rows[r] * c.hidden;
      float *alone = case_floats(c.hidden);
      EXPECT_STATUS(PF_OK, pf_layer_norm(tested_engine(1), c.x + at, c.residual + at, c.weight, c.bias, alone, 1,
                                         c.hidden, c.eps));
      expect_same_bits(alone, y + at, c.hidden);
    }
  }
}

/* The case in which a mean rounded to a float, or E[x^2] - E[x]^2, gives nothing but noise. */
static void keeps_small_deviations_from_a_large_mean(void) {
  static const float means[] = {1e3f, -1e4f, 1e5f};
  for (int m = 0; m < COUNT(means); m++) {
    for (int h = 0; h < odd_size_count; h++) {
      const int64_t hidden = odd_sizes[h];
      if (hidden < 7 || !begin_case("hidden=%d mean=%g", (int)hidden, (double)means[m])) continue;
      layer_norm_case c = random_case(3, hidden, 0.5f, 0, 1);
      float *x = case_floats(3 * hidden);
      for (int64_t i = 0; i < 3 * hidden; i++) x[i] = c.x[i] + means[m];
      c.x = x;
      const float *y = check(&c);
      double *expected = case_doubles(3 * hidden), *bound = case_doubles(3 * hidden);
      reference_layer_norm(x, NULL, c.weight, c.bias, expected, bound, 3, hidden, c.eps);
      int64_t close = 0;
      for (int64_t i = 0; i < 3 * hidden; i++) close += fabs(y[i] - expected[i]) < 2e-6;
      EXPECT(close == 3 * hidden);
    }
  }
}

static void handles_constant_rows(void) {
  static const float values[] = {0, 1, -1e4f, 3.3333f};
  for (int v = 0; v < COUNT(values); v++) {
    for (int h = 0; h < odd_size_count; h++) {
      const int64_t hidden = odd_sizes[h];
      begin_case("hidden=%d value=%g", (int)hidden, (double)values[v]);
      layer_norm_case c = random_case(1, hidden, 1, 0, 1);
      float *x = case_floats(hidden), *y = case_floats(hidden);
      for (int64_t i = 0; i < hidden; i++) x[i] = values[v];
      EXPECT_STATUS(PF_OK, pf_layer_norm(tested_engine(1), x, NULL, c.weight, c.bias, y, 1, hidden, 1e-5f));
      for (int64_t i = 0; i < hidden; i++) EXPECT(fabsf(y[i] - c.bias[i]) <= 1e-6f);
    }
  }
}

static void keeps_nan_in_its_row(void) {
  for (int h = 0; h < odd_size_count; h++) {
    const int64_t hidden = odd_sizes[h];
    begin_case("hidden=%d", (int)hidden);
    layer_norm_case c = random_case(3, hidden, 1, 0, 1);
    float *x = case_floats(3 * hidden);
    memcpy(x, c.x, (size_t)(3 * hidden) * sizeof *x);
    x[hidden + hidden / 2] = NAN;
    c.x = x;
    check(&c);
    x[hidden + hidden / 2] = INFINITY;
    check(&c);
  }
}

static void computes_in_place(void) {
  for (int h = 0; h < odd_size_count; h++) {
    const int64_t hidden = odd_sizes[h], count = 5 * hidden;
    begin_case("hidden=%d", (int)hidden);
    const layer_norm_case c = random_case(5, hidden, 1, 1, 1);
    const float *y = check(&c);
    float *x = case_floats(count);
    memcpy(x, c.x, (size_t)count * sizeof *x);
    EXPECT_STATUS(PF_OK, pf_layer_norm(tested_engine(2), x, c.residual, c.weight, c.bias, x, 5, hidden, c.eps));
    expect_same_bits(x, y, count);
    memcpy(x, c.residual, (size_t)count * sizeof *x);
    EXPECT_STATUS(PF_OK, pf_layer_norm(tested_engine(2), c.x, x, c.weight, c.bias, x, 5, hidden, c.eps));
    expect_same_bits(x, y, count);
  }
}

static void refuses_bad_arguments(void) {
  begin_case("-");
  const layer_norm_case c = random_case(2, 8, 1, 0, 1);
  pf_engine *e = tested_engine(2);
  guard_begin(EXACT_END);
  float *y = guarded_output(16);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_layer_norm(NULL, c.x, NULL, c.weight, c.bias, y, 2, 8, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_layer_norm(e, NULL, NULL, c.weight, c.bias, y, 2, 8, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_layer_norm(e, c.x, NULL, NULL, c.bias, y, 2, 8, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_layer_norm(e, c.x, NULL, c.weight, c.bias, NULL, 2, 8, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_layer_norm(e, c.x, NULL, c.weight, c.bias, y, -1, 8, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_layer_norm(e, c.x, NULL, c.weight, c.bias, y, 2, 0, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_layer_norm(e, c.x, NULL, c.weight, c.bias, y, 2, -8, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT,
                pf_layer_norm(e, c.x, NULL, c.weight, c.bias, y, PF_MAX_DIMENSION + INT64_C(1), 8, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_layer_norm(e, c.x, NULL, c.weight, c.bias, y, 2, INT64_MAX, 1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_layer_norm(e, c.x, NULL, c.weight, c.bias, y, 2, 8, -1e-5f));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_layer_norm(e, c.x, NULL, c.weight, c.bias, y, 2, 8, NAN));
  EXPECT_STATUS(PF_OK, pf_layer_norm(e, NULL, NULL, NULL, NULL, NULL, 0, 8, 1e-5f));
  expect_untouched(y, 16);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),     TEST(does_not_depend_on_the_batch), TEST(keeps_small_deviations_from_a_large_mean),
      TEST(handles_constant_rows), TEST(keeps_nan_in_its_row),         TEST(computes_in_place),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
