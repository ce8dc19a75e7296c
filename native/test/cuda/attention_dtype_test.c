/* Attention on tensor cores, which only a device has. Inputs are exact in 16 bits, so that the weights' rounding, and
 * that of float32, is all that is left. */
#include "attention/attention_case.h"
#include "decoding/decoding_reference.h"
#include "linear/linear_precision_reference.h"
#include "panaformer_cuda.h"

/* Of a weight that is rounded to bfloat16, or to a half, which is less. */
#define WEIGHT_UNIT 0x1p-9

static const pf_dtype dtypes[] = {PF_DTYPE_BF16, PF_DTYPE_FP16};

static float *random_halves(int64_t count, float scale) {
  float *x = random_floats(count, scale);
  for (int64_t i = 0; i < count; i++) x[i] = fabsf(x[i]) < 0x1p-12f ? 0 : reference_bf16(x[i]);
  return x;
}

/* Values are within 1. */
static void expect_near(const float *y, const double *expected, double *bound, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (bound[i] != UNTOUCHED) bound[i] = 2 * bound[i] + WEIGHT_UNIT;
  expect_close(y, expected, bound, count);
}

static pf_engine *engine_in(pf_dtype dtype) {
  EXPECT_STATUS(PF_OK, pf_cuda_set_attention(tested_engine(1), dtype));
  return tested_engine(1);
}

/* ---- Adjacent keys ---- */

typedef struct {
  pf_attention_params params;
  int64_t q_floats, kv_floats, bias_floats;
} attention_case;

static attention_case adjacent_case(const int32_t *q_lengths, const int32_t *kv_lengths, int64_t sequences,
                                    int64_t heads, int64_t kv_heads, int64_t head_dim, int causal, int bias) {
  attention_case c = {0};
  pf_attention_params *p = &c.params;
  p->cu_seqlens_q = cumulative(q_lengths, sequences);
  p->cu_seqlens_kv = cumulative(kv_lengths, sequences);
  p->sequences = sequences;
  p->q_tokens = p->cu_seqlens_q[sequences];
  p->kv_tokens = p->cu_seqlens_kv[sequences];
  p->heads = heads;
  p->kv_heads = kv_heads;
  p->head_dim = head_dim;
  p->causal = causal;
  p->scale = 1 / sqrtf((float)head_dim);
  p->q_head_stride = p->kv_head_stride = p->y_head_stride = head_dim;
  p->q_token_stride = p->y_token_stride = heads * head_dim;
  p->kv_token_stride = kv_heads * head_dim;
  c.q_floats = p->q_tokens * heads * head_dim;
  c.kv_floats = p->kv_tokens * kv_heads * head_dim;
  p->q = random_halves(c.q_floats, 2);
  p->k = random_halves(c.kv_floats, 2);
  p->v = random_halves(c.kv_floats, 1);
  if (bias) {
    /* A table of distances, of the longest sequence either way. */
    int64_t longest = 1;
    for (int64_t s = 0; s < sequences; s++) {
      if (q_lengths[s] > longest) longest = q_lengths[s];
      if (kv_lengths[s] > longest) longest = kv_lengths[s];
    }
    c.bias_floats = heads * (2 * longest - 1);
    p->bias = random_floats(c.bias_floats, 2) + longest - 1;
    p->bias_head_stride = 2 * longest - 1;
    p->bias_query_stride = -1;
  }
  return c;
}

static const float *check_adjacent(const attention_case *c, pf_dtype dtype) {
  pf_engine *engine = engine_in(dtype);
  const int64_t count = c->q_floats;
  double *expected = case_doubles(count), *bound = case_doubles(count);
  for (int64_t i = 0; i < count; i++) bound[i] = UNTOUCHED;
  reference_attention(&c->params, expected, bound);
  guard_begin(EXACT_END);
  pf_attention_params p = c->params;
  p.q = guarded_copy(p.q, c->q_floats);
  p.k = guarded_copy(p.k, c->kv_floats);
  p.v = guarded_copy(p.v, c->kv_floats);
  p.y = guarded_output(count);
  EXPECT_STATUS(PF_OK, pf_attention_workspace_size(engine, p.head_dim, &p.workspace_bytes));
  p.workspace = guarded_aligned(p.workspace_bytes);
  EXPECT_STATUS(PF_OK, pf_attention(engine, &p));
  guard_check();
  expect_near(p.y, expected, bound, count);
  float *y = case_floats(count);
  memcpy(y, p.y, (size_t)count * sizeof *y);
  return y;
}

static void matches_reference(void) {
  static const int32_t lengths[][2] = {{1, 1}, {7, 5}, {17, 33}, {63, 2}, {65, 31}, {130, 64}};
  static const int64_t dims[] = {8, 17, 32, 40, 64, 80, 128};
  for (int d = 0; d < COUNT(dims); d++) {
    for (int l = 0; l < COUNT(lengths); l++) {
      for (int kind = 0; kind < 4; kind++) {
        const pf_dtype dtype = dtypes[(d + l + kind) % 2];
        if ((d + l + kind) % 3) continue;
        begin_case("dtype=%d head_dim=%d length=%d causal=%d bias=%d", (int)dtype, (int)dims[d], (int)lengths[l][0],
                   kind % 2, kind / 2);
        const attention_case c =
            adjacent_case(lengths[l], lengths[l], 2, 4, l % 2 ? 2 : 4, dims[d], kind % 2, kind / 2);
        check_adjacent(&c, dtype);
      }
    }
  }
}

static void matches_reference_with_other_keys(void) {
  static const int32_t q_lengths[] = {3, 70, 0, 33}, kv_lengths[] = {40, 5, 7, 0};
  for (int causal = 0; causal < 2; causal++) {
    begin_case("causal=%d", causal);
    const attention_case c = adjacent_case(q_lengths, kv_lengths, 4, 6, 3, 48, causal, 0);
    check_adjacent(&c, dtypes[causal]);
  }
}

static void does_not_depend_on_the_batch(void) {
  static const int32_t lengths[] = {61, 70, 9};
  for (int causal = 0; causal < 2; causal++) {
    begin_case("causal=%d", causal);
    const attention_case whole = adjacent_case(lengths, lengths, 3, 4, 2, 64, causal, 0);
    const float *y = check_adjacent(&whole, dtypes[causal]);
    for (int s = 0; s < 3; s++) {
      const int64_t first = whole.params.cu_seqlens_q[s];
      attention_case alone = whole;
      pf_attention_params *p = &alone.params;
      p->q += first * p->q_token_stride;
      p->k += first * p->kv_token_stride;
      p->v += first * p->kv_token_stride;
      p->sequences = 1;
      p->cu_seqlens_q = p->cu_seqlens_kv = cumulative(lengths + s, 1);
      p->q_tokens = p->kv_tokens = lengths[s];
      alone.q_floats = p->q_tokens * p->q_token_stride;
      alone.kv_floats = p->kv_tokens * p->kv_token_stride;
      expect_same_bits(check_adjacent(&alone, dtypes[causal]), y + first * p->y_token_stride, alone.q_floats);
    }
  }
}

/* ---- A paged cache ---- */

#define BLOCK 16

typedef struct {
  pf_paged_attention_params params;
  int64_t q_floats, cache_floats;
} paged_case;

static paged_case random_paged(const int32_t *q_lengths, const int32_t *kv_lengths, int64_t sequences, int64_t heads,
                               int64_t kv_heads, int64_t head_dim, int64_t window) {
  paged_case c = {0};
  pf_paged_attention_params *p = &c.params;
  p->cu_seqlens_q = cumulative(q_lengths, sequences);
  p->kv_lengths = kv_lengths;
  p->sequences = sequences;
  p->q_tokens = p->cu_seqlens_q[sequences];
  p->heads = heads;
  p->kv_heads = kv_heads;
  p->head_dim = head_dim;
  p->block_tokens = BLOCK;
  p->window = window;
  p->scale = 1 / sqrtf((float)head_dim);
  p->q_head_stride = p->y_head_stride = head_dim;
  p->q_token_stride = p->y_token_stride = heads * head_dim;
  p->block_table_stride = 1;
  for (int64_t s = 0; s < sequences; s++) {
    const int64_t blocks = (kv_lengths[s] + BLOCK - 1) / BLOCK;
    p->blocks += blocks;
    if (blocks > p->block_table_stride) p->block_table_stride = blocks;
  }
  int32_t *tables = case_memory((size_t)(sequences * p->block_table_stride) * sizeof *tables);
  /* Blocks from the last to the first. */
  int32_t next = (int32_t)p->blocks;
  for (int64_t i = 0; i < sequences * p->block_table_stride; i++)
    tables[i] = i % p->block_table_stride < (kv_lengths[i / p->block_table_stride] + BLOCK - 1) / BLOCK ? --next : -1;
  p->block_tables = tables;
  c.q_floats = p->q_tokens * p->q_token_stride;
  c.cache_floats = p->blocks * 2 * kv_heads * BLOCK * head_dim;
  p->q = random_halves(c.q_floats, 2);
  p->cache = random_halves(c.cache_floats, 1);
  return c;
}

static const float *check_paged(const paged_case *c, pf_dtype dtype) {
  pf_engine *engine = engine_in(dtype);
  const int64_t count = c->q_floats;
  double *expected = case_doubles(count), *bound = case_doubles(count);
  for (int64_t i = 0; i < count; i++) bound[i] = UNTOUCHED;
  reference_paged_attention(&c->params, expected, bound);
  guard_begin(EXACT_END);
  pf_paged_attention_params p = c->params;
  p.q = guarded_copy(p.q, c->q_floats);
  p.cache = guarded_copy(p.cache, c->cache_floats);
  p.y = guarded_output(count);
  EXPECT_STATUS(PF_OK, pf_paged_attention_workspace_size(engine, p.head_dim, &p.workspace_bytes));
  p.workspace = guarded_aligned(p.workspace_bytes);
  EXPECT_STATUS(PF_OK, pf_paged_attention(engine, &p));
  guard_check();
  expect_near(p.y, expected, bound, count);
  float *y = case_floats(count);
  memcpy(y, p.y, (size_t)count * sizeof *y);
  return y;
}

static void matches_reference_over_a_cache(void) {
  static const int32_t q_lengths[] = {1, 1, 5, 70}, kv_lengths[] = {1, 530, 33, 1100};
  for (int s = 0; s < 4; s++) {
    for (int windowed = 0; windowed < 2; windowed++) {
      begin_case("kv_length=%d window=%d", (int)kv_lengths[s], windowed);
      paged_case c = random_paged(q_lengths + s, kv_lengths + s, 1, 4, 2, s % 2 ? 64 : 24, windowed ? 37 : 0);
      if (s == 2 && !windowed) {
        c.params.bias_distances = 9;
        c.params.bias = random_floats(4 * 9, 1);
      }
      check_paged(&c, dtypes[windowed]);
      if (windowed) continue;
      c.params.bias = NULL;
      c.params.all_keys = 1;
      check_paged(&c, dtypes[1]);
    }
  }
}

/* Many blocks take the spans of a sequence one after the other, few take one each. */
static void merges_spans_the_same_wherever_they_were_summed(void) {
  static const int32_t q_lengths[] = {1, 1, 3}, kv_lengths[] = {1030, 600, 70};
  begin_case("-");
  const paged_case whole = random_paged(q_lengths, kv_lengths, 3, 2, 2, 40, 0);
  const float *y = check_paged(&whole, PF_DTYPE_BF16);
  for (int s = 0; s < 3; s++) {
    const int64_t first = whole.params.cu_seqlens_q[s];
    paged_case alone = whole;
    pf_paged_attention_params *p = &alone.params;
    p->sequences = 1;
    p->q += first * p->q_token_stride;
    p->cu_seqlens_q = cumulative(q_lengths + s, 1);
    p->kv_lengths = kv_lengths + s;
    p->block_tables += s * p->block_table_stride;
    p->q_tokens = q_lengths[s];
    alone.q_floats = p->q_tokens * p->q_token_stride;
    expect_same_bits(check_paged(&alone, PF_DTYPE_BF16), y + first * p->y_token_stride, alone.q_floats);
  }
}

/* A prompt at once, and its tokens one by one. */
static void does_not_depend_on_how_a_prompt_is_cut(void) {
  begin_case("-");
  static const int32_t all = 70, kv = 540;
  const paged_case whole = random_paged(&all, &kv, 1, 4, 2, 64, 0);
  const float *y = check_paged(&whole, PF_DTYPE_FP16);
  for (int32_t first = 0, rows = 1; first + rows <= all; first += rows, rows = rows * 3 % 17 + 1) {
    const int32_t length = kv - all + first + rows;
    paged_case part = whole;
    pf_paged_attention_params *p = &part.params;
    p->q += first * p->q_token_stride;
    p->cu_seqlens_q = cumulative(&rows, 1);
    p->kv_lengths = &length;
    p->q_tokens = rows;
    part.q_floats = rows * p->q_token_stride;
    expect_same_bits(check_paged(&part, PF_DTYPE_FP16), y + first * p->y_token_stride, part.q_floats);
  }
}

/* Larger heads, and what was not asked for, are float32's. */
static void leaves_the_rest_in_float32(void) {
  static const int32_t length = 40;
  for (int d = 0; d < 2; d++) {
    begin_case("head_dim=%d", d ? 160 : 64);
    attention_case c = adjacent_case(&length, &length, 1, 2, 2, d ? 160 : 64, 0, 0);
    const float *exact = check_adjacent(&c, PF_DTYPE_FP32);
    const float *other = check_adjacent(&c, PF_DTYPE_BF16);
    if (d)
      expect_same_bits(other, exact, c.q_floats);
    else
      EXPECT(memcmp(other, exact, (size_t)c.q_floats * sizeof *exact) != 0);
  }
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_cuda_set_attention(tested_engine(1), (pf_dtype)3));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_cuda_set_attention(NULL, PF_DTYPE_BF16));
}

int main(void) {
  static const test tests[] = {
      TEST(matches_reference),
      TEST(matches_reference_with_other_keys),
      TEST(does_not_depend_on_the_batch),
      TEST(matches_reference_over_a_cache),
      TEST(merges_spans_the_same_wherever_they_were_summed),
      TEST(does_not_depend_on_how_a_prompt_is_cut),
      TEST(leaves_the_rest_in_float32),
  };
  return run_tests(tests, COUNT(tests));
}
