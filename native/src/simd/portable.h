/*
 * The vector vocabulary (simd.h) in plain C: four floats in a struct, which compilers turn into whatever the
 * baseline offers. Products and sums are rounded apart, since fmaf() without the instruction is a library call.
 */
#include <math.h>
#include <string.h>

#define VF_WIDTH 4
#define VF_REGISTERS 16

typedef struct {
  float lane[VF_WIDTH];
} vf;

#define VF_EACH(expression)                                                                                            \
  vf r;                                                                                                                \
  for (int i = 0; i < VF_WIDTH; i++) r.lane[i] = (expression);                                                         \
  return r

static inline vf vf_set1(float x) { VF_EACH(x); }
static inline vf vf_zero(void) { return vf_set1(0.0f); }
static inline vf vf_load(const float *p) { VF_EACH(p[i]); }
static inline void vf_store(float *p, vf x) { memcpy(p, x.lane, sizeof x.lane); }

static inline vf vf_load_first(const float *p, int64_t n) { VF_EACH(i < n ? p[i] : 0.0f); }
static inline void vf_store_first(float *p, vf x, int64_t n) {
  for (int64_t i = 0; i < VF_WIDTH && i < n; i++) p[i] = x.lane[i];
}

static inline vf vf_add(vf a, vf b) { VF_EACH(a.lane[i] + b.lane[i]); }
static inline vf vf_sub(vf a, vf b) { VF_EACH(a.lane[i] - b.lane[i]); }
static inline vf vf_mul(vf a, vf b) { VF_EACH(a.lane[i] * b.lane[i]); }
static inline vf vf_div(vf a, vf b) { VF_EACH(a.lane[i] / b.lane[i]); }
static inline vf vf_max(vf a, vf b) { VF_EACH(a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]); }
static inline vf vf_min(vf a, vf b) { VF_EACH(a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]); }
static inline vf vf_fma(vf a, vf b, vf c) { VF_EACH(a.lane[i] * b.lane[i] + c.lane[i]); }

static inline vf vf_round(vf x) { VF_EACH(rintf(x.lane[i])); }
/* 2^n for n in [-126, 127]. */
static inline float vf_power2(int32_t n) {
  const uint32_t bits = (uint32_t)(n + 127) << 23;
  float power;
  memcpy(&power, &bits, sizeof power);
  return power;
}
/*
 * x 2^n in two halves, so that results down to the denormals and up to the largest float are right. Where n is NaN so
 * is x, and any power does.
 */
static inline vf vf_scale2(vf x, vf n) {
  int32_t e[VF_WIDTH];
  for (int i = 0; i < VF_WIDTH; i++) e[i] = n.lane[i] == n.lane[i] ? (int32_t)n.lane[i] : 0;
  VF_EACH(x.lane[i] * vf_power2(e[i] / 2) * vf_power2(e[i] - e[i] / 2));
}
static inline vf vf_copysign(vf magnitude, vf sign) { VF_EACH(copysignf(magnitude.lane[i], sign.lane[i])); }
static inline vf vf_abs(vf x) { VF_EACH(fabsf(x.lane[i])); }
static inline vf vf_select_less(vf a, vf b, vf then, vf otherwise) {
  VF_EACH(a.lane[i] < b.lane[i] ? then.lane[i] : otherwise.lane[i]);
}

static inline float vf_reduce_add(vf x) { return (x.lane[0] + x.lane[2]) + (x.lane[1] + x.lane[3]); }
static inline float vf_reduce_max(vf x) {
  const float a = x.lane[0] > x.lane[2] ? x.lane[0] : x.lane[2];
  const float b = x.lane[1] > x.lane[3] ? x.lane[1] : x.lane[3];
  return a > b ? a : b;
}

static inline void vf_transpose(vf r[VF_WIDTH]) {
  float t[VF_WIDTH][VF_WIDTH];
  for (int i = 0; i < VF_WIDTH; i++) vf_store(t[i], r[i]);
  for (int i = 0; i < VF_WIDTH; i++) {
    const float column[VF_WIDTH] = {t[0][i], t[1][i], t[2][i], t[3][i]};
    r[i] = vf_load(column);
  }
}

typedef struct {
  int32_t lane[VF_WIDTH];
} vi;

/* Over unsigned lanes, whose overflow is defined. */
#define VI_EACH(expression)                                                                                            \
  vi r;                                                                                                                \
  for (int i = 0; i < VF_WIDTH; i++) r.lane[i] = (int32_t)(expression);                                                \
  return r

static inline vi vi_set1(int32_t x) { VI_EACH(x); }
static inline vi vi_load(const void *p) {
  vi r;
  memcpy(r.lane, p, sizeof r.lane);
  return r;
}
static inline void vi_store(void *p, vi x) { memcpy(p, x.lane, sizeof x.lane); }
static inline vi vi_add(vi a, vi b) { VI_EACH((uint32_t)a.lane[i] + (uint32_t)b.lane[i]); }
static inline vi vi_sub(vi a, vi b) { VI_EACH((uint32_t)a.lane[i] - (uint32_t)b.lane[i]); }
static inline vi vi_mul(vi a, vi b) { VI_EACH((uint32_t)a.lane[i] * (uint32_t)b.lane[i]); }
static inline vi vi_and(vi a, vi b) { VI_EACH(a.lane[i] & b.lane[i]); }
static inline vi vi_shift_left(vi a, int n) { VI_EACH((uint32_t)a.lane[i] << n); }
static inline vi vi_shift_right(vi a, int n) { VI_EACH((uint32_t)a.lane[i] >> n); }
static inline vf vi_to_vf(vi a) { VF_EACH((float)a.lane[i]); }
static inline vf vi_as_vf(vi a) {
  vf r;
  memcpy(r.lane, a.lane, sizeof r.lane);
  return r;
}
static inline vi vi_widen16(const uint16_t *p) { VI_EACH(p[i]); }

static inline vi vi_dot(vi sum, vi u, vi s) {
  for (int i = 0; i < VF_WIDTH; i++) {
    uint8_t a[4];
    int8_t b[4];
    memcpy(a, &u.lane[i], sizeof a);
    memcpy(b, &s.lane[i], sizeof b);
    const int32_t products = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
    sum.lane[i] = (int32_t)((uint32_t)sum.lane[i] + (uint32_t)products);
  }
  return sum;
}

static inline void vf_store_bytes(void *p, vf x) {
  for (int i = 0; i < VF_WIDTH; i++) ((uint8_t *)p)[i] = (uint8_t)(int32_t)x.lane[i];
}
static inline void vf_store_bf16(uint16_t *p, vf x) {
  for (int i = 0; i < VF_WIDTH; i++) {
    uint32_t bits;
    memcpy(&bits, &x.lane[i], sizeof bits);
    bits = x.lane[i] == x.lane[i] ? bits + 0x7fff + (bits >> 16 & 1) : bits | 0x400000;
    p[i] = (uint16_t)(bits >> 16);
  }
}

#undef VI_EACH
#undef VF_EACH
