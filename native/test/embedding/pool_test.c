#include <math.h>
#include <string.h>

#include "embedding/embedding_reference.h"
#include "guard.h"
#include "test.h"

static const float *check(const float *x, const int32_t *cu_seqlens, int64_t sequences, int64_t hidden,
                          pf_pooling pooling, int32_t normalize) {
  const int64_t tokens = cu_seqlens[sequences], count = sequences * hidden;
  double *expected = case_doubles(count), *bound = case_doubles(count);
  reference_pool(x, cu_seqlens, expected, bound, sequences, hidden, pooling, normalize);
  float *first = case_floats(count);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    float *y = guarded_output(count);
    EXPECT_STATUS(PF_OK,
                  pf_pool(tested_engine(threads), guarded_copy(x, tokens * hidden),
                          guarded_ids(cu_seqlens, sequences + 1), y, tokens, sequences, hidden, pooling, normalize));
    guard_check();
    expect_result(threads, y, expected, bound, first, count);
  }
  return first;
}

static const int32_t one[] = {0, 1};
static const int32_t few[] = {0, 1, 8, 24, 41, 43};
static const int32_t many[] = {0, 5, 6, 7, 37, 68, 100, 101, 118, 166, 215};
static const struct {
  const int32_t *cu_seqlens;
  int64_t sequences;
} batches[] = {{one, COUNT(one) - 1}, {few, COUNT(few) - 1}, {many, COUNT(many) - 1}};

static void matches_reference(void) {
  static const float scales[] = {1, 1e4f, 1e-4f};
  for (int h = 0; h < odd_size_count; h++) {
    for (int b = 0; b < COUNT(batches); b++) {
      for (pf_pooling pooling = PF_POOLING_CLS; pooling <= PF_POOLING_LAST; pooling++) {
        for (int32_t normalize = 0; normalize < 2; normalize++) {
          const int64_t hidden = odd_sizes[h], sequences = batches[b].sequences;
          const int32_t *cu_seqlens = batches[b].cu_seqlens;
          const float scale = scales[h % COUNT(scales)];
          if (!begin_case("hidden=%d sequences=%d pooling=%d normalize=%d", (int)hidden, (int)sequences, (int)pooling,
                          (int)normalize))
            continue;
          const float *x = random_floats(cu_seqlens[sequences] * hidden, scale);
          const float *y = check(x, cu_seqlens, sequences, hidden, pooling, normalize);
          for (int64_t s = 0; s < sequences; s++) {
            const int64_t tokens = cu_seqlens[s + 1] - cu_seqlens[s];
            const int32_t alone_seqlens[] = {0, (int32_t)tokens};
            float *alone = case_floats(hidden);
            EXPECT_STATUS(PF_OK, pf_pool(tested_engine(1), x + cu_seqlens[s] * hidden, alone_seqlens, alone, tokens, 1,
                                         hidden, pooling, normalize));
            expect_same_bits(alone, y + s * hidden, hidden);
          }
        }
      }
    }
  }
}

static void normalizes_to_unit_length_or_leaves_zeros(void) {
  for (int h = 0; h < odd_size_count; h++) {
    const int64_t hidden = odd_sizes[h];
    begin_case("hidden=%d", (int)hidden);
    const float *y = check(random_floats(43 * hidden, 1), few, 5, hidden, PF_POOLING_MEAN, 1);
    double squares = 0;
    for (int64_t j = 0; j < hidden; j++) squares += (double)y[j] * y[j];
    EXPECT(fabs(squares - 1) < 1e-5);
    y = check(random_floats(43 * hidden, 0), few, 5, hidden, PF_POOLING_MEAN, 1);
    for (int64_t j = 0; j < hidden; j++) EXPECT(y[j] == 0);
  }
}

static void keeps_nan_in_its_sequence(void) {
  static const float values[] = {NAN, INFINITY, -INFINITY};
  for (int h = 0; h < odd_size_count; h++) {
    for (int token = 8; token < 24; token += 5) {
      for (int v = 0; v < COUNT(values); v++) {
        for (pf_pooling pooling = PF_POOLING_CLS; pooling <= PF_POOLING_LAST; pooling++) {
          const int64_t hidden = odd_sizes[h];
          if (!begin_case("hidden=%d token=%d value=%g pooling=%d", (int)hidden, token, (double)values[v],
                          (int)pooling))
            continue;
          float *x = random_floats(43 * hidden, 1);
          x[token * hidden + hidden / 2] = values[v];
          check(x, few, 5, hidden, pooling, 0);
          if (isnan(values[v])) check(x, few, 5, hidden, pooling, 1);
          /* Both kinds in one column: NaN wins whichever comes first. */
          x[(token + 1) % 24 * hidden + hidden / 2] = INFINITY;
          check(x, few, 5, hidden, pooling, 0);
        }
      }
    }
  }
}

static void refuses_bad_arguments(void) {
  begin_case("-");
  const float *x = random_floats(5 * 8, 1);
  pf_engine *e = tested_engine(2);
  static const int32_t lengths[] = {0, 2, 5};
  guard_begin(EXACT_END);
  float *y = guarded_output(16);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_pool(NULL, x, lengths, y, 5, 2, 8, PF_POOLING_MEAN, 0));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_pool(e, NULL, lengths, y, 5, 2, 8, PF_POOLING_MEAN, 0));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_pool(e, x, NULL, y, 5, 2, 8, PF_POOLING_MEAN, 0));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_pool(e, x, lengths, NULL, 5, 2, 8, PF_POOLING_MEAN, 0));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_pool(e, x, lengths, y, -1, 2, 8, PF_POOLING_MEAN, 0));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_pool(e, x, lengths, y, 5, -1, 8, PF_POOLING_MEAN, 0));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_pool(e, x, lengths, y, 5, INT64_MAX, 8, PF_POOLING_MEAN, 0));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_pool(e, x, lengths, y, 5, 2, 0, PF_POOLING_MEAN, 0));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_pool(e, x, lengths, y, 5, 2, 8, (pf_pooling)4, 0));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_pool(e, x, lengths, y, 5, 2, 8, (pf_pooling)-1, 0));
  static const int32_t wrong[][3] = {{1, 2, 5}, {0, 2, 4}, {0, 2, 6}, {0, 6, 5}, {0, -1, 5}, {0, 0, 5}, {0, 5, 5}};
  for (int i = 0; i < COUNT(wrong); i++) {
    EXPECT_STATUS(PF_ERROR_INDEX, pf_pool(e, x, wrong[i], y, 5, 2, 8, PF_POOLING_MEAN, 0));
  }
  EXPECT_STATUS(PF_ERROR_INDEX, pf_pool(e, x, lengths, y, 5, 0, 8, PF_POOLING_MEAN, 0));
  EXPECT_STATUS(PF_OK, pf_pool(e, NULL, NULL, NULL, 0, 0, 8, PF_POOLING_MEAN, 0));
  expect_untouched(y, 16);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(normalizes_to_unit_length_or_leaves_zeros),
      TEST(keeps_nan_in_its_sequence),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
