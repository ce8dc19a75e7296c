#include <math.h>
#include <string.h>

#include "decoding/decoding_reference.h"
#include "guard.h"
#include "test.h"

/* Columns at the edges of chunks of every vector width, one large vocabulary among them. */
static const int64_t column_counts[] = {1, 7, 17, 63, 65, 197, 300, 511, 513, 3001, 50257};

/* What a call gives, in case memory. */
typedef struct {
  float *values;
  int32_t *ids;
  float *log_sum_exp;
} result;

static result new_result(int64_t rows, int64_t count) {
  return (result){case_floats(rows * count), case_memory((size_t)(rows * count) * sizeof(int32_t)), case_floats(rows)};
}

/* ids are compared as the bits of floats, which poison them as well. */
static int32_t *guarded_id_output(int64_t count) { return (int32_t *)guarded_output(count); }

static result keep(const result *from, int64_t rows, int64_t count) {
  const result r = new_result(rows, count);
  memcpy(r.values, from->values, (size_t)(rows * count) * sizeof *r.values);
  memcpy(r.ids, from->ids, (size_t)(rows * count) * sizeof *r.ids);
  memcpy(r.log_sum_exp, from->log_sum_exp, (size_t)rows * sizeof *r.log_sum_exp);
  return r;
}

static void expect_same(const result *actual, const result *expected, int64_t rows, int64_t count) {
  expect_same_bits(actual->values, expected->values, rows * count);
  expect_same_bits((const float *)actual->ids, (const float *)expected->ids, rows * count);
  expect_same_bits(actual->log_sum_exp, expected->log_sum_exp, rows);
}

/* Sorted, complete, ties by id, and the log of the sum within its bound. */
static void expect_largest(const result *r, const float *logits, const float *inverse_temperature, int64_t rows,
                           int64_t columns, int64_t count) {
  double *expected = case_doubles(rows), *bound = case_doubles(rows);
  reference_log_sum_exp(logits, inverse_temperature, expected, bound, rows, columns);
  expect_close(r->log_sum_exp, expected, bound, rows);
  char *chosen = case_memory((size_t)columns);
  for (int64_t i = 0; i < rows; i++, logits += columns) {
    const float *values = r->values + i * count;
    const int32_t *ids = r->ids + i * count;
    int64_t right = 0, better = 0;
    memset(chosen, 0, (size_t)columns);
    for (int64_t j = 0; j < count; j++) {
      if (ids[j] < 0 || ids[j] >= columns || chosen[ids[j]]) continue;
      chosen[ids[j]] = 1;
      if (memcmp(&values[j], &logits[ids[j]], sizeof *values) != 0) continue;
      right += j == 0 || values[j - 1] > values[j] || (values[j - 1] == values[j] && ids[j - 1] < ids[j]);
    }
    EXPECT(right == count);
    const float worst = values[count - 1];
    for (int64_t j = 0; j < columns && right == count; j++)
      better += !chosen[j] && (logits[j] > worst || (logits[j] == worst && j < ids[count - 1]));
    EXPECT(better == 0);
  }
}

static result run_top_k(const float *logits, const float *inverse_temperature, int64_t rows, int64_t columns,
                        int64_t count, int32_t threads) {
  guard_begin(threads % 2 ? EXACT_END : EXACT_START);
  const result r = {guarded_output(rows * count), guarded_id_output(rows * count), guarded_output(rows)};
  EXPECT_STATUS(PF_OK, pf_top_k(tested_engine(threads), guarded_copy(logits, rows * columns),
                                guarded_copy(inverse_temperature, rows), r.values, r.ids, r.log_sum_exp, rows, columns,
                                count));
  guard_check();
  return keep(&r, rows, count);
}

static result check(const float *logits, const float *inverse_temperature, int64_t rows, int64_t columns,
                    int64_t count) {
  const result first = run_top_k(logits, inverse_temperature, rows, columns, count, 1);
  expect_largest(&first, logits, inverse_temperature, rows, columns, count);
  for (int32_t threads = 2; threads <= MOST_THREADS; threads++) {
    const result r = run_top_k(logits, inverse_temperature, rows, columns, count, threads);
    expect_same(&r, &first, rows, count);
  }
  return first;
}

static float *random_temperatures(int64_t rows) {
  float *t = random_floats(rows, 1);
  for (int64_t i = 0; i < rows; i++) t[i] = 1.5f + t[i];
  return t;
}

static void matches_reference(void) {
  static const int64_t counts[] = {1, 2, 17, 64};
  static const float scales[] = {1, 30, 1e4f};
  for (int c = 0; c < COUNT(column_counts); c++) {
    for (int k = 0; k < COUNT(counts); k++) {
      for (int s = 0; s < COUNT(scales); s++) {
        const int64_t columns = column_counts[c], count = counts[k] < columns ? counts[k] : columns;
        if (!begin_case("columns=%d count=%d scale=%g", (int)columns, (int)count, (double)scales[s])) continue;
        check(random_floats(3 * columns, scales[s]), k % 2 ? random_temperatures(3) : NULL, 3, columns, count);
      }
    }
  }
  begin_case("all of them, sorted");
  check(random_floats(2 * 3001, 1), NULL, 2, 3001, 3001);
}

/* Few different values, so that which of many equals is chosen is seen. */
static void prefers_the_smaller_of_equal_ids(void) {
  for (int c = 0; c < COUNT(column_counts); c++) {
    const int64_t columns = column_counts[c];
    begin_case("columns=%d", (int)columns);
    float *logits = random_floats(2 * columns, 3);
    for (int64_t j = 0; j < columns; j++) {
      logits[j] = floorf(logits[j]);
      logits[columns + j] = -7.5f;
    }
    const int64_t count = columns < 40 ? columns : 40;
    const result r = check(logits, NULL, 2, columns, count);
    for (int64_t j = 0; j < count; j++) EXPECT(r.ids[count + j] == j);
  }
}

static void survives_infinities(void) {
  for (int c = 0; c < COUNT(column_counts); c++) {
    const int64_t columns = column_counts[c], count = columns < 5 ? columns : 5;
    begin_case("columns=%d", (int)columns);
    float *logits = random_floats(4 * columns, 3);
    /* Row 0: all excluded. 1: all but the last. 2: one certain. 3: every second excluded. */
    for (int64_t j = 0; j < columns; j++) {
      logits[j] = -INFINITY;
      if (j < columns - 1) logits[columns + j] = -INFINITY;
      if (j % 2) logits[3 * columns + j] = -INFINITY;
    }
    logits[2 * columns + columns / 2] = INFINITY;
    const result r = check(logits, NULL, 4, columns, count);
    EXPECT(r.log_sum_exp[0] == -INFINITY && r.log_sum_exp[1] == logits[2 * columns - 1]);
    EXPECT(r.log_sum_exp[2] == INFINITY && r.ids[2 * count] == columns / 2);
  }
}

static void says_where_a_logit_is_nan(void) {
  for (int c = 0; c < COUNT(column_counts); c++) {
    for (int with_infinity = 0; with_infinity < 3; with_infinity++) {
      const int64_t columns = column_counts[c], count = columns < 5 ? columns : 5;
      begin_case("columns=%d with_infinity=%d", (int)columns, with_infinity);
      float *logits = random_floats(3 * columns, 3);
      const result clean = check(logits, NULL, 3, columns, count);
      if (with_infinity == 1) logits[columns] = INFINITY;
      for (int64_t j = 0; with_infinity == 2 && j < columns; j++) logits[columns + j] = -INFINITY;
      logits[columns + columns / 2] = NAN;
      for (int32_t threads = 1; threads <= 2; threads++) {
        const result r = run_top_k(logits, NULL, 3, columns, count, threads);
        EXPECT(isnan(r.log_sum_exp[1]));
        for (int64_t j = count; j < 2 * count; j++) EXPECT(isnan(r.values[j]) && r.ids[j] == -1);
        for (int64_t row = 0; row < 3; row += 2) {
          expect_same_bits(r.values + row * count, clean.values + row * count, count);
          expect_same_bits((float *)r.ids + row * count, (float *)clean.ids + row * count, count);
          expect_same_bits(r.log_sum_exp + row, clean.log_sum_exp + row, 1);
        }
      }
    }
  }
}

static void does_not_depend_on_the_batch(void) {
  begin_case("-");
  const int64_t columns = 3001;
  const float *logits = random_floats(23 * columns, 5), *temperatures = random_temperatures(23);
  const result all = check(logits, temperatures, 23, columns, 9);
  for (int64_t row = 0; row < 23; row += 4) {
    const result alone = run_top_k(logits + row * columns, temperatures + row, 1, columns, 9, 2);
    const result expected = {all.values + row * 9, all.ids + row * 9, all.log_sum_exp + row};
    expect_same(&alone, &expected, 1, 9);
  }
}

static void refuses_bad_arguments(void) {
  begin_case("-");
  pf_engine *e = tested_engine(2);
  const float *logits = random_floats(24, 1);
  guard_begin(EXACT_END);
  float *values = guarded_output(6), *sum = guarded_output(2);
  int32_t *ids = guarded_id_output(6);
#define REJECT(status, engine, logits, temperature, values, ids, sum, rows, columns, count)                            \
  EXPECT_STATUS(status, pf_top_k(engine, logits, temperature, values, ids, sum, rows, columns, count))
  REJECT(PF_ERROR_ARGUMENT, NULL, logits, NULL, values, ids, sum, 2, 12, 3);
  REJECT(PF_ERROR_ARGUMENT, e, NULL, NULL, values, ids, sum, 2, 12, 3);
  REJECT(PF_ERROR_ARGUMENT, e, logits, NULL, NULL, ids, sum, 2, 12, 3);
  REJECT(PF_ERROR_ARGUMENT, e, logits, NULL, values, NULL, sum, 2, 12, 3);
  REJECT(PF_ERROR_ARGUMENT, e, logits, NULL, values, ids, NULL, 2, 12, 3);
  REJECT(PF_ERROR_ARGUMENT, e, logits, NULL, values, ids, sum, -1, 12, 3);
  REJECT(PF_ERROR_ARGUMENT, e, logits, NULL, values, ids, sum, INT64_MAX, 12, 3);
  REJECT(PF_ERROR_ARGUMENT, e, logits, NULL, values, ids, sum, 2, 0, 3);
  REJECT(PF_ERROR_ARGUMENT, e, logits, NULL, values, ids, sum, 2, INT64_MAX, 3);
  REJECT(PF_ERROR_ARGUMENT, e, logits, NULL, values, ids, sum, 2, 12, 0);
  REJECT(PF_ERROR_ARGUMENT, e, logits, NULL, values, ids, sum, 2, 12, -3);
  REJECT(PF_ERROR_ARGUMENT, e, logits, NULL, values, ids, sum, 2, 12, 13);
  static const float wrong[] = {0, -1, INFINITY, NAN};
  for (int i = 0; i < COUNT(wrong); i++) {
    const float temperatures[] = {1, wrong[i]};
    REJECT(PF_ERROR_ARGUMENT, e, logits, temperatures, values, ids, sum, 2, 12, 3);
  }
  REJECT(PF_OK, e, NULL, NULL, NULL, NULL, NULL, 0, 12, 3);
#undef REJECT
  expect_untouched(values, 6);
  expect_untouched((float *)ids, 6);
  expect_untouched(sum, 2);
}

/* ---- From hidden states ---- */

typedef struct {
  const float *x, *weight, *bias, *inverse_temperature;
  int64_t tokens, vocab, hidden, count;
} head_case;

static pf_linear_top_k_params guarded_params(pf_engine *engine, const head_case *c) {
  int64_t bytes = 0;
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, c->vocab, c->hidden, PF_PRECISION_FP32, &bytes));
  void *packed = guarded_aligned(bytes);
  EXPECT_STATUS(PF_OK,
                pf_linear_pack(engine, c->weight, PF_DTYPE_FP32, packed, c->vocab, c->hidden, PF_PRECISION_FP32));
  pf_linear_top_k_params p = {.x = guarded_copy(c->x, c->tokens * c->hidden),
                              .packed = packed,
                              .bias = guarded_copy(c->bias, c->vocab),
                              .inverse_temperature = guarded_copy(c->inverse_temperature, c->tokens),
                              .values = guarded_output(c->tokens * c->count),
                              .ids = guarded_id_output(c->tokens * c->count),
                              .log_sum_exp = guarded_output(c->tokens),
                              .tokens = c->tokens,
                              .vocab = c->vocab,
                              .hidden = c->hidden,
                              .count = c->count};
  EXPECT_STATUS(PF_OK,
                pf_linear_top_k_workspace_size(engine, c->tokens, c->vocab, c->hidden, c->count, &p.workspace_bytes));
  p.workspace = guarded_aligned(p.workspace_bytes);
  return p;
}

/* Against pf_linear and pf_top_k, bit for bit; these have references of their own. */
static void check_head(const head_case *c) {
  pf_engine *engine = tested_engine(1);
  float *logits = case_floats(c->tokens * c->vocab);
  guard_begin(EXACT_END);
  const pf_linear_top_k_params packed = guarded_params(engine, c);
  EXPECT_STATUS(PF_OK, pf_linear(engine, c->x, packed.packed, c->bias, NULL, logits, c->tokens, c->vocab, c->hidden,
                                 PF_ACTIVATION_NONE, NULL, 0));
  const result expected = check(logits, c->inverse_temperature, c->tokens, c->vocab, c->count);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    const pf_linear_top_k_params p = guarded_params(tested_engine(threads), c);
    EXPECT_STATUS(PF_OK, pf_linear_top_k(tested_engine(threads), &p));
    guard_check();
    const result r = {p.values, p.ids, p.log_sum_exp};
    expect_same(&r, &expected, c->tokens, c->count);
  }
}

static void chooses_from_the_logits_of_a_linear(void) {
  static const int64_t tokens[] = {1, 3, 17, 65, 150}, hiddens[] = {1, 17, 63};
  for (int c = 0; c < COUNT(column_counts) - 1; c++) {
    for (int t = 0; t < COUNT(tokens); t++) {
      const int64_t vocab = column_counts[c], hidden = hiddens[(c + t) % COUNT(hiddens)];
      if (!begin_case("tokens=%d vocab=%d hidden=%d", (int)tokens[t], (int)vocab, (int)hidden)) continue;
      const head_case h = {.x = random_floats(tokens[t] * hidden, 1),
                           .weight = random_floats(vocab * hidden, 1),
                           .bias = t % 2 ? random_floats(vocab, 1) : NULL,
                           .inverse_temperature = t % 3 ? random_temperatures(tokens[t]) : NULL,
                           .tokens = tokens[t],
                           .vocab = vocab,
                           .hidden = hidden,
                           .count = vocab < 40 ? vocab : 40};
      check_head(&h);
    }
  }
}

static void says_where_a_hidden_state_is_nan(void) {
  begin_case("-");
  float *x = random_floats(4 * 33, 1);
  const head_case c = {
      .x = x, .weight = random_floats(300 * 33, 1), .tokens = 4, .vocab = 300, .hidden = 33, .count = 5};
  check_head(&c);
  guard_begin(EXACT_END);
  const pf_linear_top_k_params clean = guarded_params(tested_engine(2), &c);
  EXPECT_STATUS(PF_OK, pf_linear_top_k(tested_engine(2), &clean));
  const result kept = {clean.values, clean.ids, clean.log_sum_exp}, expected = keep(&kept, 4, 5);
  x[2 * 33 + 7] = NAN;
  guard_begin(EXACT_END);
  const pf_linear_top_k_params p = guarded_params(tested_engine(2), &c);
  EXPECT_STATUS(PF_OK, pf_linear_top_k(tested_engine(2), &p));
  expect_same_bits(p.values, expected.values, 10);
  expect_same_bits(p.values + 15, expected.values + 15, 5);
  for (int64_t j = 10; j < 15; j++) EXPECT(isnan(p.values[j]) && p.ids[j] == -1);
  EXPECT(isnan(p.log_sum_exp[2]) && p.log_sum_exp[3] == expected.log_sum_exp[3]);
}

/* The same best, and how many columns that took: all. */
static void leaves_out_sums(void) {
  begin_case("-");
  const head_case c = {.x = random_floats(9 * 33, 1),
                       .weight = random_floats(300 * 33, 1),
                       .inverse_temperature = random_temperatures(9),
                       .tokens = 9,
                       .vocab = 300,
                       .hidden = 33,
                       .count = 5};
  guard_begin(EXACT_END);
  pf_linear_top_k_params p = guarded_params(tested_engine(2), &c);
  EXPECT_STATUS(PF_OK, pf_linear_top_k(tested_engine(2), &p));
  const result kept = {p.values, p.ids, p.log_sum_exp}, expected = keep(&kept, 9, 5);
  int64_t computed = -1;
  p.values = guarded_output(9 * 5);
  p.ids = guarded_id_output(9 * 5);
  p.log_sum_exp = NULL;
  p.computed = &computed;
  EXPECT_STATUS(PF_OK, pf_linear_top_k(tested_engine(2), &p));
  expect_same_bits(p.values, expected.values, 9 * 5);
  expect_same_bits((float *)p.ids, (float *)expected.ids, 9 * 5);
  EXPECT(computed == 300);
}

#define REJECT(status, change)                                                                                         \
  do {                                                                                                                 \
    pf_linear_top_k_params p = valid;                                                                                  \
    change;                                                                                                            \
    EXPECT_STATUS(status, pf_linear_top_k(engine, &p));                                                                \
    expect_untouched(valid.values, 3 * 4);                                                                             \
    expect_untouched((float *)valid.ids, 3 * 4);                                                                       \
    expect_untouched(valid.log_sum_exp, 3);                                                                            \
  } while (0)

static void refuses_a_bad_head(void) {
  begin_case("-");
  pf_engine *engine = tested_engine(2);
  const head_case c = {.x = random_floats(3 * 6, 1),
                       .weight = random_floats(20 * 6, 1),
                       .inverse_temperature = random_temperatures(3),
                       .tokens = 3,
                       .vocab = 20,
                       .hidden = 6,
                       .count = 4};
  guard_begin(EXACT_END);
  const pf_linear_top_k_params valid = guarded_params(engine, &c);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_top_k(NULL, &valid));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_top_k(engine, NULL));
  REJECT(PF_ERROR_ARGUMENT, p.x = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.packed = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.packed = (const char *)valid.packed + 4);
  REJECT(PF_ERROR_ARGUMENT, p.values = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.ids = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.tokens = -1);
  REJECT(PF_ERROR_ARGUMENT, p.tokens = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.vocab = 0);
  REJECT(PF_ERROR_ARGUMENT, p.vocab = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.hidden = 0);
  REJECT(PF_ERROR_ARGUMENT, p.hidden = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.count = 0);
  REJECT(PF_ERROR_ARGUMENT, p.count = 21);
  REJECT(PF_ERROR_ARGUMENT, p.count = INT64_MAX);
  static const float wrong[] = {0, -1, INFINITY, NAN};
  for (int i = 0; i < COUNT(wrong); i++) {
    const float temperatures[] = {1, 1, wrong[i]};
    REJECT(PF_ERROR_ARGUMENT, p.inverse_temperature = temperatures);
  }
  REJECT(PF_ERROR_PACKED_WEIGHTS, p.vocab = 19);
  REJECT(PF_ERROR_PACKED_WEIGHTS, p.hidden = 5);
  REJECT(PF_ERROR_WORKSPACE, p.workspace = NULL);
  REJECT(PF_ERROR_WORKSPACE, p.workspace = (char *)valid.workspace + 4);
  REJECT(PF_ERROR_WORKSPACE, p.workspace_bytes--);
  REJECT(PF_ERROR_WORKSPACE, p.workspace_bytes = -1);
  REJECT(PF_OK, p.tokens = 0; p.x = NULL; p.values = NULL; p.ids = NULL; p.log_sum_exp = NULL; p.workspace = NULL);

  int64_t bytes = -1;
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_top_k_workspace_size(NULL, 3, 20, 8, 4, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_top_k_workspace_size(engine, 3, 20, 8, 4, NULL));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_top_k_workspace_size(engine, -1, 20, 8, 4, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_top_k_workspace_size(engine, INT64_MAX, 20, 8, 4, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_top_k_workspace_size(engine, 3, 0, 8, 4, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_top_k_workspace_size(engine, 3, INT64_MAX, 8, 4, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_top_k_workspace_size(engine, 3, 20, 8, 0, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_top_k_workspace_size(engine, 3, 20, 8, 21, &bytes));
  EXPECT(bytes == -1);
}

static void bounds_its_workspace(void) {
  begin_case("-");
  int64_t some = 0, most = 0;
  EXPECT_STATUS(PF_OK, pf_linear_top_k_workspace_size(tested_engine(1), 64, 50257, 8, 64, &some));
  EXPECT_STATUS(PF_OK, pf_linear_top_k_workspace_size(tested_engine(1), PF_MAX_DIMENSION, 50257, 8, 64, &most));
  EXPECT(most == some && most <= 2 << 20);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(prefers_the_smaller_of_equal_ids),
      TEST(survives_infinities),
      TEST(says_where_a_logit_is_nan),
      TEST(does_not_depend_on_the_batch),
      TEST(refuses_bad_arguments),
      TEST(chooses_from_the_logits_of_a_linear),
      TEST(says_where_a_hidden_state_is_nan),
      TEST(leaves_out_sums),
      TEST(refuses_a_bad_head),
      TEST(bounds_its_workspace),
  };
  return run_tests(tests, COUNT(tests));
}
