/*
 * The kernel table: one per instruction set, chosen once when an engine is created.
 *
 * Each file under kernels/ holds one kernel whole (checks, partition into tasks, inner loops), is compiled once per
 * instruction set, and exports PF_KERNEL(name). table.c, compiled the same way, gathers them; api.c forwards the public
 * functions to the engine's table. To add a kernel: its file, a row here, in table.c and in api.c.
 */
#ifndef PF_KERNELS_H
#define PF_KERNELS_H

#include "panaformer.h"

typedef struct pf_kernels {
  pf_isa isa;
  int32_t vector_width; /* floats */

  void (*destroy)(pf_engine *);
  pf_status (*embedding)(pf_engine *, const pf_embedding_params *);
  pf_status (*patch_embedding_workspace_size)(int32_t threads, int64_t k, int64_t *bytes);
  pf_status (*patch_embedding)(pf_engine *, const pf_patch_embedding_params *);
  pf_status (*depthwise_conv)(pf_engine *, const pf_depthwise_conv_params *);
  pf_status (*interpolate)(pf_engine *, const pf_interpolate_params *);
  pf_status (*linear_packed_size)(int64_t n, int64_t k, pf_precision, int64_t *bytes);
  pf_status (*linear_pack)(pf_engine *, const void *weight, pf_dtype, void *packed, int64_t n, int64_t k, pf_precision);
  pf_status (*linear_dense_size)(const pf_engine *, int64_t n, int64_t k, pf_precision, int64_t *bytes);
  pf_status (*linear_dense_pack)(pf_engine *, const void *packed, void *dense, int64_t n, int64_t k, int64_t *used);
  pf_status (*linear_packed_check)(const void *packed, int64_t bytes, int64_t n, int64_t k, pf_precision);
  pf_status (*linear_workspace_size)(int64_t tokens, int64_t k, pf_precision, int64_t *bytes);
  pf_status (*linear)(pf_engine *, const float *x, const void *packed, const float *bias, const float *residual,
                      float *y, int64_t tokens, int64_t n, int64_t k, pf_activation activation, void *workspace,
                      int64_t workspace_bytes);
  pf_status (*ffn_workspace_size)(int64_t tokens, int64_t hidden, int64_t intermediate, int64_t *bytes);
  pf_status (*ffn)(pf_engine *, const pf_ffn_params *);
  pf_status (*attention_workspace_size)(int32_t threads, int64_t head_dim, int64_t *bytes);
  pf_status (*attention)(pf_engine *, const pf_attention_params *);
  pf_status (*linformer_attention_workspace_size)(int32_t threads, int64_t heads, int64_t head_dim, int64_t projected,
                                                  int64_t *bytes);
  pf_status (*linformer_attention)(pf_engine *, const pf_linformer_attention_params *);
  pf_status (*performer_attention_workspace_size)(int32_t threads, int64_t heads, int64_t head_dim, int64_t features,
                                                  int32_t causal, int64_t *bytes);
  pf_status (*performer_attention)(pf_engine *, const pf_performer_attention_params *);
  pf_status (*sparse_attention_workspace_size)(int32_t threads, int64_t head_dim, int64_t *bytes);
  pf_status (*sparse_attention)(pf_engine *, const pf_sparse_attention_params *);
  pf_status (*rope)(pf_engine *, const pf_rope_params *);
  pf_status (*kv_store)(pf_engine *, const pf_kv_store_params *);
  pf_status (*paged_attention_workspace_size)(int32_t threads, int64_t head_dim, int64_t *bytes);
  pf_status (*paged_attention)(pf_engine *, const pf_paged_attention_params *);
  pf_status (*screen_size)(int64_t n, int64_t k, int64_t *bytes);
  pf_status (*screen_pack)(pf_engine *, const void *packed, void *screen, int64_t n, int64_t k);
  pf_status (*linear_top_k_workspace_size)(int32_t threads, int64_t tokens, int64_t vocab, int64_t hidden,
                                           int64_t count, int64_t *bytes);
  pf_status (*linear_top_k)(pf_engine *, const pf_linear_top_k_params *);
  pf_status (*top_k)(pf_engine *, const float *logits, const float *inverse_temperature, float *values, int32_t *ids,
                     float *log_sum_exp, int64_t rows, int64_t columns, int64_t count);
  pf_status (*layer_norm)(pf_engine *, const float *x, const float *residual, const float *weight, const float *bias,
                          float *y, int64_t tokens, int64_t hidden, float eps);
  pf_status (*rms_norm)(pf_engine *, const float *x, const float *residual, const float *weight, float *y,
                        int64_t tokens, int64_t hidden, float eps);
  pf_status (*softmax)(pf_engine *, const float *x, float *y, int64_t rows, int64_t columns);
  pf_status (*activate)(pf_engine *, const float *x, float *y, int64_t count, pf_activation);
  pf_status (*pool)(pf_engine *, const float *x, const int32_t *cu_seqlens, float *y, int64_t tokens, int64_t sequences,
                    int64_t hidden, pf_pooling, int32_t normalize);
} pf_kernels;

extern const pf_kernels pf_kernels_portable;
extern const pf_kernels pf_kernels_avx2;
extern const pf_kernels pf_kernels_avx512;
extern const pf_kernels pf_kernels_neon;

#endif
