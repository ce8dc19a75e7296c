/* The vector vocabulary (simd.h) on AVX-512 F. */
#include <immintrin.h>

#define VF_WIDTH 16
#define VF_REGISTERS 32

typedef __m512 vf;

static inline vf vf_zero(void) { return _mm512_setzero_ps(); }
static inline vf vf_set1(float x) { return _mm512_set1_ps(x); }
static inline vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vf_store(float *p, vf x) { _mm512_storeu_ps(p, x); }

static inline __mmask16 vf_first(int64_t n) { return (__mmask16)((1u << n) - 1u); }
static inline vf vf_load_first(const float *p, int64_t n) { return _mm512_maskz_loadu_ps(vf_first(n), p); }
static inline void vf_store_first(float *p, vf x, int64_t n) { _mm512_mask_storeu_ps(p, vf_first(n), x); }

static inline vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }

static inline vf vf_round(vf x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vf vf_scale2(vf x, vf n) { return _mm512_scalef_ps(x, n); }
static inline vf vf_copysign(vf magnitude, vf sign) {
  const __m512i bit = _mm512_set1_epi32((int)0x80000000u);
  /* 0xCA: bit ? sign : magnitude */
  return _mm512_castsi512_ps(
      _mm512_ternarylogic_epi32(bit, _mm512_castps_si512(sign), _mm512_castps_si512(magnitude), 0xCA));
}
static inline vf vf_abs(vf x) { return _mm512_abs_ps(x); }
static inline vf vf_select_less(vf a, vf b, vf then, vf otherwise) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), otherwise, then);
}

/* Lanes are added pairwise, halves first: the order does not depend on the data. */
static inline float vf_reduce_add(vf x) { return _mm512_reduce_add_ps(x); }
static inline float vf_reduce_max(vf x) { return _mm512_reduce_max_ps(x); }

static inline void vf_transpose(vf r[VF_WIDTH]) {
  vf t[VF_WIDTH];
  /* 4 x 4 within each 128-bit lane, then the lanes among each other. */
  for (int i = 0; i < 16; i += 4) {
    const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(r[i], r[i + 1]));
    const __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(r[i], r[i + 1]));
    const __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(r[i + 2], r[i + 3]));
    const __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(r[i + 2], r[i + 3]));
    t[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
    t[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
    t[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
    t[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
  }
  for (int i = 0; i < 4; i++) {
    const vf a = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88), b = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd);
    const vf c = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88), d = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xdd);
    r[i] = _mm512_shuffle_f32x4(a, c, 0x88);
    r[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
    r[i + 8] = _mm512_shuffle_f32x4(a, c, 0xdd);
    r[i + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
  }
}

typedef __m512i vi;

static inline vi vi_set1(int32_t x) { return _mm512_set1_epi32(x); }
static inline vi vi_load(const void *p) { return _mm512_loadu_si512(p); }
static inline void vi_store(void *p, vi x) { _mm512_storeu_si512(p, x); }
static inline vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
static inline vi vi_sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
static inline vi vi_mul(vi a, vi b) { return _mm512_mullo_epi32(a, b); }
static inline vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
static inline vi vi_shift_left(vi a, unsigned n) { return _mm512_slli_epi32(a, n); }
static inline vi vi_shift_right(vi a, unsigned n) { return _mm512_srli_epi32(a, n); }
static inline vf vi_to_vf(vi a) { return _mm512_cvtepi32_ps(a); }
static inline vf vi_as_vf(vi a) { return _mm512_castsi512_ps(a); }
static inline vi vi_widen16(const uint16_t *p) { return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)); }

/* Even and odd bytes apart, as 16 bits, whose products and pairs of them fit: vpmaddubsw would saturate. */
static inline vi vi_dot(vi sum, vi u, vi s) {
  const __m512i low = _mm512_set1_epi32(0x00ff00ff);
  const __m512i even = _mm512_madd_epi16(_mm512_and_si512(u, low), _mm512_srai_epi16(_mm512_slli_epi16(s, 8), 8));
  const __m512i odd = _mm512_madd_epi16(_mm512_srli_epi16(u, 8), _mm512_srai_epi16(s, 8));
  return _mm512_add_epi32(sum, _mm512_add_epi32(even, odd));
}
/* Assembly, so that these files need no flag for what the CPU is asked for at run time. */
#define VI_HAS_VNNI 1
static inline vi vi_dot_vnni(vi sum, vi u, vi s) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(u), "v"(s));
  return sum;
}
#define VI_HAS_VBMI 1
static inline vi vi_permute_bytes(vi a, vi index) {
  __asm__("vpermb %1, %2, %0" : "=v"(a) : "v"(a), "v"(index));
  return a;
}
static inline vi vi_shift_bytes(vi a, vi n) {
  __asm__("vpmultishiftqb %1, %2, %0" : "=v"(a) : "v"(a), "v"(n));
  return a;
}
static inline vi vi_look_up_odd(vi a, vi table) {
  const __mmask64 odd = 0xaaaaaaaaaaaaaaaau;
  __asm__("vpermb %1, %0, %0%{%2%}" : "+v"(a) : "v"(table), "Yk"(odd));
  return a;
}
static inline vi vi_rotate_left(vi a, vi n) { return _mm512_rolv_epi32(a, n); }
#define VI_HAS_BF16 1
static inline vf vi_dot_bf16(vf sum, vi a, vi b) {
  __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  return sum;
}

static inline void vf_store_bytes(void *p, vf x) {
  _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x)));
}
static inline void vf_store_bf16(uint16_t *p, vf x) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  const __m512i kept = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
  _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(kept, 16)));
}
