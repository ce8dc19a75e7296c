/* LayerNorm of one row, which pf_embedding uses too. */
#ifndef PF_LAYER_NORM_H
#define PF_LAYER_NORM_H

#include "kernels/kernel.h"

/* y = (x - mean) / sqrt(variance + eps) * weight + bias. y may be x; bias may be NULL. */
void PF_KERNEL(normalize_row)(const float *x, const float *weight, const float *bias, float *y, int64_t hidden,
                              float eps);

#endif
