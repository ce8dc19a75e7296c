/*
 * The inside of a packed linear, which pf_ffn, pf_linear_top_k and pf_patch_embedding use too.
 *
 * A call first opens the packed weight. It then prepares its input once, which is to round or to quantise it; float32
 * is taken as it is. After that it computes any shares of the output. What all formats of weights have in common is in
 * linear.c; each format is in a file of its own (linear_format.h).
 */
#ifndef PF_LINEAR_H
#define PF_LINEAR_H

#include "panaformer.h"
#include "simd/simd.h"

/* Output features of a panel of float32: two vectors. */
#define PANEL (2 * VF_WIDTH)
/* Output features of a panel of all other precisions, on every instruction set; a multiple of PANEL. */
#define WIDE_PANEL PF_PACKED_PANEL
/* Shares of the output begin at multiples of so many rows, except in float32. */
#define ROW_UNIT 32

/* A packed weight that was opened, and what is done to its products. */
typedef struct {
  const void *panels; /* behind the header */
  const float *bias;  /* [n] or NULL */
  int64_t n, k;
  const struct linear_format *format;
  uint32_t extensions; /* PF_EXTENSION_ flags (cpu.h) of the engine */
  pf_activation activation;
  int multiplies; /* by the residual, instead of adding it */
} linear_layer;

/* Rows and columns of y, to be computed on one thread. */
typedef struct {
  const linear_layer *layer;
  const void *input;     /* as prepared, all rows of it */
  int64_t input_rows;    /* how many that are: the layout may depend on it */
  int64_t row, rows;     /* the first row, a multiple of ROW_UNIT, and how many */
  int64_t column, end;   /* the first output feature, a multiple of WIDE_PANEL, and where to stop */
  const float *residual; /* of the first row and column, or NULL */
  float *y;              /* of the first row and column; may be residual */
  int64_t stride;        /* of rows of residual and y */
} linear_share;

/* PF_OK and *layer filled, or what is wrong with the packed weight. */
pf_status PF_KERNEL(linear_open)(const pf_engine *engine, const void *packed, const float *bias, int64_t n, int64_t k,
                                 pf_activation activation, linear_layer *layer);

/* The weights of one output feature, [k], as the floats that they stand for. */
void PF_KERNEL(linear_row)(const linear_layer *layer, int64_t feature, float *to);

/* Bytes that the prepared input takes at most, whatever the precision; a multiple of PF_ALIGNMENT. */
int64_t PF_KERNEL(linear_input_bytes)(int64_t rows, int64_t k);

/* The prepared input: x itself, or `workspace`. In parallel, or with engine NULL on this thread. */
const void *PF_KERNEL(linear_prepare)(pf_engine *engine, const linear_layer *layer, const float *x, int64_t rows,
                                      void *workspace);

/* y = activation(x W^T + bias) + residual over all rows of the prepared input, in parallel; y may be residual. */
void PF_KERNEL(linear_run)(pf_engine *engine, const linear_layer *layer, const void *input, const float *residual,
                           float *y, int64_t rows);

/* A share, on this thread. */
void PF_KERNEL(linear_compute)(const linear_share *share);

#endif
