#include <math.h>
#include <string.h>

#include "decoding/decoding_reference.h"
#include "guard.h"
#include "test.h"

#define POSITIONS 57

/* A case in case memory; x is what goes in. */
typedef struct {
  pf_rope_params params;
  int64_t x_floats;
} rope_case;

typedef enum { TOKEN_MAJOR, HEAD_MAJOR, PACKED_QKV } layout;

static rope_case random_case(int64_t tokens, int64_t heads, int64_t rotary_dim, int64_t head_dim, layout l,
                             float magnitude) {
  rope_case c = {.params = {.tokens = tokens, .heads = heads, .rotary_dim = rotary_dim, .positions = POSITIONS}};
  pf_rope_params *p = &c.params;
  p->head_stride = l == HEAD_MAJOR ? tokens * head_dim : head_dim;
  /* Packed: values behind what is rotated stay as they are. */
  p->token_stride = l == HEAD_MAJOR ? head_dim : (l == PACKED_QKV ? heads + 2 : heads) * head_dim;
  c.x_floats = tokens * heads * head_dim;
  if (l == PACKED_QKV) c.x_floats = tokens * p->token_stride;
  p->x = random_floats(c.x_floats, magnitude);
  p->cos = random_floats(POSITIONS * rotary_dim / 2, 1);
  p->sin = random_floats(POSITIONS * rotary_dim / 2, 1);
  const float *uniform = random_floats(tokens, 1);
  int32_t *ids = case_memory((size_t)tokens * sizeof *ids);
  for (int64_t t = 0; t < tokens; t++) ids[t] = (int32_t)((uniform[t] + 1) * 0.5f * POSITIONS);
  /* The ends of the tables lie against the guards. */
  if (tokens > 0) ids[0] = POSITIONS - 1;
  if (tokens > 1) ids[1] = 0;
  p->position_ids = ids;
  return c;
}

static const float *check(const rope_case *c) {
  const pf_rope_params *from = &c->params;
  double *expected = case_doubles(c->x_floats), *bound = case_doubles(c->x_floats);
  for (int64_t i = 0; i < c->x_floats; i++) {
    expected[i] = from->x[i];
    bound[i] = 0;
  }
  reference_rope(from, expected, bound);
  float *first = case_floats(c->x_floats);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    pf_rope_params p = *from;
    p.x = guarded_copy(from->x, c->x_floats);
    p.cos = guarded_copy(from->cos, POSITIONS * p.rotary_dim / 2);
    p.sin = guarded_copy(from->sin, POSITIONS * p.rotary_dim / 2);
    p.position_ids = guarded_ids(from->position_ids, p.tokens);
    EXPECT_STATUS(PF_OK, pf_rope(tested_engine(threads), &p));
    guard_check();
    expect_result(threads, p.x, expected, bound, first, c->x_floats);
  }
  return first;
}

static void matches_reference(void) {
  static const int64_t tokens[] = {1, 7, 65}, heads[] = {1, 3},
                       rotary_dims[] = {2, 14, 30, 32, 34, 64, 80, 96, 128, 256};
  for (int t = 0; t < COUNT(tokens); t++) {
    for (int h = 0; h < COUNT(heads); h++) {
      for (int d = 0; d < COUNT(rotary_dims); d++) {
        for (layout l = TOKEN_MAJOR; l <= PACKED_QKV; l++) {
          if (!begin_case("tokens=%d heads=%d rotary_dim=%d layout=%d", (int)tokens[t], (int)heads[h],
                          (int)rotary_dims[d], (int)l))
            continue;
          /* Every other time only a part of the head turns. */
          const rope_case c = random_case(tokens[t], heads[h], rotary_dims[d], rotary_dims[d] + 7 * (d % 2), l, 3);
          check(&c);
        }
      }
    }
  }
}

static void matches_reference_at_any_magnitude(void) {
  static const float magnitudes[] = {1e30f, 1e4f, 1e-4f, 1e-30f};
  for (int m = 0; m < COUNT(magnitudes); m++) {
    begin_case("magnitude=%g", (double)magnitudes[m]);
    const rope_case c = random_case(17, 3, 64, 64, TOKEN_MAJOR, magnitudes[m]);
    check(&c);
  }
}

static void does_not_depend_on_the_batch(void) {
  begin_case("-");
  const rope_case c = random_case(300, 5, 80, 80, PACKED_QKV, 1);
  const float *x = check(&c);
  for (int64_t t = 0; t < 300; t += 41) {
    pf_rope_params p = c.params;
    const int64_t row = p.token_stride;
    p.x = memcpy(case_floats(row), p.x + t * row, (size_t)row * sizeof(float));
    p.position_ids += t;
    p.tokens = 1;
    EXPECT_STATUS(PF_OK, pf_rope(tested_engine(2), &p));
    expect_same_bits(p.x, x + t * row, row);
  }
}

#define REJECT(status, change)                                                                                         \
  do {                                                                                                                 \
    pf_rope_params p = valid;                                                                                          \
    change;                                                                                                            \
    EXPECT_STATUS(status, pf_rope(engine, &p));                                                                        \
    expect_untouched(valid.x, c.x_floats);                                                                             \
  } while (0)

static void refuses_bad_arguments(void) {
  begin_case("-");
  pf_engine *engine = tested_engine(2);
  const rope_case c = random_case(5, 3, 16, 16, TOKEN_MAJOR, 1);
  pf_rope_params valid = c.params;
  guard_begin(EXACT_END);
  valid.x = guarded_output(c.x_floats);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_rope(NULL, &valid));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_rope(engine, NULL));
  REJECT(PF_ERROR_ARGUMENT, p.x = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.cos = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.sin = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.position_ids = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.tokens = -1);
  REJECT(PF_ERROR_ARGUMENT, p.tokens = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.heads = 0);
  REJECT(PF_ERROR_ARGUMENT, p.heads = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.positions = 0);
  REJECT(PF_ERROR_ARGUMENT, p.positions = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.rotary_dim = 0);
  REJECT(PF_ERROR_ARGUMENT, p.rotary_dim = -16);
  REJECT(PF_ERROR_ARGUMENT, p.rotary_dim = 15);
  REJECT(PF_ERROR_ARGUMENT, p.rotary_dim = PF_MAX_HEAD_DIM + 2);
  REJECT(PF_ERROR_ARGUMENT, p.token_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.head_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.token_stride = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.head_stride = INT64_MAX);
  /* Heads or tokens on top of each other. */
  REJECT(PF_ERROR_ARGUMENT, p.head_stride = 15);
  REJECT(PF_ERROR_ARGUMENT, p.token_stride = 47);
  REJECT(PF_ERROR_ARGUMENT, p.token_stride = 0);
  REJECT(PF_ERROR_ARGUMENT, p.token_stride = 16; p.head_stride = 79);
  static const int32_t wrong[] = {-1, INT32_MIN, POSITIONS, INT32_MAX};
  for (int i = 0; i < COUNT(wrong); i++) {
    const int32_t ids[] = {0, 1, 2, 3, wrong[i]};
    REJECT(PF_ERROR_INDEX, p.position_ids = ids);
  }
  REJECT(PF_OK, p.tokens = 0; p.x = NULL; p.position_ids = NULL);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(matches_reference_at_any_magnitude),
      TEST(does_not_depend_on_the_batch),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
