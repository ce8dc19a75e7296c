/*
 * References compute what a kernel should, in the plainest loops and in double, with a bound on how far a float result
 * may be from it. Those of a family's kernels are in <family>/<family>_reference.h; here is what all of them share.
 *
 * u = 2^-24 is the relative error of one rounding. A sum of n terms in any order, by fused or by separate multiply and
 * add, is off by at most about n u sum |terms| (Higham 2002, section 3.1); where a kernel is known to keep several
 * partial sums, n is the length of the longest. The errors of the elementary functions are those that vmath.h states,
 * rounded up.
 */
#ifndef PF_REFERENCE_H
#define PF_REFERENCE_H

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "panaformer.h"

#define UNIT 0x1p-24
/* Relative error of vf_exp; absolute error of the activations, times max(1, |x|). */
#define EXP_ERROR 2e-7
#define ACTIVATION_ERROR 2e-7

static inline double larger(double a, double b) { return a > b ? a : b; }

/* Longest partial sum of a row kernel: four chains of the narrowest vector, four floats, and their reduction. */
static inline double chain_length(int64_t n) { return (double)n / 16 + 8; }

static inline double *zeroed_doubles(int64_t count) {
  double *x = calloc((size_t)count + 1, sizeof *x);
  if (!x) abort();
  return x;
}

static inline double *to_doubles(const float *x, int64_t count) {
  double *d = malloc((size_t)count * sizeof *d);
  if (!d) abort();
  for (int64_t i = 0; i < count; i++) d[i] = x[i];
  return d;
}

#endif
