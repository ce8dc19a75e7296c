#include "attention/attention_case.h"
#include "decoding/decoding_reference.h"

typedef struct {
  const int32_t *q_lengths, *kv_lengths;
  int64_t sequences, heads, kv_heads, head_dim, block_tokens, window;
  float magnitude; /* of queries and keys; 0 for 1 */
  const float *bias;
  int64_t bias_distances;
  int32_t all_keys;
} shape;

/* The parameters of a case, in case memory. Slots that hold no token are NaN, and table entries without a block -1. */
typedef struct {
  pf_paged_attention_params params;
  qkv_extents extents; /* k and v are in the cache */
  int64_t cache_floats;
} paged_case;

static int64_t block_count(int64_t tokens, int64_t block_tokens) { return (tokens + block_tokens - 1) / block_tokens; }

/* First key that a query sees. */
static int64_t first_seen(int64_t q_length, int64_t kv_length, int64_t window) {
  return window && kv_length - q_length >= window ? kv_length - q_length - window + 1 : 0;
}

/* Blocks in any order, and rows of tokens from `keys` and `values`, [sequences' tokens, kv_heads, head_dim]. */
static void fill_cache(paged_case *c, const float *keys, const float *values) {
  pf_paged_attention_params *p = &c->params;
  p->blocks = 3;
  p->block_table_stride = 1;
  for (int64_t s = 0; s < p->sequences; s++) {
    const int64_t blocks = block_count(p->kv_lengths[s], p->block_tokens);
    p->blocks += blocks;
    if (blocks > p->block_table_stride) p->block_table_stride = blocks;
  }
  int32_t *order = case_memory((size_t)p->blocks * sizeof *order);
  const float *random = random_floats(p->blocks, 1);
  for (int64_t i = 0; i < p->blocks; i++) {
    const int64_t j = (int64_t)((random[i] + 1) * 0.5f * (float)(i + 1)) % (i + 1);
    order[i] = order[j];
    order[j] = (int32_t)i;
  }
  c->cache_floats = p->blocks * 2 * p->kv_heads * p->block_tokens * p->head_dim;
  float *cache = case_floats(c->cache_floats);
  for (int64_t i = 0; i < c->cache_floats; i++) cache[i] = NAN;
  const int64_t entries = p->sequences * p->block_table_stride;
  int32_t *tables = case_memory((size_t)entries * sizeof *tables);
  for (int64_t i = 0; i < entries; i++) tables[i] = -1;
  const int64_t head_floats = p->block_tokens * p->head_dim;
  for (int64_t s = 0, used = 0, token = 0; s < p->sequences; s++) {
    const int64_t q_length = p->cu_seqlens_q[s + 1] - p->cu_seqlens_q[s];
    const int64_t first = first_seen(q_length, p->kv_lengths[s], p->window);
    for (int64_t j = 0; j < p->kv_lengths[s]; j++, token++) {
      if (j < first || q_length == 0) continue;
      int32_t *block = &tables[s * p->block_table_stride + j / p->block_tokens];
      if (*block < 0) *block = order[used++];
      for (int64_t h = 0; h < p->kv_heads; h++) {
        const int64_t at = (*block * 2 * p->kv_heads + h) * head_floats + j % p->block_tokens * p->head_dim;
        const int64_t from = (token * p->kv_heads + h) * p->head_dim;
        memcpy(cache + at, keys + from, (size_t)p->head_dim * sizeof *cache);
        memcpy(cache + at + p->kv_heads * head_floats, values + from, (size_t)p->head_dim * sizeof *cache);
      }
    }
  }
  p->cache = cache;
  p->block_tables = tables;
}

/* A case without a cache yet. y has a gap behind each row. */
static paged_case empty_case(const shape *s) {
  paged_case c = {0};
  pf_paged_attention_params *p = &c.params;
  p->cu_seqlens_q = cumulative(s->q_lengths, s->sequences);
  p->kv_lengths = s->kv_lengths;
  p->sequences = s->sequences;
  p->q_tokens = p->cu_seqlens_q[s->sequences];
  p->heads = s->heads;
  p->kv_heads = s->kv_heads;
  p->head_dim = s->head_dim;
  p->block_tokens = s->block_tokens;
  p->window = s->window;
  p->bias = s->bias;
  p->bias_distances = s->bias_distances;
  p->all_keys = s->all_keys;
  p->scale = 1 / sqrtf((float)s->head_dim);
  p->q_head_stride = s->head_dim;
  p->q_token_stride = s->heads * s->head_dim;
  p->y_head_stride = s->head_dim + 3;
  p->y_token_stride = s->heads * (s->head_dim + 3);
  c.extents.q_floats = p->q_tokens * p->q_token_stride;
  c.extents.y_floats = p->q_tokens * p->y_token_stride;
  return c;
}

static paged_case random_case(const shape *s) {
  paged_case c = empty_case(s);
  const float magnitude = s->magnitude != 0 ? s->magnitude : 1;
  int64_t tokens = 0;
  for (int64_t i = 0; i < s->sequences; i++) tokens += s->kv_lengths[i];
  const int64_t count = tokens * s->kv_heads * s->head_dim;
  c.params.q = random_floats(c.extents.q_floats, magnitude);
  const float *keys = random_floats(count, magnitude), *values = random_floats(count, 1);
  fill_cache(&c, keys, values);
  return c;
}

static pf_paged_attention_params guarded_params(const paged_case *c, pf_engine *engine) {
  pf_paged_attention_params p = c->params;
  p.q = guarded_copy(p.q, c->extents.q_floats);
  p.cache = guarded_copy(p.cache, c->cache_floats);
  p.y = guarded_output(c->extents.y_floats);
  if (p.bias) p.bias = guarded_copy(p.bias, p.heads * p.bias_distances);
  p.cu_seqlens_q = guarded_ids(p.cu_seqlens_q, p.sequences + 1);
  p.kv_lengths = guarded_ids(p.kv_lengths, p.sequences);
  p.block_tables = guarded_ids(p.block_tables, p.sequences * p.block_table_stride);
  EXPECT_STATUS(PF_OK, pf_paged_attention_workspace_size(engine, p.head_dim, &p.workspace_bytes));
  p.workspace = guarded_aligned(p.workspace_bytes);
  return p;
}

static const float *run(const paged_case *c, int32_t threads) {
  guard_begin(threads % 2 ? EXACT_END : EXACT_START);
  const pf_paged_attention_params p = guarded_params(c, tested_engine(threads));
  EXPECT_STATUS(PF_OK, pf_paged_attention(tested_engine(threads), &p));
  guard_check();
  return p.y;
}

DEFINE_CHECK(paged_attention, paged_case)

static void matches_reference(void) {
  static const int32_t q_lengths[] = {1, 17, 0, 1, 33, 5}, kv_lengths[] = {1, 17, 9, 197, 65, 140};
  static const int64_t head_dims[] = {1, 7, 32, 40, 64, 80, 128, 256};
  static const int64_t block_tokens[] = {1, 16, 32, 7};
  static const int64_t windows[] = {0, 1, 24};
  for (int d = 0; d < COUNT(head_dims); d++) {
    for (int b = 0; b < COUNT(block_tokens); b++) {
      for (int w = 0; w < COUNT(windows); w++) {
        if (!begin_case("head_dim=%d block_tokens=%d window=%d", (int)head_dims[d], (int)block_tokens[b],
                        (int)windows[w]))
          continue;
        const shape s = {.q_lengths = q_lengths,
                         .kv_lengths = kv_lengths,
                         .sequences = COUNT(q_lengths),
                         .heads = 3,
                         .kv_heads = d % 2 ? 3 : 1,
                         .head_dim = head_dims[d],
                         .block_tokens = block_tokens[b],
                         .window = windows[w]};
        const paged_case c = random_case(&s);
        check(&c);
      }
    }
  }
}

/* Across the edges of all tiles and spans, as prompt and as a step. */
static void matches_reference_at_every_length(void) {
  for (int32_t length = 1; length <= 1100; length += length < 20 || (length > 125 && length < 131) ? 1 : 61) {
    for (int form = 0; form < 2; form++) {
      if (!begin_case("length=%d form=%d", (int)length, form)) continue;
      const int32_t q_lengths[] = {form == 0 ? 1 : length < 40 ? length : 40, 1}, kv_lengths[] = {length, 3};
      const shape s = {.q_lengths = q_lengths,
                       .kv_lengths = kv_lengths,
                       .sequences = 2,
                       .heads = 2,
                       .kv_heads = 1 + form,
                       .head_dim = 17,
                       .block_tokens = 16};
      const paged_case c = random_case(&s);
      check(&c);
    }
  }
}

/* Groups that fill a part of a block, a block, and several. */
static void shares_key_heads(void) {
  static const int32_t q_lengths[] = {1, 9, 1}, kv_lengths[] = {50, 21, 600};
  static const int64_t heads[][2] = {{1, 1}, {8, 1}, {9, 3}, {14, 2}, {12, 12}, {16, 1}, {40, 2}, {71, 1}};
  for (int h = 0; h < COUNT(heads); h++) {
    for (int64_t window = 0; window <= 30; window += 30) {
      if (!begin_case("heads=%d kv_heads=%d window=%d", (int)heads[h][0], (int)heads[h][1], (int)window)) continue;
      const shape s = {.q_lengths = q_lengths,
                       .kv_lengths = kv_lengths,
                       .sequences = 3,
                       .heads = heads[h][0],
                       .kv_heads = heads[h][1],
                       .head_dim = 24,
                       .block_tokens = 16,
                       .window = window};
      const paged_case c = random_case(&s);
      check(&c);
    }
  }
}

/* Tables shorter and longer than any distance, lanes of a few queries and of many. */
static void adds_a_bias_by_distance(void) {
  static const int32_t q_lengths[] = {1, 17, 0, 3, 33, 1}, kv_lengths[] = {1, 17, 9, 197, 65, 1100};
  static const int64_t distances[] = {1, 7, 128, 300, 2000};
  for (int d = 0; d < COUNT(distances); d++) {
    for (int form = 0; form < 3; form++) {
      if (!begin_case("distances=%d form=%d", (int)distances[d], form)) continue;
      const shape s = {.q_lengths = q_lengths,
                       .kv_lengths = kv_lengths,
                       .sequences = COUNT(q_lengths),
                       .heads = 6,
                       .kv_heads = form == 0 ? 6 : form,
                       .head_dim = 24,
                       .block_tokens = 16,
                       .window = form == 2 ? 40 : 0,
                       .bias = random_floats(6 * distances[d], 4),
                       .bias_distances = distances[d]};
      const paged_case c = random_case(&s);
      check(&c);
    }
  }
}

/* Keys of another text, fewer and more than there are queries. */
static void sees_all_keys(void) {
  static const int32_t q_lengths[] = {1, 17, 0, 5, 33, 7}, kv_lengths[] = {1, 300, 9, 1100, 2, 65};
  for (int form = 0; form < 4; form++) {
    begin_case("form=%d", form);
    const shape s = {.q_lengths = q_lengths,
                     .kv_lengths = kv_lengths,
                     .sequences = form % 2 ? 4 : COUNT(q_lengths),
                     .heads = 4,
                     .kv_heads = form < 2 ? 4 : 1,
                     .head_dim = 40,
                     .block_tokens = 7,
                     .all_keys = 1};
    const paged_case c = random_case(&s);
    check(&c);
  }
}

/* Scores around +-10^4, whose exponentials are far out of range. */
static void is_stable_for_large_scores(void) {
  static const int32_t q_lengths[] = {1, 37}, kv_lengths[] = {1300, 700};
  for (int form = 0; form < 2; form++) {
    begin_case("form=%d", form);
    const shape s = {.q_lengths = q_lengths,
                     .kv_lengths = kv_lengths,
                     .sequences = 2,
                     .heads = 4,
                     .kv_heads = form ? 1 : 4,
                     .head_dim = 8,
                     .block_tokens = 16,
                     .magnitude = 100};
    const paged_case c = random_case(&s);
    check(&c);
  }
}

/* One prompt, of which cases take stretches. */
typedef struct {
  const float *q, *k, *v;
  int32_t length;
  shape shape;
} prompt;

static prompt random_prompt(int32_t length, int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t window) {
  prompt p = {.length = length,
              .shape = {.sequences = 1, .heads = heads, .kv_heads = kv_heads, .head_dim = head_dim, .window = window}};
  p.q = random_floats(length * heads * head_dim, 1);
  p.k = random_floats(length * kv_heads * head_dim, 1);
  p.v = random_floats(length * kv_heads * head_dim, 1);
  return p;
}

/* Results of tokens begin .. end - 1, whose keys and those before them are in the cache. */
static const float *stretch(const prompt *p, int32_t begin, int32_t end, int64_t block_tokens, int32_t threads) {
  int32_t *lengths = case_memory(2 * sizeof *lengths);
  lengths[0] = end - begin;
  lengths[1] = end;
  shape s = p->shape;
  s.q_lengths = lengths;
  s.kv_lengths = lengths + 1;
  s.block_tokens = block_tokens;
  paged_case c = empty_case(&s);
  c.params.q = p->q + begin * c.params.q_token_stride;
  fill_cache(&c, p->k, p->v);
  const float *y = run(&c, threads);
  return memcpy(case_floats(c.extents.y_floats), y, (size_t)c.extents.y_floats * sizeof *y);
}

static void does_not_depend_on_chunks_blocks_or_threads(void) {
  static const struct {
    int32_t length;
    int64_t heads, kv_heads, head_dim, window;
  } prompts[] = {{300, 3, 3, 40, 0},  {1100, 2, 1, 17, 0},   {1100, 4, 1, 16, 200}, {1030, 1, 1, 64, 0},
                 {520, 20, 1, 32, 0}, {600, 40, 1, 16, 513}, {700, 2, 2, 33, 1}};
  static const int64_t block_tokens[] = {1, 16, 32, 45};
  static const int32_t chunks[] = {1, 7, 64, 300};
  for (int i = 0; i < COUNT(prompts); i++) {
    if (!begin_case("length=%d heads=%d kv_heads=%d window=%d", (int)prompts[i].length, (int)prompts[i].heads,
                    (int)prompts[i].kv_heads, (int)prompts[i].window))
      continue;
    prompt p =
        random_prompt(prompts[i].length, prompts[i].heads, prompts[i].kv_heads, prompts[i].head_dim, prompts[i].window);
    if (i % 2) {
      p.shape.bias_distances = 128;
      p.shape.bias = random_floats(prompts[i].heads * 128, 2);
    }
    const int64_t row = prompts[i].heads * (prompts[i].head_dim + 3);
    const float *whole = stretch(&p, 0, p.length, 16, 1);
    for (int b = 0; b < COUNT(block_tokens); b++)
      expect_same_bits(stretch(&p, 0, p.length, block_tokens[b], 3), whole, p.length * row);
    for (int c = 0; c < COUNT(chunks); c++) {
      /* Single tokens are many: some of them will do. */
      const int32_t step = chunks[c] < 10 ? chunks[c] + 53 : chunks[c];
      for (int32_t begin = 0; begin < p.length; begin += step) {
        const int32_t end = begin + chunks[c] < p.length ? begin + chunks[c] : p.length;
        const float *y = stretch(&p, begin, end, block_tokens[c], 1 + begin % MOST_THREADS);
        expect_same_bits(y, whole + begin * row, (end - begin) * row);
      }
    }
  }
}

/* The same rows through a causal pf_attention, whose keys are one span. */
static void has_the_bits_of_causal_attention(void) {
  static const int32_t lengths[] = {1, 33, 300, 512};
  static const int64_t heads[][2] = {{2, 2}, {6, 2}};
  for (int l = 0; l < COUNT(lengths); l++) {
    for (int h = 0; h < COUNT(heads); h++) {
      if (!begin_case("length=%d kv_heads=%d", (int)lengths[l], (int)heads[h][1])) continue;
      const prompt p = random_prompt(lengths[l], heads[h][0], heads[h][1], 40, 0);
      const int32_t cu_seqlens[] = {0, p.length};
      const int64_t count = p.length * heads[h][0] * 43;
      pf_attention_params a = {.q = p.q,
                               .k = p.k,
                               .v = p.v,
                               .cu_seqlens_q = cu_seqlens,
                               .cu_seqlens_kv = cu_seqlens,
                               .q_token_stride = heads[h][0] * 40,
                               .q_head_stride = 40,
                               .kv_token_stride = heads[h][1] * 40,
                               .kv_head_stride = 40,
                               .y_token_stride = heads[h][0] * 43,
                               .y_head_stride = 43,
                               .q_tokens = p.length,
                               .kv_tokens = p.length,
                               .sequences = 1,
                               .heads = heads[h][0],
                               .kv_heads = heads[h][1],
                               .head_dim = 40,
                               .scale = 1 / sqrtf(40),
                               .causal = 1};
      guard_begin(EXACT_END);
      EXPECT_STATUS(PF_OK, pf_attention_workspace_size(tested_engine(1), 40, &a.workspace_bytes));
      a.workspace = guarded_aligned(a.workspace_bytes);
      a.y = guarded_output(count);
      EXPECT_STATUS(PF_OK, pf_attention(tested_engine(1), &a));
      float *expected = memcpy(case_floats(count), a.y, (size_t)count * sizeof(float));
      expect_same_bits(stretch(&p, 0, p.length, 16, 2), expected, count);
      const int64_t last = count - heads[h][0] * 43;
      expect_same_bits(stretch(&p, p.length - 1, p.length, 16, 2), expected + last, count - last);
    }
  }
}

static void does_not_depend_on_the_batch(void) {
  static const int32_t q_lengths[] = {1, 40, 17, 0, 300, 1}, kv_lengths[] = {5, 140, 40, 9, 300, 1100};
  for (int form = 0; form < 4; form++) {
    begin_case("form=%d", form);
    const shape s = {.q_lengths = q_lengths,
                     .kv_lengths = kv_lengths,
                     .sequences = COUNT(q_lengths),
                     .heads = 4,
                     .kv_heads = form & 1 ? 1 : 4,
                     .head_dim = 32,
                     .block_tokens = 16,
                     .window = form & 2 ? 90 : 0};
    const paged_case c = random_case(&s);
    const float *y = check(&c);
    for (int64_t i = 0; i < s.sequences; i++) {
      paged_case alone = c;
      pf_paged_attention_params *p = &alone.params;
      p->q += c.params.cu_seqlens_q[i] * p->q_token_stride;
      p->cu_seqlens_q = cumulative(&q_lengths[i], 1);
      p->kv_lengths += i;
      p->block_tables += i * p->block_table_stride;
      p->sequences = 1;
      p->q_tokens = q_lengths[i];
      alone.extents.q_floats = p->q_tokens * p->q_token_stride;
      alone.extents.y_floats = p->q_tokens * p->y_token_stride;
      expect_same_bits(run(&alone, 2), y + c.params.cu_seqlens_q[i] * c.params.y_token_stride, alone.extents.y_floats);
    }
  }
}

static void keeps_nan_in_its_sequence(void) {
  static const int32_t q_lengths[] = {1, 35, 1}, kv_lengths[] = {20, 35, 12};
  for (int values = 0; values < 2; values++) {
    begin_case("values=%d", values);
    const shape s = {.q_lengths = q_lengths,
                     .kv_lengths = kv_lengths,
                     .sequences = 3,
                     .heads = 2,
                     .kv_heads = 2,
                     .head_dim = 16,
                     .block_tokens = 16};
    paged_case c = random_case(&s);
    const float *y = check(&c);
    float *cache = case_floats(c.cache_floats);
    memcpy(cache, c.params.cache, (size_t)c.cache_floats * sizeof *cache);
    /* The first key or value of the first sequence's second head. */
    cache[((c.params.block_tables[0] * 2 + values) * 2 + 1) * 16 * 16 + 5] = NAN;
    c.params.cache = cache;
    const float *changed = run(&c, 1);
    expect_same_bits(changed, y, 16);
    for (int64_t d = 0; d < 16; d++) EXPECT(isnan(changed[19 + d]) == (values == 0 || d == 5));
    expect_same_bits(changed + 38, y + 38, c.extents.y_floats - 38);
  }
}

#define REJECT(status, change)                                                                                         \
  do {                                                                                                                 \
    pf_paged_attention_params p = valid;                                                                               \
    change;                                                                                                            \
    EXPECT_STATUS(status, pf_paged_attention(engine, &p));                                                             \
    expect_untouched(valid.y, c.extents.y_floats);                                                                     \
  } while (0)

static void refuses_bad_arguments(void) {
  static const int32_t q_lengths[] = {4, 1}, kv_lengths[] = {5, 40};
  begin_case("-");
  pf_engine *engine = tested_engine(2);
  const shape s = {.q_lengths = q_lengths,
                   .kv_lengths = kv_lengths,
                   .sequences = 2,
                   .heads = 4,
                   .kv_heads = 2,
                   .head_dim = 8,
                   .block_tokens = 16};
  const paged_case c = random_case(&s);
  guard_begin(EXACT_END);
  const pf_paged_attention_params valid = guarded_params(&c, engine);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_paged_attention(NULL, &valid));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_paged_attention(engine, NULL));
  REJECT(PF_ERROR_ARGUMENT, p.q = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.cache = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.y = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.cu_seqlens_q = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.kv_lengths = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.block_tables = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.sequences = -1);
  REJECT(PF_ERROR_ARGUMENT, p.sequences = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.q_tokens = -1);
  REJECT(PF_ERROR_ARGUMENT, p.q_tokens = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.heads = 0);
  REJECT(PF_ERROR_ARGUMENT, p.heads = INT64_MAX - 1);
  REJECT(PF_ERROR_ARGUMENT, p.kv_heads = 0);
  REJECT(PF_ERROR_ARGUMENT, p.kv_heads = -2);
  REJECT(PF_ERROR_ARGUMENT, p.kv_heads = 3);
  REJECT(PF_ERROR_ARGUMENT, p.kv_heads = 8);
  REJECT(PF_ERROR_ARGUMENT, p.head_dim = 0);
  REJECT(PF_ERROR_ARGUMENT, p.head_dim = -8);
  REJECT(PF_ERROR_ARGUMENT, p.head_dim = PF_MAX_HEAD_DIM + 1);
  REJECT(PF_ERROR_ARGUMENT, p.blocks = 0);
  REJECT(PF_ERROR_ARGUMENT, p.blocks = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.block_tokens = 0);
  REJECT(PF_ERROR_ARGUMENT, p.block_tokens = -16);
  REJECT(PF_ERROR_ARGUMENT, p.block_tokens = INT64_MAX);
  /* Each in range, but more slots than a slot can number. */
  REJECT(PF_ERROR_ARGUMENT, p.blocks = 1 << 20; p.block_tokens = 1 << 12);
  REJECT(PF_ERROR_ARGUMENT, p.block_table_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.block_table_stride = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.window = -1);
  REJECT(PF_ERROR_ARGUMENT, p.window = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.bias = p.q; p.bias_distances = 0);
  REJECT(PF_ERROR_ARGUMENT, p.bias = p.q; p.bias_distances = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.bias = p.q; p.bias_distances = 1; p.all_keys = 1);
  REJECT(PF_ERROR_ARGUMENT, p.window = 1; p.all_keys = 1);
  REJECT(PF_ERROR_ARGUMENT, p.q_token_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.q_head_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.y_token_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.y_head_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.q_token_stride = INT64_MAX);
  REJECT(PF_ERROR_WORKSPACE, p.workspace = NULL);
  REJECT(PF_ERROR_WORKSPACE, p.workspace = (char *)valid.workspace + 4);
  REJECT(PF_ERROR_WORKSPACE, p.workspace_bytes--);
  REJECT(PF_ERROR_WORKSPACE, p.workspace_bytes = -1);

  static const int32_t wrong_q[][3] = {{1, 4, 5}, {0, 4, 4}, {0, 4, 6}, {0, 8, 5}, {0, -1, 5}, {0, INT32_MIN, 5}};
  for (int i = 0; i < COUNT(wrong_q); i++) REJECT(PF_ERROR_INDEX, p.cu_seqlens_q = wrong_q[i]);
  /* Fewer keys than queries, and more than the table has blocks for. */
  static const int32_t wrong_kv[][2] = {{3, 40}, {5, 0}, {-1, 40}, {INT32_MIN, 40}, {5, 49}, {INT32_MAX, 40}};
  for (int i = 0; i < COUNT(wrong_kv); i++) REJECT(PF_ERROR_INDEX, p.kv_lengths = wrong_kv[i]);
  static const int32_t no_keys[] = {5, 0};
  REJECT(PF_ERROR_INDEX, p.kv_lengths = no_keys; p.all_keys = 1);
  REJECT(PF_ERROR_INDEX, p.block_table_stride = 2);
  REJECT(PF_ERROR_INDEX, p.sequences = 0);
  static const int32_t wrong_blocks[] = {-1, INT32_MIN, INT32_MAX};
  for (int entry = 0; entry < 6; entry++) {
    for (int i = 0; i <= COUNT(wrong_blocks); i++) {
      int32_t tables[6];
      memcpy(tables, valid.block_tables, sizeof tables);
      if (tables[entry] < 0) continue; /* past the sequence's keys, and so not read */
      tables[entry] = i < COUNT(wrong_blocks) ? wrong_blocks[i] : (int32_t)valid.blocks;
      REJECT(PF_ERROR_INDEX, p.block_tables = tables);
      /* The first two blocks of the second sequence are before this window. */
      if (entry == 5) REJECT(PF_ERROR_INDEX, p.block_tables = tables; p.window = 8);
    }
  }

  REJECT(PF_OK, p.sequences = 0; p.q_tokens = 0);
  static const int32_t empty[] = {0, 0, 0};
  REJECT(PF_OK, p.cu_seqlens_q = empty; p.q_tokens = 0; p.q = NULL; p.cache = NULL; p.y = NULL; p.block_tables = NULL);

  int64_t bytes = -1;
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_paged_attention_workspace_size(NULL, 8, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_paged_attention_workspace_size(engine, 8, NULL));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_paged_attention_workspace_size(engine, 0, &bytes));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_paged_attention_workspace_size(engine, PF_MAX_HEAD_DIM + 1, &bytes));
  EXPECT(bytes == -1);
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(matches_reference_at_every_length),
      TEST(shares_key_heads),
      TEST(adds_a_bias_by_distance),
      TEST(sees_all_keys),
      TEST(is_stable_for_large_scores),
      TEST(does_not_depend_on_chunks_blocks_or_threads),
      TEST(has_the_bits_of_causal_attention),
      TEST(does_not_depend_on_the_batch),
      TEST(keeps_nan_in_its_sequence),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
