#include <math.h>
#include <string.h>

#include "guard.h"
#include "linear/linear_reference.h"
#include "test.h"

typedef struct {
  const float *x, *weight, *bias, *residual;
  int64_t tokens, n, k;
  pf_activation activation;
} linear_case;

static void *packed_weight(pf_engine *engine, const float *weight, int64_t n, int64_t k) {
  int64_t bytes = 0;
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, n, k, PF_PRECISION_FP32, &bytes));
  void *packed = guarded_aligned(bytes);
  EXPECT_STATUS(PF_OK, pf_linear_pack(engine, weight, PF_DTYPE_FP32, packed, n, k, PF_PRECISION_FP32));
  return packed;
}

static const float *check(const linear_case *c) {
  const int64_t count = c->tokens * c->n;
  double *expected = case_doubles(count), *bound = case_doubles(count);
  reference_linear(c->x, c->weight, c->bias, c->residual, expected, bound, c->tokens, c->n, c->k, c->activation);
  float *first = case_floats(count);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    pf_engine *engine = tested_engine(threads);
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    const void *packed = packed_weight(engine, guarded_copy(c->weight, c->n * c->k), c->n, c->k);
    float *y = guarded_output(count);
    EXPECT_STATUS(PF_OK, pf_linear(engine, guarded_copy(c->x, c->tokens * c->k), packed, guarded_copy(c->bias, c->n),
                                   guarded_copy(c->residual, count), y, c->tokens, c->n, c->k, c->activation, NULL, 0));
    guard_check();
    expect_result(threads, y, expected, bound, first, count);
  }
  return first;
}

static linear_case random_case(int64_t tokens, int64_t n, int64_t k, float scale, int bias, int residual,
                               pf_activation activation) {
  return (linear_case){.x = random_floats(tokens * k, scale),
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
  if (!begin_case("tokens=%d n=%d k=%d scale=%g bias=%d residual=%d activation=%d", (int)tokens, (int)n, (int)k,
                  (double)scale, bias, residual, (int)activation))
    return;
  const linear_case c = random_case(tokens, n, k, scale, bias, residual, activation);
  check(&c);
}

/* Every remainder of rows, of output features and of input features, against a few of the others. */
static void matches_reference(void) {
  for (int i = 0; i < odd_size_count; i++) {
    const int64_t size = odd_sizes[i], other = odd_sizes[(i * 7 + 3) % odd_size_count];
    check_random(5, size, other, 1, 1, 0, PF_ACTIVATION_NONE);
    check_random(5, other, size, 1, 0, 1, PF_ACTIVATION_NONE);
    check_random(size, other, 33, 1, 1, 1, PF_ACTIVATION_NONE);
    check_random(1, size, size, 1, 1, 1, PF_ACTIVATION_GELU_ERF);
  }
  for (int64_t tokens = 1; tokens <= 31; tokens++) {
    check_random(tokens, 96, 64, 1, 1, 0, PF_ACTIVATION_NONE);
    check_random(tokens, 41, 9, 1, 0, 0, PF_ACTIVATION_GELU_ERF);
  }
}

static void matches_reference_with_every_epilogue(void) {
  for (pf_activation a = PF_ACTIVATION_NONE; a <= PF_ACTIVATION_TANH; a++) {
    for (int form = 0; form < 4; form++) {
      check_random(17, 96, 48, 3, form & 1, form & 2, a);
      check_random(17, 77, 48, 3, form & 1, form & 2, a);
    }
  }
}

static void matches_reference_at_any_magnitude(void) {
  static const float scales[] = {1e4f, 1e-4f, 1e-30f, 1e30f};
  for (int s = 0; s < COUNT(scales); s++) {
    check_random(17, 65, 197, scales[s], 1, 1, PF_ACTIVATION_NONE);
    check_random(17, 65, 197, scales[s], 1, 1, PF_ACTIVATION_RELU);
  }
  check_random(17, 65, 197, 1e4f, 1, 1, PF_ACTIVATION_GELU_ERF);
  check_random(17, 65, 197, 1e-4f, 1, 1, PF_ACTIVATION_GELU_TANH);
}

/* Sizes of real layers: more than one block of rows, and sums that are long. */
static void matches_reference_at_the_sizes_of_models(void) {
  check_random(33, 384, 384, 1, 1, 1, PF_ACTIVATION_NONE);
  check_random(70, 200, 1536, 1, 1, 1, PF_ACTIVATION_NONE);
  check_random(300, 97, 768, 1, 1, 0, PF_ACTIVATION_GELU_ERF);
  check_random(40, 64, 8192, 1, 0, 0, PF_ACTIVATION_NONE);
  check_random(2, 1003, 65, 1, 0, 0, PF_ACTIVATION_NONE);
}

static void does_not_depend_on_the_batch(void) {
  static const struct {
    int64_t tokens, n, k;
  } shapes[] = {{61, 96, 64}, {61, 77, 33}, {300, 48, 1000}, {29, 33, 5000}};
  for (int s = 0; s < COUNT(shapes); s++) {
    for (int form = 0; form < 2; form++) {
      const int64_t tokens = shapes[s].tokens, n = shapes[s].n, k = shapes[s].k;
      begin_case("tokens=%d n=%d k=%d form=%d", (int)tokens, (int)n, (int)k, form);
      const linear_case c =
          random_case(tokens, n, k, 1, form, form, form ? PF_ACTIVATION_GELU_ERF : PF_ACTIVATION_NONE);
      const float *y = check(&c);
      const void *packed = packed_weight(tested_engine(1), c.weight, n, k);
      for (int64_t begin = 0, rows = 1; begin + rows <= tokens; begin += rows, rows = rows * 3 % 17 + 1) {
        float *part = case_floats(rows * n);
        EXPECT_STATUS(PF_OK,
                      pf_linear(tested_engine(1), c.x + begin * k, packed, c.bias,
                                c.residual ? c.residual + begin * n : NULL, part, rows, n, k, c.activation, NULL, 0));
        expect_same_bits(part, y + begin * n, rows * n);
      }
    }
  }
}

static void keeps_nan_and_infinity_in_their_rows(void) {
  static const float values[] = {NAN, INFINITY, -INFINITY};
  for (int v = 0; v < COUNT(values); v++) {
    for (int i = 0; i < odd_size_count; i++) {
      const int64_t n = odd_sizes[i], k = 33;
      if (!begin_case("n=%d value=%g", (int)n, (double)values[v])) continue;
      linear_case c = random_case(19, n, k, 1, 1, 0, PF_ACTIVATION_NONE);
      float *x = case_floats(19 * k);
      memcpy(x, c.x, (size_t)(19 * k) * sizeof *x);
      x[7 * k + 11] = values[v];
      c.x = x;
      check(&c);
      /* In a weight: its output feature, in every row. */
      float *weight = case_floats(n * k);
      memcpy(weight, c.weight, (size_t)(n * k) * sizeof *weight);
      weight[n / 2 * k + 11] = values[v];
      c.weight = weight;
      check(&c);
    }
  }
}

static void adds_its_residual_in_place(void) {
  for (int i = 0; i < odd_size_count; i++) {
    const int64_t n = odd_sizes[i], k = 21, tokens = 16;
    begin_case("n=%d", (int)n);
    const linear_case c = random_case(tokens, n, k, 1, 1, 1, i % 2 ? PF_ACTIVATION_TANH : PF_ACTIVATION_NONE);
    const float *expected = check(&c);
    guard_begin(EXACT_END);
    const void *packed = packed_weight(tested_engine(2), c.weight, n, k);
    float *y = guarded_copy(c.residual, tokens * n);
    EXPECT_STATUS(PF_OK, pf_linear(tested_engine(2), c.x, packed, c.bias, y, y, tokens, n, k, c.activation, NULL, 0));
    expect_same_bits(y, expected, tokens * n);
  }
}

static void refuses_bad_arguments(void) {
  begin_case("-");
  pf_engine *e = tested_engine(2);
  const int64_t tokens = 3, n = 10, k = 6;
  const linear_case c = random_case(tokens, n, k, 1, 1, 1, PF_ACTIVATION_NONE);
  guard_begin(EXACT_END);
  const void *packed = packed_weight(e, c.weight, n, k);
  float *y = guarded_output(tokens * n);
#define REJECT(status, engine, x, packed, y, tokens, n, k, activation)                                                 \
  EXPECT_STATUS(status, pf_linear(engine, x, packed, c.bias, c.residual, y, tokens, n, k, activation, NULL, 0))
  REJECT(PF_ERROR_ARGUMENT, NULL, c.x, packed, y, tokens, n, k, PF_ACTIVATION_NONE);
  REJECT(PF_ERROR_ARGUMENT, e, NULL, packed, y, tokens, n, k, PF_ACTIVATION_NONE);
  REJECT(PF_ERROR_ARGUMENT, e, c.x, NULL, y, tokens, n, k, PF_ACTIVATION_NONE);
  REJECT(PF_ERROR_ARGUMENT, e, c.x, (const char *)packed + 4, y, tokens, n, k, PF_ACTIVATION_NONE);
  REJECT(PF_ERROR_ARGUMENT, e, c.x, packed, NULL, tokens, n, k, PF_ACTIVATION_NONE);
  REJECT(PF_ERROR_ARGUMENT, e, c.x, packed, y, -1, n, k, PF_ACTIVATION_NONE);
  REJECT(PF_ERROR_ARGUMENT, e, c.x, packed, y, INT64_MAX, n, k, PF_ACTIVATION_NONE);
  REJECT(PF_ERROR_ARGUMENT, e, c.x, packed, y, tokens, 0, k, PF_ACTIVATION_NONE);
  REJECT(PF_ERROR_ARGUMENT, e, c.x, packed, y, tokens, n, 0, PF_ACTIVATION_NONE);
  REJECT(PF_ERROR_ARGUMENT, e, c.x, packed, y, tokens, INT64_MAX, k, PF_ACTIVATION_NONE);
  REJECT(PF_ERROR_ARGUMENT, e, c.x, packed, y, tokens, n, -6, PF_ACTIVATION_NONE);
  REJECT(PF_ERROR_ARGUMENT, e, c.x, packed, y, tokens, n, k, (pf_activation)(PF_ACTIVATION_TANH + 1));
  REJECT(PF_ERROR_ARGUMENT, e, c.x, packed, y, tokens, n, k, (pf_activation)-1);
  REJECT(PF_ERROR_PACKED_WEIGHTS, e, c.x, packed, y, tokens, n + 1, k, PF_ACTIVATION_NONE);
  REJECT(PF_ERROR_PACKED_WEIGHTS, e, c.x, packed, y, tokens, n, k - 1, PF_ACTIVATION_NONE);
  REJECT(PF_ERROR_PACKED_WEIGHTS, e, c.x, packed, y, tokens, k, n, PF_ACTIVATION_NONE);
  REJECT(PF_OK, e, NULL, packed, NULL, 0, n, k, PF_ACTIVATION_NONE);
#undef REJECT
  expect_untouched(y, tokens * n);
}

static void refuses_packed_weights_with_a_damaged_header(void) {
  const int64_t n = 10, k = 6;
  begin_case("-");
  if (tested_isa() == PF_ISA_CUDA) {
    EXPECT("there is no header: an engine knows what it packed");
    return;
  }
  pf_engine *e = tested_engine(1);
  const linear_case c = random_case(1, n, k, 1, 0, 0, PF_ACTIVATION_NONE);
  guard_begin(EXACT_END);
  unsigned char *packed = packed_weight(e, c.weight, n, k);
  float *y = guarded_output(n);
  /* Magic, instruction set, n and k. */
  for (int byte = 0; byte < 24; byte++) {
    packed[byte] ^= 0x10;
    EXPECT_STATUS(PF_ERROR_PACKED_WEIGHTS,
                  pf_linear(e, c.x, packed, NULL, NULL, y, 1, n, k, PF_ACTIVATION_NONE, NULL, 0));
    packed[byte] ^= 0x10;
  }
  expect_untouched(y, n);
  EXPECT_STATUS(PF_OK, pf_linear(e, c.x, packed, NULL, NULL, y, 1, n, k, PF_ACTIVATION_NONE, NULL, 0));
}

static void refuses_to_pack_bad_shapes(void) {
  begin_case("-");
  pf_engine *e = tested_engine(2);
  const float *weight = random_floats(60, 1);
  guard_begin(EXACT_END);
  float *packed = guarded_output(1024);
  float *aligned = (float *)(((uintptr_t)packed + PF_ALIGNMENT - 1) / PF_ALIGNMENT * PF_ALIGNMENT);
  int64_t bytes = -1;
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_packed_size(NULL, 10, 6, PF_PRECISION_FP32, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_packed_size(e, 10, 6, PF_PRECISION_FP32, NULL));
  static const int64_t wrong[] = {0, -1, INT64_MIN, PF_MAX_DIMENSION + INT64_C(1), INT64_MAX};
  for (int i = 0; i < COUNT(wrong); i++) {
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_packed_size(e, wrong[i], 6, PF_PRECISION_FP32, &bytes));
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_packed_size(e, 10, wrong[i], PF_PRECISION_FP32, &bytes));
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_pack(e, weight, PF_DTYPE_FP32, aligned, wrong[i], 6, PF_PRECISION_FP32));
    EXPECT_STATUS(PF_ERROR_ARGUMENT,
                  pf_linear_pack(e, weight, PF_DTYPE_FP32, aligned, 10, wrong[i], PF_PRECISION_FP32));
  }
  /* Each in range, the product of bytes beyond 63 bits. */
  EXPECT_STATUS(PF_ERROR_ARGUMENT,
                pf_linear_packed_size(e, PF_MAX_DIMENSION, PF_MAX_DIMENSION, PF_PRECISION_FP32, &bytes));
  EXPECT(bytes == -1);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_pack(NULL, weight, PF_DTYPE_FP32, aligned, 10, 6, PF_PRECISION_FP32));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_pack(e, NULL, PF_DTYPE_FP32, aligned, 10, 6, PF_PRECISION_FP32));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_pack(e, weight, PF_DTYPE_FP32, NULL, 10, 6, PF_PRECISION_FP32));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linear_pack(e, weight, PF_DTYPE_FP32, aligned + 1, 10, 6, PF_PRECISION_FP32));
  expect_untouched(packed, 1024);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(matches_reference_with_every_epilogue),
      TEST(matches_reference_at_any_magnitude),
      TEST(matches_reference_at_the_sizes_of_models),
      TEST(does_not_depend_on_the_batch),
      TEST(keeps_nan_and_infinity_in_their_rows),
      TEST(adds_its_residual_in_place),
      TEST(refuses_bad_arguments),
      TEST(refuses_packed_weights_with_a_damaged_header),
      TEST(refuses_to_pack_bad_shapes),
  };
  return run_tests(tests, COUNT(tests));
}
