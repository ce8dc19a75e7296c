/*
 * Weights packed for few rows: to every function the same, to the last bit, as packed for any. linear_test.c and
 * linear_precision_test.c hold those to the reference.
 */
#include <math.h>
#include <string.h>

#include "cpu.h"
#include "engine.h"
#include "guard.h"
#include "test.h"

static const pf_precision precisions[] = {PF_PRECISION_FP32, PF_PRECISION_BF16};

static void *pack(pf_engine *engine, const float *weight, int64_t n, int64_t k, pf_precision precision) {
  int64_t bytes = 0;
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, n, k, precision, &bytes));
  void *packed = guarded_aligned(bytes);
  EXPECT_STATUS(PF_OK, pf_linear_pack(engine, weight, PF_DTYPE_FP32, packed, n, k, precision));
  return packed;
}

/* NULL where it is not to be compact; else no longer than it says it is. */
static void *pack_compact(pf_engine *engine, const float *weight, int64_t n, int64_t k, pf_precision precision) {
  int64_t bytes = 0, used = -1;
  const void *packed = pack(engine, weight, n, k, precision);
  EXPECT_STATUS(PF_OK, pf_linear_compact_size(engine, n, k, precision, &bytes));
  char *room = guarded_aligned(bytes);
  memset(room, 0x5a, (size_t)bytes);
  const pf_status status = pf_linear_compact_pack(engine, packed, room, n, k, &used);
  EXPECT(status == PF_OK || status == PF_ERROR_UNSUPPORTED);
  EXPECT(bytes > 0 || status != PF_OK);
  if (status != PF_OK) return NULL;
  EXPECT(used > 0 && used <= bytes);
  for (int64_t i = used; i < bytes; i++) EXPECT(room[i] == 0x5a);
  void *compact = guarded_aligned(used);
  memcpy(compact, room, (size_t)used);
  return compact;
}

static int can_be_compact(pf_precision precision) {
  const uint32_t extensions = pf_engine_extensions(tested_engine(1));
  if (!(extensions & PF_EXTENSION_VBMI)) return 0;
  return precision == PF_PRECISION_FP32 || (extensions & (PF_EXTENSION_BF16 | PF_EXTENSION_AMX)) == PF_EXTENSION_BF16;
}

/* A NaN has to be one; which, no instruction set says. */
static void same_numbers(float *y, float *expected, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (isnan(y[i]) && isnan(expected[i])) y[i] = expected[i] = 0;
  expect_same_bits(y, expected, count);
}

typedef struct {
  const float *x, *weight, *bias, *residual;
  int64_t tokens, n, k;
  pf_activation activation;
  pf_precision precision;
} linear_case;

static void run(pf_engine *engine, const linear_case *c, const void *packed, float *y) {
  int64_t bytes;
  EXPECT_STATUS(PF_OK, pf_linear_workspace_size(engine, c->tokens, c->k, c->precision, &bytes));
  EXPECT_STATUS(PF_OK, pf_linear(engine, guarded_copy(c->x, c->tokens * c->k), packed, guarded_copy(c->bias, c->n),
                                 guarded_copy(c->residual, c->tokens * c->n), y, c->tokens, c->n, c->k, c->activation,
                                 guarded_aligned(bytes), bytes));
}

/* For every number of threads, and packed by as many; `compact` says whether it has to become so, -1: either way. */
static void check(const linear_case *c, int compact) {
  const int64_t count = c->tokens * c->n;
  float *expected = case_floats(count), *wanted = case_floats(count);
  guard_begin(EXACT_END);
  run(tested_engine(1), c, pack(tested_engine(1), c->weight, c->n, c->k, c->precision), expected);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    pf_engine *engine = tested_engine(threads);
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    const void *packed = pack_compact(engine, c->weight, c->n, c->k, c->precision);
    if (compact >= 0) EXPECT((packed != NULL) == (compact && can_be_compact(c->precision)));
    if (!packed) continue;
    float *y = guarded_output(count);
    run(engine, c, packed, y);
    guard_check();
    memcpy(wanted, expected, (size_t)count * sizeof *wanted);
    same_numbers(y, wanted, count);
  }
}

static linear_case random_case(pf_precision precision, int64_t tokens, int64_t n, int64_t k, float scale, int form,
                               pf_activation activation) {
  return (linear_case){.x = random_floats(tokens * k, 1),
                       .weight = random_floats(n * k, scale),
                       .bias = form & 1 ? random_floats(n, 1) : NULL,
                       .residual = form & 2 ? random_floats(tokens * n, 1) : NULL,
                       .tokens = tokens,
                       .n = n,
                       .k = k,
                       .activation = activation,
                       .precision = precision};
}

static void check_random(int64_t tokens, int64_t n, int64_t k, float scale, int form, pf_activation activation) {
  for (int p = 0; p < COUNT(precisions); p++) {
    if (!begin_case("precision=%d tokens=%d n=%d k=%d scale=%g form=%d activation=%d", (int)precisions[p], (int)tokens,
                    (int)n, (int)k, (double)scale, form, (int)activation))
      continue;
    const linear_case c = random_case(precisions[p], tokens, n, k, scale, form, activation);
    /* In bfloat16 input features are padded to 32 with zeros: either they are raw, or all else is. */
    const int64_t blocks = (k + 31) / 32 * 8, zeros = blocks - k / 4, others = (k + 3) / 4;
    const int64_t raws = zeros < others ? zeros : others;
    if (precisions[p] == PF_PRECISION_FP32)
      check(&c, k % 4 == 0 && k >= 8);
    else
      check(&c, raws > blocks / 4 ? 0 : raws < blocks / 4 ? 1 : -1);
  }
}

static void has_the_bits_of_the_other_layout(void) {
  for (int64_t tokens = 1; tokens <= 31; tokens++) check_random(tokens, 96, 64, 1, (int)tokens % 4, PF_ACTIVATION_NONE);
  for (int i = 0; i < odd_size_count; i++) {
    const int64_t size = odd_sizes[i], other = odd_sizes[(i * 7 + 3) % odd_size_count];
    check_random(5, size, 4 * other, 1, 1, PF_ACTIVATION_NONE);
    check_random(1, other, 4 * size, 1, 2, PF_ACTIVATION_GELU_ERF);
    check_random(size, other, 260, 1, 3, PF_ACTIVATION_NONE);
    check_random(3, other, size, 1, 0, PF_ACTIVATION_NONE);
  }
  for (pf_activation a = PF_ACTIVATION_NONE; a <= PF_ACTIVATION_TANH; a++) {
    check_random(7, 77, 48, 3, (int)a % 4, a);
    check_random(17, 77, 48, 3, (int)a % 4, a);
  }
  check_random(8, 2304, 768, 1, 1, PF_ACTIVATION_NONE);
  check_random(4, 96, 8192, 1, 0, PF_ACTIVATION_NONE);
  check_random(200, 65, 1000, 1, 3, PF_ACTIVATION_GELU_ERF);
  check_random(400, 33, 512, 1, 0, PF_ACTIVATION_NONE);
}

static void has_them_at_any_magnitude(void) {
  static const float scales[] = {1e-38f, 1e-30f, 1e-4f, 1e4f, 1e30f, 3e38f};
  for (int s = 0; s < COUNT(scales); s++) {
    check_random(3, 65, 196, scales[s], 1, PF_ACTIVATION_NONE);
    check_random(33, 65, 196, scales[s], 1, PF_ACTIVATION_NONE);
  }
}

/* Weights with exponents all over the place: 0 and of every other magnitude, NaN and infinities. */
static void keeps_blocks_that_are_not_compact(void) {
  static const float strange[] = {0, -0.0f, 1e-45f, -1e-39f, 1e-10f, 3e38f, -1e20f, INFINITY, -INFINITY, NAN};
  /* One weight in so many is strange; of 128 of a block, most have none, some, or nearly all. */
  static const int64_t apart[] = {100003, 4001, 1009, 601, 97, 1};
  for (int i = 0; i < COUNT(precisions) * COUNT(apart); i++) {
    const int64_t every = apart[i / COUNT(precisions)];
    for (int64_t tokens = 1; tokens <= 17; tokens += 4) {
      const int64_t n = 75, k = 544;
      const pf_precision precision = precisions[i % COUNT(precisions)];
      if (!begin_case("precision=%d apart=%d tokens=%d", (int)precision, (int)every, (int)tokens)) continue;
      linear_case c = random_case(precision, tokens, n, k, 1, 1, PF_ACTIVATION_NONE);
      float *weight = case_floats(n * k);
      memcpy(weight, c.weight, (size_t)(n * k) * sizeof *weight);
      for (int64_t at = every / 2, s = 0; at < n * k; at += every, s++) weight[at] = strange[s % COUNT(strange)];
      c.weight = weight;
      check(&c, every >= 601);
    }
  }
}

/* Exponents from one end of a window to the other, and single ones that are next to it. */
static void tells_sixteen_exponents_apart(void) {
  for (int p = 0; p < COUNT(precisions); p++) {
    for (int64_t tokens = 1; tokens <= 13; tokens += 12) {
      const int64_t n = 75, k = 544;
      begin_case("precision=%d tokens=%d", (int)precisions[p], (int)tokens);
      linear_case c = random_case(precisions[p], tokens, n, k, 1, 0, PF_ACTIVATION_NONE);
      float *weight = case_floats(n * k);
      for (int64_t i = 0; i < n * k; i++) {
        const int beside = i % 1402 == 5 ? 1 : i % 1402 == 706 ? -16 : 0;
        weight[i] = copysignf(ldexpf(1 + fabsf(c.weight[i]) / 2, beside ? beside : -(int)(i % 16)), c.weight[i]);
      }
      c.weight = weight;
      check(&c, 1);
    }
  }
}

/* A whole weight of zeros, and output features of them, such as the one of padding among a vocabulary's. */
static void takes_zeros(void) {
  for (int p = 0; p < COUNT(precisions); p++) {
    for (int64_t tokens = 1; tokens <= 13; tokens += 12) {
      const int64_t n = 300, k = 64;
      begin_case("precision=%d tokens=%d", (int)precisions[p], (int)tokens);
      linear_case c = random_case(precisions[p], tokens, n, k, 1, 1, PF_ACTIVATION_NONE);
      float *weight = case_floats(n * k);
      c.weight = weight;
      memset(weight, 0, (size_t)(n * k) * sizeof *weight);
      check(&c, 1);
      memcpy(weight, random_floats(n * k, 1), (size_t)(n * k) * sizeof *weight);
      memset(weight + 7 * k, 0, (size_t)k * sizeof *weight);
      check(&c, 1);
    }
  }
}

/* Rows of the weight itself: an embedding that shares it with a head. */
static void gives_its_rows_back(void) {
  enum { TOKENS = 101 };
  const int64_t vocab = 301, hidden = 92;
  for (int p = 0; p < COUNT(precisions); p++) {
    begin_case("precision=%d", (int)precisions[p]);
    guard_begin(EXACT_END);
    float *weight = case_floats(vocab * hidden);
    memcpy(weight, random_floats(vocab * hidden, 1), (size_t)(vocab * hidden) * sizeof *weight);
    memset(weight + 33 * hidden, 0, (size_t)hidden * sizeof *weight);
    for (int64_t i = 0; i < vocab * hidden; i += 1511) weight[i] = 0;
    int32_t ids[TOKENS];
    for (int32_t i = 0; i < TOKENS; i++) ids[i] = (i * 33) % 301;
    pf_engine *e = tested_engine(2);
    float *y[2];
    const void *compact = pack_compact(e, weight, vocab, hidden, precisions[p]);
    EXPECT((compact != NULL) == can_be_compact(precisions[p]));
    if (!compact) continue;
    for (int form = 0; form < 2; form++) {
      y[form] = guarded_output(TOKENS * hidden);
      const pf_embedding_params params = {.word_packed = form ? compact : pack(e, weight, vocab, hidden, precisions[p]),
                                          .word_scale = 1,
                                          .ids = guarded_ids(ids, TOKENS),
                                          .y = y[form],
                                          .tokens = TOKENS,
                                          .hidden = hidden,
                                          .vocab = vocab};
      EXPECT_STATUS(PF_OK, pf_embedding(e, &params));
    }
    expect_same_bits(y[1], y[0], TOKENS * hidden);
  }
}

/* A head, its sums and its screen. */
static void is_a_head(void) {
  enum { TOKENS = 3, BEST = 4 };
  const int64_t vocab = 3001, hidden = 128;
  for (int p = 0; p < COUNT(precisions); p++) {
    begin_case("precision=%d", (int)precisions[p]);
    guard_begin(EXACT_END);
    float *weight = case_floats(vocab * hidden);
    memcpy(weight, random_floats(vocab * hidden, 1), (size_t)(vocab * hidden) * sizeof *weight);
    memset(weight + 5 * hidden, 0, (size_t)hidden * sizeof *weight);
    const float *x = random_floats(TOKENS * hidden, 1);
    pf_engine *e = tested_engine(2);
    float values[3][TOKENS * BEST], sums[2][TOKENS];
    int32_t ids[3][TOKENS * BEST];
    const void *compact = pack_compact(e, weight, vocab, hidden, precisions[p]);
    EXPECT((compact != NULL) == can_be_compact(precisions[p]));
    for (int form = 0; form < 3 && compact; form++) { /* plain with sums, compact with sums, compact with a screen */
      const void *packed = form ? compact : pack(e, weight, vocab, hidden, precisions[p]);
      pf_linear_top_k_params a = {.x = x,
                                  .packed = packed,
                                  .values = values[form],
                                  .ids = ids[form],
                                  .log_sum_exp = form < 2 ? sums[form] : NULL,
                                  .tokens = TOKENS,
                                  .vocab = vocab,
                                  .hidden = hidden,
                                  .count = BEST};
      int64_t bytes, computed = -1;
      if (form == 2) {
        EXPECT_STATUS(PF_OK, pf_screen_size(e, vocab, hidden, &bytes));
        void *screen = guarded_aligned(bytes);
        EXPECT_STATUS(PF_OK, pf_screen_pack(e, packed, screen, vocab, hidden));
        a.screen = screen;
        a.computed = &computed;
      }
      EXPECT_STATUS(PF_OK, pf_linear_top_k_workspace_size(e, TOKENS, vocab, hidden, BEST, &a.workspace_bytes));
      a.workspace = guarded_aligned(a.workspace_bytes);
      EXPECT_STATUS(PF_OK, pf_linear_top_k(e, &a));
      expect_same_bits(values[form], values[0], TOKENS * BEST);
      EXPECT(memcmp(ids[form], ids[0], sizeof ids[0]) == 0);
      if (form == 1) expect_same_bits(sums[1], sums[0], TOKENS);
      if (form == 2) EXPECT(computed > 0 && computed < vocab);
    }
  }
}

static void is_of_no_use_elsewhere(void) {
  for (int p = 0; p < COUNT(precisions); p++) {
    const int64_t n = 70, k = 64;
    begin_case("precision=%d", (int)precisions[p]);
    guard_begin(EXACT_END);
    if (!can_be_compact(precisions[p])) continue;
    pf_engine *e = tested_engine(1);
    linear_case c = random_case(precisions[p], 1, n, k, 1, 0, PF_ACTIVATION_NONE);
    float *y = guarded_output(17 * n);
    int64_t bytes, room;
    EXPECT_STATUS(PF_OK, pf_linear_compact_size(e, n, k, precisions[p], &bytes));
    unsigned char *packed = guarded_aligned(bytes);
    EXPECT_STATUS(PF_OK, pf_linear_compact_pack(e, pack(e, c.weight, n, k, precisions[p]), packed, n, k, NULL));
    EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS, pf_linear_packed_check(e, packed, bytes, n, k, precisions[p]));
    EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS, pf_linear_compact_pack(e, packed, guarded_aligned(bytes), n, k, NULL));
    EXPECT_STATUS(PF_OK, pf_linear_workspace_size(e, 17, k, precisions[p], &room));
    void *workspace = guarded_aligned(room);
    for (int byte = 0; byte < 32; byte++) {
      packed[byte] ^= 0x10;
      EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS,
                    pf_linear(e, c.x, packed, NULL, NULL, y, 1, n, k, PF_ACTIVATION_NONE, workspace, room));
      packed[byte] ^= 0x10;
    }
    expect_untouched(y, 17 * n);
    /* Whatever lies behind a good header, nothing outside of the memory is touched. */
    c.x = random_floats(17 * k, 1);
    for (unsigned seed = 1; seed < 40; seed++) {
      for (int64_t i = 64; i < bytes; i++) packed[i] = (unsigned char)((unsigned)(i * i) * seed >> 7);
      for (c.tokens = 1; c.tokens <= 17; c.tokens += 8)
        EXPECT_STATUS(PF_OK,
                      pf_linear(e, c.x, packed, NULL, NULL, y, c.tokens, n, k, PF_ACTIVATION_NONE, workspace, room));
      guard_check();
    }
  }
}

static void leaves_other_precisions_alone(void) {
  for (pf_precision precision = PF_PRECISION_INT8; precision <= PF_PRECISION_INT4_128; precision++) {
    const int64_t n = 70, k = 64;
    int64_t bytes;
    begin_case("precision=%d", (int)precision);
    guard_begin(EXACT_END);
    pf_engine *e = tested_engine(1);
    if (pf_linear_packed_size(e, n, k, precision, &bytes) == PF_ERROR_UNSUPPORTED) continue;
    EXPECT_STATUS(PF_OK, pf_linear_compact_size(e, n, k, precision, &bytes));
    EXPECT(bytes == 0);
    EXPECT(pack_compact(e, random_floats(n * k, 1), n, k, precision) == NULL);
  }
}

static void refuses_bad_arguments(void) {
  begin_case("-");
  guard_begin(EXACT_END);
  pf_engine *e = tested_engine(1);
  const int64_t n = 5, k = 12;
  const char *packed = pack(e, random_floats(n * k, 1), n, k, PF_PRECISION_FP32);
  char *compact = guarded_aligned(4096);
  int64_t bytes = -1;
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_compact_pack(NULL, packed, compact, n, k, NULL));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_compact_pack(e, NULL, compact, n, k, NULL));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_compact_pack(e, packed + 4, compact, n, k, NULL));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_compact_pack(e, packed, NULL, n, k, NULL));
  EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS, pf_linear_compact_pack(e, packed, compact, n, k + 4, NULL));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_compact_pack(e, packed, compact, 0, k, NULL));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_compact_size(NULL, n, k, PF_PRECISION_FP32, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_compact_size(e, n, k, PF_PRECISION_FP32, NULL));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_compact_size(e, n, -k, PF_PRECISION_FP32, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_compact_size(e, n, k, (pf_precision)(PF_PRECISION_INT4_128 + 1), &bytes));
  EXPECT(bytes == -1);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_compact_pack(e, packed, compact + 4, n, k, NULL));
}

int main(void) {
  static const test tests[] = {
      TEST(has_the_bits_of_the_other_layout),
      TEST(has_them_at_any_magnitude),
      TEST(keeps_blocks_that_are_not_compact),
      TEST(tells_sixteen_exponents_apart),
      TEST(takes_zeros),
      TEST(gives_its_rows_back),
      TEST(is_a_head),
      TEST(is_of_no_use_elsewhere),
      TEST(leaves_other_precisions_alone),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
