/*
 * Packed linear in bfloat16 for few rows, bit for bit what vdpbf16ps makes of linear_bf16.c's layout, from three
 * quarters of the bytes (linear_compact.h): 12 bits a weight, unpacked in registers as they are read.
 *
 * The low byte of a bfloat16, mantissa and the last bit of the exponent, is kept as it is. Sign and the rest of the
 * exponent are one of 16 high bytes, since a panel's least exponent is even, and kept as a nibble, its number. vpermb
 * brings both together, vpmultishiftqb shifts every other nibble down, and vpermb looks the high bytes up.
 *
 * Sums are chains of vdpbf16ps in the order of linear_bf16.c, so that it makes no difference in which of both layouts a
 * weight is. The floor is the stream of 1.5 n k bytes. Time on Zen 5 as a share of linear_bf16.c's, both in turn,
 * weights of 768 x 3072 and 2048 x 512 from memory: one row 0.76 on one thread and 0.78 to 0.79 on two, four rows 0.72
 * to 0.73 and 0.75 to 0.76, eight 0.87 to 0.93 and 0.76 to 0.79; more of them on one thread 1.1 to 1.2 for 16 and 24
 * rows, 1.09 to 1.16 for 32, 1.03 to 1.09 for 64 and 128. Fetching twice or three times as far ahead makes no
 * difference.
 */
#include "linear_compact.h"

#if defined(VI_HAS_VBMI)

#define BLOCK_STEPS (BLOCK_FEATURES / 2)
#define VECTOR_BYTES 48 /* 16 pairs of weights: their low bytes, then a byte of two nibbles of each pair */
#define AHEAD_BYTES (48 * BLOCK_STEPS * 2 * VECTOR_BYTES)

typedef struct {
  vi bytes, shifts, high;
} unpacking;

/* The high byte that a nibble stands for: sign and the upper seven bits of the exponent. */
static inline uint8_t high_byte(int nibble, int32_t least) {
  return (uint8_t)(nibble >> 3 << 7 | (least / 2 + (nibble & 7)));
}

static inline unpacking unpacking_of(const compact_weight *w, int64_t panel) {
  static const _Alignas(64)
      uint8_t bytes[64] = {0,  32, 1,  32, 2,  33, 3,  33, 4,  34, 5,  34, 6,  35, 7,  35, 8,  36, 9,  36, 10, 37,
                           11, 37, 12, 38, 13, 38, 14, 39, 15, 39, 16, 40, 17, 40, 18, 41, 19, 41, 20, 42, 21, 42,
                           22, 43, 23, 43, 24, 44, 25, 44, 26, 45, 27, 45, 28, 46, 29, 46, 30, 47, 31, 47};
  /* Of eight bytes, by bits. What is above a nibble then is of no account: the table repeats itself. */
  static const _Alignas(64)
      uint8_t shifts[64] = {0,  8,  16, 28, 32, 40, 48, 60, 0,  8,  16, 28, 32, 40, 48, 60, 0,  8,  16, 28, 32, 40,
                            48, 60, 0,  8,  16, 28, 32, 40, 48, 60, 0,  8,  16, 28, 32, 40, 48, 60, 0,  8,  16, 28,
                            32, 40, 48, 60, 0,  8,  16, 28, 32, 40, 48, 60, 0,  8,  16, 28, 32, 40, 48, 60};
  _Alignas(64) uint8_t high[64];
  for (int i = 0; i < 64; i++) high[i] = high_byte(i % 16, w->panels[panel].least);
  return (unpacking){vi_load(bytes), vi_load(shifts), vi_load(high)};
}

/* Reads 16 bytes more than its own. */
static inline vi unpack(const char *vector, const unpacking *u) {
  return vi_look_up_odd(vi_shift_bytes(vi_permute_bytes(vi_load(vector), u->bytes), u->shifts), u->high);
}

static inline vf accumulate(vf sum, vi x, vi weights) { return vi_dot_bf16(sum, x, weights); }

#include "linear_compact_tile.h"

static void pack(const float *block, int32_t least, char *to) {
  for (int v = 0; v < 2 * BLOCK_STEPS; v++, to += VECTOR_BYTES) {
    for (int lane = 0; lane < VF_WIDTH; lane++) {
      uint32_t nibbles = 0;
      for (int side = 0; side < 2; side++, block++) {
        const uint32_t word = bits_of(*block) >> 16;
        to[2 * lane + side] = (char)(word & 0xff);
        nibbles |= (word >> 15 << 3 | ((word >> 8 & 0x7f) - (uint32_t)least / 2)) << 4 * side;
      }
      to[32 + lane] = (char)nibbles;
    }
  }
}

static void widen(const char *raw, float *block) {
  for (int i = 0; i < BLOCK_WEIGHTS; i++) block[i] = bits_to_float((uint32_t)((const uint16_t *)raw)[i] << 16);
}

static void read_run(const char *run, int64_t lane, int32_t least, int64_t first, int64_t count, float *to) {
  for (int64_t p = first; p < first + count; p++) {
    const uint8_t *vector = (const uint8_t *)run + p / 2 * STEP_BYTES + lane / VF_WIDTH * VECTOR_BYTES;
    const int64_t pair = lane % VF_WIDTH;
    const int nibble = vector[32 + pair] >> 4 * (p % 2) & 15;
    *to++ = bits_to_float((uint32_t)high_byte(nibble, least) << 24 | (uint32_t)vector[2 * pair + p % 2] << 16);
  }
}

/* AMX multiplies tiles of the other layout, in another order. */
static int fits(uint32_t extensions, int64_t k) {
  const uint32_t needed = PF_EXTENSION_VBMI | PF_EXTENSION_BF16;
  return k > 0 && (extensions & (needed | PF_EXTENSION_AMX)) == needed;
}

static const compact_blocks blocks = {.compact_bytes = COMPACT_BYTES,
                                      .raw_bytes = RAW_BYTES,
                                      .pair = 2,
                                      .unit = BF16_UNIT,
                                      .alignment = 2,
                                      .widen = widen,
                                      .pack = pack,
                                      .read = read_run};

static int64_t compress(pf_engine *engine, const linear_layer *plain, void *panels) {
  return PF_KERNEL(compact_compress)(engine, plain, &blocks, panels);
}

static void compute(const linear_share *s) { multiply_share(s, &blocks, round_up(s->layer->k, BF16_UNIT) / 2); }

static void features(const linear_layer *layer, int64_t feature, int64_t first, int64_t count, float *to) {
  PF_KERNEL(compact_features)(layer, &blocks, feature, first, count, to);
}

const linear_format PF_KERNEL(linear_bf16_compact) = {
    .precision = PF_PRECISION_BF16,
    .layout = COMPACT_LAYOUT,
    .isa = PF_ISA,
    .most_features = PF_MAX_DIMENSION,
    .partition = WIDE_PARTITION,
    .fits = fits,
    .compress = compress,
    .prepare = PF_KERNEL(linear_bf16_prepare),
    .compute = compute,
    .features = features,
};

#endif
