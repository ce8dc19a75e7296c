/*
 * BERT's input layer: y = LayerNorm(word[id] + token_type[type] + position[pos]) * weight + bias (Devlin et al. 2018),
 * or the sum alone.
 *
 * 10 FLOPs and 16 bytes an element: bound by memory, the rows of the word table coming from anywhere in it. The sum is
 * written to y and normalised in place while it is in L1. A row of a packed table lies across a whole panel, a cache
 * line for every few features; it is gathered into y first.
 */
#include "kernels/linear/linear.h"
#include "kernels/norm/layer_norm.h"

typedef struct {
  const pf_embedding_params *params;
  linear_layer words; /* of a packed table */
} embedding_call;

/* A row of a packed table, scaled. */
static void gather_row(const embedding_call *c, int32_t id, float *to) {
  PF_KERNEL(linear_row)(&c->words, id, to);
  const int64_t hidden = c->params->hidden;
  const float scale = c->params->word_scale;
  for (int64_t j = 0; scale != 1.0f && j < hidden; j++) to[j] *= scale;
}

static void embed_row(const embedding_call *c, int64_t token) {
  const pf_embedding_params *p = c->params;
  const int64_t hidden = p->hidden;
  const float *word = p->y + token * hidden;
  if (p->word_table)
    word = p->word_table + p->ids[token] * hidden;
  else
    gather_row(c, p->ids[token], p->y + token * hidden);
  const float *type = NULL, *position = NULL;
  if (p->token_type_table) {
    type = p->token_type_table + (p->token_type_ids ? p->token_type_ids[token] : 0) * hidden;
  }
  if (p->position_table) position = p->position_table + p->position_ids[token] * hidden;
  float *y = p->y + token * hidden;

  int64_t j = 0;
  for (; j + VF_WIDTH <= hidden; j += VF_WIDTH) {
    vf z = vf_load(word + j);
    if (type) z = vf_add(z, vf_load(type + j));
    if (position) z = vf_add(z, vf_load(position + j));
    vf_store(y + j, z);
  }
  if (j < hidden) {
    const int64_t n = hidden - j;
    vf z = vf_load_first(word + j, n);
    if (type) z = vf_add(z, vf_load_first(type + j, n));
    if (position) z = vf_add(z, vf_load_first(position + j, n));
    vf_store_first(y + j, z, n);
  }
  if (p->weight) PF_KERNEL(normalize_row)(y, p->weight, p->bias, y, hidden, p->eps);
}

static void embed_rows(const void *context, int64_t task, int32_t thread) {
  (void)thread;
  const embedding_call *c = context;
  const pf_embedding_params *p = c->params;
  const int64_t rows = rows_per_task(p->hidden);
  const int64_t first = task * rows;
  const int64_t end = min64(first + rows, p->tokens);
  for (int64_t token = first; token < end; token++) embed_row(c, token);
}

pf_status PF_KERNEL(embedding)(pf_engine *engine, const pf_embedding_params *p) {
  if (!is_count(p->tokens) || !is_extent(p->hidden) || !(p->eps >= 0.0f)) return PF_ERROR_ARGUMENT;
  if (!p->weight != !p->bias) return PF_ERROR_ARGUMENT;
  if (!p->word_table == !p->word_packed || !is_extent(p->vocab)) return PF_ERROR_ARGUMENT;
  embedding_call call = {.params = p};
  if (p->word_packed) {
    const pf_status status =
        PF_KERNEL(linear_open)(engine, p->word_packed, NULL, p->vocab, p->hidden, PF_ACTIVATION_NONE, &call.words);
    if (status != PF_OK) return status;
  }
  if (p->position_table && !is_extent(p->positions)) return PF_ERROR_ARGUMENT;
  if (p->token_type_table && !is_extent(p->token_types)) return PF_ERROR_ARGUMENT;
  if (p->tokens == 0) return PF_OK;
  if (!p->ids || !p->y) return PF_ERROR_ARGUMENT;
  if (p->position_table && !p->position_ids) return PF_ERROR_ARGUMENT;

  if (!are_within(p->ids, p->tokens, p->vocab)) return PF_ERROR_INDEX;
  if (p->position_table && !are_within(p->position_ids, p->tokens, p->positions)) return PF_ERROR_INDEX;
  if (p->token_type_table && p->token_type_ids && !are_within(p->token_type_ids, p->tokens, p->token_types)) {
    return PF_ERROR_INDEX;
  }
  const int64_t rows = rows_per_task(p->hidden);
  pf_parallel_for(engine, ceil_div(p->tokens, rows), embed_rows, &call);
  return PF_OK;
}
