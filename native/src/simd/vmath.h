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
 * exponential. Beyond 5.6 Phi is 0 or 1 to within a float.
 */
static inline vf vf_gelu_erf(vf x) {
  const vf limit = vf_set1(5.6f);
  const vf low = vf_max(vf_set1(-5.6f), x);
  const vf c = vf_min(limit, low);
  const vf u = vf_fma(vf_mul(c, c), vf_set1(0.0637755096f), vf_set1(-1.0f));
  vf p = vf_set1(-0.000316809543f);
  p = vf_fma(p, u, vf_set1(0.000845944509f));
  p = vf_fma(p, u, vf_set1(-0.000671453308f));
  p = vf_fma(p, u, vf_set1(0.000787565776f));
  p = vf_fma(p, u, vf_set1(-0.00281186751f));
  p = vf_fma(p, u, vf_set1(0.00535917422f));
  p = vf_fma(p, u, vf_set1(-0.00757434638f));
  p = vf_fma(p, u, vf_set1(0.010961541f));
  p = vf_fma(p, u, vf_set1(-0.0157432891f));
  p = vf_fma(p, u, vf_set1(0.0209507924f));
  p = vf_fma(p, u, vf_set1(-0.0263137817f));
  p = vf_fma(p, u, vf_set1(0.0319683291f));
  p = vf_fma(p, u, vf_set1(-0.0383453704f));
  p = vf_fma(p, u, vf_set1(0.0469809771f));
  p = vf_fma(p, u, vf_set1(-0.0630512908f));
  p = vf_fma(p, u, vf_set1(0.126259595f));
  return vf_mul(low, vf_fma(c, p, vf_set1(0.5f)));
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

#endif
