/* The shared library through its C ABI alone: every function without an engine or without its parameters. */
#include <stdio.h>

#include "panaformer.h"

static int failures;

#define EXPECT(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #condition);                                                      \
      failures++;                                                                                                      \
    }                                                                                                                  \
  } while (0)

static void refuses_calls_without_an_engine(void) {
  const float x[16] = {0};
  float y[16];
  const int32_t lengths[] = {0, 1};
  int64_t bytes;
  const pf_embedding_params embedding = {0};
  const pf_ffn_params ffn = {0};
  const pf_attention_params attention = {0};
  const pf_rope_params rope = {0};
  const pf_kv_store_params store = {0};
  const pf_paged_attention_params paged_attention = {0};
  const pf_linear_top_k_params head = {0};
  const pf_patch_embedding_params patches = {0};
  const pf_depthwise_conv_params conv = {0};
  const pf_interpolate_params resize = {0};
  int32_t ids[4];
  EXPECT(pf_patch_embedding_workspace_size(NULL, 4, &bytes) == PF_ERROR_ARGUMENT);
  EXPECT(pf_patch_embedding(NULL, &patches) == PF_ERROR_ARGUMENT);
  EXPECT(pf_depthwise_conv(NULL, &conv) == PF_ERROR_ARGUMENT);
  EXPECT(pf_interpolate(NULL, &resize) == PF_ERROR_ARGUMENT);
  EXPECT(pf_embedding(NULL, &embedding) == PF_ERROR_ARGUMENT);
  EXPECT(pf_linear_packed_size(NULL, 4, 4, PF_PRECISION_FP32, &bytes) == PF_ERROR_ARGUMENT);
  EXPECT(pf_linear_pack(NULL, x, PF_DTYPE_FP32, y, 4, 4, PF_PRECISION_FP32) == PF_ERROR_ARGUMENT);
  EXPECT(pf_linear(NULL, x, x, NULL, NULL, y, 1, 4, 4, PF_ACTIVATION_NONE, NULL, 0) == PF_ERROR_ARGUMENT);
  EXPECT(pf_ffn_workspace_size(NULL, 1, 8, 4, &bytes) == PF_ERROR_ARGUMENT);
  EXPECT(pf_ffn(NULL, &ffn) == PF_ERROR_ARGUMENT);
  EXPECT(pf_attention_workspace_size(NULL, 4, &bytes) == PF_ERROR_ARGUMENT);
  EXPECT(pf_attention(NULL, &attention) == PF_ERROR_ARGUMENT);
  EXPECT(pf_rope(NULL, &rope) == PF_ERROR_ARGUMENT);
  EXPECT(pf_kv_store(NULL, &store) == PF_ERROR_ARGUMENT);
  EXPECT(pf_paged_attention_workspace_size(NULL, 4, &bytes) == PF_ERROR_ARGUMENT);
  EXPECT(pf_paged_attention(NULL, &paged_attention) == PF_ERROR_ARGUMENT);
  EXPECT(pf_linear_top_k_workspace_size(NULL, 1, 4, 8, 1, &bytes) == PF_ERROR_ARGUMENT);
  EXPECT(pf_linear_top_k(NULL, &head) == PF_ERROR_ARGUMENT);
  EXPECT(pf_top_k(NULL, x, NULL, y, ids, y, 1, 4, 1) == PF_ERROR_ARGUMENT);
  EXPECT(pf_layer_norm(NULL, x, NULL, x, x, y, 1, 4, 1e-5f) == PF_ERROR_ARGUMENT);
  EXPECT(pf_rms_norm(NULL, x, NULL, x, y, 1, 4, 1e-5f) == PF_ERROR_ARGUMENT);
  EXPECT(pf_softmax(NULL, x, y, 1, 4) == PF_ERROR_ARGUMENT);
  EXPECT(pf_activate(NULL, x, y, 4, PF_ACTIVATION_RELU) == PF_ERROR_ARGUMENT);
  EXPECT(pf_pool(NULL, x, lengths, y, 1, 1, 4, PF_POOLING_MEAN, 0) == PF_ERROR_ARGUMENT);
  EXPECT(pf_engine_create(PF_ISA_AUTO, 1, NULL) == PF_ERROR_ARGUMENT);
}

static void refuses_calls_without_parameters(void) {
  pf_engine *engine = NULL;
  EXPECT(pf_engine_create(PF_ISA_PORTABLE, 2, &engine) == PF_OK);
  EXPECT(pf_engine_isa(engine) == PF_ISA_PORTABLE && pf_engine_threads(engine) == 2);
  EXPECT(pf_embedding(engine, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_patch_embedding(engine, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_patch_embedding_workspace_size(engine, 4, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_depthwise_conv(engine, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_interpolate(engine, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_ffn(engine, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_attention(engine, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_rope(engine, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_kv_store(engine, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_paged_attention(engine, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_linear_top_k(engine, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_paged_attention_workspace_size(engine, 4, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_linear_top_k_workspace_size(engine, 1, 4, 8, 1, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_linear_packed_size(engine, 4, 4, PF_PRECISION_FP32, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_ffn_workspace_size(engine, 1, 8, 4, NULL) == PF_ERROR_ARGUMENT);
  EXPECT(pf_attention_workspace_size(engine, 4, NULL) == PF_ERROR_ARGUMENT);
  pf_engine_destroy(engine);
}

int main(void) {
  EXPECT(pf_abi_version() == PF_ABI_VERSION);
  refuses_calls_without_an_engine();
  refuses_calls_without_parameters();
  return failures ? 1 : 0;
}
