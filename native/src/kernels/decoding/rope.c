/*
 * Rotary position embedding (Su et al. 2021): for i < rotary_dim / 2 = half, in place,
 *   x[i], x[i + half] = x[i] cos - x[i + half] sin, x[i + half] cos + x[i] sin.
 *
 * 3 FLOPs and 8 bytes an element, the tables being shared by all heads of a token: bound by memory, and by the first-
 * level cache where the projection before it has just been written.
 */
#include "kernels/kernel.h"

static inline void rotate(float *low, float *high, vf cos, vf sin, int64_t lanes) {
  if (lanes == VF_WIDTH) {
    const vf a = vf_load(low), b = vf_load(high);
    vf_store(low, vf_sub(vf_mul(a, cos), vf_mul(b, sin)));
    vf_store(high, vf_add(vf_mul(b, cos), vf_mul(a, sin)));
  } else {
    const vf a = vf_load_first(low, lanes), b = vf_load_first(high, lanes);
    vf_store_first(low, vf_sub(vf_mul(a, cos), vf_mul(b, sin)), lanes);
    vf_store_first(high, vf_add(vf_mul(b, cos), vf_mul(a, sin)), lanes);
  }
}

static void rotate_token(const pf_rope_params *p, int64_t token) {
  const int64_t half = p->rotary_dim / 2;
  const float *cos = p->cos + p->position_ids[token] * half, *sin = p->sin + p->position_ids[token] * half;
  for (int64_t i = 0; i < half; i += VF_WIDTH) {
    const int64_t lanes = min64(half - i, VF_WIDTH);
    const vf c = lanes == VF_WIDTH ? vf_load(cos + i) : vf_load_first(cos + i, lanes);
    const vf s = lanes == VF_WIDTH ? vf_load(sin + i) : vf_load_first(sin + i, lanes);
    for (int64_t head = 0; head < p->heads; head++) {
      float *x = p->x + token * p->token_stride + head * p->head_stride + i;
      rotate(x, x + half, c, s, lanes);
    }
  }
}

static void rotate_tokens(const void *context, int64_t task, int32_t thread) {
  (void)thread;
  const pf_rope_params *p = context;
  const int64_t rows = rows_per_task(p->heads * p->rotary_dim), first = task * rows;
  const int64_t end = min64(first + rows, p->tokens);
  for (int64_t token = first; token < end; token++) rotate_token(p, token);
}

pf_status PF_KERNEL(rope)(pf_engine *engine, const pf_rope_params *p) {
  if (!is_count(p->tokens) || !is_extent(p->heads) || !is_extent(p->positions)) return PF_ERROR_ARGUMENT;
  if (p->rotary_dim < 2 || p->rotary_dim > PF_MAX_HEAD_DIM || p->rotary_dim % 2 != 0) return PF_ERROR_ARGUMENT;
  if (!is_count(p->token_stride) || !is_count(p->head_stride)) return PF_ERROR_ARGUMENT;
  if (p->tokens == 0) return PF_OK;
  if (!p->x || !p->cos || !p->sin || !p->position_ids || heads_overlap(p)) return PF_ERROR_ARGUMENT;
  if (!are_within(p->position_ids, p->tokens, p->positions)) return PF_ERROR_INDEX;
  const int64_t rows = rows_per_task(p->heads * p->rotary_dim);
  pf_parallel_for(engine, ceil_div(p->tokens, rows), rotate_tokens, p);
  return PF_OK;
}
