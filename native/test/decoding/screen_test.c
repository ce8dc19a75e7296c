#include <math.h>
#include <string.h>

#include "decoding/decoding_reference.h"
#include "guard.h"
#include "test.h"

/* A head and inputs of it. */
typedef struct {
  float *x, *weight, *bias;
  int64_t tokens, vocab, hidden, count;
  pf_precision precision;
} head;

static head random_head(int64_t tokens, int64_t vocab, int64_t hidden, int64_t count, int biased) {
  return (head){.x = random_floats(tokens * hidden, 1),
                .weight = random_floats(vocab * hidden, 1),
                .bias = biased ? random_floats(vocab, 1) : NULL,
                .tokens = tokens,
                .vocab = vocab,
                .hidden = hidden,
                .count = count < vocab ? count : vocab};
}

static void *packed_head(pf_engine *engine, const head *h) {
  int64_t bytes = 0;
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, h->vocab, h->hidden, h->precision, &bytes));
  void *packed = guarded_aligned(bytes);
  EXPECT_STATUS(PF_OK, pf_linear_pack(engine, h->weight, PF_DTYPE_FP32, packed, h->vocab, h->hidden, h->precision));
  return packed;
}

static void *screen_of(pf_engine *engine, const head *h, const void *packed) {
  int64_t bytes = 0;
  EXPECT_STATUS(PF_OK, pf_screen_size(engine, h->vocab, h->hidden, &bytes));
  EXPECT(bytes % PF_ALIGNMENT == 0);
  void *screen = guarded_aligned(bytes);
  EXPECT_STATUS(PF_OK, pf_screen_pack(engine, packed, screen, h->vocab, h->hidden));
  return screen;
}

static pf_linear_top_k_params guarded_params(pf_engine *engine, const head *h) {
  pf_linear_top_k_params p = {.x = guarded_copy(h->x, h->tokens * h->hidden),
                              .packed = packed_head(engine, h),
                              .bias = guarded_copy(h->bias, h->vocab),
                              .values = guarded_output(h->tokens * h->count),
                              .ids = (int32_t *)guarded_output(h->tokens * h->count),
                              .tokens = h->tokens,
                              .vocab = h->vocab,
                              .hidden = h->hidden,
                              .count = h->count};
  EXPECT_STATUS(PF_OK,
                pf_linear_top_k_workspace_size(engine, h->tokens, h->vocab, h->hidden, h->count, &p.workspace_bytes));
  p.workspace = guarded_aligned(p.workspace_bytes);
  return p;
}

/* With a screen and without, on every number of threads, bit for bit. Returns how many columns were computed. */
static int64_t check_precision(const head *h) {
  const int64_t cells = h->tokens * h->count;
  float *values = case_floats(cells), *ids = case_floats(cells);
  int64_t computed = -1, first = -1;
  for (int32_t threads = 1; threads <= MOST_ENGINES; threads++) {
    pf_engine *engine = tested_engine(threads);
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    pf_linear_top_k_params p = guarded_params(engine, h);
    if (threads == 1) {
      EXPECT_STATUS(PF_OK, pf_linear_top_k(engine, &p));
      memcpy(values, p.values, (size_t)cells * sizeof *values);
      memcpy(ids, p.ids, (size_t)cells * sizeof *ids);
      p.values = guarded_output(cells);
      p.ids = (int32_t *)guarded_output(cells);
    }
    p.screen = screen_of(engine, h, p.packed);
    p.computed = &computed;
    EXPECT_STATUS(PF_OK, pf_linear_top_k(engine, &p));
    guard_check();
    expect_same_bits(p.values, values, cells);
    expect_same_bits((float *)p.ids, ids, cells);
    if (threads == 1) first = computed;
    EXPECT(computed == first);
  }
  return first;
}

/* In float32 and in bfloat16; the more columns of both. */
static int64_t check(const head *h) {
  head rounded = *h;
  rounded.precision = PF_PRECISION_BF16;
  const int64_t exact = check_precision(h), other = check_precision(&rounded);
  return exact > other ? exact : other;
}

static void changes_no_bit(void) {
  static const int64_t vocabs[] = {1, 7, 31, 65, 300, 3001}, hiddens[] = {1, 17, 63, 65, 130, 197, 300};
  static const int64_t tokens[] = {1, 2, 5, 8, 9}, counts[] = {1, 3, 40};
  for (int v = 0; v < COUNT(vocabs); v++) {
    for (int i = 0; i < COUNT(hiddens); i++) {
      for (int c = 0; c < COUNT(counts); c++) {
        const int64_t rows = tokens[(v + i + c) % COUNT(tokens)];
        if (!begin_case("tokens=%d vocab=%d hidden=%d count=%d", (int)rows, (int)vocabs[v], (int)hiddens[i],
                        (int)counts[c]))
          continue;
        const head h = random_head(rows, vocabs[v], hiddens[i], counts[c], (v + i + c) % 2);
        check(&h);
      }
    }
  }
}

static void leaves_most_of_a_vocabulary_out(void) {
  static const int64_t tokens[] = {1, 4, 8};
  for (int t = 0; t < COUNT(tokens); t++) {
    if (!begin_case("tokens=%d", (int)tokens[t])) continue;
    const head h = random_head(tokens[t], 20001, 256, 1, t % 2);
    EXPECT(check(&h) < 20001 / 8);
  }
}

/* As in trained models: features that are large and all but constant, and inputs that are large just there. */
static void takes_features_that_stand_out(void) {
  for (int t = 1; t <= 4; t += 3) {
    if (!begin_case("tokens=%d", t)) continue;
    const head h = random_head(t, 20001, 256, 1, 0);
    for (int64_t i = 0; i < h.vocab; i++)
      for (int64_t j = 3; j < 256; j += 64) h.weight[i * 256 + j] = 40 + 0.1f * h.weight[i * 256 + j];
    for (int64_t i = 0; i < t; i++)
      for (int64_t j = 3; j < 256; j += 64) h.x[i * 256 + j] *= 100;
    EXPECT(check(&h) < 20001 / 8);
  }
}

static void takes_any_magnitude(void) {
  static const float scales[] = {1e-38f, 1e-30f, 1e-10f, 1e4f, 1e15f, 1e19f, 3e38f};
  for (int w = 0; w < COUNT(scales); w++) {
    for (int i = 0; i < COUNT(scales); i++) {
      if (!begin_case("weight %g x %g", (double)scales[w], (double)scales[i])) continue;
      const head h = random_head(3, 1003, 70, 5, i % 2);
      for (int64_t j = 0; j < h.vocab * h.hidden; j++) h.weight[j] *= scales[w];
      for (int64_t j = 0; j < h.tokens * h.hidden; j++) h.x[j] *= scales[i];
      check(&h);
    }
  }
}

/* Logits that are equal, or differ in their last bits only: nothing but the layer itself can order them. */
static void leaves_close_races_to_the_layer(void) {
  for (int kind = 0; kind < 4; kind++) {
    begin_case("kind=%d", kind);
    const head h = random_head(2, 4003, 96, 7, 0);
    for (int64_t i = 0; i < h.vocab; i++) {
      float *row = h.weight + i * h.hidden;
      /* 0: rows that repeat. 1: repeat but for a bit. 2: all the same. 3: columns that are constant. */
      if (kind < 3 && i >= 9) memcpy(row, row - (kind == 2 ? 1 : 9) * h.hidden, (size_t)h.hidden * sizeof *row);
      if (kind == 1) row[i % h.hidden] = nextafterf(row[i % h.hidden], i % 2 ? 1e9f : -1e9f);
      for (int64_t j = 0; kind == 3 && j < h.hidden; j += 2) row[j] = (float)j;
    }
    check(&h);
  }
}

static void takes_what_is_not_finite(void) {
  static const float strange[] = {NAN, INFINITY, -INFINITY};
  for (int s = 0; s < COUNT(strange); s++) {
    for (int where = 0; where < 3; where++) {
      begin_case("%g where=%d", (double)strange[s], where);
      const head h = random_head(3, 1003, 70, 5, 1);
      float *tensors[] = {h.x + 75, h.weight + 70 * 600 + 3, h.bias + 999};
      *tensors[where] = strange[s];
      check(&h);
    }
  }
}

static void does_not_depend_on_the_batch(void) {
  begin_case("-");
  const head h = random_head(8, 3001, 130, 4, 1);
  guard_begin(EXACT_END);
  pf_engine *engine = tested_engine(2);
  pf_linear_top_k_params p = guarded_params(engine, &h);
  p.screen = screen_of(engine, &h, p.packed);
  EXPECT_STATUS(PF_OK, pf_linear_top_k(engine, &p));
  for (int64_t row = 0; row < 8; row++) {
    pf_linear_top_k_params alone = p;
    alone.x = p.x + row * h.hidden;
    alone.values = guarded_output(4);
    alone.ids = (int32_t *)guarded_output(4);
    alone.tokens = 1;
    EXPECT_STATUS(PF_OK, pf_linear_top_k(engine, &alone));
    expect_same_bits(alone.values, p.values + row * 4, 4);
    expect_same_bits((float *)alone.ids, (float *)(p.ids + row * 4), 4);
  }
}

/* A screen that claims too little error is seen: what the tests above rest on. */
static void fails_with_bounds_that_are_too_tight(void) {
  begin_case("-");
  const head h = random_head(1, 3001, 130, 1, 0);
  pf_engine *engine = tested_engine(1);
  int wrong = 0;
  guard_begin(EXACT_END);
  pf_linear_top_k_params p = guarded_params(engine, &h), exact = p;
  exact.values = guarded_output(1);
  exact.ids = (int32_t *)guarded_output(1);
  char *screen = screen_of(engine, &h, p.packed);
  /* Behind the header, and stretch and centre of 144 columns each. */
  memset(screen + PF_ALIGNMENT + 2 * 144 * sizeof(float), 0, (size_t)h.vocab * sizeof(float));
  p.screen = screen;
  float *x = (float *)p.x;
  for (int i = 0; i < 400; i++) {
    memcpy(x, random_floats(h.hidden, 1), (size_t)h.hidden * sizeof *x);
    EXPECT_STATUS(PF_OK, pf_linear_top_k(engine, &p));
    exact.x = x;
    EXPECT_STATUS(PF_OK, pf_linear_top_k(engine, &exact));
    wrong += p.ids[0] != exact.ids[0];
  }
  EXPECT(wrong > 0);
}

static void refuses_bad_arguments(void) {
  begin_case("-");
  pf_engine *engine = tested_engine(2);
  const head h = random_head(3, 100, 70, 4, 0);
  guard_begin(EXACT_END);
  pf_linear_top_k_params valid = guarded_params(engine, &h);
  char *screen = screen_of(engine, &h, valid.packed);
  valid.screen = screen;
#define REJECT(status, change)                                                                                         \
  do {                                                                                                                 \
    pf_linear_top_k_params p = valid;                                                                                  \
    change;                                                                                                            \
    EXPECT_STATUS(status, pf_linear_top_k(engine, &p));                                                                \
    expect_untouched(valid.values, 3 * 4);                                                                             \
  } while (0)
  REJECT(PF_ERROR_ARGUMENT, p.screen = screen + 4);
  REJECT(PF_ERROR_PACKED_WEIGHTS, p.screen = valid.packed);
  const head other = random_head(3, 100, 69, 4, 0);
  REJECT(PF_ERROR_PACKED_WEIGHTS, p.screen = screen_of(engine, &other, packed_head(engine, &other)));
  head in_int8 = h, in_bf16 = h;
  in_int8.precision = PF_PRECISION_INT8;
  in_bf16.precision = PF_PRECISION_BF16;
  const void *quantised = packed_head(engine, &in_int8);
  REJECT(PF_ERROR_PACKED_WEIGHTS, p.packed = quantised);
  REJECT(PF_ERROR_PACKED_WEIGHTS, p.packed = packed_head(engine, &in_bf16));
#undef REJECT

  int64_t bytes = -1;
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_screen_size(NULL, 100, 70, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_screen_size(engine, 100, 70, NULL));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_screen_size(engine, 0, 70, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_screen_size(engine, 100, PF_MAX_INT8_FEATURES + 1, &bytes));
  EXPECT(bytes == -1);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_screen_pack(NULL, valid.packed, screen, 100, 70));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_screen_pack(engine, NULL, screen, 100, 70));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_screen_pack(engine, valid.packed, NULL, 100, 70));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_screen_pack(engine, valid.packed, screen + 4, 100, 70));
  EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS, pf_screen_pack(engine, valid.packed, screen, 100, 69));
  EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS, pf_screen_pack(engine, quantised, screen, 100, 70));
}

int main(void) {
  static const test tests[] = {
      TEST(changes_no_bit),
      TEST(leaves_most_of_a_vocabulary_out),
      TEST(takes_features_that_stand_out),
      TEST(takes_any_magnitude),
      TEST(leaves_close_races_to_the_layer),
      TEST(takes_what_is_not_finite),
      TEST(does_not_depend_on_the_batch),
      TEST(fails_with_bounds_that_are_too_tight),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
