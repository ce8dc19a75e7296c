#include <math.h>
#include <string.h>

#include "embedding/embedding_reference.h"
#include "guard.h"
#include "linear/linear_precision_reference.h"
#include "test.h"

#define VOCAB 53
#define POSITIONS 31
#define TOKEN_TYPES 2

static int32_t *random_ids(int64_t count, int64_t rows) {
  const float *uniform = random_floats(count, 1);
  int32_t *ids = case_memory((size_t)count * sizeof *ids);
  for (int64_t i = 0; i < count; i++) ids[i] = (int32_t)((uniform[i] + 1) * 0.5f * (float)rows);
  /* The ends of the table lie against the guards. */
  if (count > 0) ids[0] = 0;
  if (count > 1) ids[1] = (int32_t)rows - 1;
  return ids;
}

static pf_embedding_params random_case(int64_t tokens, int64_t hidden, int position, int type, int type_ids, int norm) {
  return (pf_embedding_params){.word_table = random_floats(VOCAB * hidden, 1),
                               .position_table = position ? random_floats(POSITIONS * hidden, 1) : NULL,
                               .token_type_table = type ? random_floats(TOKEN_TYPES * hidden, 1) : NULL,
                               .weight = norm ? random_floats(hidden, 1) : NULL,
                               .bias = norm ? random_floats(hidden, 1) : NULL,
                               .ids = random_ids(tokens, VOCAB),
                               .position_ids = position ? random_ids(tokens, POSITIONS) : NULL,
                               .token_type_ids = type_ids ? random_ids(tokens, TOKEN_TYPES) : NULL,
                               .tokens = tokens,
                               .hidden = hidden,
                               .vocab = VOCAB,
                               .positions = position ? POSITIONS : 0,
                               .token_types = type ? TOKEN_TYPES : 0,
                               .eps = 1e-12f};
}

static const float *check(const pf_embedding_params *c) {
  const int64_t hidden = c->hidden, count = c->tokens * hidden;
  double *expected = case_doubles(count), *bound = case_doubles(count);
  reference_embedding(c, expected, bound);
  float *first = case_floats(count);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    pf_embedding_params p = *c;
    p.word_table = guarded_copy(c->word_table, VOCAB * hidden);
    p.position_table = guarded_copy(c->position_table, POSITIONS * hidden);
    p.token_type_table = guarded_copy(c->token_type_table, TOKEN_TYPES * hidden);
    p.weight = guarded_copy(c->weight, hidden);
    p.bias = guarded_copy(c->bias, hidden);
    p.ids = guarded_ids(c->ids, c->tokens);
    p.position_ids = guarded_ids(c->position_ids, c->tokens);
    p.token_type_ids = guarded_ids(c->token_type_ids, c->tokens);
    p.y = guarded_output(count);
    EXPECT_STATUS(PF_OK, pf_embedding(tested_engine(threads), &p));
    guard_check();
    expect_result(threads, p.y, expected, bound, first, count);
  }
  return first;
}

static void matches_reference(void) {
  static const int64_t tokens[] = {1, 2, 17};
  for (int h = 0; h < odd_size_count; h++) {
    for (int t = 0; t < COUNT(tokens); t++) {
      for (int form = 0; form < 16; form++) {
        if (!begin_case("tokens=%d hidden=%d form=%d", (int)tokens[t], (int)odd_sizes[h], form)) continue;
        const pf_embedding_params c = random_case(tokens[t], odd_sizes[h], form & 1, form & 2, form & 4, form & 8);
        check(&c);
      }
    }
  }
}

static void does_not_depend_on_the_batch(void) {
  begin_case("tokens=307 hidden=384");
  const pf_embedding_params c = random_case(307, 384, 1, 1, 1, 1);
  const float *y = check(&c);
  for (int64_t token = 0; token < 307; token += 34) {
    pf_embedding_params p = c;
    p.ids += token;
    p.position_ids += token;
    p.token_type_ids += token;
    p.tokens = 1;
    p.y = case_floats(384);
    EXPECT_STATUS(PF_OK, pf_embedding(tested_engine(1), &p));
    expect_same_bits(p.y, y + token * 384, 384);
  }
}

#define REJECT(status, change)                                                                                         \
  do {                                                                                                                 \
    pf_embedding_params p = valid;                                                                                     \
    change;                                                                                                            \
    EXPECT_STATUS(status, pf_embedding(engine, &p));                                                                   \
    expect_untouched(y, 300 * 8);                                                                                      \
  } while (0)

static void refuses_bad_arguments(void) {
  begin_case("-");
  pf_engine *engine = tested_engine(2);
  pf_embedding_params valid = random_case(300, 8, 1, 1, 1, 1);
  guard_begin(EXACT_END);
  float *y = valid.y = guarded_output(300 * 8);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_embedding(NULL, &valid));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_embedding(engine, NULL));
  REJECT(PF_ERROR_ARGUMENT, p.word_table = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.weight = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.bias = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.ids = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.position_ids = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.y = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.tokens = -1);
  REJECT(PF_ERROR_ARGUMENT, p.tokens = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.hidden = 0);
  REJECT(PF_ERROR_ARGUMENT, p.hidden = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.vocab = 0);
  REJECT(PF_ERROR_ARGUMENT, p.vocab = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.positions = 0);
  REJECT(PF_ERROR_ARGUMENT, p.token_types = -1);
  REJECT(PF_ERROR_ARGUMENT, p.eps = -1);
  REJECT(PF_ERROR_ARGUMENT, p.eps = NAN);
  REJECT(PF_OK, p.tokens = 0; p.ids = NULL; p.y = NULL);

  /* One bad id, the last: nothing of the rows before it is written either. */
  int32_t *ids = random_ids(300, TOKEN_TYPES);
  static const int32_t negative[] = {-1, INT32_MIN};
  for (int i = 0; i < COUNT(negative); i++) {
    ids[299] = negative[i];
    REJECT(PF_ERROR_INDEX, p.ids = ids);
    REJECT(PF_ERROR_INDEX, p.position_ids = ids);
    REJECT(PF_ERROR_INDEX, p.token_type_ids = ids);
  }
  ids[299] = VOCAB;
  REJECT(PF_ERROR_INDEX, p.ids = ids);
  ids[299] = POSITIONS;
  REJECT(PF_ERROR_INDEX, p.position_ids = ids);
  ids[299] = TOKEN_TYPES;
  REJECT(PF_ERROR_INDEX, p.token_type_ids = ids);
  ids[299] = INT32_MAX;
  REJECT(PF_ERROR_INDEX, p.ids = ids);
}

/* Values that a precision stores exactly: codes times a power of two, the largest of each scale among them. */
static float *exact_table(pf_precision precision, int64_t hidden) {
  float *table = random_floats(VOCAB * hidden, 1);
  for (int64_t i = 0; i < VOCAB * hidden; i++) {
    const int64_t j = i % hidden;
    if (precision == PF_PRECISION_BF16) table[i] = reference_bf16(table[i]);
    if (precision == PF_PRECISION_INT8) table[i] = rintf(table[i] * 15) * 0x1p-7f;
    if (precision >= PF_PRECISION_INT4) table[i] = j % 32 == 0 ? -1 : rintf(table[i] * 7) * 0x1p-3f;
    /* No code is -0. */
    table[i] += 0.0f;
  }
  /* Sums of up to 8 become codes: the largest of them is the largest code. */
  for (int64_t v = 0; v < VOCAB && precision == PF_PRECISION_INT8; v++) {
    float *row = table + v * hidden;
    row[0] = 127 * 0x1p-7f;
    for (int64_t j = 16; j < hidden && j < (hidden > 64 ? 128 : 64); j += 16) {
      row[j] = fabsf(row[j]);
      row[0] -= row[j];
    }
  }
  return table;
}

/* A packed table gives the bits of the plain one. */
static void takes_words_from_a_packed_weight(void) {
  static const float scales[] = {1, 2.5f};
  for (pf_precision precision = PF_PRECISION_FP32; precision <= PF_PRECISION_INT4_128; precision++) {
    if (tested_isa() == PF_ISA_CUDA && precision > PF_PRECISION_BF16) continue;
    for (int h = 0; h < odd_size_count; h++) {
      const int64_t hidden = odd_sizes[h], tokens = 17;
      const float scale = scales[h % 2];
      if (!begin_case("precision=%d hidden=%d scale=%g", (int)precision, (int)hidden, (double)scale)) continue;
      pf_embedding_params p = random_case(tokens, hidden, h & 1, h & 2, 0, h & 4);
      float *table = exact_table(precision, hidden), *scaled = case_floats(VOCAB * hidden);
      for (int64_t i = 0; i < VOCAB * hidden; i++) scaled[i] = scale * table[i];
      p.word_table = scaled;
      const float *expected = check(&p);
      pf_engine *engine = tested_engine(1);
      guard_begin(EXACT_END);
      int64_t bytes = 0;
      EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, VOCAB, hidden, precision, &bytes));
      void *packed = guarded_aligned(bytes);
      EXPECT_STATUS(PF_OK, pf_linear_pack(engine, table, PF_DTYPE_FP32, packed, VOCAB, hidden, precision));
      p.word_table = NULL;
      p.word_packed = packed;
      p.word_scale = scale;
      p.y = guarded_output(tokens * hidden);
      EXPECT_STATUS(PF_OK, pf_embedding(engine, &p));
      expect_same_bits(p.y, expected, tokens * hidden);
      p.vocab++;
      EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS, pf_embedding(engine, &p));
      p.vocab--;
      p.word_table = table;
      EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_embedding(engine, &p));
      guard_check();
    }
  }
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(does_not_depend_on_the_batch),
      TEST(refuses_bad_arguments),
      TEST(takes_words_from_a_packed_weight),
  };
  return run_tests(tests, COUNT(tests));
}
