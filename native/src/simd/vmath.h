/*
 * Elementary functions and activations over the vector vocabulary.
 *
 * The polynomials are our own minimax fits (iteratively reweighted least squares over Chebyshev nodes, in double);
 * the error stated is against double with every float in a sweep of the range.
 */
#ifndef PF_VMATH_H
#define PF_VMATH_H

#include "panaformer.h"
#include "simd.h"

/* Vectors that are computed side by side at most. */
#define VF_TOGETHER 8

/* e^x, relative error below 1e-7; 0 below -104, inf above 89, NaN for NaN. */
static inline vf vf_exp(vf x) {
  x = vf_max(vf_set1(-104.0f), vf_min(vf_set1(89.0f), x));
  /* x = n ln 2 + r with ln 2 in two parts, so that n times the first is exact. */
  const vf n = vf_round(vf_mul(x, vf_set1(1.44269504f)));
  vf r = vf_fma(n, vf_set1(-0.693359375f), x);
  r = vf_fma(n, vf_set1(2.12194440e-4f), r);
  vf p = vf_set1(0.00139507931f);
  p = vf_fma(p, r, vf_set1(0.00836906582f));
  p = vf_fma(p, r, vf_set1(0.0416662022f));
  p = vf_fma(p, r, vf_set1(0.166665167f));
  p = vf_fma(p, r, vf_set1(0.5f));
  p = vf_fma(p, r, vf_set1(1.0f));
  p = vf_fma(p, r, vf_set1(1.0f));
  return vf_scale2(p, n);
}

/* tanh x, absolute error below 1.2e-7 and relative error below 2e-7. */
static inline vf vf_tanh(vf x) {
  const vf magnitude = vf_abs(x);
  const vf t = vf_mul(x, x);
  vf p = vf_set1(-0.00571704051f);
  p = vf_fma(p, t, vf_set1(0.0206505824f));
  p = vf_fma(p, t, vf_set1(-0.0537434965f));
  p = vf_fma(p, t, vf_set1(0.133314908f));
  p = vf_fma(p, t, vf_set1(-0.333332837f));
  const vf small = vf_fma(vf_mul(p, t), x, x);
  const vf e = vf_exp(vf_mul(vf_set1(-2.0f), magnitude));
  const vf large = vf_copysign(vf_div(vf_sub(vf_set1(1.0f), e), vf_add(vf_set1(1.0f), e)), x);
  return vf_select_less(magnitude, vf_set1(0.625f), small, large);
}

/* x / (1 + e^(-s)): x times the logistic function of s, without cancellation. */
static inline vf vf_times_sigmoid(vf x, vf s) { return vf_div(x, vf_add(vf_set1(1.0f), vf_exp(vf_sub(vf_zero(), s)))); }

/*
 * x Phi(x) = x/2 (1 + erf(x / sqrt 2)), absolute error below 1.3e-7 max(1, |x|). Phi(x) - 1/2 = x R(x^2), with R a
 * polynomial in u = x^2 mapped to [-1, 1], since in x^2 itself its terms would cancel; neither a division nor an
 * exponential. Beyond 5.6 Phi is 0 or 1 to within a float. Of `count` vectors, a constant of at most VF_TOGETHER, whose
 * chains of FMAs run side by side: one alone waits for itself.
 */
static inline __attribute__((always_inline)) void vf_gelu_erf_each(vf *x, const int count) {
  static const float terms[] = {-0.000316809543f, 0.000845944509f, -0.000671453308f, 0.000787565776f,
                                -0.00281186751f,  0.00535917422f,  -0.00757434638f,  0.010961541f,
                                -0.0157432891f,   0.0209507924f,   -0.0263137817f,   0.0319683291f,
                                -0.0383453704f,   0.0469809771f,   -0.0630512908f,   0.126259595f};
  const int degree = sizeof terms / sizeof *terms - 1;
  vf low[VF_TOGETHER], c[VF_TOGETHER], u[VF_TOGETHER], p[VF_TOGETHER];
#pragma GCC unroll 8
  for (int i = 0; i < count; i++) {
    low[i] = vf_max(vf_set1(-5.6f), x[i]);
    c[i] = vf_min(vf_set1(5.6f), low[i]);
    u[i] = vf_fma(vf_mul(c[i], c[i]), vf_set1(0.0637755096f), vf_set1(-1.0f));
    p[i] = vf_set1(terms[0]);
  }
#pragma GCC unroll 16
  for (int term = 1; term <= degree; term++) {
#pragma GCC unroll 8
    for (int i = 0; i < count; i++) p[i] = vf_fma(p[i], u[i], vf_set1(terms[term]));
  }
#pragma GCC unroll 8
  for (int i = 0; i < count; i++) x[i] = vf_mul(low[i], vf_fma(c[i], p[i], vf_set1(0.5f)));
}

static inline vf vf_gelu_erf(vf x) {
  vf_gelu_erf_each(&x, 1);
  return x;
}

static inline vf vf_gelu_tanh(vf x) {
  /* 1 + tanh(u) = 2 sigmoid(2 u) */
  const vf cubic = vf_fma(vf_mul(vf_mul(x, x), vf_set1(0.044715f)), x, x);
  return vf_times_sigmoid(x, vf_mul(cubic, vf_set1(1.59576912f)));
}

static inline vf vf_activate(vf x, pf_activation activation) {
  switch (activation) {
  case PF_ACTIVATION_RELU:
    return vf_max(vf_zero(), x);
  case PF_ACTIVATION_GELU_ERF:
    return vf_gelu_erf(x);
  case PF_ACTIVATION_GELU_TANH:
    return vf_gelu_tanh(x);
  case PF_ACTIVATION_GELU_QUICK:
    return vf_times_sigmoid(x, vf_mul(x, vf_set1(1.702f)));
  case PF_ACTIVATION_SILU:
    return vf_times_sigmoid(x, x);
  case PF_ACTIVATION_TANH:
    return vf_tanh(x);
  case PF_ACTIVATION_NONE:
    break;
  }
  return x;
}

/* The same of `count` vectors, side by side where it is one long chain; count is a constant, at most VF_TOGETHER. */
static inline __attribute__((always_inline)) void vf_activate_each(vf *x, const int count,
                                                                   const pf_activation activation) {
  if (activation == PF_ACTIVATION_GELU_ERF) {
    vf_gelu_erf_each(x, count);
    return;
  }
#pragma GCC unroll 8
  for (int i = 0; i < count; i++) x[i] = vf_activate(x[i], activation);
}

#endif
