#include <math.h>
#include <string.h>

#include "guard.h"
#include "norm/norm_reference.h"
#include "test.h"

static const float *check(const float *x, int64_t rows, int64_t columns) {
  const int64_t count = rows * columns;
  double *expected = case_doubles(count), *bound = case_doubles(count);
  reference_softmax(x, expected, bound, rows, columns);
  float *first = case_floats(count);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    float *y = guarded_output(count);
    EXPECT_STATUS(PF_OK, pf_softmax(tested_engine(threads), guarded_copy(x, count), y, rows, columns));
    guard_check();
    expect_result(threads, y, expected, bound, first, count);
  }
  return first;
}

static void matches_reference(void) {
  static const float scales[] = {1e-4f, 1, 20, 1e4f};
  static const int64_t rows[] = {1, 3, 17};
  for (int c = 0; c < odd_size_count; c++) {
    for (int r = 0; r < COUNT(rows); r++) {
      for (int s = 0; s < COUNT(scales); s++) {
        if (begin_case("rows=%d columns=%d scale=%g", (int)rows[r], (int)odd_sizes[c], (double)scales[s]))
          check(random_floats(rows[r] * odd_sizes[c], scales[s]), rows[r], odd_sizes[c]);
      }
    }
  }
}

static void does_not_depend_on_the_batch(void) {
  static const int64_t columns[] = {97, 384, 30522};
  for (int c = 0; c < COUNT(columns); c++) {
    begin_case("rows=51 columns=%d", (int)columns[c]);
    const float *x = random_floats(51 * columns[c], 5);
    const float *y = check(x, 51, columns[c]);
    for (int64_t row = 0; row < 51; row += 10) {
      float *alone = case_floats(columns[c]);
      EXPECT_STATUS(PF_OK, pf_softmax(tested_engine(1), x + row * columns[c], alone, 1, columns[c]));
      expect_same_bits(alone, y + row * columns[c], columns[c]);
    }
  }
}

static void treats_masked_columns_as_absent(void) {
  for (int c = 0; c < odd_size_count; c++) {
    const int64_t columns = odd_sizes[c];
    begin_case("columns=%d", (int)columns);
    float *x = random_floats(4 * columns, 3);
    /* Row 0: all masked. Row 1: one left, the last. Row 2: every second. Row 3: none. */
    for (int64_t j = 0; j < columns; j++) {
      x[j] = -INFINITY;
      if (j != columns - 1) x[columns + j] = -INFINITY;
      if (j % 2) x[2 * columns + j] = -INFINITY;
    }
    const float *y = check(x, 4, columns);
    for (int64_t j = 0; j < columns; j++) EXPECT(y[j] == 0);
    EXPECT(y[2 * columns - 1] == 1);
  }
}

static void keeps_nan_in_its_row(void) {
  static const float values[] = {NAN, INFINITY};
  for (int c = 0; c < odd_size_count; c++) {
    for (int v = 0; v < COUNT(values); v++) {
      const int64_t columns = odd_sizes[c];
      begin_case("columns=%d value=%g", (int)columns, (double)values[v]);
      float *x = random_floats(3 * columns, 3);
      x[columns + columns / 2] = values[v];
      check(x, 3, columns);
      /* Nothing but -inf beside it. */
      for (int64_t j = 0; j < columns; j++)
        if (j != columns / 2) x[columns + j] = -INFINITY;
      check(x, 3, columns);
    }
  }
}

static void computes_in_place(void) {
  for (int c = 0; c < odd_size_count; c++) {
    const int64_t count = 5 * odd_sizes[c];
    begin_case("columns=%d", (int)odd_sizes[c]);
    float *x = random_floats(count, 3);
    const float *y = check(x, 5, odd_sizes[c]);
    EXPECT_STATUS(PF_OK, pf_softmax(tested_engine(2), x, x, 5, odd_sizes[c]));
    expect_same_bits(x, y, count);
  }
}

static void refuses_bad_arguments(void) {
  begin_case("-");
  const float *x = random_floats(16, 1);
  pf_engine *e = tested_engine(2);
  guard_begin(EXACT_END);
  float *y = guarded_output(16);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_softmax(NULL, x, y, 2, 8));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_softmax(e, NULL, y, 2, 8));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_softmax(e, x, NULL, 2, 8));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_softmax(e, x, y, -1, 8));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_softmax(e, x, y, 2, 0));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_softmax(e, x, y, 2, -1));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_softmax(e, x, y, INT64_MAX, 8));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_softmax(e, x, y, 2, INT64_MAX));
  EXPECT_STATUS(PF_OK, pf_softmax(e, NULL, NULL, 0, 8));
  expect_untouched(y, 16);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(does_not_depend_on_the_batch),
      TEST(treats_masked_columns_as_absent),
      TEST(keeps_nan_in_its_row),
      TEST(computes_in_place),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
