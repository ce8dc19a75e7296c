/*
 * Packed linear in float32 for few rows, bit for bit that of linear_fp32.c from seven eighths of the bytes
 * (linear_compact.h): a weight is 28 bits, exponent less the panel's least, mantissa and sign, and unpacked in
 * registers as it is read. Three bytes and a nibble are brought together by vpermb, rotated into place, and the least
 * exponent is added.
 *
 * Chains of FMAs are those of linear_fp32.c, so that it makes no difference in which of both layouts a weight is. The
 * floor is the stream of 3.5 n k bytes. Time on Zen 5 as a share of linear_fp32.c's, both in turn, weights of 768 x
 * 3072, 3072 x 768, 768 x 768 and 2048 x 512 from memory, two runs: one row 0.90 to 0.94 on one thread and 0.89 to 0.95
 * on two, four rows 0.85 to 0.89 and 0.86 to 0.92, eight, which begin to be bound by arithmetic, 0.91 to 0.98 and 0.87
 * to 0.99; more of them on one thread 0.9 to 1.3 for 16 and 24 rows, 1.10 to 1.14 for 32, 0.99 to 1.11 for 64 and 128.
 * Tried and lost: two panels side by side (no faster, and eight rows run out of registers). Weights that only ever meet
 * many rows are better left to linear_fp32.c.
 */
#include "linear_compact.h"

#if defined(VI_HAS_VBMI)

#define BLOCK_STEPS BLOCK_FEATURES
#define VECTOR_BYTES 56 /* 16 weights: three bytes of each, then a nibble of each */
#define AHEAD_BYTES (20 * BLOCK_STEPS * 2 * VECTOR_BYTES)

/* Lanes of the lower half have bits 24 to 27 of their code in a nibble, those of the upper half bits 0 to 3. */
typedef struct {
  vi bytes, rotation, bits, least;
} unpacking;

static inline unpacking unpacking_of(const compact_weight *w, int64_t panel) {
  static const _Alignas(64)
      uint8_t bytes[64] = {0,  1,  2,  48, 3,  4,  5,  49, 6,  7,  8,  50, 9,  10, 11, 51, 12, 13, 14, 52, 15, 16,
                           17, 53, 18, 19, 20, 54, 21, 22, 23, 55, 24, 25, 26, 48, 27, 28, 29, 49, 30, 31, 32, 50,
                           33, 34, 35, 51, 36, 37, 38, 52, 39, 40, 41, 53, 42, 43, 44, 54, 45, 46, 47, 55};
  static const _Alignas(64) int32_t rotation[16] = {31, 31, 31, 31, 31, 31, 31, 31, 3, 3, 3, 3, 3, 3, 3, 3};
  return (unpacking){vi_load(bytes), vi_load(rotation), vi_set1((int32_t)0x87ffffffu),
                     vi_set1((int32_t)((uint32_t)w->panels[panel].least << 23))};
}

/* Reads eight bytes more than its own. */
static inline vi unpack(const char *vector, const unpacking *u) {
  const vi code = vi_rotate_left(vi_permute_bytes(vi_load(vector), u->bytes), u->rotation);
  return vi_add(vi_and(code, u->bits), u->least);
}

static inline vf accumulate(vf sum, vi x, vi weights) { return vf_fma(vi_as_vf(x), vi_as_vf(weights), sum); }

#include "linear_compact_tile.h"

/* Sixteen weights; lanes as in `unpack`. */
static void pack_vector(const float *from, int32_t least, uint8_t *to) {
  memset(to + 48, 0, 8);
  for (int lane = 0; lane < VF_WIDTH; lane++) {
    const uint32_t bits = bits_of(from[lane]) - ((uint32_t)least << 23), code = (bits << 1 | bits >> 31) & 0xfffffff;
    const uint32_t three = lane < 8 ? code & 0xffffff : code >> 4;
    for (int byte = 0; byte < 3; byte++) to[3 * lane + byte] = (uint8_t)(three >> 8 * byte);
    to[48 + lane % 8] |= (uint8_t)(lane < 8 ? code >> 24 : code << 4);
  }
}

static void pack(const float *block, int32_t least, char *to) {
  for (int v = 0; v < 2 * BLOCK_STEPS; v++) pack_vector(block + v * VF_WIDTH, least, (uint8_t *)to + v * VECTOR_BYTES);
}

static void widen(const char *raw, float *block) { memcpy(block, raw, RAW_BYTES); }

static inline float unpack_one(const char *vector, int64_t lane, int32_t least) {
  uint32_t three; /* and a byte that is the next one's */
  memcpy(&three, vector + 3 * lane, sizeof three);
  const uint32_t nibbles = (uint8_t)vector[48 + lane % 8];
  const uint32_t code = lane < 8 ? (nibbles & 15) << 24 | (three & 0xffffff) : three << 4 | nibbles >> 4;
  return bits_to_float(((code & 0xfffffff) >> 1 | code << 31) + ((uint32_t)least << 23));
}

static void read_run(const char *run, int64_t lane, int32_t least, int64_t first, int64_t count, float *to) {
  const char *vector = run + first * STEP_BYTES + lane / VF_WIDTH * VECTOR_BYTES;
  for (int64_t p = 0; p < count; p++, vector += STEP_BYTES) to[p] = unpack_one(vector, lane % VF_WIDTH, least);
}

/* From two blocks a panel on, all of it and what `unpack` reads behind it fits into what float32 takes. */
static int fits(uint32_t extensions, int64_t k) {
  return (extensions & PF_EXTENSION_VBMI) != 0 && k % BLOCK_FEATURES == 0 && k >= 2 * BLOCK_FEATURES;
}

static const compact_blocks blocks = {.compact_bytes = COMPACT_BYTES,
                                      .raw_bytes = RAW_BYTES,
                                      .pair = 1,
                                      .unit = BLOCK_FEATURES,
                                      .alignment = 1,
                                      .widen = widen,
                                      .pack = pack,
                                      .read = read_run};

static int64_t compress(pf_engine *engine, const linear_layer *plain, void *panels) {
  return PF_KERNEL(compact_compress)(engine, plain, &blocks, panels);
}

static void compute(const linear_share *s) { multiply_share(s, &blocks, s->layer->k); }

static void features(const linear_layer *layer, int64_t feature, int64_t first, int64_t count, float *to) {
  PF_KERNEL(compact_features)(layer, &blocks, feature, first, count, to);
}

/* Two panels side by side are no faster (see above). */
static int64_t one_stream(int64_t rows) {
  (void)rows;
  return 1;
}

const linear_format PF_KERNEL(linear_fp32_compact) = {
    .precision = PF_PRECISION_FP32,
    .layout = COMPACT_LAYOUT,
    .isa = PF_ISA,
    .most_features = PF_MAX_DIMENSION,
    .partition = FP32_PARTITION(one_stream),
    .fits = fits,
    .compress = compress,
    .compute = compute,
    .features = features,
};

#endif
