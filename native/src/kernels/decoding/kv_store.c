/*
 * Keys and values of tokens into the slots of a paged cache.
 *
 * 16 bytes an element and no arithmetic: bound by memory. Tasks are key-value heads, each with all tokens in order, so
 * that a slot named twice has one writer, and the last token stays.
 */
#include "kernels/kernel.h"

#include <string.h>

typedef struct {
  const pf_kv_store_params *params;
  int64_t heads_per_task;
} kv_store_call;

static void store_heads(const void *context, int64_t task, int32_t thread) {
  (void)thread;
  const kv_store_call *c = context;
  const pf_kv_store_params *p = c->params;
  const size_t row_bytes = (size_t)p->head_dim * sizeof(float);
  const int64_t head_floats = p->block_tokens * p->head_dim, values = p->kv_heads * head_floats;
  const int64_t first = task * c->heads_per_task;
  const int64_t end = min64(first + c->heads_per_task, p->kv_heads);
  for (int64_t head = first; head < end; head++) {
    for (int64_t token = 0; token < p->tokens; token++) {
      const int64_t block = p->slots[token] / p->block_tokens, offset = p->slots[token] % p->block_tokens;
      const int64_t from = token * p->kv_token_stride + head * p->kv_head_stride;
      float *to = p->cache + 2 * block * values + head * head_floats + offset * p->head_dim;
      memcpy(to, p->k + from, row_bytes);
      memcpy(to + values, p->v + from, row_bytes);
    }
  }
}

pf_status PF_KERNEL(kv_store)(pf_engine *engine, const pf_kv_store_params *p) {
  if (!is_count(p->tokens) || !is_cache(p->blocks, p->kv_heads, p->block_tokens, p->head_dim)) return PF_ERROR_ARGUMENT;
  if (!is_count(p->kv_token_stride) || !is_count(p->kv_head_stride)) return PF_ERROR_ARGUMENT;
  if (p->tokens == 0) return PF_OK;
  if (!p->k || !p->v || !p->cache || !p->slots) return PF_ERROR_ARGUMENT;
  if (!are_within(p->slots, p->tokens, p->blocks * p->block_tokens)) return PF_ERROR_INDEX;
  const kv_store_call call = {p, rows_per_task(2 * p->tokens * p->head_dim)};
  pf_parallel_for(engine, ceil_div(p->kv_heads, call.heads_per_task), store_heads, &call);
  return PF_OK;
}
