/*
 * Which columns of a head can be among the largest of a row, without its weight: the inside of pf_linear_top_k with a
 * screen.
 */
#ifndef PF_SCREEN_H
#define PF_SCREEN_H

#include "kernels/linear/linear.h"

typedef struct {
  linear_layer codes;
  pf_precision precision; /* of the weight */
  const float *stretch;   /* [k], what a column was divided by */
  const float *errors;    /* [n], how far a row of codes is from what it stands for */
  float longest;          /* of the rows that codes stand for */
  float heaviest;         /* of the weight's own rows */
} screen;

/* What a row of an input, [k], is to the screen. */
typedef struct {
  float length; /* of the stretched row */
  double slack; /* what a bound may be off by for all that is rounded, over all columns */
} screened_row;

/* PF_OK and *s filled, or what is wrong with a screen. */
pf_status PF_KERNEL(screen_open)(const pf_engine *engine, const void *packed, int64_t n, int64_t k, screen *s);

/* Bytes that rows take once they are prepared; a multiple of PF_ALIGNMENT. */
int64_t PF_KERNEL(screen_input_bytes)(int64_t rows, int64_t k);

/*
 * Prepares rows [rows, k] in `workspace`, on this thread. 0 if the screen cannot tell anything about them: if a weight
 * or an input is not finite, or products could leave the range of a float.
 */
int PF_KERNEL(screen_prepare)(const screen *s, const float *x, int64_t rows, void *workspace, screened_row *prepared);

/*
 * Of WIDE_PANEL columns from `column` on, a multiple of it: bounds on the logits of each row less what all columns of
 * the row have in common, up to its slack on either side. Columns behind the last one get -INFINITY; a bias that is not
 * finite leaves an upper bound that is not.
 */
void PF_KERNEL(screen_bounds)(const screen *s, const void *workspace, const screened_row *prepared, int64_t rows,
                              int64_t column, const float *bias, float *lower, int64_t lower_stride, float *upper,
                              int64_t upper_stride);

#endif
