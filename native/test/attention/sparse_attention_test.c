#include "attention/attention_case.h"
#include "attention/attention_reference.h"

/* A call, with the extents of its buffers, which lie in case memory. */
typedef struct {
  pf_sparse_attention_params params;
  qkv_extents extents; /* packed: [tokens, heads + 2 kv_heads, head_dim] */
  int64_t spans;
} sparse_case;

typedef struct {
  int64_t tokens, heads, kv_heads, head_dim;
  int64_t block; /* queries of a block */
  int64_t most;  /* blocks, spans and keys that may be listed: what the arrays hold */
  int packed;
} shape;

/* A case without lists: they are added block by block. */
static sparse_case open_case(const shape *s, float magnitude) {
  sparse_case c = {.extents.packed = s->packed};
  pf_sparse_attention_params *p = &c.params;
  const int64_t d = s->head_dim;
  p->q_tokens = p->kv_tokens = s->tokens;
  p->heads = s->heads;
  p->kv_heads = s->kv_heads;
  p->head_dim = d;
  p->lists = 1;
  p->scale = 1 / sqrtf((float)d);
  p->q_head_stride = p->kv_head_stride = d;
  p->q_token_stride = p->y_token_stride = s->heads * d;
  p->kv_token_stride = s->kv_heads * d;
  p->y_head_stride = d;
  c.extents.q_floats = c.extents.y_floats = s->tokens * s->heads * d;
  c.extents.kv_floats = s->tokens * s->kv_heads * d;
  if (s->packed) {
    p->q_token_stride = p->kv_token_stride = (s->heads + 2 * s->kv_heads) * d;
    c.extents.q_floats = c.extents.kv_floats = s->tokens * p->q_token_stride;
    /* Heads outside tokens, with a gap behind each row. */
    p->y_token_stride = d + 3;
    p->y_head_stride = s->tokens * (d + 3);
    c.extents.y_floats = s->heads * p->y_head_stride;
  }
  DRAW_QKV(p, &c.extents, s->heads * d, (s->heads + s->kv_heads) * d, magnitude);
  int32_t *starts = case_memory(((size_t)s->most + 1) * sizeof *starts);
  int32_t *lists = case_memory(((size_t)s->most + 1) * sizeof *lists);
  starts[0] = lists[0] = 0;
  p->block_starts = starts;
  p->list_starts = lists;
  p->spans = case_memory((size_t)s->most * sizeof *p->spans);
  return c;
}

static void add_span(sparse_case *c, int64_t begin, int64_t end, int banded) {
  ((pf_key_span *)c->params.spans)[c->spans++] = (pf_key_span){(int32_t)begin, (int32_t)end, banded};
}

/* Ends list `list` of the block at hand. */
static void end_list(sparse_case *c, int64_t list) {
  ((int32_t *)c->params.list_starts)[c->params.blocks * c->params.lists + list + 1] = (int32_t)c->spans;
}

static void end_block(sparse_case *c, int64_t queries) {
  int32_t *starts = (int32_t *)c->params.block_starts;
  starts[c->params.blocks + 1] = starts[c->params.blocks] + (int32_t)queries;
  c->params.blocks++;
}

/* Whole blocks of keys: the first, the neighbours, and some drawn at random, one of them twice. */
static sparse_case block_sparse(const shape *s, float magnitude) {
  sparse_case c = open_case(s, magnitude);
  c.params.lists = s->heads;
  const int64_t blocks = (s->tokens + s->block - 1) / s->block;
  for (int64_t b = 0; b < blocks; b++) {
    for (int64_t h = 0; h < s->heads; h++) {
      const int64_t seen[] = {0, b > 0 ? b - 1 : b, b, (b * 7 + h * 3) % blocks, (b * 7 + h * 3) % blocks};
      for (int i = 0; i < COUNT(seen); i++) {
        const int64_t end = (seen[i] + 1) * s->block;
        add_span(&c, seen[i] * s->block, end < s->tokens ? end : s->tokens, 0);
      }
      end_list(&c, h);
    }
    end_block(&c, b + 1 < blocks ? s->block : s->tokens - b * s->block);
  }
  return c;
}

/* A window of `radius` keys on each side, and every 37th key seen by all. */
static sparse_case sliding_window(const shape *s, int64_t radius, float magnitude) {
  sparse_case c = open_case(s, magnitude);
  int32_t *bands = case_memory(((size_t)s->tokens * 2 + 1) * sizeof *bands);
  c.params.bands = bands;
  for (int64_t i = 0; i < s->tokens; i++) {
    bands[2 * i] = (int32_t)(i > radius ? i - radius : 0);
    bands[2 * i + 1] = (int32_t)(i + radius + 1 < s->tokens ? i + radius + 1 : s->tokens);
  }
  for (int64_t first = 0; first < s->tokens; first += s->block) {
    const int64_t queries = first + s->block < s->tokens ? s->block : s->tokens - first;
    int64_t key = 0;
    for (int64_t all = 11; all < s->tokens; all += 37) {
      add_span(&c, key, all, 1);
      add_span(&c, all, all + 1, 0);
      key = all + 1;
    }
    add_span(&c, key, s->tokens, 1);
    end_list(&c, 0);
    end_block(&c, queries);
  }
  return c;
}

/* The same call with everything behind guards and a workspace of exactly its size. */
static pf_sparse_attention_params guarded_params(const sparse_case *c, pf_engine *engine) {
  const pf_sparse_attention_params *from = &c->params;
  pf_sparse_attention_params p = *from;
  GUARD_QKV(&p, from, &c->extents);
  p.block_starts = guarded_ids(from->block_starts, p.blocks + 1);
  p.list_starts = guarded_ids(from->list_starts, p.blocks * p.lists + 1);
  p.spans = (const pf_key_span *)guarded_ids((const int32_t *)from->spans, 3 * c->spans);
  p.bands = guarded_ids(from->bands, from->bands ? 2 * p.q_tokens : 0);
  EXPECT_STATUS(PF_OK, pf_sparse_attention_workspace_size(engine, p.head_dim, &p.workspace_bytes));
  p.workspace = guarded_aligned(p.workspace_bytes);
  return p;
}

DEFINE_CHECK(sparse_attention, sparse_case)

static const int64_t lengths[] = {1, 7, 17, 63, 65, 197, 300};
static const int64_t blocks[] = {1, 7, 17, 32, 64, 300};

static void matches_reference_on_blocks(void) {
  static const int64_t head_dims[] = {1, 16, 40, 64, 256};
  for (int l = 0; l < COUNT(lengths); l++) {
    for (int b = 0; b < COUNT(blocks); b++) {
      const int64_t d = head_dims[(l + b) % COUNT(head_dims)];
      if (!begin_case("tokens=%d block=%d head_dim=%d", (int)lengths[l], (int)blocks[b], (int)d)) continue;
      const shape s = {.tokens = lengths[l],
                       .heads = 4,
                       .kv_heads = l % 2 ? 2 : 4,
                       .head_dim = d,
                       .block = blocks[b],
                       .most = 20 * lengths[l],
                       .packed = b % 2};
      const sparse_case c = block_sparse(&s, 1);
      check(&c);
    }
  }
}

static void matches_reference_in_bands(void) {
  static const int64_t radii[] = {0, 1, 4, 31, 64, 128, 400};
  for (int l = 0; l < COUNT(lengths); l++) {
    for (int b = 0; b < COUNT(blocks); b++) {
      for (int r = 0; r < COUNT(radii); r++) {
        if (!begin_case("tokens=%d block=%d radius=%d", (int)lengths[l], (int)blocks[b], (int)radii[r])) continue;
        const shape s = {.tokens = lengths[l],
                         .heads = 2,
                         .kv_heads = 1 + r % 2,
                         .head_dim = 24,
                         .block = blocks[b],
                         .most = 20 * lengths[l] + 20,
                         .packed = r % 2};
        const sparse_case c = sliding_window(&s, radii[r], 1);
        check(&c);
      }
    }
  }
}

/* Bands in no order, some of them empty, and lists of one key each: tiles of as many runs as keys. */
static void takes_any_bands_and_spans(void) {
  for (int form = 0; form < 4; form++) {
    begin_case("form=%d", form);
    const shape s = {.tokens = 150, .heads = 2, .kv_heads = 2, .head_dim = 17, .block = 50, .most = 2000};
    sparse_case c = open_case(&s, 1);
    int32_t *bands = case_memory(300 * sizeof *bands);
    for (int32_t i = 0; i < 150; i++) {
      bands[2 * i] = i * 59 % 150;
      bands[2 * i + 1] = i % 7 == 0 ? bands[2 * i] : 150 - (150 - bands[2 * i]) / 3;
    }
    c.params.bands = bands;
    for (int b = 0; b < 3; b++) {
      for (int j = 0; j < 150 && form != 3; j++) {
        const int64_t key = form == 1 ? 149 - j : j * 59 % 150;
        if (form == 2 && b == 1) continue; /* a block that sees nothing */
        add_span(&c, key, key + (form != 0 || j % 3 != 0), (j + form) % 2);
      }
      if (form == 3) add_span(&c, 0, 150, 1);
      end_list(&c, 0);
      end_block(&c, 50);
    }
    const float *y = check(&c);
    if (form == 2)
      for (int64_t i = 50 * 34; i < 100 * 34; i++) EXPECT(y[i] == 0);
    if (form == 3)
      for (int64_t i = 0; i < 34; i++) EXPECT(y[i] == 0 && y[49 * 34 + i] == 0);
  }
}

/* Fewer queries than keys, and queries of blocks of no queries. */
static void takes_queries_apart_from_keys(void) {
  begin_case("-");
  const shape s = {.tokens = 90, .heads = 3, .kv_heads = 1, .head_dim = 8, .block = 9, .most = 100};
  sparse_case c = open_case(&s, 1);
  c.params.q_tokens = 40;
  c.extents.q_floats = c.extents.y_floats = 40 * 24;
  static const int64_t queries[] = {0, 33, 0, 7, 0};
  for (int b = 0; b < COUNT(queries); b++) {
    add_span(&c, b * 9, 90, 0);
    add_span(&c, 5, 5, 0);
    end_list(&c, 0);
    end_block(&c, queries[b]);
  }
  check(&c);
}

/* Hidden states as keys and values of one head, of more features than pf_attention takes. */
static void takes_wide_heads(void) {
  static const int64_t head_dims[] = {257, 768, 1000};
  for (int d = 0; d < COUNT(head_dims); d++) {
    if (!begin_case("head_dim=%d", (int)head_dims[d])) continue;
    const shape s = {.tokens = 197, .heads = 1, .kv_heads = 1, .head_dim = head_dims[d], .block = 50, .most = 400};
    sparse_case c = block_sparse(&s, 1);
    c.params.v = c.params.k;
    check(&c);
  }
}

/* With one list of all keys, what pf_attention gives. */
static void sees_all_keys_as_attention_does(void) {
  for (int l = 0; l < COUNT(lengths); l++) {
    if (!begin_case("tokens=%d", (int)lengths[l])) continue;
    const shape s = {
        .tokens = lengths[l], .heads = 2, .kv_heads = 2, .head_dim = 32, .block = 64, .most = 100, .packed = 1};
    sparse_case c = open_case(&s, 1);
    for (int64_t first = 0; first < s.tokens; first += 64) {
      add_span(&c, 0, s.tokens, 0);
      end_list(&c, 0);
      end_block(&c, first + 64 < s.tokens ? 64 : s.tokens - first);
    }
    const float *y = check(&c);
    guard_begin(EXACT_END);
    const pf_sparse_attention_params p = guarded_params(&c, tested_engine(1));
    const int32_t cu_seqlens[] = {0, (int32_t)s.tokens};
    const pf_attention_params full = {.q = p.q,
                                      .k = p.k,
                                      .v = p.v,
                                      .y = p.y,
                                      .cu_seqlens_q = cu_seqlens,
                                      .cu_seqlens_kv = cu_seqlens,
                                      .q_token_stride = p.q_token_stride,
                                      .q_head_stride = p.q_head_stride,
                                      .kv_token_stride = p.kv_token_stride,
                                      .kv_head_stride = p.kv_head_stride,
                                      .y_token_stride = p.y_token_stride,
                                      .y_head_stride = p.y_head_stride,
                                      .q_tokens = s.tokens,
                                      .kv_tokens = s.tokens,
                                      .sequences = 1,
                                      .heads = 2,
                                      .kv_heads = 2,
                                      .head_dim = 32,
                                      .scale = p.scale,
                                      .workspace = p.workspace,
                                      .workspace_bytes = p.workspace_bytes};
    EXPECT_STATUS(PF_OK, pf_attention(tested_engine(1), &full));
    for (int64_t h = 0; h < 2; h++)
      for (int64_t i = 0; i < s.tokens; i++)
        expect_same_bits(p.y + h * p.y_head_stride + i * p.y_token_stride,
                         y + h * p.y_head_stride + i * p.y_token_stride, 32);
  }
}

/* Scores around +-10^4, whose exponentials are far out of range, in an order in which the maximum keeps rising. */
static void is_stable_for_large_scores(void) {
  for (int form = 0; form < 2; form++) {
    begin_case("form=%d", form);
    const shape s = {.tokens = 300, .heads = 2, .kv_heads = 2, .head_dim = 8, .block = 64, .most = 2000};
    sparse_case c = form ? sliding_window(&s, 70, 100) : block_sparse(&s, 1);
    float *k = case_floats(c.extents.kv_floats);
    for (int64_t i = 0; i < c.extents.kv_floats; i++) {
      const int64_t token = i / c.params.kv_token_stride;
      k[i] = c.params.k[i] * (form ? 40 : (float)(token * token) / 10);
    }
    c.params.k = k;
    check(&c);
  }
}

/* A sequence behind another: all of its rows are moved, and nothing else changes. */
static void does_not_depend_on_the_batch(void) {
  for (int form = 0; form < 2; form++) {
    begin_case("form=%d", form);
    const shape s = {.tokens = 197, .heads = 2, .kv_heads = 2, .head_dim = 20, .block = 64, .most = 2000};
    const sparse_case c = form ? sliding_window(&s, 20, 1) : block_sparse(&s, 1);
    const float *y = check(&c);
    enum { BEFORE = 61 };
    const shape longer = {
        .tokens = BEFORE + 197 + 5, .heads = 2, .kv_heads = 2, .head_dim = 20, .block = 64, .most = 2000};
    sparse_case moved = open_case(&longer, 1);
    pf_sparse_attention_params *p = &moved.params;
    const int64_t row = p->q_token_stride, floats = s.tokens * row;
    memcpy((float *)p->q + BEFORE * row, c.params.q, (size_t)floats * sizeof(float));
    memcpy((float *)p->k + BEFORE * row, c.params.k, (size_t)floats * sizeof(float));
    memcpy((float *)p->v + BEFORE * row, c.params.v, (size_t)floats * sizeof(float));
    p->lists = c.params.lists;
    add_span(&moved, 3, BEFORE, 0);
    for (int64_t l = 0; l < p->lists; l++) end_list(&moved, l);
    end_block(&moved, BEFORE);
    for (int64_t b = 0; b < c.params.blocks; b++) {
      for (int64_t l = 0; l < p->lists; l++) {
        const int64_t list = b * p->lists + l;
        for (int64_t i = c.params.list_starts[list]; i < c.params.list_starts[list + 1]; i++)
          add_span(&moved, c.params.spans[i].begin + BEFORE, c.params.spans[i].end + BEFORE, c.params.spans[i].banded);
        end_list(&moved, l);
      }
      end_block(&moved, c.params.block_starts[b + 1] - c.params.block_starts[b]);
    }
    for (int64_t l = 0; l < p->lists; l++) end_list(&moved, l);
    end_block(&moved, 5);
    if (c.params.bands) {
      int32_t *bands = case_memory((size_t)longer.tokens * 2 * sizeof *bands);
      memset(bands, 0, (size_t)longer.tokens * 2 * sizeof *bands);
      for (int64_t i = 0; i < 2 * s.tokens; i++) bands[2 * BEFORE + i] = c.params.bands[i] + BEFORE;
      p->bands = bands;
    }
    expect_same_bits(check(&moved) + BEFORE * row, y, floats);
  }
}

static void keeps_nan_where_it_belongs(void) {
  for (int form = 0; form < 3; form++) {
    begin_case("form=%d", form);
    const shape s = {.tokens = 100, .heads = 2, .kv_heads = 2, .head_dim = 16, .block = 20, .most = 2000};
    sparse_case c = block_sparse(&s, 1);
    float *changed = case_floats(c.extents.q_floats);
    /* One query; one key, for all queries that see it; one feature of one value. */
    const float **tensor = form == 0 ? &c.params.q : form == 1 ? &c.params.k : &c.params.v;
    memcpy(changed, *tensor, (size_t)c.extents.q_floats * sizeof *changed);
    changed[30 * c.params.q_token_stride + 16 + 5] = NAN;
    *tensor = changed;
    check(&c);
  }
}

#define REJECT(status, change)                                                                                         \
  do {                                                                                                                 \
    pf_sparse_attention_params p = valid;                                                                              \
    change;                                                                                                            \
    EXPECT_STATUS(status, pf_sparse_attention(engine, &p));                                                            \
    expect_untouched(valid.y, c.extents.y_floats);                                                                     \
  } while (0)

static void refuses_bad_arguments(void) {
  begin_case("-");
  pf_engine *engine = tested_engine(2);
  const shape s = {.tokens = 10, .heads = 4, .kv_heads = 2, .head_dim = 8, .block = 4, .most = 20};
  sparse_case c = sliding_window(&s, 2, 1);
  guard_begin(EXACT_END);
  const pf_sparse_attention_params valid = guarded_params(&c, engine);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_sparse_attention(NULL, &valid));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_sparse_attention(engine, NULL));
  REJECT(PF_ERROR_ARGUMENT, p.q = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.k = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.v = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.y = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.block_starts = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.list_starts = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.spans = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.bands = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.blocks = -1);
  REJECT(PF_ERROR_ARGUMENT, p.blocks = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.lists = 0);
  REJECT(PF_ERROR_ARGUMENT, p.lists = 2);
  REJECT(PF_ERROR_ARGUMENT, p.lists = -1);
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
  REJECT(PF_ERROR_ARGUMENT, p.head_dim = PF_MAX_SPARSE_HEAD_DIM + 1);
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
  REJECT(PF_ERROR_INDEX, p.q_tokens = 9);
  REJECT(PF_ERROR_INDEX, p.kv_tokens = 9);
  REJECT(PF_ERROR_INDEX, p.blocks = 2);
  REJECT(PF_ERROR_INDEX, p.blocks = 0);

  static const int32_t starts[][4] = {{1, 4, 8, 10}, {0, 4, 3, 10}, {0, 4, 11, 10}, {0, -1, 8, 10}, {0, 4, 8, 9}};
  for (int i = 0; i < COUNT(starts); i++) REJECT(PF_ERROR_INDEX, p.block_starts = starts[i]);
  static const int32_t lists[][4] = {{1, 1, 2, 3}, {0, 2, 1, 3}, {0, 1, -1, 3}, {0, 1, 2, INT32_MIN}};
  for (int i = 0; i < COUNT(lists); i++) REJECT(PF_ERROR_INDEX, p.list_starts = lists[i]);
  static const pf_key_span spans[][3] = {{{0, 10, 1}, {0, 10, 1}, {0, 11, 1}},
                                         {{0, 10, 1}, {-1, 10, 1}, {0, 10, 1}},
                                         {{3, 2, 0}, {0, 10, 1}, {0, 10, 1}},
                                         {{0, 10, 1}, {0, INT32_MAX, 0}, {0, 10, 1}}};
  for (int i = 0; i < COUNT(spans); i++) REJECT(PF_ERROR_INDEX, p.spans = spans[i]);
  static const int32_t bad[][2] = {{-1, 3}, {5, 4}, {3, 11}, {0, INT32_MIN}};
  for (int i = 0; i < COUNT(bad); i++) {
    int32_t bands[20];
    memcpy(bands, c.params.bands, sizeof bands);
    memcpy(bands + 2 * 9, bad[i], sizeof bad[i]);
    REJECT(PF_ERROR_INDEX, p.bands = bands);
  }
  REJECT(PF_OK, p.blocks = 0; p.q_tokens = 0);
  static const int32_t none[] = {0, 0, 0, 0};
  REJECT(PF_OK, p.q_tokens = 0; p.block_starts = none);

  int64_t bytes = -1;
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_sparse_attention_workspace_size(NULL, 8, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_sparse_attention_workspace_size(engine, 8, NULL));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_sparse_attention_workspace_size(engine, 0, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_sparse_attention_workspace_size(engine, PF_MAX_SPARSE_HEAD_DIM + 1, &bytes));
  EXPECT(bytes == -1);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference_on_blocks),
      TEST(matches_reference_in_bands),
      TEST(takes_any_bands_and_spans),
      TEST(takes_queries_apart_from_keys),
      TEST(takes_wide_heads),
      TEST(sees_all_keys_as_attention_does),
      TEST(is_stable_for_large_scores),
      TEST(does_not_depend_on_the_batch),
      TEST(keeps_nan_where_it_belongs),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
