/*
 * Rotary position embedding (Su et al. 2021), a thread a pair. 6 FLOPs and 8 bytes an element: bound by memory.
 */
#include "cuda_engine.h"

namespace {

constexpr int THREADS = 128;

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

} // namespace

pf_status cuda::rope(pf_engine *engine, const pf_rope_params *p) {
  if (!is_count(p->tokens) || !is_extent(p->heads) || !is_extent(p->positions)) return PF_ERROR_ARGUMENT;
  if (p->rotary_dim < 2 || p->rotary_dim > PF_MAX_HEAD_DIM || p->rotary_dim % 2 != 0) return PF_ERROR_ARGUMENT;
  if (!is_count(p->token_stride) || !is_count(p->head_stride)) return PF_ERROR_ARGUMENT;
  if (p->tokens == 0) return PF_OK;
  if (!p->x || !p->cos || !p->sin || !p->position_ids || heads_overlap(p)) return PF_ERROR_ARGUMENT;
  if (!are_within(p->position_ids, p->tokens, p->positions)) return PF_ERROR_INDEX;
  cuda_call call(engine);
  pf_rope_params on_device = *p;
  on_device.position_ids = call.upload(p->position_ids, p->tokens);
  const pf_status status = call.status();
  if (status != PF_OK) return status;
  call.launch(rotate, grid_of(p->tokens * p->heads * (p->rotary_dim / 2), THREADS), THREADS, on_device);
  return call.status();
}
