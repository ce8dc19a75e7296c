#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "linear/linear_reference.h"
#include "test.h"

static const char *const names[] = {"none", "relu", "gelu_erf", "gelu_tanh", "gelu_quick", "silu", "tanh"};

static float *activate(const float *x, int64_t count, pf_activation activation) {
  float *first = case_floats(count);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    float *y = guarded_output(count);
    EXPECT_STATUS(PF_OK, pf_activate(tested_engine(threads), guarded_copy(x, count), y, count, activation));
    guard_check();
    if (threads == 1)
      memcpy(first, y, (size_t)count * sizeof *y);
    else
      expect_same_bits(y, first, count);
  }
  return first;
}

/* Compares and prints the largest error that was seen, as a fraction of max(1, |x|). */
static void check(const float *x, int64_t count, pf_activation activation) {
  const float *y = activate(x, count, activation);
  double *expected = case_doubles(count), *bound = case_doubles(count), worst = 0;
  for (int64_t i = 0; i < count; i++) {
    expected[i] = reference_activation(x[i], activation);
    bound[i] = activation_bound(x[i], 0, activation);
    worst = fmax(worst, fabs(y[i] - expected[i]) / fmax(1, fabs((double)x[i])));
  }
  expect_close(y, expected, bound, count);
  printf("     %-10s %8lld values, largest error %.3g max(1, |x|)\n", names[activation], (long long)count, worst);
}

static void is_accurate_from_minus_to_plus_100(void) {
  const int64_t count = 400001 / PF_TEST_STRIDE;
  for (pf_activation a = PF_ACTIVATION_NONE; a <= PF_ACTIVATION_TANH; a++) {
    begin_case("%s", names[a]);
    /* Half of the values where the functions bend. */
    float *x = random_floats(count, 100);
    for (int64_t i = 0; i < count; i += 2) x[i] *= 0.08f;
    check(x, count, a);
  }
}

/* Every exponent from the denormals to the largest floats, with both signs. */
static void is_accurate_in_every_binade(void) {
  for (pf_activation a = PF_ACTIVATION_NONE; a <= PF_ACTIVATION_TANH; a++) {
    begin_case("%s", names[a]);
    const int per_binade = 16;
    float *x = random_floats((127 + 149 + 1) * per_binade, 1);
    int64_t count = 0;
    for (int e = -149; e <= 127; e++) {
      for (int i = 0; i < per_binade; i++, count++) {
        x[count] = copysignf(ldexpf(1 + fabsf(x[count]) * 0.999f, e), x[count]);
      }
    }
    check(x, count, a);
    /* Near 0 they are all linear, and their relative error is small too. */
    const float *y = activate(x, count, a);
    for (int64_t i = 0; i < count; i++) {
      if (fabsf(x[i]) > 0x1p-13f || a == PF_ACTIVATION_RELU) continue;
      const double expected = reference_activation(x[i], a);
      EXPECT(fabs(y[i] - expected) <= 4e-7 * fabs(expected) + 0x1p-148);
    }
  }
}

static void handles_special_values(void) {
  static const float x[] = {0.0f,        -0.0f,        FLT_TRUE_MIN, -FLT_TRUE_MIN, FLT_MIN, -FLT_MIN,
                            FLT_MAX / 2, -FLT_MAX / 2, INFINITY,     -INFINITY,     NAN};
  for (pf_activation a = PF_ACTIVATION_NONE; a <= PF_ACTIVATION_TANH; a++) {
    begin_case("%s", names[a]);
    const float *y = activate(x, COUNT(x), a);
    const int saturates = a == PF_ACTIVATION_TANH;
    EXPECT(y[0] == 0 && y[1] == 0);
    for (int i = 2; i < 6; i++) EXPECT(fabsf(y[i]) <= fabsf(x[i]));
    EXPECT(saturates ? y[6] == 1 : y[6] == FLT_MAX / 2);
    EXPECT(saturates ? y[8] == 1 : y[8] == INFINITY);
    EXPECT(isnan(y[10]));
    if (a == PF_ACTIVATION_NONE) {
      EXPECT(y[7] == -FLT_MAX / 2 && y[9] == -INFINITY);
    } else if (saturates) {
      EXPECT(y[7] == -1 && y[9] == -1);
    } else {
      EXPECT(fabsf(y[7]) <= 1e-6f * FLT_MAX);
      /* The limit is 0; x times a factor of 0 is NaN. */
      EXPECT(fabsf(y[9]) <= 1e-5f || isnan(y[9]));
    }
  }
}

/* An element's bits depend on its value alone, not on its place in a vector or a block. */
static void does_not_depend_on_the_place(void) {
  for (pf_activation a = PF_ACTIVATION_NONE; a <= PF_ACTIVATION_TANH; a++) {
    begin_case("%s", names[a]);
    const int64_t count = 40000;
    const float *x = random_floats(count, 6);
    const float *y = activate(x, count, a);
    for (int s = 0; s < odd_size_count; s++) {
      const int64_t at = 1 + 997 * s;
      expect_same_bits(activate(x + at, odd_sizes[s], a), y + at, odd_sizes[s]);
    }
  }
}

static void computes_in_place(void) {
  begin_case("-");
  float *x = random_floats(97, 3);
  const float *y = activate(x, 97, PF_ACTIVATION_GELU_ERF);
  EXPECT_STATUS(PF_OK, pf_activate(tested_engine(2), x, x, 97, PF_ACTIVATION_GELU_ERF));
  expect_same_bits(x, y, 97);
}

static void refuses_bad_arguments(void) {
  begin_case("-");
  const float *x = random_floats(16, 1);
  pf_engine *e = tested_engine(2);
  guard_begin(EXACT_END);
  float *y = guarded_output(16);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_activate(NULL, x, y, 16, PF_ACTIVATION_RELU));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_activate(e, NULL, y, 16, PF_ACTIVATION_RELU));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_activate(e, x, NULL, 16, PF_ACTIVATION_RELU));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_activate(e, x, y, -1, PF_ACTIVATION_RELU));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_activate(e, x, y, 16, (pf_activation)(PF_ACTIVATION_TANH + 1)));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_activate(e, x, y, 16, (pf_activation)-1));
  EXPECT_STATUS(PF_OK, pf_activate(e, NULL, NULL, 0, PF_ACTIVATION_RELU));
  expect_untouched(y, 16);
}

int main(void) {
  static const test tests[] = {
      TEST(is_accurate_from_minus_to_plus_100), TEST(is_accurate_in_every_binade), TEST(handles_special_values),
      TEST(does_not_depend_on_the_place),       TEST(computes_in_place),           TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
