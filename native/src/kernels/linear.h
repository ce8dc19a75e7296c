/* The inside of a packed linear, as pf_ffn and pf_linear_top_k need it too. */
#ifndef PF_LINEAR_H
#define PF_LINEAR_H

#include "panaformer.h"
#include "simd/simd.h"

/* Output features of a panel: two vectors. */
#define PANEL (2 * VF_WIDTH)

/* The layer as a call sees it. x [rows, k], residual and y [rows, n] are contiguous. */
typedef struct {
  const float *panels; /* [ceil(n / PANEL)][k][PANEL] */
  const float *bias;   /* [n] or NULL */
  int64_t n, k;
  pf_activation activation;
  int multiplies; /* the residual is a factor instead */
} linear_layer;

/* PF_OK and *layer filled, or what is wrong with the packed weight. */
pf_status PF_KERNEL(linear_open)(const void *packed, const float *bias, int64_t n, int64_t k, pf_activation activation,
                                 linear_layer *layer);

/* y = activation(x W^T + bias) + residual over all rows, in parallel; y may be residual. */
void PF_KERNEL(linear_run)(pf_engine *engine, const linear_layer *layer, const float *x, const float *residual,
                           float *y, int64_t rows);

/* The output features of panels first .. end - 1 alone, without a residual, to y[i * stride], on this thread. */
void PF_KERNEL(linear_panels)(const linear_layer *layer, const float *x, float *y, int64_t stride, int64_t rows,
                              int64_t first, int64_t end);

#endif
