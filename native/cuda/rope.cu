/*
 * What a decoder does to queries, keys and values before attention: rotary position embedding (Su et al. 2021), and the
 * copy into the paged cache. 6 FLOPs and 8 bytes an element, and 8 bytes an element: bound by memory.
 */
#include "cuda_engine.h"

namespace {

constexpr int THREADS = 128;

/* A thread a pair. */
__global__ void __launch_bounds__(THREADS) rotate(pf_rope_params p) {
  const int64_t half = p.rotary_dim / 2, pairs = p.tokens * p.heads * half;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x; i < pairs;
       i += static_cast<int64_t>(gridDim.x) * THREADS) {
    const int64_t pair = i % half, head = i / half % p.heads, token = i / half / p.heads;
    const int64_t angle = p.position_ids[token] * half + pair;
    const float cosine = p.cos[angle], sine = p.sin[angle];
    float *x = p.x + token * p.token_stride + head * p.head_stride + pair;
    const float low = x[0], high = x[half];
    x[0] = low * cosine - high * sine;
    x[half] = high * cosine + low * sine;
  }
}

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

/* Tokens outside heads, or heads outside tokens: otherwise threads would turn the same pair. */
bool overlaps(const pf_rope_params *p) {
  const int64_t token = (p->heads - 1) * p->head_stride + p->rotary_dim;
  const int64_t head = (p->tokens - 1) * p->token_stride + p->rotary_dim;
  const bool heads_inside = (p->heads == 1 || p->head_stride >= p->rotary_dim) && p->token_stride >= token;
  const bool tokens_inside = (p->tokens == 1 || p->token_stride >= p->rotary_dim) && p->head_stride >= head;
  return !heads_inside && !tokens_inside && p->tokens * p->heads > 1;
}

} // namespace

pf_status cuda::rope(pf_engine *engine, const pf_rope_params *p) {
  if (!is_count(p->tokens) || !is_extent(p->heads) || !is_extent(p->positions)) return PF_ERROR_ARGUMENT;
  if (p->rotary_dim < 2 || p->rotary_dim > PF_MAX_HEAD_DIM || p->rotary_dim % 2 != 0) return PF_ERROR_ARGUMENT;
  if (!is_count(p->token_stride) || !is_count(p->head_stride)) return PF_ERROR_ARGUMENT;
  if (p->tokens == 0) return PF_OK;
  if (!p->x || !p->cos || !p->sin || !p->position_ids || overlaps(p)) return PF_ERROR_ARGUMENT;
  if (!are_within(p->position_ids, p->tokens, p->positions)) return PF_ERROR_INDEX;
  cuda_call call(engine);
  pf_rope_params on_device = *p;
  on_device.position_ids = call.upload(p->position_ids, p->tokens);
  const pf_status status = call.status();
  if (status != PF_OK) return status;
  call.launch(rotate, grid_of(p->tokens * p->heads * (p->rotary_dim / 2), THREADS), THREADS, on_device);
  return call.status();
}

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
