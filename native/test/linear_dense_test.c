/*
 * Float32 packed for few rows: to every function the same weight, to the last bit, as packed for any. linear_test.c
 * holds that one to the reference.
 */
#include <math.h>
#include <string.h>

#include "cpu.h"
#include "engine.h"
#include "guard.h"
#include "test.h"

static void *pack(pf_engine *engine, const float *weight, int64_t n, int64_t k, int dense) {
  int64_t bytes = 0;
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, n, k, PF_PRECISION_FP32, &bytes));
  void *packed = guarded_aligned(bytes);
  EXPECT_STATUS(PF_OK, dense ? pf_linear_pack_dense(engine, weight, PF_DTYPE_FP32, packed, n, k)
                             : pf_linear_pack(engine, weight, PF_DTYPE_FP32, packed, n, k, PF_PRECISION_FP32));
  return packed;
}

/* Whether it became dense, as the header says; on a device there is none. */
static int is_dense(const void *packed) {
  int32_t dense;
  memcpy(&dense, (const char *)packed + 12, sizeof dense);
  return tested_isa() != PF_ISA_CUDA && dense == 1;
}

static int can_be_dense(void) {
  return tested_isa() != PF_ISA_CUDA && (pf_engine_extensions(tested_engine(1)) & PF_EXTENSION_VBMI) != 0;
}

typedef struct {
  const float *x, *weight, *bias, *residual;
  int64_t tokens, n, k;
  pf_activation activation;
} linear_case;

/* A NaN has to be one; which, no instruction set says. */
static void same_numbers(float *y, float *expected, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (isnan(y[i]) && isnan(expected[i])) y[i] = expected[i] = 0;
  expect_same_bits(y, expected, count);
}

/* For every number of threads, and packed by as many. */
static void check(const linear_case *c, int dense) {
  const int64_t count = c->tokens * c->n;
  float *expected = case_floats(count);
  const void *plain = pack(tested_engine(1), c->weight, c->n, c->k, 0);
  EXPECT_STATUS(PF_OK, pf_linear(tested_engine(1), c->x, plain, c->bias, c->residual, expected, c->tokens, c->n, c->k,
                                 c->activation, NULL, 0));
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    pf_engine *engine = tested_engine(threads);
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    const void *packed = pack(engine, guarded_copy(c->weight, c->n * c->k), c->n, c->k, 1);
    EXPECT(is_dense(packed) == (dense && can_be_dense()));
    float *y = guarded_output(count);
    EXPECT_STATUS(PF_OK, pf_linear(engine, guarded_copy(c->x, c->tokens * c->k), packed, guarded_copy(c->bias, c->n),
                                   guarded_copy(c->residual, count), y, c->tokens, c->n, c->k, c->activation, NULL, 0));
    guard_check();
    float *wanted = case_floats(count);
    memcpy(wanted, expected, (size_t)count * sizeof *wanted);
    same_numbers(y, wanted, count);
  }
}

static linear_case random_case(int64_t tokens, int64_t n, int64_t k, float scale, int form, pf_activation activation) {
  return (linear_case){.x = random_floats(tokens * k, 1),
                       .weight = random_floats(n * k, scale),
                       .bias = form & 1 ? random_floats(n, 1) : NULL,
                       .residual = form & 2 ? random_floats(tokens * n, 1) : NULL,
                       .tokens = tokens,
                       .n = n,
                       .k = k,
                       .activation = activation};
}

static void check_random(int64_t tokens, int64_t n, int64_t k, float scale, int form, pf_activation activation) {
  if (!begin_case("tokens=%d n=%d k=%d scale=%g form=%d activation=%d", (int)tokens, (int)n, (int)k, (double)scale,
                  form, (int)activation))
    return;
  guard_begin(EXACT_END);
  const linear_case c = random_case(tokens, n, k, scale, form, activation);
  check(&c, k % 4 == 0 && k >= 8);
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
static void keeps_blocks_that_are_not_dense(void) {
  static const float strange[] = {0, -0.0f, 1e-45f, -1e-39f, 1e-10f, 3e38f, -1e20f, INFINITY, -INFINITY, NAN};
  /* One weight in so many is strange; of 128 of a block, most have none, some, or nearly all. */
  static const int64_t apart[] = {100003, 4001, 1009, 601, 97, 1};
  for (int a = 0; a < COUNT(apart); a++) {
    for (int64_t tokens = 1; tokens <= 17; tokens += 4) {
      const int64_t n = 75, k = 264;
      if (!begin_case("apart=%d tokens=%d", (int)apart[a], (int)tokens)) continue;
      guard_begin(EXACT_END);
      linear_case c = random_case(tokens, n, k, 1, 1, PF_ACTIVATION_NONE);
      float *weight = case_floats(n * k);
      memcpy(weight, c.weight, (size_t)(n * k) * sizeof *weight);
      for (int64_t i = apart[a] / 2, s = 0; i < n * k; i += apart[a], s++) weight[i] = strange[s % COUNT(strange)];
      c.weight = weight;
      check(&c, apart[a] >= 601);
    }
  }
}

/* A whole weight of zeros, and output features of them, such as the one of padding among a vocabulary's. */
static void takes_zeros(void) {
  for (int64_t tokens = 1; tokens <= 9; tokens += 8) {
    const int64_t n = 300, k = 64;
    begin_case("tokens=%d", (int)tokens);
    guard_begin(EXACT_END);
    linear_case c = random_case(tokens, n, k, 1, 1, PF_ACTIVATION_NONE);
    float *weight = case_floats(n * k);
    c.weight = weight;
    memset(weight, 0, (size_t)(n * k) * sizeof *weight);
    check(&c, 1);
    memcpy(weight, random_floats(n * k, 1), (size_t)(n * k) * sizeof *weight);
    memset(weight + 7 * k, 0, (size_t)k * sizeof *weight);
    check(&c, 1);
  }
}

static void packs_every_source(void) {
  const int64_t n = 37, k = 152;
  begin_case("-");
  guard_begin(EXACT_END);
  float *weight = case_floats(n * k);
  uint16_t *half = case_memory((size_t)(n * k) * sizeof *half), *bf16 = case_memory((size_t)(n * k) * sizeof *bf16);
  for (int64_t i = 0; i < n * k; i++) {
    static const uint16_t halves[] = {0x3c00, 0xbc00, 0x3555, 0xc248};
    static const float values[] = {1, -1, 0x1.554p-2f, -3.140625f};
    half[i] = halves[i % 4];
    weight[i] = values[i % 4];
  }
  pf_engine *e = tested_engine(2);
  int64_t bytes;
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(e, n, k, PF_PRECISION_FP32, &bytes));
  const linear_case c = {.x = random_floats(k, 1), .weight = weight, .tokens = 1, .n = n, .k = k};
  float *expected = case_floats(n), *y = case_floats(n);
  const void *plain = pack(e, weight, n, k, 0);
  EXPECT_STATUS(PF_OK, pf_linear(e, c.x, plain, NULL, NULL, expected, 1, n, k, PF_ACTIVATION_NONE, NULL, 0));
  void *packed = guarded_aligned(bytes);
  EXPECT_STATUS(PF_OK, pf_linear_pack_dense(e, half, PF_DTYPE_FP16, packed, n, k));
  EXPECT(is_dense(packed) == can_be_dense());
  EXPECT_STATUS(PF_OK, pf_linear(e, c.x, packed, NULL, NULL, y, 1, n, k, PF_ACTIVATION_NONE, NULL, 0));
  expect_same_bits(y, expected, n);
  for (int64_t i = 0; i < n * k; i++) {
    uint32_t bits;
    memcpy(&bits, &weight[i], sizeof bits);
    bf16[i] = (uint16_t)(bits >> 16);
    bits &= 0xffff0000u;
    memcpy(&weight[i], &bits, sizeof bits);
  }
  plain = pack(e, weight, n, k, 0);
  EXPECT_STATUS(PF_OK, pf_linear(e, c.x, plain, NULL, NULL, expected, 1, n, k, PF_ACTIVATION_NONE, NULL, 0));
  EXPECT_STATUS(PF_OK, pf_linear_pack_dense(e, bf16, PF_DTYPE_BF16, packed, n, k));
  EXPECT_STATUS(PF_OK, pf_linear(e, c.x, packed, NULL, NULL, y, 1, n, k, PF_ACTIVATION_NONE, NULL, 0));
  expect_same_bits(y, expected, n);
}

/* Rows of the weight itself: an embedding that shares it with a head. */
static void gives_its_rows_back(void) {
  enum { TOKENS = 101 };
  const int64_t vocab = 301, hidden = 72;
  begin_case("-");
  guard_begin(EXACT_END);
  float *weight = case_floats(vocab * hidden);
  memcpy(weight, random_floats(vocab * hidden, 1), (size_t)(vocab * hidden) * sizeof *weight);
  memset(weight + 33 * hidden, 0, (size_t)hidden * sizeof *weight);
  for (int64_t i = 0; i < vocab * hidden; i += 1511) weight[i] = 0;
  int32_t ids[TOKENS];
  for (int32_t i = 0; i < TOKENS; i++) ids[i] = (i * 33) % 301;
  pf_engine *e = tested_engine(2);
  const void *packed = pack(e, weight, vocab, hidden, 1);
  EXPECT(is_dense(packed) == can_be_dense());
  float *y = guarded_output(TOKENS * hidden);
  const pf_embedding_params p = {.word_packed = packed,
                                 .word_scale = 1,
                                 .ids = guarded_ids(ids, TOKENS),
                                 .y = y,
                                 .tokens = TOKENS,
                                 .hidden = hidden,
                                 .vocab = vocab};
  EXPECT_STATUS(PF_OK, pf_embedding(e, &p));
  for (int64_t i = 0; i < TOKENS; i++) expect_same_bits(y + i * hidden, weight + ids[i] * hidden, hidden);
}

/* A head, its sums and its screen. */
static void is_a_head(void) {
  const int64_t vocab = 3001, hidden = 128, tokens = 3, count = 4;
  begin_case("-");
  guard_begin(EXACT_END);
  float *weight = case_floats(vocab * hidden);
  memcpy(weight, random_floats(vocab * hidden, 1), (size_t)(vocab * hidden) * sizeof *weight);
  memset(weight + 5 * hidden, 0, (size_t)hidden * sizeof *weight);
  const float *x = random_floats(tokens * hidden, 1);
  pf_engine *e = tested_engine(2);
  float values[3][12], sums[2][3];
  int32_t ids[3][12];
  for (int form = 0; form < 3; form++) { /* plain with sums, dense with sums, dense with a screen */
    const void *packed = pack(e, weight, vocab, hidden, form > 0);
    pf_linear_top_k_params p = {.x = x,
                                .packed = packed,
                                .values = values[form],
                                .ids = ids[form],
                                .log_sum_exp = form < 2 ? sums[form] : NULL,
                                .tokens = tokens,
                                .vocab = vocab,
                                .hidden = hidden,
                                .count = count};
    int64_t bytes, computed = -1;
    if (form == 2) {
      const pf_status status = pf_screen_size(e, vocab, hidden, &bytes);
      if (status == PF_ERROR_UNSUPPORTED) return;
      EXPECT_STATUS(PF_OK, status);
      void *screen = guarded_aligned(bytes);
      EXPECT_STATUS(PF_OK, pf_screen_pack(e, packed, screen, vocab, hidden));
      p.screen = screen;
      p.computed = &computed;
    }
    EXPECT_STATUS(PF_OK, pf_linear_top_k_workspace_size(e, tokens, vocab, hidden, count, &p.workspace_bytes));
    p.workspace = guarded_aligned(p.workspace_bytes);
    EXPECT_STATUS(PF_OK, pf_linear_top_k(e, &p));
    expect_same_bits(values[form], values[0], tokens * count);
    EXPECT(memcmp(ids[form], ids[0], sizeof(int32_t) * (size_t)(tokens * count)) == 0);
    if (form == 1) expect_same_bits(sums[1], sums[0], tokens);
    if (form == 2) EXPECT(computed > 0 && computed < vocab);
  }
}

static void is_of_no_use_elsewhere(void) {
  const int64_t n = 70, k = 64;
  begin_case("-");
  guard_begin(EXACT_END);
  if (!can_be_dense()) return;
  pf_engine *e = tested_engine(1);
  const float *x = random_floats(8 * k, 1);
  unsigned char *packed = pack(e, random_floats(n * k, 1), n, k, 1);
  float *y = guarded_output(8 * n);
  int64_t bytes;
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(e, n, k, PF_PRECISION_FP32, &bytes));
  EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS, pf_linear_packed_check(e, packed, bytes, n, k, PF_PRECISION_FP32));
  for (int byte = 0; byte < 32; byte++) {
    packed[byte] ^= 0x10;
    EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS,
                  pf_linear(e, x, packed, NULL, NULL, y, 1, n, k, PF_ACTIVATION_NONE, NULL, 0));
    packed[byte] ^= 0x10;
  }
  expect_untouched(y, 8 * n);
  /* Whatever lies behind a good header, nothing outside of the memory is touched. */
  for (unsigned seed = 1; seed < 40; seed++) {
    for (int64_t i = 64; i < bytes; i++) packed[i] = (unsigned char)((unsigned)(i * i) * seed >> 7);
    for (int64_t rows = 1; rows <= 8; rows += 7)
      EXPECT_STATUS(PF_OK, pf_linear(e, x, packed, NULL, NULL, y, rows, n, k, PF_ACTIVATION_NONE, NULL, 0));
    guard_check();
  }
}

static void refuses_bad_arguments(void) {
  begin_case("-");
  guard_begin(EXACT_END);
  pf_engine *e = tested_engine(1);
  const float *weight = random_floats(60, 1);
  float *packed = guarded_aligned(4096);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_pack_dense(NULL, weight, PF_DTYPE_FP32, packed, 5, 12));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_pack_dense(e, NULL, PF_DTYPE_FP32, packed, 5, 12));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_pack_dense(e, weight, PF_DTYPE_FP32, NULL, 5, 12));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_pack_dense(e, weight, PF_DTYPE_FP32, packed + 1, 5, 12));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_pack_dense(e, weight, (pf_dtype)(PF_DTYPE_BF16 + 1), packed, 5, 12));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_pack_dense(e, weight, PF_DTYPE_FP32, packed, 0, 12));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_pack_dense(e, weight, PF_DTYPE_FP32, packed, 5, -1));
}

int main(void) {
  static const test tests[] = {
      TEST(has_the_bits_of_the_other_layout),
      TEST(has_them_at_any_magnitude),
      TEST(keeps_blocks_that_are_not_dense),
      TEST(takes_zeros),
      TEST(packs_every_source),
      TEST(gives_its_rows_back),
      TEST(is_a_head),
      TEST(is_of_no_use_elsewhere),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
