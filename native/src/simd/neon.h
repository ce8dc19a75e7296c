/* The vector vocabulary (simd.h) on AArch64 Advanced SIMD. */
#include <arm_neon.h>

#define VF_WIDTH 4
#define VF_REGISTERS 32

typedef float32x4_t vf;

static inline vf vf_zero(void) { return vdupq_n_f32(0.0f); }
static inline vf vf_set1(float x) { return vdupq_n_f32(x); }
static inline vf vf_load(const float *p) { return vld1q_f32(p); }
static inline void vf_store(float *p, vf x) { vst1q_f32(p, x); }

static inline vf vf_load_first(const float *p, int64_t n) {
  float lane[VF_WIDTH] = {0};
  for (int64_t i = 0; i < VF_WIDTH && i < n; i++) lane[i] = p[i];
  return vld1q_f32(lane);
}
static inline void vf_store_first(float *p, vf x, int64_t n) {
  float lane[VF_WIDTH];
  vst1q_f32(lane, x);
  for (int64_t i = 0; i < VF_WIDTH && i < n; i++) p[i] = lane[i];
}

static inline vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
static inline vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
static inline vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
static inline vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
static inline vf vf_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
static inline vf vf_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static inline vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }

static inline vf vf_round(vf x) { return vrndnq_f32(x); }
/* x 2^n in two halves, so that results down to the denormals and up to the largest float are right. */
static inline vf vf_scale2(vf x, vf n) {
  const int32x4_t exponent = vcvtnq_s32_f32(n);
  const int32x4_t half = vshrq_n_s32(exponent, 1);
  const int32x4_t rest = vsubq_s32(exponent, half);
  const int32x4_t one = vdupq_n_s32(127);
  const vf a = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(half, one), 23));
  const vf b = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(rest, one), 23));
  return vmulq_f32(vmulq_f32(x, a), b);
}
static inline vf vf_copysign(vf magnitude, vf sign) { return vbslq_f32(vdupq_n_u32(0x80000000u), sign, magnitude); }
static inline vf vf_abs(vf x) { return vabsq_f32(x); }
static inline vf vf_select_less(vf a, vf b, vf then, vf otherwise) {
  return vbslq_f32(vcltq_f32(a, b), then, otherwise);
}

/* Lanes are added pairwise, halves first: the order does not depend on the data. */
static inline float vf_reduce_add(vf x) {
  const float32x2_t s = vadd_f32(vget_low_f32(x), vget_high_f32(x));
  return vget_lane_f32(s, 0) + vget_lane_f32(s, 1);
}
static inline float vf_reduce_max(vf x) { return vmaxvq_f32(x); }

static inline void vf_transpose(vf r[VF_WIDTH]) {
  const float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
  r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
  r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
  r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
  r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

typedef int32x4_t vi;

static inline vi vi_set1(int32_t x) { return vdupq_n_s32(x); }
static inline vi vi_load(const void *p) { return vreinterpretq_s32_u8(vld1q_u8(p)); }
static inline void vi_store(void *p, vi x) { vst1q_u8(p, vreinterpretq_u8_s32(x)); }
static inline vi vi_add(vi a, vi b) { return vaddq_s32(a, b); }
static inline vi vi_sub(vi a, vi b) { return vsubq_s32(a, b); }
static inline vi vi_mul(vi a, vi b) { return vmulq_s32(a, b); }
static inline vi vi_and(vi a, vi b) { return vandq_s32(a, b); }
static inline vi vi_shift_left(vi a, int n) { return vshlq_s32(a, vdupq_n_s32(n)); }
static inline vi vi_shift_right(vi a, int n) {
  return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a), vdupq_n_s32(-n)));
}
static inline vf vi_to_vf(vi a) { return vcvtq_f32_s32(a); }
static inline vf vi_as_vf(vi a) { return vreinterpretq_f32_s32(a); }
static inline vi vi_widen16(const uint16_t *p) { return vreinterpretq_s32_u32(vmovl_u16(vld1_u16(p))); }

static inline vi vi_dot(vi sum, vi u, vi s) {
#if defined(__ARM_FEATURE_MATMUL_INT8)
  return vusdotq_s32(sum, vreinterpretq_u8_s32(u), vreinterpretq_s8_s32(s));
#else
  const uint8x16_t u8 = vreinterpretq_u8_s32(u);
  const int8x16_t s8 = vreinterpretq_s8_s32(s);
  const int16x8_t u0 = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(u8))), s0 = vmovl_s8(vget_low_s8(s8));
  const int16x8_t u1 = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(u8))), s1 = vmovl_s8(vget_high_s8(s8));
  const int32x4_t low = vpaddq_s32(vmull_s16(vget_low_s16(u0), vget_low_s16(s0)), vmull_high_s16(u0, s0));
  const int32x4_t high = vpaddq_s32(vmull_s16(vget_low_s16(u1), vget_low_s16(s1)), vmull_high_s16(u1, s1));
  return vaddq_s32(sum, vpaddq_s32(low, high));
#endif
}

static inline void vf_store_bytes(void *p, vf x) {
  int32_t lane[VF_WIDTH];
  vst1q_s32(lane, vcvtnq_s32_f32(x));
  for (int i = 0; i < VF_WIDTH; i++) ((uint8_t *)p)[i] = (uint8_t)lane[i];
}
static inline void vf_store_bf16(uint16_t *p, vf x) {
  const uint32x4_t bits = vreinterpretq_u32_f32(x);
  const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
  const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
  vst1_u16(p, vshrn_n_u32(vbslq_u32(vceqq_f32(x, x), rounded, quiet), 16));
}
