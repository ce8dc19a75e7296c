#include "attention/attention_case.h"
#include "attention/attention_reference.h"

typedef struct {
  const int32_t *lengths;
  int64_t sequences, heads, head_dim, features;
  int packed; /* q, k and v in one [tokens, 3, heads, head_dim], else apart and by head, y with gaps */
  pf_feature_map map;
  int causal;
  float magnitude;
} shape;

/* The parameters of a case and the extents of its buffers, which lie in case memory. */
typedef struct {
  pf_performer_attention_params params;
  qkv_extents extents;
} performer_case;

static performer_case random_case(const shape *s) {
  performer_case c = {0};
  pf_performer_attention_params *p = &c.params;
  const int32_t *cu_seqlens = cumulative(s->lengths, s->sequences);
  p->cu_seqlens = cu_seqlens;
  p->tokens = cu_seqlens[s->sequences];
  p->sequences = s->sequences;
  p->heads = s->heads;
  p->head_dim = s->head_dim;
  p->features = s->features;
  p->map = s->map;
  p->scale = s->map == PF_FEATURE_MAP_SOFTMAX ? powf((float)s->head_dim, -0.25f) : 1;
  p->offset = 1e-3f;
  p->causal = s->causal;
  const int64_t row = s->heads * s->head_dim;
  PLACE_QKV(p, &c.extents, s->packed);
  DRAW_QKV(p, &c.extents, row, 2 * row, s->magnitude);
  p->random_features = random_floats(s->features * s->head_dim, 1.7f);
  return c;
}

/* The same call with everything behind guards and a workspace of exactly its size. */
static pf_performer_attention_params guarded_params(const performer_case *c, pf_engine *engine) {
  const pf_performer_attention_params *from = &c->params;
  pf_performer_attention_params p = *from;
  GUARD_QKV(&p, from, &c->extents);
  p.random_features = guarded_copy(from->random_features, p.features * p.head_dim);
  p.cu_seqlens = guarded_ids(from->cu_seqlens, p.sequences + 1);
  EXPECT_STATUS(PF_OK, pf_performer_attention_workspace_size(engine, p.heads, p.head_dim, p.features, p.causal,
                                                             &p.workspace_bytes));
  p.workspace = guarded_aligned(p.workspace_bytes);
  return p;
}

DEFINE_CHECK(performer_attention, performer_case)

/* Both maps, all keys and causal. */
#define FORMS 4
static shape with_form(shape s, int form) {
  s.map = form & 1 ? PF_FEATURE_MAP_RELU : PF_FEATURE_MAP_SOFTMAX;
  s.causal = form & 2;
  return s;
}

static void matches_reference(void) {
  static const int32_t lengths[] = {17, 1, 0, 33, 5};
  static const int64_t head_dims[] = {1, 7, 15, 16, 17, 40, 64, 80, 256}, features[] = {1, 8, 17, 33, 48};
  for (int d = 0; d < COUNT(head_dims); d++) {
    for (int m = 0; m < COUNT(features); m++) {
      for (int form = 0; form < FORMS; form++) {
        if (!begin_case("head_dim=%d features=%d form=%d", (int)head_dims[d], (int)features[m], form)) continue;
        const shape s = {.lengths = lengths,
                         .sequences = COUNT(lengths),
                         .heads = 2,
                         .head_dim = head_dims[d],
                         .features = features[m],
                         .packed = (d + m) % 2,
                         .magnitude = 1};
        const shape formed = with_form(s, form);
        const performer_case c = random_case(&formed);
        check(&c);
      }
    }
  }
}

/* Across the edges of all tiles. */
static void matches_reference_at_every_length(void) {
  for (int32_t length = 1; length <= 300; length += length < 70 || (length > 124 && length < 132) ? 1 : 23) {
    for (int form = 0; form < FORMS; form++) {
      if (!begin_case("length=%d form=%d", (int)length, form)) continue;
      const int32_t lengths[] = {length, 3};
      const shape s = {
          .lengths = lengths, .sequences = 2, .heads = 1, .head_dim = 12, .features = 20, .packed = 1, .magnitude = 1};
      const shape formed = with_form(s, form);
      const performer_case c = random_case(&formed);
      check(&c);
    }
  }
}

/* More blocks of them than one product runs through. */
static void takes_many_features(void) {
  static const int32_t lengths[] = {3, 40};
  for (int form = 0; form < FORMS; form++) {
    begin_case("form=%d", form);
    const shape s = {
        .lengths = lengths, .sequences = 2, .heads = 2, .head_dim = 8, .features = 1100, .packed = 1, .magnitude = 1};
    const shape formed = with_form(s, form);
    const performer_case c = random_case(&formed);
    check(&c);
  }
}

/*
 * Exponents of any size: keys of one magnitude, and such that each is larger or smaller than all before it, so that
 * maxima keep rising or what a query sees lies far below what others do.
 */
static void is_stable_for_large_inputs(void) {
  static const int32_t lengths[] = {45, 200};
  for (int form = 0; form < FORMS; form++) {
    for (int order = 0; order < 3; order++) {
      for (float magnitude = 1e-6f; magnitude < 1e4f; magnitude *= 10) {
        if (!begin_case("form=%d order=%d magnitude=%g", form, order, (double)magnitude)) continue;
        const shape s = {
            .lengths = lengths, .sequences = 2, .heads = 2, .head_dim = 8, .features = 40, .magnitude = magnitude};
        const shape formed = with_form(s, form);
        performer_case c = random_case(&formed);
        float *k = case_floats(c.extents.q_floats);
        for (int64_t i = 0; i < c.extents.q_floats; i++) {
          const int64_t token = i / 8 % c.params.tokens;
          const float growth = (float)(order == 1 ? token + 1 : c.params.tokens - token);
          k[i] = c.params.k[i] * (order ? growth / 40 : 1);
        }
        c.params.k = k;
        const float *y = check(&c);
        for (int64_t t = 0; t < c.params.tokens; t++) {
          const float first = y[t * c.params.y_token_stride];
          /* A mean of values. */
          EXPECT(fabsf(first) <= 1.001f);
        }
      }
    }
  }
}

/* Without an offset, a query that meets no feature sees nothing. */
static void gives_zeros_to_queries_without_weights(void) {
  static const int32_t lengths[] = {20};
  for (int causal = 0; causal < 2; causal++) {
    begin_case("causal=%d", causal);
    const shape s = {.lengths = lengths,
                     .sequences = 1,
                     .heads = 1,
                     .head_dim = 8,
                     .features = 24,
                     .map = PF_FEATURE_MAP_RELU,
                     .causal = causal,
                     .magnitude = 1};
    performer_case c = random_case(&s);
    c.params.offset = 0;
    float *q = case_floats(c.extents.q_floats);
    for (int64_t i = 0; i < c.extents.q_floats; i++) q[i] = i / 8 % 3 == 0 ? 0 : c.params.q[i];
    c.params.q = q;
    const float *y = check(&c);
    for (int64_t d = 0; d < 8; d++) EXPECT(y[6 * c.params.y_token_stride + d] == 0);
  }
}

/* More sequences than are computed at once. */
static void does_not_depend_on_the_batch(void) {
  static const int32_t lengths[] = {1, 140, 17, 0, 100, 16, 2, 2, 0, 90, 3, 1, 1, 64, 65, 5, 4, 33, 31, 7};
  for (int form = 0; form < FORMS; form++) {
    begin_case("form=%d", form);
    const shape s = {.lengths = lengths,
                     .sequences = COUNT(lengths),
                     .heads = 2,
                     .head_dim = 32,
                     .features = 40,
                     .packed = 1,
                     .magnitude = 1};
    const shape formed = with_form(s, form);
    const performer_case c = random_case(&formed);
    const float *y = check(&c);
    for (int64_t i = 0; i < s.sequences; i++) {
      performer_case alone = c;
      pf_performer_attention_params *p = &alone.params;
      const int64_t begin = c.params.cu_seqlens[i];
      const int32_t cu_seqlens[] = {0, lengths[i]};
      p->q += begin * p->q_token_stride;
      p->k += begin * p->kv_token_stride;
      p->v += begin * p->kv_token_stride;
      p->cu_seqlens = cu_seqlens;
      p->sequences = 1;
      p->tokens = lengths[i];
      alone.extents.q_floats = p->tokens * p->q_token_stride;
      alone.extents.y_floats = p->tokens * p->y_token_stride;
      guard_begin(EXACT_END);
      const pf_performer_attention_params guarded = guarded_params(&alone, tested_engine(2));
      EXPECT_STATUS(PF_OK, pf_performer_attention(tested_engine(2), &guarded));
      expect_same_bits(guarded.y, y + begin * c.params.y_token_stride, alone.extents.y_floats);
    }
  }
}

static void keeps_nan_where_it_belongs(void) {
  static const int32_t lengths[] = {20, 70, 12};
  for (int form = 0; form < FORMS; form++) {
    for (int part = 0; part < 3; part++) {
      begin_case("form=%d part=%d", form, part);
      const shape s = {.lengths = lengths, .sequences = 3, .heads = 2, .head_dim = 16, .features = 9, .magnitude = 1};
      const shape formed = with_form(s, form);
      performer_case c = random_case(&formed);
      float *changed = case_floats(c.extents.q_floats);
      /* One query; one key, for all queries of its sequence and head that see it; one feature of the first value. */
      const float **tensor = part == 0 ? &c.params.q : part == 1 ? &c.params.k : &c.params.v;
      memcpy(changed, *tensor, (size_t)c.extents.q_floats * sizeof *changed);
      changed[(part == 2 ? 20 : 60) * c.params.q_token_stride + 5] = NAN;
      *tensor = changed;
      check(&c);
    }
  }
}

#define REJECT(status, change)                                                                                         \
  do {                                                                                                                 \
    pf_performer_attention_params p = valid;                                                                           \
    change;                                                                                                            \
    EXPECT_STATUS(status, pf_performer_attention(engine, &p));                                                         \
    expect_untouched(valid.y, c.extents.y_floats);                                                                     \
  } while (0)

static void refuses_bad_arguments(void) {
  static const int32_t lengths[] = {4, 3};
  for (int causal = 0; causal < 2; causal++) {
    begin_case("causal=%d", causal);
    pf_engine *engine = tested_engine(2);
    const shape s = {
        .lengths = lengths, .sequences = 2, .heads = 4, .head_dim = 8, .features = 5, .causal = causal, .magnitude = 1};
    const performer_case c = random_case(&s);
    guard_begin(EXACT_END);
    const pf_performer_attention_params valid = guarded_params(&c, engine);
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_performer_attention(NULL, &valid));
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_performer_attention(engine, NULL));
    REJECT(PF_ERROR_ARGUMENT, p.q = NULL);
    REJECT(PF_ERROR_ARGUMENT, p.k = NULL);
    REJECT(PF_ERROR_ARGUMENT, p.v = NULL);
    REJECT(PF_ERROR_ARGUMENT, p.y = NULL);
    REJECT(PF_ERROR_ARGUMENT, p.random_features = NULL);
    REJECT(PF_ERROR_ARGUMENT, p.cu_seqlens = NULL);
    REJECT(PF_ERROR_ARGUMENT, p.sequences = -1);
    REJECT(PF_ERROR_ARGUMENT, p.sequences = INT64_MAX);
    REJECT(PF_ERROR_ARGUMENT, p.tokens = -1);
    REJECT(PF_ERROR_ARGUMENT, p.tokens = INT64_MAX);
    REJECT(PF_ERROR_ARGUMENT, p.heads = 0);
    REJECT(PF_ERROR_ARGUMENT, p.heads = INT64_MAX);
    REJECT(PF_ERROR_ARGUMENT, p.head_dim = 0);
    REJECT(PF_ERROR_ARGUMENT, p.head_dim = PF_MAX_HEAD_DIM + 1);
    REJECT(PF_ERROR_ARGUMENT, p.features = 0);
    REJECT(PF_ERROR_ARGUMENT, p.features = INT64_MAX);
    REJECT(PF_ERROR_ARGUMENT, p.features = PF_MAX_DIMENSION);
    REJECT(PF_ERROR_ARGUMENT, p.map = (pf_feature_map)2);
    REJECT(PF_ERROR_ARGUMENT, p.map = (pf_feature_map)-1);
    REJECT(PF_ERROR_ARGUMENT, p.offset = -1);
    REJECT(PF_ERROR_ARGUMENT, p.offset = NAN);
    REJECT(PF_ERROR_ARGUMENT, p.q_token_stride = -1);
    REJECT(PF_ERROR_ARGUMENT, p.q_head_stride = -1);
    REJECT(PF_ERROR_ARGUMENT, p.kv_token_stride = -1);
    REJECT(PF_ERROR_ARGUMENT, p.kv_head_stride = -1);
    REJECT(PF_ERROR_ARGUMENT, p.y_token_stride = -1);
    REJECT(PF_ERROR_ARGUMENT, p.y_head_stride = INT64_MAX);
    REJECT(PF_ERROR_WORKSPACE, p.workspace = NULL);
    REJECT(PF_ERROR_WORKSPACE, p.workspace = (char *)valid.workspace + 4);
    REJECT(PF_ERROR_WORKSPACE, p.workspace_bytes--);
    REJECT(PF_ERROR_WORKSPACE, p.workspace_bytes = -1);

    static const int32_t wrong[][3] = {{1, 4, 7}, {0, 4, 6}, {0, 4, 8}, {0, 8, 7}, {0, -1, 7}, {0, INT32_MIN, 7}};
    for (int i = 0; i < COUNT(wrong); i++) REJECT(PF_ERROR_INDEX, p.cu_seqlens = wrong[i]);
    REJECT(PF_ERROR_INDEX, p.sequences = 0);

    static const int32_t empty[] = {0, 0, 0};
    REJECT(PF_OK, p.sequences = 0; p.tokens = 0);
    REJECT(PF_OK, p.cu_seqlens = empty; p.tokens = 0);

    int64_t bytes = -1;
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_performer_attention_workspace_size(NULL, 2, 8, 4, causal, &bytes));
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_performer_attention_workspace_size(engine, 2, 8, 4, causal, NULL));
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_performer_attention_workspace_size(engine, 0, 8, 4, causal, &bytes));
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_performer_attention_workspace_size(engine, 2, 0, 4, causal, &bytes));
    EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_performer_attention_workspace_size(engine, 2, 8, 0, causal, &bytes));
    EXPECT(bytes == -1);
  }
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(matches_reference_at_every_length),
      TEST(takes_many_features),
      TEST(is_stable_for_large_inputs),
      TEST(gives_zeros_to_queries_without_weights),
      TEST(does_not_depend_on_the_batch),
      TEST(keeps_nan_where_it_belongs),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
