/*
 * BERT's input layer: y = LayerNorm(word[id] + token_type[type] + position[pos]) * weight + bias (Devlin et al. 2018),
 * or the sum alone. A block a token.
 *
 * 10 FLOPs and 16 bytes an element: bound by memory, the rows of the word table coming from anywhere in it.
 */
#include "linear/linear.h"
#include "norm/norm.h"

namespace {

/* Element `j` of a word: of its row, or, where the table is packed, of its column or its row of bfloat16. */
__device__ __forceinline__ float word_element(const pf_embedding_params &p, int64_t id, int64_t j,
                                              pf_precision precision) {
  if (p.word_table) return p.word_table[id * p.hidden + j];
  if (precision == PF_PRECISION_FP32)
    return p.word_scale * static_cast<const float *>(p.word_packed)[j * fp32_row(p.vocab) + id];
  return p.word_scale * widened(static_cast<const bfloat16_bits *>(p.word_packed)[id * bf16_row(p.hidden) + j]);
}

/* Its ids are the device's; without a table, or where all are 0, NULL. */
__global__ void __launch_bounds__(NORM_THREADS) embed_tokens(pf_embedding_params p, pf_precision precision) {
  SHARED(float, scratch, NORM_WARPS);
  for (int64_t token = blockIdx.x; token < p.tokens; token += gridDim.x) {
    const float *position = p.position_table ? p.position_table + p.position_ids[token] * p.hidden : nullptr;
    const float *type = p.token_type_table;
    if (type && p.token_type_ids) type += p.token_type_ids[token] * p.hidden;
    float *y = p.y + token * p.hidden;
    for (int64_t j = threadIdx.x; j < p.hidden; j += NORM_THREADS) {
      float z = word_element(p, p.ids[token], j, precision);
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
  linear_layer words = {};
  if (p->word_packed) {
    const pf_status known = linear_open(call, p->word_packed, p->vocab, p->hidden, PF_ACTIVATION_NONE, &words);
    if (known != PF_OK) return known;
  }
  pf_embedding_params on_device = *p;
  on_device.ids = call.upload(p->ids, p->tokens);
  on_device.position_ids = p->position_table ? call.upload(p->position_ids, p->tokens) : nullptr;
  on_device.token_type_ids = types ? call.upload(p->token_type_ids, p->tokens) : nullptr;
  const pf_status status = call.status();
  if (status != PF_OK) return status;
  call.launch(embed_tokens, grid_of(p->tokens, 1), NORM_THREADS, on_device, words.precision);
  return call.status();
}
