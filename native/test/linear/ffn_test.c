#include <math.h>
#include <string.h>

#include "guard.h"
#include "linear/linear_reference.h"
#include "test.h"

typedef struct {
  const float *x, *gate, *gate_bias, *up, *up_bias, *down, *down_bias, *residual;
  int64_t tokens, hidden, intermediate;
  pf_activation activation;
} ffn_case;

static void *packed_weight(pf_engine *engine, const float *weight, int64_t n, int64_t k) {
  int64_t bytes = 0;
  EXPECT_STATUS(PF_OK, pf_linear_packed_size(engine, n, k, PF_PRECISION_FP32, &bytes));
  void *packed = guarded_aligned(bytes);
  EXPECT_STATUS(PF_OK, pf_linear_pack(engine, weight, PF_DTYPE_FP32, packed, n, k, PF_PRECISION_FP32));
  return packed;
}

/* The call's parameters with everything behind guards; x stands for itself where it is the residual too. */
static pf_ffn_params guarded_params(pf_engine *engine, const ffn_case *c) {
  const int64_t hidden = c->hidden, intermediate = c->intermediate, count = c->tokens * hidden;
  pf_ffn_params p = {.x = guarded_copy(c->x, count),
                     .gate = c->gate ? packed_weight(engine, c->gate, intermediate, hidden) : NULL,
                     .gate_bias = guarded_copy(c->gate_bias, intermediate),
                     .up = packed_weight(engine, c->up, intermediate, hidden),
                     .up_bias = guarded_copy(c->up_bias, intermediate),
                     .down = packed_weight(engine, c->down, hidden, intermediate),
                     .down_bias = guarded_copy(c->down_bias, hidden),
                     .y = guarded_output(count),
                     .tokens = c->tokens,
                     .hidden = hidden,
                     .intermediate = intermediate,
                     .activation = c->activation};
  p.residual = c->residual == c->x ? p.x : guarded_copy(c->residual, count);
  EXPECT_STATUS(PF_OK, pf_ffn_workspace_size(engine, c->tokens, hidden, intermediate, &p.workspace_bytes));
  p.workspace = guarded_aligned(p.workspace_bytes);
  return p;
}

static const float *check(const ffn_case *c) {
  const int64_t count = c->tokens * c->hidden;
  double *expected = case_doubles(count), *bound = case_doubles(count);
  reference_ffn(c->x, c->gate, c->gate_bias, c->up, c->up_bias, c->down, c->down_bias, c->residual, expected, bound,
                c->tokens, c->hidden, c->intermediate, c->activation);
  float *first = case_floats(count);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    pf_engine *engine = tested_engine(threads);
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    const pf_ffn_params p = guarded_params(engine, c);
    EXPECT_STATUS(PF_OK, pf_ffn(engine, &p));
    guard_check();
    expect_result(threads, p.y, expected, bound, first, count);
  }
  return first;
}

typedef enum { NO_RESIDUAL, OWN_RESIDUAL, RESIDUAL_IS_X } residual_form;

static ffn_case random_case(int64_t tokens, int64_t hidden, int64_t intermediate, float scale, int bias,
                            residual_form residual, pf_activation activation) {
  ffn_case c = {.x = random_floats(tokens * hidden, scale),
                .up = random_floats(intermediate * hidden, 0.5f),
                .up_bias = bias ? random_floats(intermediate, scale) : NULL,
                .down = random_floats(hidden * intermediate, 0.5f),
                .down_bias = bias ? random_floats(hidden, scale) : NULL,
                .tokens = tokens,
                .hidden = hidden,
                .intermediate = intermediate,
                .activation = activation};
  if (residual == OWN_RESIDUAL) c.residual = random_floats(tokens * hidden, scale);
  if (residual == RESIDUAL_IS_X) c.residual = c.x;
  return c;
}

static void check_random(int64_t tokens, int64_t hidden, int64_t intermediate, float scale, int bias,
                         residual_form residual, pf_activation activation) {
  if (!begin_case("tokens=%d hidden=%d intermediate=%d scale=%g bias=%d residual=%d activation=%d", (int)tokens,
                  (int)hidden, (int)intermediate, (double)scale, bias, (int)residual, (int)activation))
    return;
  const ffn_case c = random_case(tokens, hidden, intermediate, scale, bias, residual, activation);
  check(&c);
}

static void matches_reference(void) {
  static const int64_t tokens[] = {1, 7, 17, 33};
  for (int i = 0; i < odd_size_count; i++) {
    const int64_t size = odd_sizes[i], other = odd_sizes[(i * 5 + 2) % odd_size_count];
    for (int t = 0; t < COUNT(tokens); t++) {
      check_random(tokens[t], size, other, 1, t & 1, (residual_form)(t % 3), PF_ACTIVATION_GELU_ERF);
    }
  }
  for (pf_activation a = PF_ACTIVATION_NONE; a <= PF_ACTIVATION_TANH; a++) {
    for (residual_form residual = NO_RESIDUAL; residual <= RESIDUAL_IS_X; residual++) {
      check_random(19, 48, 100, 1, 1, residual, a);
    }
  }
  check_random(17, 65, 96, 1e4f, 1, RESIDUAL_IS_X, PF_ACTIVATION_RELU);
  check_random(17, 65, 96, 1e4f, 1, OWN_RESIDUAL, PF_ACTIVATION_GELU_TANH);
  check_random(17, 65, 96, 1e-4f, 1, NO_RESIDUAL, PF_ACTIVATION_GELU_ERF);
}

static void add_gate(ffn_case *c, int bias) {
  c->gate = random_floats(c->intermediate * c->hidden, 0.5f);
  c->gate_bias = bias ? random_floats(c->intermediate, 1) : NULL;
}

static void matches_reference_with_a_gate(void) {
  static const pf_activation activations[] = {PF_ACTIVATION_SILU, PF_ACTIVATION_GELU_TANH, PF_ACTIVATION_NONE};
  static const int64_t tokens[] = {1, 7, 17, 65};
  for (int i = 0; i < odd_size_count; i++) {
    for (int t = 0; t < COUNT(tokens); t++) {
      const int64_t hidden = odd_sizes[i], intermediate = odd_sizes[(i * 7 + 4) % odd_size_count];
      if (!begin_case("tokens=%d hidden=%d intermediate=%d", (int)tokens[t], (int)hidden, (int)intermediate)) continue;
      ffn_case c = random_case(tokens[t], hidden, intermediate, 1, t & 1, (residual_form)(t % 3), activations[i % 3]);
      add_gate(&c, t & 1);
      check(&c);
    }
  }
  begin_case("several chunks");
  ffn_case c = random_case(150, 33, 3072, 1, 0, RESIDUAL_IS_X, PF_ACTIVATION_SILU);
  add_gate(&c, 0);
  const float *y = check(&c);
  for (int64_t row = 0; row < 150; row += 37) {
    ffn_case alone = c;
    alone.x = alone.residual = c.x + row * 33;
    alone.tokens = 1;
    guard_begin(EXACT_END);
    const pf_ffn_params p = guarded_params(tested_engine(2), &alone);
    EXPECT_STATUS(PF_OK, pf_ffn(tested_engine(2), &p));
    expect_same_bits(p.y, y + row * 33, 33);
  }
}

/* Intermediate values beyond what a chunk holds, so that there are several chunks. */
static void matches_reference_over_several_chunks(void) {
  check_random(150, 33, 3072, 1, 1, RESIDUAL_IS_X, PF_ACTIVATION_GELU_ERF);
  check_random(40, 17, 20001, 1, 1, OWN_RESIDUAL, PF_ACTIVATION_GELU_ERF);
  check_random(700, 16, 600, 1, 0, NO_RESIDUAL, PF_ACTIVATION_SILU);
}

static void does_not_depend_on_the_batch(void) {
  static const struct {
    int64_t tokens, hidden, intermediate;
  } shapes[] = {{50, 96, 192}, {150, 33, 3072}};
  for (int s = 0; s < COUNT(shapes); s++) {
    const int64_t tokens = shapes[s].tokens, hidden = shapes[s].hidden;
    begin_case("tokens=%d hidden=%d", (int)tokens, (int)hidden);
    const ffn_case c = random_case(tokens, hidden, shapes[s].intermediate, 1, 1, OWN_RESIDUAL, PF_ACTIVATION_GELU_ERF);
    const float *y = check(&c);
    for (int64_t begin = 0, rows = 1; begin + rows <= tokens; begin += rows, rows = rows * 3 % 17 + 1) {
      ffn_case part = c;
      part.x += begin * hidden;
      part.residual += begin * hidden;
      part.tokens = rows;
      guard_begin(EXACT_END);
      const pf_ffn_params p = guarded_params(tested_engine(1), &part);
      EXPECT_STATUS(PF_OK, pf_ffn(tested_engine(1), &p));
      expect_same_bits(p.y, y + begin * hidden, rows * hidden);
    }
  }
}

static void adds_its_residual_in_place(void) {
  begin_case("-");
  const ffn_case c = random_case(37, 49, 95, 1, 1, OWN_RESIDUAL, PF_ACTIVATION_GELU_ERF);
  const float *expected = check(&c);
  guard_begin(EXACT_END);
  pf_ffn_params p = guarded_params(tested_engine(2), &c);
  p.residual = p.y;
  memcpy(p.y, c.residual, (size_t)(37 * 49) * sizeof *p.y);
  EXPECT_STATUS(PF_OK, pf_ffn(tested_engine(2), &p));
  expect_same_bits(p.y, expected, 37 * 49);
}

static void keeps_nan_in_its_row(void) {
  begin_case("-");
  ffn_case c = random_case(19, 33, 65, 1, 1, RESIDUAL_IS_X, PF_ACTIVATION_GELU_ERF);
  float *x = case_floats(19 * 33);
  memcpy(x, c.x, (size_t)(19 * 33) * sizeof *x);
  x[7 * 33 + 5] = NAN;
  c.x = c.residual = x;
  check(&c);
}

#define REJECT(status, change)                                                                                         \
  do {                                                                                                                 \
    pf_ffn_params p = valid;                                                                                           \
    change;                                                                                                            \
    EXPECT_STATUS(status, pf_ffn(engine, &p));                                                                         \
    expect_untouched(valid.y, 3 * 10);                                                                                 \
  } while (0)

static void refuses_bad_arguments(void) {
  begin_case("-");
  pf_engine *engine = tested_engine(2);
  ffn_case c = random_case(3, 10, 24, 1, 1, OWN_RESIDUAL, PF_ACTIVATION_RELU);
  add_gate(&c, 1);
  guard_begin(EXACT_END);
  const pf_ffn_params valid = guarded_params(engine, &c);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_ffn(NULL, &valid));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_ffn(engine, NULL));
  REJECT(PF_ERROR_ARGUMENT, p.x = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.gate = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.gate = (const char *)valid.gate + 4);
  REJECT(PF_ERROR_PACKED_WEIGHTS, p.gate = valid.down);
  REJECT(PF_ERROR_ARGUMENT, p.up = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.down = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.y = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.tokens = -1);
  REJECT(PF_ERROR_ARGUMENT, p.tokens = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.hidden = 0);
  REJECT(PF_ERROR_ARGUMENT, p.hidden = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.intermediate = 0);
  REJECT(PF_ERROR_ARGUMENT, p.intermediate = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.activation = (pf_activation)(PF_ACTIVATION_TANH + 1));
  REJECT(PF_ERROR_ARGUMENT, p.activation = (pf_activation)-1);
  REJECT(PF_ERROR_PACKED_WEIGHTS, p.hidden = 11);
  REJECT(PF_ERROR_PACKED_WEIGHTS, p.intermediate = 23);
  REJECT(PF_ERROR_PACKED_WEIGHTS, p.up = valid.down);
  REJECT(PF_ERROR_PACKED_WEIGHTS, p.down = valid.up);
  REJECT(PF_ERROR_WORKSPACE, p.workspace = NULL);
  REJECT(PF_ERROR_WORKSPACE, p.workspace = (char *)valid.workspace + 4);
  REJECT(PF_ERROR_WORKSPACE, p.workspace_bytes--);
  REJECT(PF_ERROR_WORKSPACE, p.workspace_bytes = -1);
  REJECT(PF_OK, p.tokens = 0; p.x = NULL; p.y = NULL; p.workspace = NULL; p.workspace_bytes = 0);

  int64_t bytes = -1;
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_ffn_workspace_size(NULL, 3, 8, 24, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_ffn_workspace_size(engine, 3, 8, 24, NULL));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_ffn_workspace_size(engine, -1, 8, 24, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_ffn_workspace_size(engine, INT64_MAX, 8, 24, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_ffn_workspace_size(engine, 3, 8, 0, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_ffn_workspace_size(engine, 3, 8, INT64_MAX, &bytes));
  EXPECT(bytes == -1);
}

static void bounds_its_workspace(void) {
  begin_case("-");
  int64_t some = 0, most = 0;
  EXPECT_STATUS(PF_OK, pf_ffn_workspace_size(tested_engine(1), 4096, 8, 3072, &some));
  EXPECT_STATUS(PF_OK, pf_ffn_workspace_size(tested_engine(1), PF_MAX_DIMENSION, 8, 3072, &most));
  /* A GPU needs more rows to be busy. */
  EXPECT(most == some && most <= (tested_isa() == PF_ISA_CUDA ? 32 : 8) << 20);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(matches_reference_with_a_gate),
      TEST(matches_reference_over_several_chunks),
      TEST(does_not_depend_on_the_batch),
      TEST(adds_its_residual_in_place),
      TEST(keeps_nan_in_its_row),
      TEST(refuses_bad_arguments),
      TEST(bounds_its_workspace),
  };
  return run_tests(tests, COUNT(tests));
}
