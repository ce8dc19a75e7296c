#include "attention/attention_case.h"
#include "attention/attention_reference.h"

/* How q, k, v and y lie in memory. */
typedef enum {
  TOKEN_MAJOR, /* [tokens, heads, head_dim] each */
  HEAD_MAJOR,  /* [heads, tokens, head_dim] each, y with a gap behind each row */
  PACKED_QKV   /* q, k and v in one [tokens, heads + 2 kv_heads, head_dim] */
} layout;

/* Which dimensions the bias has; it is broadcast over the others. */
enum { NO_BIAS = 0, BIAS = 1, BIAS_BY_SEQUENCE = 2, BIAS_BY_HEAD = 4, BIAS_BY_QUERY = 8 };

typedef struct {
  const int32_t *q_lengths, *kv_lengths; /* kv_lengths NULL: those of q */
  int64_t sequences, heads, kv_heads, head_dim;
  layout layout;
  int bias; /* a sum of the above */
  int causal;
  float scale;
} shape;

/* The parameters of a case and the extents of its buffers, which lie in case memory. */
typedef struct {
  pf_attention_params params;
  qkv_extents extents;
  int64_t bias_floats;
} attention_case;

static void add_bias(attention_case *c, const shape *s) {
  pf_attention_params *p = &c->params;
  int64_t queries = 1, keys = 1;
  for (int64_t i = 0; i < p->sequences; i++) {
    const int64_t q_length = p->cu_seqlens_q[i + 1] - p->cu_seqlens_q[i];
    const int64_t kv_length = p->cu_seqlens_kv[i + 1] - p->cu_seqlens_kv[i];
    if (q_length > queries) queries = q_length;
    if (kv_length > keys) keys = kv_length;
  }
  int64_t stride = keys;
  if (s->bias & BIAS_BY_QUERY) {
    p->bias_query_stride = stride;
    stride *= queries;
  }
  if (s->bias & BIAS_BY_HEAD) {
    p->bias_head_stride = stride;
    stride *= p->heads;
  }
  if (s->bias & BIAS_BY_SEQUENCE) p->bias_sequence_stride = stride;
  /* No longer than what may be read, so that the guard is where the last key ends. */
  for (int64_t i = 0; i < p->sequences; i++) {
    const int64_t q_length = p->cu_seqlens_q[i + 1] - p->cu_seqlens_q[i];
    const int64_t kv_length = p->cu_seqlens_kv[i + 1] - p->cu_seqlens_kv[i];
    if (q_length == 0) continue;
    const int64_t end = i * p->bias_sequence_stride + (p->heads - 1) * p->bias_head_stride +
                        (q_length - 1) * p->bias_query_stride + kv_length;
    if (end > c->bias_floats) c->bias_floats = end;
  }
  float *bias = random_floats(c->bias_floats, 2);
  /* Every fifth key masked. */
  for (int64_t i = 3; i < c->bias_floats; i += 5) bias[i] = -INFINITY;
  p->bias = bias;
}

static attention_case random_case(const shape *s, float magnitude) {
  attention_case c = {.extents.packed = s->layout == PACKED_QKV};
  pf_attention_params *p = &c.params;
  p->sequences = s->sequences;
  p->heads = s->heads;
  p->kv_heads = s->kv_heads;
  p->head_dim = s->head_dim;
  p->scale = s->scale;
  p->causal = s->causal;
  p->cu_seqlens_q = cumulative(s->q_lengths, s->sequences);
  p->cu_seqlens_kv = s->kv_lengths ? cumulative(s->kv_lengths, s->sequences) : p->cu_seqlens_q;
  p->q_tokens = p->cu_seqlens_q[s->sequences];
  p->kv_tokens = p->cu_seqlens_kv[s->sequences];
  const int64_t d = s->head_dim;
  p->q_head_stride = p->kv_head_stride = p->y_head_stride = d;
  p->q_token_stride = p->y_token_stride = s->heads * d;
  p->kv_token_stride = s->kv_heads * d;
  c.extents.q_floats = c.extents.y_floats = p->q_tokens * s->heads * d;
  c.extents.kv_floats = p->kv_tokens * s->kv_heads * d;
  if (s->layout == HEAD_MAJOR) {
    p->q_token_stride = p->kv_token_stride = d;
    p->q_head_stride = p->q_tokens * d;
    p->kv_head_stride = p->kv_tokens * d;
    p->y_token_stride = d + 3;
    p->y_head_stride = p->q_tokens * (d + 3);
    c.extents.y_floats = p->q_tokens * s->heads * (d + 3);
  }
  if (s->layout == PACKED_QKV) {
    p->q_token_stride = p->kv_token_stride = (s->heads + 2 * s->kv_heads) * d;
    c.extents.q_floats = c.extents.kv_floats = p->q_tokens * p->q_token_stride;
  }
  DRAW_QKV(p, &c.extents, s->heads * d, (s->heads + s->kv_heads) * d, magnitude);
  if (s->bias) add_bias(&c, s);
  return c;
}

/* The same call with everything behind guards and a workspace of exactly its size. */
static pf_attention_params guarded_params(const attention_case *c, pf_engine *engine) {
  const pf_attention_params *from = &c->params;
  pf_attention_params p = *from;
  GUARD_QKV(&p, from, &c->extents);
  p.bias = guarded_copy(from->bias, c->bias_floats);
  p.cu_seqlens_q = guarded_ids(from->cu_seqlens_q, p.sequences + 1);
  p.cu_seqlens_kv = guarded_ids(from->cu_seqlens_kv, p.sequences + 1);
  EXPECT_STATUS(PF_OK, pf_attention_workspace_size(engine, p.head_dim, &p.workspace_bytes));
  p.workspace = guarded_aligned(p.workspace_bytes);
  return p;
}

DEFINE_CHECK(attention, attention_case)

static float usual_scale(int64_t head_dim) { return 1 / sqrtf((float)head_dim); }

static const int64_t head_dims[] = {1, 7, 32, 40, 64, 80, 128, 256};

static void matches_reference(void) {
  static const int32_t lengths[] = {17, 1, 0, 33, 5};
  for (int d = 0; d < COUNT(head_dims); d++) {
    for (layout l = TOKEN_MAJOR; l <= PACKED_QKV; l++) {
      for (int causal = 0; causal < 2; causal++) {
        for (int bias = 0; bias < 2; bias++) {
          if (!begin_case("head_dim=%d layout=%d causal=%d bias=%d", (int)head_dims[d], (int)l, causal, bias)) continue;
          const shape s = {.q_lengths = lengths,
                           .sequences = COUNT(lengths),
                           .heads = 3,
                           .kv_heads = 3,
                           .head_dim = head_dims[d],
                           .layout = l,
                           .bias = bias ? BIAS | BIAS_BY_QUERY | BIAS_BY_HEAD : NO_BIAS,
                           .causal = causal,
                           .scale = usual_scale(head_dims[d])};
          const attention_case c = random_case(&s, 1);
          check(&c);
        }
      }
    }
  }
}

/* Across the edges of all tiles. */
static void matches_reference_at_every_length(void) {
  for (int32_t length = 1; length <= 300; length += length < 70 || (length > 120 && length < 136) ? 1 : 9) {
    const int32_t q_lengths[] = {length, 3}, kv_lengths[] = {3, length};
    for (int form = 0; form < 3; form++) {
      /* Sequences of this length against themselves, many queries and few keys, few queries and many keys. */
      if (!begin_case("length=%d form=%d", (int)length, form)) continue;
      const shape s = {.q_lengths = q_lengths,
                       .kv_lengths = form == 0 ? NULL : kv_lengths,
                       .sequences = 2,
                       .heads = 2,
                       .kv_heads = 1,
                       .head_dim = 16,
                       .causal = form == 2 || length % 2,
                       .bias = length % 3 == 0 ? BIAS | BIAS_BY_QUERY : NO_BIAS,
                       .scale = 0.7f};
      const attention_case c = random_case(&s, 1);
      check(&c);
    }
  }
}

static void broadcasts_its_bias(void) {
  static const int32_t q_lengths[] = {19, 0, 40, 1}, kv_lengths[] = {35, 4, 40, 130};
  for (int dimensions = 0; dimensions < 8; dimensions++) {
    for (int causal = 0; causal < 2; causal++) {
      if (!begin_case("dimensions=%d causal=%d", dimensions, causal)) continue;
      const shape s = {.q_lengths = q_lengths,
                       .kv_lengths = kv_lengths,
                       .sequences = COUNT(q_lengths),
                       .heads = 4,
                       .kv_heads = 2,
                       .head_dim = 24,
                       .bias = BIAS | dimensions * BIAS_BY_SEQUENCE,
                       .causal = causal,
                       .scale = usual_scale(24)};
      const attention_case c = random_case(&s, 1);
      check(&c);
    }
  }
}

/* One table for all pairs of the same distance, read against the direction of the queries. */
static void takes_a_bias_by_distance(void) {
  static const int32_t lengths[] = {1, 17, 0, 63, 300};
  begin_case("one");
  const shape s = {.q_lengths = lengths,
                   .kv_lengths = lengths,
                   .sequences = COUNT(lengths),
                   .heads = 3,
                   .kv_heads = 3,
                   .head_dim = 24,
                   .scale = 1};
  attention_case c = random_case(&s, 1);
  const int64_t longest = 300, table = 2 * longest - 1;
  const float *distances = random_floats(3 * table, 4);
  c.bias_floats = 3 * longest * longest;
  float *bias = case_floats(c.bias_floats);
  for (int64_t h = 0; h < 3; h++)
    for (int64_t i = 0; i < longest; i++)
      memcpy(bias + (h * longest + i) * longest, distances + h * table + longest - 1 - i,
             (size_t)longest * sizeof *bias);
  c.params.bias = bias;
  c.params.bias_head_stride = longest * longest;
  c.params.bias_query_stride = longest;
  const float *expected = check(&c);
  guard_begin(EXACT_END);
  attention_case by_distance = c;
  by_distance.params.bias = distances;
  by_distance.bias_floats = 3 * table;
  pf_attention_params p = guarded_params(&by_distance, tested_engine(2));
  p.bias += longest - 1;
  p.bias_head_stride = table;
  p.bias_query_stride = -1;
  EXPECT_STATUS(PF_OK, pf_attention(tested_engine(2), &p));
  guard_check();
  expect_same_bits(p.y, expected, c.extents.y_floats);
}

static void shares_key_heads(void) {
  static const int32_t q_lengths[] = {7, 21}, kv_lengths[] = {50, 21};
  static const int64_t heads[][2] = {{1, 1}, {8, 1}, {8, 2}, {6, 3}, {12, 12}};
  for (int h = 0; h < COUNT(heads); h++) {
    for (layout l = TOKEN_MAJOR; l <= PACKED_QKV; l++) {
      if (!begin_case("heads=%d kv_heads=%d layout=%d", (int)heads[h][0], (int)heads[h][1], (int)l)) continue;
      const shape s = {.q_lengths = q_lengths,
                       .kv_lengths = l == PACKED_QKV ? NULL : kv_lengths,
                       .sequences = 2,
                       .heads = heads[h][0],
                       .kv_heads = heads[h][1],
                       .head_dim = 32,
                       .layout = l,
                       .scale = usual_scale(32)};
      const attention_case c = random_case(&s, 1);
      check(&c);
    }
  }
}

/* Causal with fewer keys than queries, no keys at all, and masks that leave none. */
static void gives_zeros_to_queries_that_see_no_key(void) {
  static const int32_t q_lengths[] = {40, 5, 1, 20}, kv_lengths[] = {3, 0, 1, 150};
  for (int causal = 0; causal < 2; causal++) {
    begin_case("causal=%d", causal);
    const shape s = {.q_lengths = q_lengths,
                     .kv_lengths = kv_lengths,
                     .sequences = COUNT(q_lengths),
                     .heads = 2,
                     .kv_heads = 2,
                     .head_dim = 33,
                     .causal = causal,
                     .scale = usual_scale(33)};
    attention_case c = random_case(&s, 1);
    const float *y = check(&c);
    const int64_t row = 2 * 33;
    if (causal)
      for (int64_t i = 0; i < 37 * row; i++) EXPECT(y[i] == 0);
    for (int64_t i = 40 * row; i < 45 * row; i++) EXPECT(y[i] == 0);

    shape masked = s;
    masked.bias = BIAS | BIAS_BY_QUERY;
    c = random_case(&masked, 1);
    float *bias = case_floats(c.bias_floats);
    for (int64_t i = 0; i < c.bias_floats; i++) {
      /* Queries 0, 3, 6, ... see nothing; the others nothing of their first 140 keys, which is a whole tile. */
      const int64_t query = i / c.params.bias_query_stride, key = i % c.params.bias_query_stride;
      bias[i] = query % 3 == 0 || key < 140 ? -INFINITY : 0.5f;
    }
    c.params.bias = bias;
    check(&c);
  }
}

/* Scores around +-10^4, whose exponentials are far out of range, in an order in which the maximum keeps rising. */
static void is_stable_for_large_scores(void) {
  static const int32_t lengths[] = {45, 200};
  for (int form = 0; form < 4; form++) {
    begin_case("form=%d", form);
    const shape s = {.q_lengths = lengths,
                     .sequences = 2,
                     .heads = 2,
                     .kv_heads = 2,
                     .head_dim = 8,
                     .causal = form & 1,
                     .scale = usual_scale(8)};
    attention_case c = random_case(&s, form & 2 ? 100 : 1);
    float *k = case_floats(c.extents.kv_floats);
    for (int64_t i = 0; i < c.extents.kv_floats; i++) {
      const int64_t token = i / c.params.kv_token_stride;
      k[i] = c.params.k[i] * (form & 2 ? 40 : (float)(token * token) / 10);
    }
    c.params.k = k;
    check(&c);
  }
}

/* The masks that checkpoints use instead of -inf. */
static void survives_the_lowest_float_as_a_mask(void) {
  static const int32_t lengths[] = {5, 150};
  begin_case("-");
  const shape s = {.q_lengths = lengths,
                   .sequences = 2,
                   .heads = 2,
                   .kv_heads = 2,
                   .head_dim = 16,
                   .bias = BIAS | BIAS_BY_QUERY,
                   .scale = usual_scale(16)};
  attention_case c = random_case(&s, 1);
  float *bias = case_floats(c.bias_floats), *absent = case_floats(c.bias_floats);
  for (int64_t i = 0; i < c.bias_floats; i++) {
    const int masked = i % c.params.bias_query_stride % 4 != 0;
    bias[i] = masked ? -3.4028234e38f : 0;
    absent[i] = masked ? -INFINITY : 0;
  }
  attention_case other = c;
  c.params.bias = absent;
  const float *expected = check(&c);
  other.params.bias = bias;
  guard_begin(EXACT_END);
  const pf_attention_params p = guarded_params(&other, tested_engine(1));
  EXPECT_STATUS(PF_OK, pf_attention(tested_engine(1), &p));
  expect_same_bits(p.y, expected, c.extents.y_floats);
}

static void does_not_depend_on_the_batch(void) {
  static const int32_t q_lengths[] = {1, 140, 17, 0, 300, 16}, kv_lengths[] = {5, 140, 40, 9, 300, 1};
  for (int form = 0; form < 4; form++) {
    begin_case("form=%d", form);
    const shape s = {.q_lengths = q_lengths,
                     .kv_lengths = kv_lengths,
                     .sequences = COUNT(q_lengths),
                     .heads = 4,
                     .kv_heads = 2,
                     .head_dim = 32,
                     .bias = form & 2 ? BIAS | BIAS_BY_SEQUENCE | BIAS_BY_QUERY : NO_BIAS,
                     .causal = form & 1,
                     .scale = usual_scale(32)};
    const attention_case c = random_case(&s, 1);
    const float *y = check(&c);
    for (int64_t i = 0; i < s.sequences; i++) {
      attention_case alone = c;
      const shape one = {.q_lengths = &q_lengths[i], .kv_lengths = &kv_lengths[i], .sequences = 1};
      pf_attention_params *p = &alone.params;
      p->q += c.params.cu_seqlens_q[i] * p->q_token_stride;
      p->k += c.params.cu_seqlens_kv[i] * p->kv_token_stride;
      p->v += c.params.cu_seqlens_kv[i] * p->kv_token_stride;
      if (p->bias) p->bias += i * p->bias_sequence_stride;
      p->cu_seqlens_q = cumulative(one.q_lengths, 1);
      p->cu_seqlens_kv = cumulative(one.kv_lengths, 1);
      p->sequences = 1;
      p->q_tokens = q_lengths[i];
      p->kv_tokens = kv_lengths[i];
      alone.extents.q_floats = alone.extents.y_floats = p->q_tokens * p->q_token_stride;
      alone.extents.kv_floats = p->kv_tokens * p->kv_token_stride;
      alone.bias_floats = p->bias && p->q_tokens ? (p->q_tokens - 1) * p->bias_query_stride + p->kv_tokens : 0;
      guard_begin(EXACT_END);
      const pf_attention_params guarded = guarded_params(&alone, tested_engine(2));
      EXPECT_STATUS(PF_OK, pf_attention(tested_engine(2), &guarded));
      expect_same_bits(guarded.y, y + c.params.cu_seqlens_q[i] * c.params.y_token_stride, alone.extents.y_floats);
    }
  }
}

static void keeps_nan_where_it_belongs(void) {
  static const int32_t lengths[] = {20, 35, 12};
  for (int form = 0; form < 3; form++) {
    begin_case("form=%d", form);
    const shape s = {
        .q_lengths = lengths, .sequences = 3, .heads = 2, .kv_heads = 2, .head_dim = 16, .scale = usual_scale(16)};
    attention_case c = random_case(&s, 1);
    float *changed = case_floats(c.extents.q_floats);
    /* One query; one key, for all queries of its sequence and head; one feature of one value. */
    const float **tensor = form == 0 ? &c.params.q : form == 1 ? &c.params.k : &c.params.v;
    memcpy(changed, *tensor, (size_t)c.extents.q_floats * sizeof *changed);
    changed[30 * c.params.q_token_stride + 16 + 5] = NAN;
    *tensor = changed;
    check(&c);
  }
}

#define REJECT(status, change)                                                                                         \
  do {                                                                                                                 \
    pf_attention_params p = valid;                                                                                     \
    change;                                                                                                            \
    EXPECT_STATUS(status, pf_attention(engine, &p));                                                                   \
    expect_untouched(valid.y, c.extents.y_floats);                                                                     \
  } while (0)

static void refuses_bad_arguments(void) {
  static const int32_t q_lengths[] = {4, 3}, kv_lengths[] = {5, 6};
  begin_case("-");
  pf_engine *engine = tested_engine(2);
  const shape s = {.q_lengths = q_lengths,
                   .kv_lengths = kv_lengths,
                   .sequences = 2,
                   .heads = 4,
                   .kv_heads = 2,
                   .head_dim = 8,
                   .bias = BIAS | BIAS_BY_QUERY | BIAS_BY_HEAD | BIAS_BY_SEQUENCE,
                   .scale = 1};
  const attention_case c = random_case(&s, 1);
  guard_begin(EXACT_END);
  const pf_attention_params valid = guarded_params(&c, engine);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_attention(NULL, &valid));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_attention(engine, NULL));
  REJECT(PF_ERROR_ARGUMENT, p.q = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.k = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.v = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.y = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.cu_seqlens_q = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.cu_seqlens_kv = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.sequences = -1);
  REJECT(PF_ERROR_ARGUMENT, p.sequences = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.q_tokens = -1);
  REJECT(PF_ERROR_ARGUMENT, p.kv_tokens = -1);
  REJECT(PF_ERROR_ARGUMENT, p.q_tokens = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.kv_tokens = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.heads = 0);
  REJECT(PF_ERROR_ARGUMENT, p.heads = INT64_MAX - 1);
  REJECT(PF_ERROR_ARGUMENT, p.kv_heads = 0);
  REJECT(PF_ERROR_ARGUMENT, p.kv_heads = -2);
  REJECT(PF_ERROR_ARGUMENT, p.kv_heads = 3);
  REJECT(PF_ERROR_ARGUMENT, p.kv_heads = 8);
  REJECT(PF_ERROR_ARGUMENT, p.head_dim = 0);
  REJECT(PF_ERROR_ARGUMENT, p.head_dim = -8);
  REJECT(PF_ERROR_ARGUMENT, p.head_dim = PF_MAX_HEAD_DIM + 1);
  REJECT(PF_ERROR_ARGUMENT, p.q_token_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.q_head_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.kv_token_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.kv_head_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.y_token_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.y_head_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.bias_sequence_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.bias_head_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.bias_query_stride = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.bias_query_stride = INT64_MIN);
  REJECT(PF_ERROR_ARGUMENT, p.q_token_stride = INT64_MAX);
  REJECT(PF_ERROR_WORKSPACE, p.workspace = NULL);
  REJECT(PF_ERROR_WORKSPACE, p.workspace = (char *)valid.workspace + 4);
  REJECT(PF_ERROR_WORKSPACE, p.workspace_bytes--);
  REJECT(PF_ERROR_WORKSPACE, p.workspace_bytes = -1);

  static const int32_t wrong_q[][3] = {{1, 4, 7}, {0, 4, 6}, {0, 4, 8}, {0, 8, 7}, {0, -1, 7}, {0, INT32_MIN, 7}};
  for (int i = 0; i < COUNT(wrong_q); i++) REJECT(PF_ERROR_INDEX, p.cu_seqlens_q = wrong_q[i]);
  static const int32_t wrong_kv[][3] = {{1, 5, 11}, {0, 5, 10}, {0, 12, 11}, {0, -1, 11}};
  for (int i = 0; i < COUNT(wrong_kv); i++) REJECT(PF_ERROR_INDEX, p.cu_seqlens_kv = wrong_kv[i]);
  REJECT(PF_ERROR_INDEX, p.sequences = 0);

  REJECT(PF_OK, p.sequences = 0; p.q_tokens = 0; p.kv_tokens = 0);
  static const int32_t empty[] = {0, 0, 0};
  REJECT(PF_OK, p.cu_seqlens_q = empty; p.q_tokens = 0);

  int64_t bytes = -1;
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_attention_workspace_size(NULL, 8, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_attention_workspace_size(engine, 8, NULL));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_attention_workspace_size(engine, 0, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_attention_workspace_size(engine, PF_MAX_HEAD_DIM + 1, &bytes));
  EXPECT(bytes == -1);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(matches_reference_at_every_length),
      TEST(broadcasts_its_bias),
      TEST(takes_a_bias_by_distance),
      TEST(shares_key_heads),
      TEST(gives_zeros_to_queries_that_see_no_key),
      TEST(is_stable_for_large_scores),
      TEST(survives_the_lowest_float_as_a_mask),
      TEST(does_not_depend_on_the_batch),
      TEST(keeps_nan_where_it_belongs),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
