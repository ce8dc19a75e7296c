/*
 * What tests of attention share: how queries, keys and values lie in memory, and the check of a case.
 *
 * A case is a struct with the parameters of a call, `params`, and the extents of its buffers, which lie in case memory.
 */
#ifndef PF_ATTENTION_CASE_H
#define PF_ATTENTION_CASE_H

#include <math.h>
#include <string.h>

#include "guard.h"
#include "test.h"

/* Cumulative lengths, in case memory. */
static inline int32_t *cumulative(const int32_t *lengths, int64_t sequences) {
  int32_t *cu_seqlens = case_memory((size_t)(sequences + 1) * sizeof *cu_seqlens);
  cu_seqlens[0] = 0;
  for (int64_t s = 0; s < sequences; s++) cu_seqlens[s + 1] = cu_seqlens[s] + lengths[s];
  return cu_seqlens;
}

/* How many floats q, k or v, and y have, and whether q, k and v lie in one buffer, which q then begins. */
typedef struct {
  int64_t q_floats, kv_floats, y_floats;
  int packed;
} qkv_extents;

/*
 * Strides of heads that all have their own keys, [tokens, 3, heads, head_dim] in one buffer and y without gaps; or
 * [heads, tokens, head_dim] in three, and y with a gap behind each row. p is the parameters, of any kind of attention.
 */
#define PLACE_QKV(p, extents, in_one_buffer)                                                                           \
  do {                                                                                                                 \
    const int64_t d = (p)->head_dim, qkv_row = (p)->heads * d;                                                         \
    (extents)->packed = (in_one_buffer);                                                                               \
    (p)->q_token_stride = (p)->kv_token_stride = (extents)->packed ? 3 * qkv_row : d;                                  \
    (p)->q_head_stride = (p)->kv_head_stride = (extents)->packed ? d : (p)->tokens * d;                                \
    (p)->y_token_stride = (extents)->packed ? qkv_row : d + 3;                                                         \
    (p)->y_head_stride = (extents)->packed ? d : (p)->tokens * (d + 3);                                                \
    (extents)->q_floats = (extents)->kv_floats = (p)->tokens * ((extents)->packed ? 3 * qkv_row : qkv_row);            \
    (extents)->y_floats = (p)->tokens * ((extents)->packed ? qkv_row : (p)->heads * (d + 3));                          \
  } while (0)

/* Draws q, k and v, which in one buffer lie `k_at` and `v_at` floats from its beginning. */
#define DRAW_QKV(p, extents, k_at, v_at, magnitude)                                                                    \
  do {                                                                                                                 \
    (p)->q = random_floats((extents)->q_floats, magnitude);                                                            \
    (p)->k = (extents)->packed ? (p)->q + (k_at) : random_floats((extents)->kv_floats, magnitude);                     \
    (p)->v = (extents)->packed ? (p)->q + (v_at) : random_floats((extents)->kv_floats, 1);                             \
  } while (0)

/* q, k, v and y of a call behind guards; `from` is the same call without. */
#define GUARD_QKV(p, from, extents)                                                                                    \
  do {                                                                                                                 \
    (p)->q = guarded_copy((from)->q, (extents)->q_floats);                                                             \
    (p)->k = (extents)->packed ? (p)->q + ((from)->k - (from)->q) : guarded_copy((from)->k, (extents)->kv_floats);     \
    (p)->v = (extents)->packed ? (p)->q + ((from)->v - (from)->q) : guarded_copy((from)->v, (extents)->kv_floats);     \
    (p)->y = guarded_output((extents)->y_floats);                                                                      \
  } while (0)

/*
 * Defines check(case): the kernel against its reference on one thread, and on more of them against the bits of one,
 * which it returns. It takes guarded_params(case, engine), the case's call with everything behind guards and a
 * workspace of exactly its size.
 */
#define DEFINE_CHECK(kernel, case_type)                                                                                \
  static const float *check(const case_type *c) {                                                                      \
    const int64_t count = c->extents.y_floats;                                                                         \
    double *expected = case_doubles(count), *bound = case_doubles(count);                                              \
    for (int64_t i = 0; i < count; i++) bound[i] = UNTOUCHED;                                                          \
    reference_##kernel(&c->params, expected, bound);                                                                   \
    float *first = case_floats(count);                                                                                 \
    for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {                                                    \
      guard_begin(threads % 2 ? EXACT_END : EXACT_START);                                                              \
      const pf_##kernel##_params p = guarded_params(c, tested_engine(threads));                                        \
      EXPECT_STATUS(PF_OK, pf_##kernel(tested_engine(threads), &p));                                                   \
      guard_check();                                                                                                   \
      expect_result(threads, p.y, expected, bound, first, count);                                                      \
    }                                                                                                                  \
    return first;                                                                                                      \
  }

#endif
