/*
 * Every kernel as the plainest loops in double, with a bound on what a float result may differ by.
 *
 * u = 2^-24 is the relative error of one rounding. A sum of n terms in any order, by fused or by separate multiply and
 * add, is off by at most about n u sum |terms| (Higham 2002, section 3.1); where a kernel is known to keep several
 * partial sums, n is the length of the longest. The errors of the elementary functions are those that vmath.h states,
 * rounded up.
 */
#ifndef PF_REFERENCE_H
#define PF_REFERENCE_H

#include "panaformer.h"

#define UNIT 0x1p-24
/* Relative error of vf_exp; absolute error of the activations, times max(1, |x|). */
#define EXP_ERROR 2e-7
#define ACTIVATION_ERROR 2e-7

double reference_activation(double x, pf_activation activation);
/* Of activation(x') where x' is off by `error`. */
double activation_bound(double x, double error, pf_activation activation);

void reference_linear(const float *x, const float *weight, const float *bias, const float *residual, double *y,
                      double *bound, int64_t tokens, int64_t n, int64_t k, pf_activation activation);
/*
 * Rotates rows as PF_PRECISION_INT8 does: [rows, k] to [rows, k rounded up to 64], those of an input divided by how
 * many features are added up.
 */
void reference_rotate(const float *x, float *y, int64_t rows, int64_t k, int is_input);
/* In a low precision, weights and inputs rounded as panaformer.h says (reference_precision.c). */
void reference_linear_in(pf_precision precision, const float *x, const float *weight, const float *bias,
                         const float *residual, double *y, double *bound, int64_t tokens, int64_t n, int64_t k,
                         pf_activation activation);
float reference_bf16(float x);
/* gate NULL: none. */
void reference_ffn(const float *x, const float *gate, const float *gate_bias, const float *up, const float *up_bias,
                   const float *down, const float *down_bias, const float *residual, double *y, double *bound,
                   int64_t tokens, int64_t hidden, int64_t intermediate, pf_activation activation);
/* Elements that y's strides leave out stay as they are. */
void reference_attention(const pf_attention_params *p, double *y, double *bound);
void reference_linformer_attention(const pf_linformer_attention_params *p, double *y, double *bound);
void reference_performer_attention(const pf_performer_attention_params *p, double *y, double *bound);
void reference_sparse_attention(const pf_sparse_attention_params *p, double *y, double *bound);
void reference_paged_attention(const pf_paged_attention_params *p, double *y, double *bound);
void reference_rope(const pf_rope_params *p, double *x, double *bound);
/* log_sum_exp of rows alone; values and ids are exact, so tests sort for themselves. */
void reference_log_sum_exp(const float *logits, const float *inverse_temperature, double *log_sum_exp, double *bound,
                           int64_t rows, int64_t columns);
void reference_layer_norm(const float *x, const float *residual, const float *weight, const float *bias, double *y,
                          double *bound, int64_t tokens, int64_t hidden, float eps);
void reference_rms_norm(const float *x, const float *residual, const float *weight, double *y, double *bound,
                        int64_t tokens, int64_t hidden, float eps);
void reference_embedding(const pf_embedding_params *p, double *y, double *bound);
/* Elements that y's strides leave out stay as they are; weight is [n, k], before packing. */
void reference_patch_embedding(const pf_patch_embedding_params *p, const float *weight, double *y, double *bound);
void reference_depthwise_conv(const pf_depthwise_conv_params *p, double *y, double *bound);
void reference_interpolate(const pf_interpolate_params *p, double *y, double *bound);
void reference_softmax(const float *x, double *y, double *bound, int64_t rows, int64_t columns);
void reference_pool(const float *x, const int32_t *cu_seqlens, double *y, double *bound, int64_t sequences,
                    int64_t hidden, pf_pooling pooling, int32_t normalize);

#endif
