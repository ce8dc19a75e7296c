/* Packed linears in low precision, and what is made of them. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "cpu.h"
#include "engine.h"
#include "guard.h"
#include "linear/linear_precision_reference.h"
#include "test.h"

static const pf_precision precisions[] = {PF_PRECISION_BF16, PF_PRECISION_INT8, PF_PRECISION_INT4,
                                          PF_PRECISION_INT4_128};

/* A device keeps weights in layouts of its own, and not in every precision. */
static int on_device(void) { return tested_isa() == PF_ISA_CUDA; }

static int has(pf_precision precision) {
  int64_t bytes;
  return pf_linear_packed_size(tested_engine(1), 1, 1, precision, &bytes) != PF_ERROR_UNSUPPORTED;
}

typedef struct {
  pf_precision precision;
  const float *x, *weight, *bias, *residual;
  int64_t tokens, n, k;
  pf_activation activation;
} linear_case;

static void *packed_in(pf_engine *engine, pf_precision precision, const void *weight, pf_dtype dtype, int64_t n,
                       int64_t k) {
  int64_t bytes = 0;
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, n, k, precision, &bytes));
  void *packed = guarded_aligned(bytes);
  EXPECT_STATUS(PF_OK, pf_linear_pack(engine, weight, dtype, packed, n, k, precision));
  return packed;
}

/* Packed in memory that outlives guarded buffers. */
static const void *packed_for_case(const linear_case *c) {
  int64_t bytes = 0;
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(tested_engine(1), c->n, c->k, c->precision, &bytes));
  char *packed = case_memory((size_t)bytes + PF_ALIGNMENT);
  packed += PF_ALIGNMENT - (uintptr_t)packed % PF_ALIGNMENT;
  EXPECT_STATUS(PF_OK, pf_linear_pack(tested_engine(1), c->weight, PF_DTYPE_FP32, packed, c->n, c->k, c->precision));
  return packed;
}

static void run(pf_engine *engine, const linear_case *c, const void *packed, float *y) {
  int64_t bytes = 0;
  EXPECT_STATUS(PF_OK, pf_linear_workspace_size(engine, c->tokens, c->k, c->precision, &bytes));
  EXPECT_STATUS(PF_OK, pf_linear(engine, guarded_copy(c->x, c->tokens * c->k), packed, guarded_copy(c->bias, c->n),
                                 guarded_copy(c->residual, c->tokens * c->n), y, c->tokens, c->n, c->k, c->activation,
                                 guarded_aligned(bytes), bytes));
}

static const float *check(const linear_case *c) {
  const int64_t count = c->tokens * c->n;
  double *expected = case_doubles(count), *bound = case_doubles(count);
  reference_linear_in(c->precision, c->x, c->weight, c->bias, c->residual, expected, bound, c->tokens, c->n, c->k,
                      c->activation);
  float *first = case_floats(count);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    pf_engine *engine = tested_engine(threads);
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    const void *packed =
        packed_in(engine, c->precision, guarded_copy(c->weight, c->n * c->k), PF_DTYPE_FP32, c->n, c->k);
    float *y = guarded_output(count);
    run(engine, c, packed, y);
    guard_check();
    expect_result(threads, y, expected, bound, first, count);
  }
  return first;
}

static linear_case random_case(pf_precision precision, int64_t tokens, int64_t n, int64_t k, float scale, int bias,
                               int residual, pf_activation activation) {
  return (linear_case){.precision = precision,
                       .x = random_floats(tokens * k, scale),
                       .weight = random_floats(n * k, 1),
                       .bias = bias ? random_floats(n, scale) : NULL,
                       .residual = residual ? random_floats(tokens * n, scale) : NULL,
                       .tokens = tokens,
                       .n = n,
                       .k = k,
                       .activation = activation};
}

static void check_random(int64_t tokens, int64_t n, int64_t k, float scale, int bias, int residual,
                         pf_activation activation) {
  for (int p = 0; p < COUNT(precisions); p++) {
    if (!has(precisions[p])) continue;
    if (!begin_case("precision=%d tokens=%d n=%d k=%d scale=%g bias=%d residual=%d activation=%d", (int)precisions[p],
                    (int)tokens, (int)n, (int)k, (double)scale, bias, residual, (int)activation))
      continue;
    const linear_case c = random_case(precisions[p], tokens, n, k, scale, bias, residual, activation);
    check(&c);
  }
}

static void matches_reference(void) {
  for (int i = 0; i < odd_size_count; i++) {
    const int64_t size = odd_sizes[i], other = odd_sizes[(i * 7 + 3) % odd_size_count];
    check_random(5, size, other, 1, 1, 0, PF_ACTIVATION_NONE);
    check_random(size, other, 33, 1, 0, 1, PF_ACTIVATION_NONE);
    check_random(1, size, size, 1, 1, 1, PF_ACTIVATION_GELU_ERF);
  }
  for (int64_t tokens = 1; tokens <= 35; tokens++) check_random(tokens, 160, 130, 1, 1, 0, PF_ACTIVATION_NONE);
  for (pf_activation a = PF_ACTIVATION_NONE; a <= PF_ACTIVATION_TANH; a++) check_random(17, 77, 48, 3, 1, 1, a);
}

static void matches_reference_at_any_magnitude(void) {
  static const float scales[] = {1e4f, 1e-4f, 1e-30f, 1e30f, 1e-39f, 0};
  for (int s = 0; s < COUNT(scales); s++) check_random(17, 65, 197, scales[s], 1, 1, PF_ACTIVATION_NONE);
}

static void matches_reference_at_the_sizes_of_models(void) {
  check_random(33, 384, 384, 1, 1, 1, PF_ACTIVATION_NONE);
  check_random(130, 200, 1536, 1, 1, 1, PF_ACTIVATION_NONE);
  check_random(8, 130, 8192, 1, 0, 0, PF_ACTIVATION_NONE);
  check_random(300, 97, 768, 1, 1, 0, PF_ACTIVATION_GELU_ERF);
  check_random(2, 1003, 65, 1, 0, 0, PF_ACTIVATION_NONE);
}

static void does_not_depend_on_the_batch(void) {
  static const struct {
    int64_t tokens, n, k;
    float scale;
  } shapes[] = {{61, 96, 64, 1}, {61, 160, 64, 1e-38f}, {150, 77, 333, 1}, {70, 33, 9000, 1}};
  for (int s = 0; s < COUNT(shapes); s++) {
    for (int p = 0; p < COUNT(precisions); p++) {
      if (!has(precisions[p])) continue;
      const int64_t tokens = shapes[s].tokens, n = shapes[s].n, k = shapes[s].k;
      begin_case("precision=%d tokens=%d n=%d k=%d", (int)precisions[p], (int)tokens, (int)n, (int)k);
      const linear_case whole = random_case(precisions[p], tokens, n, k, shapes[s].scale, 1, 1, PF_ACTIVATION_GELU_ERF);
      const float *y = check(&whole);
      const void *packed = packed_for_case(&whole);
      for (int64_t begin = 0, rows = 1; begin + rows <= tokens; begin += rows, rows = rows * 3 % 41 + 1) {
        linear_case part = whole;
        part.x += begin * k;
        part.residual += begin * n;
        part.tokens = rows;
        guard_begin(EXACT_START);
        float *z = guarded_output(rows * n);
        run(tested_engine(1), &part, packed, z);
        expect_same_bits(z, y + begin * n, rows * n);
      }
    }
  }
}

/* The largest codes of both signs side by side, which 16 bits do not hold, in sums as long as they may be. */
static void adds_the_largest_codes(void) {
  static const int64_t features[] = {64, 1000, PF_MAX_INT8_FEATURES};
  for (int f = 0; f < COUNT(features); f++) {
    const int64_t k = features[f], n = 5, tokens = 18;
    begin_case("k=%d", (int)k);
    float *x = case_floats(tokens * k), *weight = case_floats(n * k);
    for (int64_t i = 0; i < tokens * k; i++)
      x[i] = i / k % 3 == 0 ? 1.0f : i / k % 3 == 1 ? -1.0f : i % 2 ? 1.0f : -1.0f;
    for (int64_t i = 0; i < n * k; i++) weight[i] = i / k == 0 ? 1.0f : i / k == 1 ? -1.0f : i % 2 ? -1.0f : 1.0f;
    for (int p = 0; p < COUNT(precisions); p++) {
      if (!has(precisions[p])) continue;
      const linear_case c = {.precision = precisions[p], .x = x, .weight = weight, .tokens = tokens, .n = n, .k = k};
      check(&c);
    }
  }
}

/* The chains of additions that panaformer.h describes. */
static void adds_bf16_in_the_order_that_is_documented(void) {
  if (on_device()) return;
  const uint32_t extensions = pf_engine_extensions(tested_engine(1));
  static const int64_t rows[] = {1, 3, 8, 9, 40};
  for (int r = 0; r < COUNT(rows); r++) {
    const int64_t tokens = rows[r], n = 161, k = 150;
    if (!begin_case("rows=%d", (int)tokens)) continue;
    const linear_case c = random_case(PF_PRECISION_BF16, tokens, n, k, 1, 0, 0, PF_ACTIVATION_NONE);
    const float *y = check(&c);
    if ((extensions & PF_EXTENSION_BF16) && !(extensions & PF_EXTENSION_AMX)) continue;
    float *expected = case_floats(tokens * n);
    for (int64_t i = 0; i < tokens; i++) {
      for (int64_t j = 0; j < n; j++) {
        float sum = 0, chains[2] = {0, 0};
        for (int64_t p = 0; p < k; p++) {
          chains[p % 2] += reference_bf16(c.x[i * k + p]) * reference_bf16(c.weight[j * k + p]);
          if (p % 32 != 31 && p != k - 1) continue;
          sum += chains[0] + chains[1];
          chains[0] = chains[1] = 0;
        }
        expected[i * n + j] = sum;
      }
    }
    expect_same_bits(y, expected, tokens * n);
  }
}

static void takes_rows_and_weights_of_zeros(void) {
  for (int p = 0; p < COUNT(precisions); p++) {
    if (!has(precisions[p])) continue;
    begin_case("precision=%d", (int)precisions[p]);
    const int64_t tokens = 19, n = 40, k = 70;
    linear_case c = random_case(precisions[p], tokens, n, k, 1, 1, 0, PF_ACTIVATION_NONE);
    float *x = case_floats(tokens * k), *weight = case_floats(n * k);
    memcpy(x, c.x, (size_t)(tokens * k) * sizeof *x);
    memcpy(weight, c.weight, (size_t)(n * k) * sizeof *weight);
    memset(x + 3 * k, 0, (size_t)k * sizeof *x);
    memset(weight + 7 * k, 0, (size_t)k * sizeof *weight);
    c.x = x;
    c.weight = weight;
    const float *y = check(&c);
    for (int64_t i = 0; i < tokens; i++) EXPECT(y[i * n + 7] == c.bias[7]);
    expect_same_bits(y + 3 * n, c.bias, n);
  }
}

static void keeps_nan_and_infinity_in_their_rows(void) {
  static const float values[] = {NAN, INFINITY, -INFINITY};
  for (int v = 0; v < COUNT(values); v++) {
    for (int p = 0; p < COUNT(precisions); p++) {
      if (!has(precisions[p])) continue;
      const int64_t tokens = 19, n = 49, k = 70;
      begin_case("precision=%d value=%g", (int)precisions[p], (double)values[v]);
      linear_case c = random_case(precisions[p], tokens, n, k, 1, 1, 0, PF_ACTIVATION_NONE);
      float *x = case_floats(tokens * k), *weight = case_floats(n * k);
      memcpy(x, c.x, (size_t)(tokens * k) * sizeof *x);
      memcpy(weight, c.weight, (size_t)(n * k) * sizeof *weight);
      x[7 * k + 11] = values[v];
      c.x = x;
      check(&c);
      weight[n / 2 * k + 11] = values[v];
      c.weight = weight;
      check(&c);
    }
  }
}

/* Halves and bfloat16 give the bytes that the floats give which they are. */
static void packs_every_source(void) {
  static const uint16_t halves[] = {0x0000, 0x8000, 0x3c00, 0xbc00, 0x0001, 0x83ff, 0x0400, 0x7bff, 0x3555, 0xc248};
  static const float values[] = {0, -0.0f, 1, -1, 0x1p-24f, -1023 * 0x1p-24f, 0x1p-14f, 65504, 0x1.554p-2f, -3.140625f};
  static const pf_precision all[] = {PF_PRECISION_FP32, PF_PRECISION_BF16, PF_PRECISION_INT8, PF_PRECISION_INT4,
                                     PF_PRECISION_INT4_128};
  const int64_t n = 37, k = 150;
  for (int p = 0; p < COUNT(all); p++) {
    if (!has(all[p])) continue;
    begin_case("precision=%d", (int)all[p]);
    guard_begin(EXACT_END);
    float *weight = case_floats(n * k), *rounded = case_floats(n * k);
    uint16_t *half = case_memory((size_t)(n * k) * sizeof *half), *bf16 = case_memory((size_t)(n * k) * sizeof *bf16);
    const float *random = random_floats(n * k, 1);
    for (int64_t i = 0; i < n * k; i++) {
      half[i] = halves[i % COUNT(halves)];
      weight[i] = values[i % COUNT(values)];
      rounded[i] = reference_bf16(random[i]);
      uint32_t bits;
      memcpy(&bits, &rounded[i], sizeof bits);
      bf16[i] = (uint16_t)(bits >> 16);
    }
    pf_engine *engine = tested_engine(2);
    int64_t bytes;
    EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, n, k, all[p], &bytes));
    EXPECT(memcmp(packed_in(engine, all[p], weight, PF_DTYPE_FP32, n, k),
                  packed_in(engine, all[p], half, PF_DTYPE_FP16, n, k), (size_t)bytes) == 0);
    EXPECT(memcmp(packed_in(engine, all[p], rounded, PF_DTYPE_FP32, n, k),
                  packed_in(engine, all[p], bf16, PF_DTYPE_BF16, n, k), (size_t)bytes) == 0);
  }
}

/* The layouts that panaformer.h describes, byte for byte, and 0 behind the weight. */
static void has_the_layout_that_is_documented(void) {
  if (on_device()) return;
  const int64_t n = 33, k = 9;
  begin_case("-");
  guard_begin(EXACT_END);
  pf_engine *engine = tested_engine(1);
  const float *w = random_floats(n * k, 1);
  float *rotated = case_floats(n * 64);
  reference_rotate(w, rotated, n, k, 0);
  const unsigned char *bf16 = packed_in(engine, PF_PRECISION_BF16, w, PF_DTYPE_FP32, n, k);
  const unsigned char *int8 = packed_in(engine, PF_PRECISION_INT8, w, PF_DTYPE_FP32, n, k);
  const unsigned char *int4 = packed_in(engine, PF_PRECISION_INT4, w, PF_DTYPE_FP32, n, k);
  int64_t bytes;
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, n, k, PF_PRECISION_BF16, &bytes));
  EXPECT(bytes == 64 + 64 * 32 * 2);
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, n, k, PF_PRECISION_INT8, &bytes));
  EXPECT(bytes == 64 + 64 * 8 + 64 * 64);
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, n, k, PF_PRECISION_INT4, &bytes));
  EXPECT(bytes == 64 + 2 * (64 + 32 * 16));
  for (int64_t j = 0; j < 64; j++) {
    float scale8, scale4;
    uint16_t bits;
    int32_t sum, expected = 0;
    memcpy(&scale8, int8 + 64 + 4 * j, 4);
    memcpy(&sum, int8 + 64 + 64 * 4 + 4 * j, 4);
    const unsigned char *group = int4 + 64 + j / 32 * (64 + 512);
    memcpy(&bits, group + j % 32 * 2, 2);
    const uint32_t wide = (uint32_t)bits << 16;
    memcpy(&scale4, &wide, 4);
    for (int64_t p = 0; p < 32; p++) {
      const float value = j < n && p < k ? w[j * k + p] : 0;
      memcpy(&bits, bf16 + 64 + ((j / 32 * 16 + p / 2) * 32 + j % 32) * 4 + p % 2 * 2, 2);
      const float rounded = reference_bf16(value);
      EXPECT(memcmp((const char *)&rounded + 2, &bits, 2) == 0);
      const int byte = group[64 + (p / 8 * 32 + j % 32) * 4 + p % 4], nibble = p % 8 < 4 ? byte & 15 : byte >> 4;
      EXPECT(fabsf(value - scale4 * (float)(nibble - 8)) <= fabsf(scale4) * 1.01f);
    }
    for (int64_t p = 0; p < 64; p++) {
      const float value = j < n ? rotated[j * 64 + p] : 0;
      const int8_t code = (int8_t)int8[64 + 64 * 8 + ((j / 32 * 16 + p / 4) * 32 + j % 32) * 4 + p % 4];
      EXPECT(fabsf(value - scale8 * code) <= scale8 * 0.5001f);
      expected += code;
    }
    EXPECT(sum == expected);
  }
}

static void checks_what_it_did_not_pack(void) {
  if (on_device()) return;
  const int64_t n = 33, k = 70;
  pf_engine *e = tested_engine(1);
  for (int p = 0; p < COUNT(precisions); p++) {
    const pf_precision precision = precisions[p];
    begin_case("precision=%d", (int)precision);
    guard_begin(EXACT_END);
    const float *w = random_floats(n * k, 1);
    unsigned char *packed = packed_in(e, precision, w, PF_DTYPE_FP32, n, k);
    int64_t bytes;
    EXPECT_STATUS(PF_OK, pf_linear_packed_size(e, n, k, precision, &bytes));
    EXPECT_STATUS(PF_OK, pf_linear_packed_check(e, packed, bytes, n, k, precision));
    EXPECT_STATUS(PF_OK, pf_linear_packed_check(e, packed, bytes + 1, n, k, precision));
    EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS, pf_linear_packed_check(e, packed, bytes - 1, n, k, precision));
    EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS, pf_linear_packed_check(e, packed, 0, n, k, precision));
    EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS, pf_linear_packed_check(e, packed, bytes, n - 1, k, precision));
    EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS, pf_linear_packed_check(e, packed, bytes, n, k + 1, precision));
    EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS,
                  pf_linear_packed_check(e, packed, INT64_MAX, n, k,
                                         precision == PF_PRECISION_BF16 ? PF_PRECISION_INT8 : PF_PRECISION_BF16));
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_packed_check(e, NULL, bytes, n, k, precision));
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_packed_check(e, packed + 1, bytes, n, k, precision));
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_packed_check(e, packed, bytes, 0, k, precision));
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_packed_check(e, packed, bytes, n, k, (pf_precision)9));
    float *y = guarded_output(n);
    int64_t room;
    EXPECT_STATUS(PF_OK, pf_linear_workspace_size(e, 1, k, precision, &room));
    void *workspace = guarded_aligned(room);
    for (int byte = 0; byte < 32; byte++) {
      packed[byte] ^= 0x10;
      EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS, pf_linear_packed_check(e, packed, bytes, n, k, precision));
      EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS,
                    pf_linear(e, w, packed, NULL, NULL, y, 1, n, k, PF_ACTIVATION_NONE, workspace, room));
      packed[byte] ^= 0x10;
    }
    EXPECT_STATUS(PF_ERROR_WORKSPACE,
                  pf_linear(e, w, packed, NULL, NULL, y, 1, n, k, PF_ACTIVATION_NONE, workspace, room - 1));
    EXPECT_STATUS(PF_ERROR_WORKSPACE, pf_linear(e, w, packed, NULL, NULL, y, 1, n, k, PF_ACTIVATION_NONE, NULL, room));
    EXPECT_STATUS(PF_ERROR_WORKSPACE,
                  pf_linear(e, w, packed, NULL, NULL, y, 1, n, k, PF_ACTIVATION_NONE, (char *)workspace + 4, room));
    expect_untouched(y, n);
    /* Whatever a file holds behind a good header, nothing outside of the memory is touched. */
    for (int64_t i = 64; i < bytes; i++) packed[i] = (unsigned char)(i * 37 + i / 251);
    EXPECT_STATUS(PF_OK, pf_linear(e, w, packed, NULL, NULL, y, 1, n, k, PF_ACTIVATION_NONE, workspace, room));
    guard_check();
  }
}

static void refuses_bad_sizes(void) {
  begin_case("-");
  pf_engine *e = tested_engine(1);
  int64_t bytes = -1;
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_packed_size(e, 4, 4, (pf_precision)(PF_PRECISION_INT4_128 + 1), &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_packed_size(e, 4, 4, (pf_precision)-1, &bytes));
  if (has(PF_PRECISION_INT8)) {
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_packed_size(e, 4, PF_MAX_INT8_FEATURES + 1, PF_PRECISION_INT8, &bytes));
    EXPECT_STATUS(PF_ERROR_ARGUMENT,
                  pf_linear_packed_size(e, PF_MAX_DIMENSION, PF_MAX_DIMENSION, PF_PRECISION_INT4, &bytes));
  }
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_workspace_size(e, -1, 4, PF_PRECISION_BF16, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_workspace_size(e, 1, 0, PF_PRECISION_BF16, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_workspace_size(e, 1, 4, PF_PRECISION_BF16, NULL));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_workspace_size(NULL, 1, 4, PF_PRECISION_BF16, &bytes));
  EXPECT(bytes == -1);
  float weight[16], *packed = case_floats(64);
  EXPECT_STATUS(PF_ERROR_ARGUMENT,
                pf_linear_pack(e, weight, (pf_dtype)(PF_DTYPE_BF16 + 1), packed, 4, 4, PF_PRECISION_FP32));
  if (!has(PF_PRECISION_INT8)) return;
  /* Bounded, however many tokens there are. */
  int64_t some = 0, most = 0;
  EXPECT_STATUS(PF_OK, pf_linear_workspace_size(e, 4096, 3072, PF_PRECISION_INT8, &some));
  EXPECT_STATUS(PF_OK, pf_linear_workspace_size(e, PF_MAX_DIMENSION, 3072, PF_PRECISION_INT8, &most));
  EXPECT(some == most && most < 8 << 20);
}

/* Feed-forward is its linears, one after another. */
static void is_what_a_feed_forward_is_made_of(void) {
  const int64_t tokens = 150, hidden = 70, intermediate = 130;
  for (int p = 0; p < COUNT(precisions); p++) {
    if (!has(precisions[p])) continue;
    for (int gated = 0; gated < 2; gated++) {
      begin_case("precision=%d gated=%d", (int)precisions[p], gated);
      const float *x = random_floats(tokens * hidden, 1), *residual = random_floats(tokens * hidden, 1);
      const float *weights[3];
      for (int i = 0; i < 3; i++) weights[i] = random_floats(intermediate * hidden, 0.2f);
      float *first = NULL;
      for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
        pf_engine *engine = tested_engine(threads);
        guard_begin(EXACT_END);
        pf_ffn_params f = {.x = x, .residual = residual, .y = guarded_output(tokens * hidden)};
        f.up = packed_in(engine, precisions[p], weights[0], PF_DTYPE_FP32, intermediate, hidden);
        f.down = packed_in(engine, precisions[p], weights[1], PF_DTYPE_FP32, hidden, intermediate);
        if (gated) f.gate = packed_in(engine, precisions[p], weights[2], PF_DTYPE_FP32, intermediate, hidden);
        f.tokens = tokens;
        f.hidden = hidden;
        f.intermediate = intermediate;
        f.activation = PF_ACTIVATION_SILU;
        EXPECT_STATUS(PF_OK, pf_ffn_workspace_size(engine, tokens, hidden, intermediate, &f.workspace_bytes));
        f.workspace = guarded_aligned(f.workspace_bytes);
        EXPECT_STATUS(PF_OK, pf_ffn(engine, &f));
        if (threads > 1) {
          expect_same_bits(f.y, first, tokens * hidden);
          continue;
        }
        linear_case up = {.precision = precisions[p], .x = x, .tokens = tokens, .n = intermediate, .k = hidden};
        float *middle = case_floats(tokens * intermediate), *gates = case_floats(tokens * intermediate);
        if (gated) {
          run(engine, &up, f.up, middle);
          up.activation = PF_ACTIVATION_SILU;
          run(engine, &up, f.gate, gates);
          for (int64_t i = 0; i < tokens * intermediate; i++) middle[i] *= gates[i];
        } else {
          up.activation = PF_ACTIVATION_SILU;
          run(engine, &up, f.up, middle);
        }
        const linear_case down = {.precision = precisions[p],
                                  .x = middle,
                                  .residual = residual,
                                  .tokens = tokens,
                                  .n = hidden,
                                  .k = intermediate};
        first = case_floats(tokens * hidden);
        run(engine, &down, f.down, first);
        expect_same_bits(f.y, first, tokens * hidden);
      }
    }
  }
}

/* The best logits are those of pf_top_k after pf_linear. */
static void is_what_a_head_is_made_of(void) {
  static const int64_t rows[] = {1, 5, 70};
  const int64_t vocab = 1003, hidden = 70, count = 5;
  for (int p = 0; p < COUNT(precisions); p++) {
    if (!has(precisions[p])) continue;
    for (int r = 0; r < COUNT(rows); r++) {
      begin_case("precision=%d rows=%d", (int)precisions[p], (int)rows[r]);
      const linear_case c = random_case(precisions[p], rows[r], vocab, hidden, 1, 0, 0, PF_ACTIVATION_NONE);
      for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
        pf_engine *engine = tested_engine(threads);
        guard_begin(EXACT_END);
        pf_linear_top_k_params head = {.x = guarded_copy(c.x, c.tokens * hidden), .tokens = c.tokens, .vocab = vocab};
        head.packed = packed_in(engine, c.precision, c.weight, PF_DTYPE_FP32, vocab, hidden);
        head.hidden = hidden;
        head.count = count;
        head.values = guarded_output(c.tokens * count);
        head.ids = (int32_t *)guarded_output(c.tokens * count);
        head.log_sum_exp = guarded_output(c.tokens);
        EXPECT_STATUS(PF_OK,
                      pf_linear_top_k_workspace_size(engine, c.tokens, vocab, hidden, count, &head.workspace_bytes));
        head.workspace = guarded_aligned(head.workspace_bytes);
        EXPECT_STATUS(PF_OK, pf_linear_top_k(engine, &head));
        float *logits = guarded_output(c.tokens * vocab), *values = case_floats(c.tokens * count);
        float *log_sum_exp = case_floats(c.tokens);
        int32_t *ids = case_memory((size_t)(c.tokens * count) * sizeof *ids);
        run(engine, &c, head.packed, logits);
        EXPECT_STATUS(PF_OK, pf_top_k(engine, logits, NULL, values, ids, log_sum_exp, c.tokens, vocab, count));
        expect_same_bits(head.values, values, c.tokens * count);
        expect_same_bits(head.log_sum_exp, log_sum_exp, c.tokens);
        EXPECT(memcmp(head.ids, ids, (size_t)(c.tokens * count) * sizeof *ids) == 0);
        guard_check();
      }
    }
  }
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(matches_reference_at_any_magnitude),
      TEST(matches_reference_at_the_sizes_of_models),
      TEST(does_not_depend_on_the_batch),
      TEST(adds_the_largest_codes),
      TEST(adds_bf16_in_the_order_that_is_documented),
      TEST(takes_rows_and_weights_of_zeros),
      TEST(keeps_nan_and_infinity_in_their_rows),
      TEST(packs_every_source),
      TEST(has_the_layout_that_is_documented),
      TEST(checks_what_it_did_not_pack),
      TEST(refuses_bad_sizes),
      TEST(is_what_a_feed_forward_is_made_of),
      TEST(is_what_a_head_is_made_of),
  };
  return run_tests(tests, COUNT(tests));
}
