#include "attention/attention_case.h"
#include "attention/attention_reference.h"

typedef struct {
  const int32_t *lengths;
  int64_t sequences, heads, head_dim, positions, projected;
  int packed;           /* q, k and v in one [tokens, 3, heads, head_dim], else apart and by head, y with gaps */
  int shared;           /* one projection for keys and values */
  int32_t first, every; /* positions of a sequence's tokens: from where on, and after so many one is left out */
  float magnitude;
} shape;

/* The parameters of a case and the extents of its buffers, which lie in case memory. */
typedef struct {
  pf_linformer_attention_params params;
  qkv_extents extents;
  int64_t projection_floats;
} linformer_case;

static linformer_case random_case(const shape *s) {
  linformer_case c = {0};
  pf_linformer_attention_params *p = &c.params;
  const int32_t *cu_seqlens = cumulative(s->lengths, s->sequences);
  p->cu_seqlens = cu_seqlens;
  p->tokens = cu_seqlens[s->sequences];
  int32_t *positions = case_memory((size_t)(p->tokens + 1) * sizeof *positions);
  for (int64_t i = 0; i < s->sequences; i++) {
    int32_t next = s->first;
    for (int32_t t = 0; t < s->lengths[i]; t++) {
      positions[cu_seqlens[i] + t] = next++;
      if (s->every && t % s->every == s->every - 1) next++;
    }
  }
  p->position_ids = positions;
  p->sequences = s->sequences;
  p->heads = s->heads;
  p->head_dim = s->head_dim;
  p->positions = s->positions;
  p->projected = s->projected;
  p->scale = 1 / sqrtf((float)s->head_dim);
  const int64_t row = s->heads * s->head_dim;
  PLACE_QKV(p, &c.extents, s->packed);
  DRAW_QKV(p, &c.extents, row, 2 * row, s->magnitude);
  c.projection_floats = s->positions * s->projected;
  p->key_projection = random_floats(c.projection_floats, 0.3f);
  p->value_projection = s->shared ? p->key_projection : random_floats(c.projection_floats, 0.3f);
  return c;
}

/* The same call with everything behind guards and a workspace of exactly its size. */
static pf_linformer_attention_params guarded_params(const linformer_case *c, pf_engine *engine) {
  const pf_linformer_attention_params *from = &c->params;
  pf_linformer_attention_params p = *from;
  GUARD_QKV(&p, from, &c->extents);
  p.key_projection = guarded_copy(from->key_projection, c->projection_floats);
  p.value_projection = from->value_projection == from->key_projection
                           ? p.key_projection
                           : guarded_copy(from->value_projection, c->projection_floats);
  p.cu_seqlens = guarded_ids(from->cu_seqlens, p.sequences + 1);
  p.position_ids = guarded_ids(from->position_ids, p.tokens);
  EXPECT_STATUS(PF_OK,
                pf_linformer_attention_workspace_size(engine, p.heads, p.head_dim, p.projected, &p.workspace_bytes));
  p.workspace = guarded_aligned(p.workspace_bytes);
  return p;
}

DEFINE_CHECK(linformer_attention, linformer_case)

static void matches_reference(void) {
  static const int32_t lengths[] = {17, 1, 0, 33, 5};
  static const int64_t head_dims[] = {1, 7, 16, 17, 32, 40, 64, 80, 128, 256}, projected[] = {1, 8, 11, 65};
  for (int d = 0; d < COUNT(head_dims); d++) {
    for (int k = 0; k < COUNT(projected); k++) {
      for (int form = 0; form < 4; form++) {
        if (!begin_case("head_dim=%d projected=%d form=%d", (int)head_dims[d], (int)projected[k], form)) continue;
        const shape s = {.lengths = lengths,
                         .sequences = COUNT(lengths),
                         .heads = 3,
                         .head_dim = head_dims[d],
                         .positions = 33 + 3,
                         .projected = projected[k],
                         .packed = form & 1,
                         .shared = form & 2,
                         .first = form,
                         .magnitude = 1};
        const linformer_case c = random_case(&s);
        check(&c);
      }
    }
  }
}

/* Across the edges of all tiles, of tokens and of projected rows. */
static void matches_reference_at_every_length(void) {
  for (int32_t length = 1; length <= 300; length += length < 20 || (length > 124 && length < 132) ? 1 : 23) {
    for (int form = 0; form < 2; form++) {
      if (!begin_case("length=%d form=%d", (int)length, form)) continue;
      const int32_t lengths[] = {form ? 40 : length, 3};
      const shape s = {.lengths = lengths,
                       .sequences = 2,
                       .heads = 2,
                       .head_dim = 20,
                       .positions = 300,
                       .projected = form ? length : 40,
                       .packed = 1,
                       .magnitude = 1};
      const linformer_case c = random_case(&s);
      check(&c);
    }
  }
}

/* What was masked before is no token any more, but its position stays its own. */
static void follows_positions(void) {
  static const int32_t lengths[] = {150, 7, 0, 1};
  for (int32_t every = 1; every < 6; every++) {
    begin_case("every=%d", (int)every);
    const shape s = {.lengths = lengths,
                     .sequences = COUNT(lengths),
                     .heads = 2,
                     .head_dim = 16,
                     .positions = 304,
                     .projected = 31,
                     .packed = 1,
                     .first = every,
                     .every = every,
                     .magnitude = 1};
    const linformer_case c = random_case(&s);
    check(&c);
  }
}

static void is_stable_for_large_scores(void) {
  static const int32_t lengths[] = {45, 200};
  for (float magnitude = 1e-6f; magnitude < 1e7f; magnitude *= 100) {
    begin_case("magnitude=%g", (double)magnitude);
    const shape s = {.lengths = lengths,
                     .sequences = 2,
                     .heads = 2,
                     .head_dim = 8,
                     .positions = 200,
                     .projected = 150,
                     .magnitude = magnitude};
    const linformer_case c = random_case(&s);
    const float *y = check(&c);
    for (int64_t t = 0; t < c.params.tokens; t++) EXPECT(isfinite(y[t * c.params.y_token_stride]));
  }
}

/* More sequences than are computed at once. */
static void does_not_depend_on_the_batch(void) {
  static const int32_t lengths[] = {1, 140, 17, 0, 300, 16, 2, 2, 0, 90, 3, 1, 1, 64, 65, 5, 4, 33, 31, 7};
  begin_case("-");
  const shape s = {.lengths = lengths,
                   .sequences = COUNT(lengths),
                   .heads = 2,
                   .head_dim = 32,
                   .positions = 300,
                   .projected = 48,
                   .packed = 1,
                   .magnitude = 1};
  const linformer_case c = random_case(&s);
  const float *y = check(&c);
  for (int64_t i = 0; i < s.sequences; i++) {
    linformer_case alone = c;
    pf_linformer_attention_params *p = &alone.params;
    const int64_t begin = c.params.cu_seqlens[i];
    const int32_t cu_seqlens[] = {0, lengths[i]};
    p->q += begin * p->q_token_stride;
    p->k += begin * p->kv_token_stride;
    p->v += begin * p->kv_token_stride;
    p->position_ids += begin;
    p->cu_seqlens = cu_seqlens;
    p->sequences = 1;
    p->tokens = lengths[i];
    alone.extents.q_floats = p->tokens * p->q_token_stride;
    alone.extents.y_floats = p->tokens * p->y_token_stride;
    guard_begin(EXACT_END);
    const pf_linformer_attention_params guarded = guarded_params(&alone, tested_engine(2));
    EXPECT_STATUS(PF_OK, pf_linformer_attention(tested_engine(2), &guarded));
    expect_same_bits(guarded.y, y + begin * c.params.y_token_stride, alone.extents.y_floats);
  }
}

static void keeps_nan_where_it_belongs(void) {
  static const int32_t lengths[] = {20, 35, 12};
  for (int form = 0; form < 3; form++) {
    begin_case("form=%d", form);
    const shape s = {.lengths = lengths,
                     .sequences = 3,
                     .heads = 2,
                     .head_dim = 16,
                     .positions = 35,
                     .projected = 9,
                     .magnitude = 1};
    linformer_case c = random_case(&s);
    float *changed = case_floats(c.extents.q_floats);
    /* One query; one key, for all queries of its sequence and head; one feature of one value. */
    const float **tensor = form == 0 ? &c.params.q : form == 1 ? &c.params.k : &c.params.v;
    memcpy(changed, *tensor, (size_t)c.extents.q_floats * sizeof *changed);
    changed[30 * c.params.q_token_stride + 5] = NAN;
    *tensor = changed;
    check(&c);
  }
}

#define REJECT(status, change)                                                                                         \
  do {                                                                                                                 \
    pf_linformer_attention_params p = valid;                                                                           \
    change;                                                                                                            \
    EXPECT_STATUS(status, pf_linformer_attention(engine, &p));                                                         \
    expect_untouched(valid.y, c.extents.y_floats);                                                                     \
  } while (0)

static void refuses_bad_arguments(void) {
  static const int32_t lengths[] = {4, 3};
  begin_case("-");
  pf_engine *engine = tested_engine(2);
  const shape s = {
      .lengths = lengths, .sequences = 2, .heads = 4, .head_dim = 8, .positions = 4, .projected = 3, .magnitude = 1};
  const linformer_case c = random_case(&s);
  guard_begin(EXACT_END);
  const pf_linformer_attention_params valid = guarded_params(&c, engine);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linformer_attention(NULL, &valid));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linformer_attention(engine, NULL));
  REJECT(PF_ERROR_ARGUMENT, p.q = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.k = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.v = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.y = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.key_projection = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.value_projection = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.cu_seqlens = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.position_ids = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.sequences = -1);
  REJECT(PF_ERROR_ARGUMENT, p.sequences = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.tokens = -1);
  REJECT(PF_ERROR_ARGUMENT, p.tokens = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.heads = 0);
  REJECT(PF_ERROR_ARGUMENT, p.heads = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.head_dim = 0);
  REJECT(PF_ERROR_ARGUMENT, p.head_dim = PF_MAX_HEAD_DIM + 1);
  REJECT(PF_ERROR_ARGUMENT, p.positions = 0);
  REJECT(PF_ERROR_ARGUMENT, p.positions = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.projected = 0);
  REJECT(PF_ERROR_ARGUMENT, p.projected = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.projected = PF_MAX_DIMENSION);
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
  static const int32_t outside[][7] = {{0, 1, 2, 3, 0, 1, 4}, {-1, 0, 0, 0, 0, 0, 0}, {0, INT32_MAX, 0, 0, 0, 0, 0}};
  for (int i = 0; i < COUNT(outside); i++) REJECT(PF_ERROR_INDEX, p.position_ids = outside[i]);
  REJECT(PF_ERROR_INDEX, p.positions = 3);
  REJECT(PF_ERROR_INDEX, p.sequences = 0);

  static const int32_t empty[] = {0, 0, 0};
  REJECT(PF_OK, p.sequences = 0; p.tokens = 0);
  REJECT(PF_OK, p.cu_seqlens = empty; p.tokens = 0);

  int64_t bytes = -1;
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linformer_attention_workspace_size(NULL, 2, 8, 4, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linformer_attention_workspace_size(engine, 2, 8, 4, NULL));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linformer_attention_workspace_size(engine, 0, 8, 4, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linformer_attention_workspace_size(engine, 2, 0, 4, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_linformer_attention_workspace_size(engine, 2, 8, 0, &bytes));
  EXPECT(bytes == -1);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),          TEST(matches_reference_at_every_length), TEST(follows_positions),
      TEST(is_stable_for_large_scores), TEST(does_not_depend_on_the_batch),      TEST(keeps_nan_where_it_belongs),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
