/* Keys and values of tokens into the slots of a paged cache. 16 bytes an element: bound by memory. */
#include "cuda_engine.h"

namespace {

constexpr int THREADS = 128;

/* A block a token; one whose slot a later token has too has nothing to do. */
__global__ void __launch_bounds__(THREADS) store_tokens(pf_kv_store_params p) {
  const int64_t token = blockIdx.x, slot = p.slots[token];
  bool replaced = false;
  for (int64_t later = token + 1 + threadIdx.x; later < p.tokens; later += THREADS)
    replaced = replaced || p.slots[later] == slot;
  if (__syncthreads_or(replaced)) return;
  const int64_t head_floats = p.block_tokens * p.head_dim, values = p.kv_heads * head_floats;
  float *to = p.cache + slot / p.block_tokens * 2 * values + slot % p.block_tokens * p.head_dim;
  for (int64_t i = threadIdx.x; i < p.kv_heads * p.head_dim; i += THREADS) {
    const int64_t head = i / p.head_dim, d = i % p.head_dim;
    const int64_t from = token * p.kv_token_stride + head * p.kv_head_stride + d, at = head * head_floats + d;
    to[at] = p.k[from];
    to[values + at] = p.v[from];
  }
}

} // namespace

pf_status cuda::kv_store(pf_engine *engine, const pf_kv_store_params *p) {
  if (!is_count(p->tokens) || !is_cache(p->blocks, p->kv_heads, p->block_tokens, p->head_dim)) return PF_ERROR_ARGUMENT;
  if (!is_count(p->kv_token_stride) || !is_count(p->kv_head_stride)) return PF_ERROR_ARGUMENT;
  if (p->tokens == 0) return PF_OK;
  if (!p->k || !p->v || !p->cache || !p->slots) return PF_ERROR_ARGUMENT;
  if (!are_within(p->slots, p->tokens, p->blocks * p->block_tokens)) return PF_ERROR_INDEX;
  cuda_call call(engine);
  pf_kv_store_params on_device = *p;
  on_device.slots = call.upload(p->slots, p->tokens);
  const pf_status status = call.status();
  if (status != PF_OK) return status;
  call.launch(store_tokens, static_cast<unsigned>(p->tokens), THREADS, on_device);
  return call.status();
}
