#include <string.h>

#include "guard.h"
#include "test.h"

/* A case in case memory. */
typedef struct {
  pf_kv_store_params params;
  int64_t kv_floats, cache_floats;
  int packed; /* v right behind k in one row */
} kv_case;

static kv_case random_case(int64_t tokens, int64_t kv_heads, int64_t head_dim, int64_t block_tokens, int packed) {
  kv_case c = {.packed = packed};
  pf_kv_store_params *p = &c.params;
  p->tokens = tokens;
  p->kv_heads = kv_heads;
  p->head_dim = head_dim;
  p->block_tokens = block_tokens;
  p->blocks = tokens / block_tokens + 3;
  p->kv_head_stride = head_dim;
  p->kv_token_stride = (packed ? 2 : 1) * kv_heads * head_dim;
  c.kv_floats = tokens * p->kv_token_stride;
  c.cache_floats = p->blocks * 2 * kv_heads * block_tokens * head_dim;
  p->k = random_floats(c.kv_floats, 1);
  p->v = packed ? p->k + kv_heads * head_dim : random_floats(c.kv_floats, 1);
  /* A walk over all slots, each at most once; the last slot, which lies against the guard, comes first. */
  const int64_t capacity = p->blocks * block_tokens;
  int64_t step = capacity / 2 + 1, a = capacity, b = step;
  for (;; a = capacity, b = ++step) {
    while (b) {
      const int64_t rest = a % b;
      a = b;
      b = rest;
    }
    if (a == 1) break;
  }
  int32_t *slots = case_memory((size_t)tokens * sizeof *slots);
  for (int64_t t = 0; t < tokens; t++) slots[t] = (int32_t)((capacity - 1 + t * step) % capacity);
  p->slots = slots;
  return c;
}

/* The cache that comes of it; slots without a token are poisoned. */
static void expect_stored(const kv_case *c, const float *cache, const float *before) {
  const pf_kv_store_params *p = &c->params;
  float *expected = case_floats(c->cache_floats);
  memcpy(expected, before, (size_t)c->cache_floats * sizeof *expected);
  for (int64_t t = 0; t < p->tokens; t++) {
    const int64_t block = p->slots[t] / p->block_tokens, offset = p->slots[t] % p->block_tokens;
    for (int64_t h = 0; h < p->kv_heads; h++) {
      for (int64_t d = 0; d < p->head_dim; d++) {
        const int64_t from = t * p->kv_token_stride + h * p->kv_head_stride + d;
        expected[(((block * 2 + 0) * p->kv_heads + h) * p->block_tokens + offset) * p->head_dim + d] = p->k[from];
        expected[(((block * 2 + 1) * p->kv_heads + h) * p->block_tokens + offset) * p->head_dim + d] = p->v[from];
      }
    }
  }
  expect_same_bits(cache, expected, c->cache_floats);
}

static void check(const kv_case *c) {
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    guard_begin(threads % 2 ? EXACT_END : EXACT_START);
    pf_kv_store_params p = c->params;
    p.k = guarded_copy(c->params.k, c->kv_floats);
    p.v = c->packed ? p.k + (c->params.v - c->params.k) : guarded_copy(c->params.v, c->kv_floats);
    p.slots = guarded_ids(c->params.slots, p.tokens);
    p.cache = guarded_output(c->cache_floats);
    const float *before = memcpy(case_floats(c->cache_floats), p.cache, (size_t)c->cache_floats * sizeof(float));
    EXPECT_STATUS(PF_OK, pf_kv_store(tested_engine(threads), &p));
    guard_check();
    expect_stored(c, p.cache, before);
  }
}

static void stores_every_token_in_its_slot(void) {
  static const int64_t tokens[] = {1, 7, 65, 300}, head_dims[] = {1, 17, 64, 128}, block_tokens[] = {1, 16, 32, 7};
  for (int t = 0; t < COUNT(tokens); t++) {
    for (int d = 0; d < COUNT(head_dims); d++) {
      for (int b = 0; b < COUNT(block_tokens); b++) {
        for (int packed = 0; packed < 2; packed++) {
          const int64_t kv_heads = 1 + (t + d + b) % 4;
          if (!begin_case("tokens=%d kv_heads=%d head_dim=%d block_tokens=%d packed=%d", (int)tokens[t], (int)kv_heads,
                          (int)head_dims[d], (int)block_tokens[b], packed))
            continue;
          const kv_case c = random_case(tokens[t], kv_heads, head_dims[d], block_tokens[b], packed);
          check(&c);
        }
      }
    }
  }
}

static void keeps_the_last_of_two_in_one_slot(void) {
  begin_case("-");
  kv_case c = random_case(400, 12, 64, 16, 0);
  int32_t *slots = case_memory(400 * sizeof *slots);
  for (int i = 0; i < 400; i++) slots[i] = i % 3;
  c.params.slots = slots;
  check(&c);
}

#define REJECT(status, change)                                                                                         \
  do {                                                                                                                 \
    pf_kv_store_params p = valid;                                                                                      \
    change;                                                                                                            \
    EXPECT_STATUS(status, pf_kv_store(engine, &p));                                                                    \
    expect_untouched(valid.cache, c.cache_floats);                                                                     \
  } while (0)

static void refuses_bad_arguments(void) {
  begin_case("-");
  pf_engine *engine = tested_engine(2);
  const kv_case c = random_case(20, 2, 8, 16, 0);
  pf_kv_store_params valid = c.params;
  guard_begin(EXACT_END);
  valid.cache = guarded_output(c.cache_floats);
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_kv_store(NULL, &valid));
  EXPECT_STATUS(PF_ERROR_ARGUMENT, pf_kv_store(engine, NULL));
  REJECT(PF_ERROR_ARGUMENT, p.k = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.v = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.cache = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.slots = NULL);
  REJECT(PF_ERROR_ARGUMENT, p.tokens = -1);
  REJECT(PF_ERROR_ARGUMENT, p.tokens = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.kv_heads = 0);
  REJECT(PF_ERROR_ARGUMENT, p.kv_heads = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.head_dim = 0);
  REJECT(PF_ERROR_ARGUMENT, p.head_dim = PF_MAX_HEAD_DIM + 1);
  REJECT(PF_ERROR_ARGUMENT, p.head_dim = INT64_MIN);
  REJECT(PF_ERROR_ARGUMENT, p.blocks = 0);
  REJECT(PF_ERROR_ARGUMENT, p.blocks = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.block_tokens = 0);
  REJECT(PF_ERROR_ARGUMENT, p.block_tokens = INT64_MAX);
  REJECT(PF_ERROR_ARGUMENT, p.kv_token_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.kv_head_stride = -1);
  REJECT(PF_ERROR_ARGUMENT, p.kv_token_stride = INT64_MAX);
  /* Each in range; more slots than an id can name, and more bytes than 63 bits. */
  REJECT(PF_ERROR_ARGUMENT, p.blocks = PF_MAX_DIMENSION; p.block_tokens = 2);
  REJECT(PF_ERROR_ARGUMENT, p.blocks = PF_MAX_DIMENSION; p.block_tokens = 1; p.kv_heads = PF_MAX_DIMENSION);
  static const int32_t wrong[] = {-1, INT32_MIN, INT32_MAX};
  for (int i = 0; i <= COUNT(wrong); i++) {
    int32_t slots[20];
    memcpy(slots, c.params.slots, sizeof slots);
    slots[19] = i < COUNT(wrong) ? wrong[i] : (int32_t)(c.params.blocks * c.params.block_tokens);
    REJECT(PF_ERROR_INDEX, p.slots = slots);
  }
  REJECT(PF_OK, p.tokens = 0; p.k = NULL; p.v = NULL; p.slots = NULL; p.cache = NULL);
}

int main(void) {
  static const test tests[] = {
      TEST(stores_every_token_in_its_slot),
      TEST(keeps_the_last_of_two_in_one_slot),
      TEST(refuses_bad_arguments),
  };
  return run_tests(tests, COUNT(tests));
}
