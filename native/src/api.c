/* The public functions: what all of them check, and the way into the engine's table. */
#include "engine.h"

#define CHECK(condition)                                                                                               \
  if (!(condition)) return PF_ERROR_ARGUMENT

int32_t pf_abi_version(void) { return PF_ABI_VERSION; }

void pf_engine_destroy(pf_engine *engine) {
  if (engine) engine->kernels->destroy(engine);
}

pf_isa pf_engine_isa(const pf_engine *engine) { return engine ? engine->kernels->isa : PF_ISA_AUTO; }

int32_t pf_engine_threads(const pf_engine *engine) { return engine ? engine->threads : 0; }

const pf_kernels *pf_engine_kernels(const pf_engine *engine) { return engine->kernels; }

pf_status pf_embedding(pf_engine *engine, const pf_embedding_params *params) {
  CHECK(engine && params);
  return pf_engine_kernels(engine)->embedding(engine, params);
}

pf_status pf_patch_embedding_workspace_size(const pf_engine *engine, int64_t k, int64_t *bytes) {
  CHECK(engine && bytes);
  return pf_engine_kernels(engine)->patch_embedding_workspace_size(pf_engine_threads(engine), k, bytes);
}

pf_status pf_patch_embedding(pf_engine *engine, const pf_patch_embedding_params *params) {
  CHECK(engine && params);
  return pf_engine_kernels(engine)->patch_embedding(engine, params);
}

pf_status pf_depthwise_conv(pf_engine *engine, const pf_depthwise_conv_params *params) {
  CHECK(engine && params);
  return pf_engine_kernels(engine)->depthwise_conv(engine, params);
}

pf_status pf_interpolate(pf_engine *engine, const pf_interpolate_params *params) {
  CHECK(engine && params);
  return pf_engine_kernels(engine)->interpolate(engine, params);
}

pf_status pf_linear_packed_size(const pf_engine *engine, int64_t n, int64_t k, pf_precision precision, int64_t *bytes) {
  CHECK(engine && bytes);
  return pf_engine_kernels(engine)->linear_packed_size(n, k, precision, bytes);
}

pf_status pf_linear_pack(pf_engine *engine, const void *weight, pf_dtype dtype, void *packed, int64_t n, int64_t k,
                         pf_precision precision) {
  CHECK(engine);
  return pf_engine_kernels(engine)->linear_pack(engine, weight, dtype, packed, n, k, precision);
}

pf_status pf_linear_dense_size(const pf_engine *engine, int64_t n, int64_t k, pf_precision precision, int64_t *bytes) {
  CHECK(engine && bytes);
  return pf_engine_kernels(engine)->linear_dense_size(engine, n, k, precision, bytes);
}

pf_status pf_linear_dense_pack(pf_engine *engine, const void *packed, void *dense, int64_t n, int64_t k,
                               int64_t *used) {
  CHECK(engine);
  return pf_engine_kernels(engine)->linear_dense_pack(engine, packed, dense, n, k, used);
}

pf_status pf_linear_packed_check(const pf_engine *engine, const void *packed, int64_t bytes, int64_t n, int64_t k,
                                 pf_precision precision) {
  CHECK(engine);
  return pf_engine_kernels(engine)->linear_packed_check(packed, bytes, n, k, precision);
}

pf_status pf_linear_workspace_size(const pf_engine *engine, int64_t tokens, int64_t k, pf_precision precision,
                                   int64_t *bytes) {
  CHECK(engine && bytes);
  return pf_engine_kernels(engine)->linear_workspace_size(tokens, k, precision, bytes);
}

pf_status pf_linear(pf_engine *engine, const float *x, const void *packed, const float *bias, const float *residual,
                    float *y, int64_t tokens, int64_t n, int64_t k, pf_activation activation, void *workspace,
                    int64_t workspace_bytes) {
  CHECK(engine);
  return pf_engine_kernels(engine)->linear(engine, x, packed, bias, residual, y, tokens, n, k, activation, workspace,
                                           workspace_bytes);
}

pf_status pf_ffn_workspace_size(const pf_engine *engine, int64_t tokens, int64_t hidden, int64_t intermediate,
                                int64_t *bytes) {
  CHECK(engine && bytes);
  return pf_engine_kernels(engine)->ffn_workspace_size(tokens, hidden, intermediate, bytes);
}

pf_status pf_ffn(pf_engine *engine, const pf_ffn_params *params) {
  CHECK(engine && params);
  return pf_engine_kernels(engine)->ffn(engine, params);
}

pf_status pf_attention_workspace_size(const pf_engine *engine, int64_t head_dim, int64_t *bytes) {
  CHECK(engine && bytes);
  return pf_engine_kernels(engine)->attention_workspace_size(pf_engine_threads(engine), head_dim, bytes);
}

pf_status pf_attention(pf_engine *engine, const pf_attention_params *params) {
  CHECK(engine && params);
  return pf_engine_kernels(engine)->attention(engine, params);
}

pf_status pf_linformer_attention_workspace_size(const pf_engine *engine, int64_t heads, int64_t head_dim,
                                                int64_t projected, int64_t *bytes) {
  CHECK(engine && bytes);
  return pf_engine_kernels(engine)->linformer_attention_workspace_size(pf_engine_threads(engine), heads, head_dim,
                                                                       projected, bytes);
}

pf_status pf_linformer_attention(pf_engine *engine, const pf_linformer_attention_params *params) {
  CHECK(engine && params);
  return pf_engine_kernels(engine)->linformer_attention(engine, params);
}

pf_status pf_performer_attention_workspace_size(const pf_engine *engine, int64_t heads, int64_t head_dim,
                                                int64_t features, int32_t causal, int64_t *bytes) {
  CHECK(engine && bytes);
  return pf_engine_kernels(engine)->performer_attention_workspace_size(pf_engine_threads(engine), heads, head_dim,
                                                                       features, causal, bytes);
}

pf_status pf_performer_attention(pf_engine *engine, const pf_performer_attention_params *params) {
  CHECK(engine && params);
  return pf_engine_kernels(engine)->performer_attention(engine, params);
}

pf_status pf_sparse_attention_workspace_size(const pf_engine *engine, int64_t head_dim, int64_t *bytes) {
  CHECK(engine && bytes);
  return pf_engine_kernels(engine)->sparse_attention_workspace_size(pf_engine_threads(engine), head_dim, bytes);
}

pf_status pf_sparse_attention(pf_engine *engine, const pf_sparse_attention_params *params) {
  CHECK(engine && params);
  return pf_engine_kernels(engine)->sparse_attention(engine, params);
}

pf_status pf_rope(pf_engine *engine, const pf_rope_params *params) {
  CHECK(engine && params);
  return pf_engine_kernels(engine)->rope(engine, params);
}

pf_status pf_kv_store(pf_engine *engine, const pf_kv_store_params *params) {
  CHECK(engine && params);
  return pf_engine_kernels(engine)->kv_store(engine, params);
}

pf_status pf_paged_attention_workspace_size(const pf_engine *engine, int64_t head_dim, int64_t *bytes) {
  CHECK(engine && bytes);
  return pf_engine_kernels(engine)->paged_attention_workspace_size(pf_engine_threads(engine), head_dim, bytes);
}

pf_status pf_paged_attention(pf_engine *engine, const pf_paged_attention_params *params) {
  CHECK(engine && params);
  return pf_engine_kernels(engine)->paged_attention(engine, params);
}

pf_status pf_screen_size(const pf_engine *engine, int64_t n, int64_t k, int64_t *bytes) {
  CHECK(engine && bytes);
  return pf_engine_kernels(engine)->screen_size(n, k, bytes);
}

pf_status pf_screen_pack(pf_engine *engine, const void *packed, void *screen, int64_t n, int64_t k) {
  CHECK(engine);
  return pf_engine_kernels(engine)->screen_pack(engine, packed, screen, n, k);
}

pf_status pf_linear_top_k_workspace_size(const pf_engine *engine, int64_t tokens, int64_t vocab, int64_t hidden,
                                         int64_t count, int64_t *bytes) {
  CHECK(engine && bytes);
  return pf_engine_kernels(engine)->linear_top_k_workspace_size(pf_engine_threads(engine), tokens, vocab, hidden, count,
                                                                bytes);
}

pf_status pf_linear_top_k(pf_engine *engine, const pf_linear_top_k_params *params) {
  CHECK(engine && params);
  return pf_engine_kernels(engine)->linear_top_k(engine, params);
}

pf_status pf_top_k(pf_engine *engine, const float *logits, const float *inverse_temperature, float *values,
                   int32_t *ids, float *log_sum_exp, int64_t rows, int64_t columns, int64_t count) {
  CHECK(engine);
  return pf_engine_kernels(engine)->top_k(engine, logits, inverse_temperature, values, ids, log_sum_exp, rows, columns,
                                          count);
}

pf_status pf_layer_norm(pf_engine *engine, const float *x, const float *residual, const float *weight,
                        const float *bias, float *y, int64_t tokens, int64_t hidden, float eps) {
  CHECK(engine);
  return pf_engine_kernels(engine)->layer_norm(engine, x, residual, weight, bias, y, tokens, hidden, eps);
}

pf_status pf_rms_norm(pf_engine *engine, const float *x, const float *residual, const float *weight, float *y,
                      int64_t tokens, int64_t hidden, float eps) {
  CHECK(engine);
  return pf_engine_kernels(engine)->rms_norm(engine, x, residual, weight, y, tokens, hidden, eps);
}

pf_status pf_softmax(pf_engine *engine, const float *x, float *y, int64_t rows, int64_t columns) {
  CHECK(engine);
  return pf_engine_kernels(engine)->softmax(engine, x, y, rows, columns);
}

pf_status pf_activate(pf_engine *engine, const float *x, float *y, int64_t count, pf_activation activation) {
  CHECK(engine);
  return pf_engine_kernels(engine)->activate(engine, x, y, count, activation);
}

pf_status pf_pool(pf_engine *engine, const float *x, const int32_t *cu_seqlens, float *y, int64_t tokens,
                  int64_t sequences, int64_t hidden, pf_pooling pooling, int32_t normalize) {
  CHECK(engine);
  return pf_engine_kernels(engine)->pool(engine, x, cu_seqlens, y, tokens, sequences, hidden, pooling, normalize);
}
