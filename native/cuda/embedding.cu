/*
 * BERT's input layer: y = LayerNorm(word[id] + token_type[type] + position[pos]) * weight + bias (Devlin et al. 2018),
 * or the sum alone. A block a token.
 *
 * 10 FLOPs and 16 bytes an element: bound by memory, the rows of the word table coming from anywhere in it.
 */
#include "cuda_engine.h"
#include "norm.h"

namespace {

/* Its ids are the device's; without a table, or where all are 0, NULL. */
__global__ void __launch_bounds__(NORM_THREADS) embed_tokens(pf_embedding_params p) {
  SHARED(float, scratch, NORM_WARPS);
  for (int64_t token = blockIdx.x; token < p.tokens; token += gridDim.x) {
    /* Packed, a word is a column: adjacent features are a row apart. */
    const float *word = p.word_table ? p.word_table + p.ids[token] * p.hidden
                                     : static_cast<const float *>(p.word_packed) + p.ids[token];
    const int64_t next = p.word_table ? 1 : (p.vocab + WARP_LANES - 1) / WARP_LANES * WARP_LANES;
    const float *position = p.position_table ? p.position_table + p.position_ids[token] * p.hidden : nullptr;
    const float *type = p.token_type_table;
    if (type && p.token_type_ids) type += p.token_type_ids[token] * p.hidden;
    float *y = p.y + token * p.hidden;
    for (int64_t j = threadIdx.x; j < p.hidden; j += NORM_THREADS) {
      float z = word[j * next];
      if (!p.word_table) z *= p.word_scale;
      if (type) z += type[j];
      if (position) z += position[j];
      y[j] = z;
    }
    if (p.weight) normalize_row(y, p.weight, p.bias, y, p.hidden, p.eps, scratch);
  }
}

} // namespace

pf_status cuda::embedding(pf_engine *engine, const pf_embedding_params *p) {
  if (!is_count(p->tokens) || !is_extent(p->hidden) || !(p->eps >= 0)) return PF_ERROR_ARGUMENT;
  if (!p->weight != !p->bias) return PF_ERROR_ARGUMENT;
  if (!p->word_table == !p->word_packed || !is_extent(p->vocab)) return PF_ERROR_ARGUMENT;
  if (p->position_table && !is_extent(p->positions)) return PF_ERROR_ARGUMENT;
  if (p->token_type_table && !is_extent(p->token_types)) return PF_ERROR_ARGUMENT;
  if (p->tokens == 0) return PF_OK;
  if (!p->ids || !p->y) return PF_ERROR_ARGUMENT;
  if (p->position_table && !p->position_ids) return PF_ERROR_ARGUMENT;
  const bool types = p->token_type_table && p->token_type_ids;
  if (!are_within(p->ids, p->tokens, p->vocab)) return PF_ERROR_INDEX;
  if (p->position_table && !are_within(p->position_ids, p->tokens, p->positions)) return PF_ERROR_INDEX;
  if (types && !are_within(p->token_type_ids, p->tokens, p->token_types)) return PF_ERROR_INDEX;

  cuda_call call(engine);
  if (p->word_packed && !call.is_packed(p->word_packed, p->vocab, p->hidden)) return PF_ERROR_PACKED_WEIGHTS;
  pf_embedding_params on_device = *p;
  on_device.ids = call.upload(p->ids, p->tokens);
  on_device.position_ids = p->position_table ? call.upload(p->position_ids, p->tokens) : nullptr;
  on_device.token_type_ids = types ? call.upload(p->token_type_ids, p->tokens) : nullptr;
  const pf_status status = call.status();
  if (status != PF_OK) return status;
  LAUNCH(embed_tokens, grid_of(p->tokens, 1), NORM_THREADS, call.stream(), on_device);
  return call.status();
}
