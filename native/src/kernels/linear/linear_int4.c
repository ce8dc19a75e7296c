/*
 * Packed linear in 4 bits: weights in groups of 32 or 128 input features with one scale each, inputs in 8 bits with one
 * scale for 32 values.
 *
 * FLOPs 2 tokens n k; bytes n k / 2 and a sixteenth (32) or a quarter of that (128) for scales: for steps of decoding,
 * which wait for the stream of weights. Codes 0 to 15 stand for -8 to 7 and are multiplied as they are, unsigned, by
 * the input's signed bytes; eight times the sum of these is where the sum of a group starts from. Groups of 32 sums
 * become floats, which are added in ascending order. Scales of the input per group keep a few large values from costing
 * all others their digits, as they would with one scale a row.
 *
 * Bytes are unpacked in registers: each holds input feature b of eight and b + 4, so that a mask and a shift give the
 * operands of two dot products.
 *
 * Few rows are as in linear_int8.c. On one core of Zen 5, 768 x 2304 in groups of 32: one row 28 -> 21 us, which is 47
 * GB/s; two rows of 768 x 3072 45 -> 23, eight of 768 x 768 33 -> 16.
 */
#include <float.h>

#include "linear_tile.h"

/* The tallest tile; the floats of tall ones wait in memory while integers are summed up. */
#if VF_REGISTERS == 32
#define TILE_ROWS 8
#else
#define TILE_ROWS 2
#endif

/* Values that share a scale of the input; steps of eight in them. */
#define SPAN PF_PACKED_INT4_INPUT_GROUP
#define SPAN_STEPS 4

/* Input features are padded to the largest group, so that both layouts take the same input. */
#define MOST_GROUP PF_PACKED_INT4_128_GROUP

/* Bytes of a row of a panel: 32 output features of eight input features; and of the scales of a group. */
#define ROW_BYTES (WIDE_PANEL * 4)
#define SCALE_BYTES (WIDE_PANEL * 2)

static int64_t group_bytes(int64_t group) { return SCALE_BYTES + group / 8 * ROW_BYTES; }
static int64_t panel_bytes(int64_t k, int64_t group) { return round_up(k, group) / group * group_bytes(group); }

static int64_t packed_bytes(int64_t n, int64_t k, int64_t group) {
  return round_up(n, WIDE_PANEL) / WIDE_PANEL * panel_bytes(k, group);
}

/* ---- Input ------------------------------------------------------------------------------------------------------ */

/* Behind the codes of all rows. */
typedef struct {
  float scale;
  int32_t start; /* -8 times the sum of the codes */
} span_scale;

static int64_t padded_features(int64_t k) { return round_up(k, MOST_GROUP); }

static span_scale *span_scales(const void *input, int64_t rows, int64_t k, int64_t row) {
  const int64_t padded = padded_features(k);
  return (span_scale *)((char *)input + rows * padded) + row * (padded / SPAN);
}

static span_scale quantise_span(const float *x, int64_t count, int8_t *to) {
  float values[SPAN] = {0};
  if (count > 0) memcpy(values, x, (size_t)min64(count, SPAN) * sizeof *values);
  vf most = vf_zero(), strange = vf_zero();
  for (int j = 0; j < SPAN; j += VF_WIDTH) {
    const vf v = vf_load(values + j);
    most = vf_max(vf_abs(v), most);
    strange = vf_fma(v, vf_zero(), strange);
  }
  float scale = vf_reduce_max(most) / 127.0f;
  if (!(scale >= FLT_MIN)) scale = 0.0f;
  const vf inverse = vf_set1(scale > 0.0f ? 1.0f / scale : 0.0f);
  const vf limit = vf_set1(127.0f), other = vf_set1(-127.0f);
  for (int j = 0; j < SPAN; j += VF_WIDTH)
    vf_store_bytes(to + j, vf_min(limit, vf_max(vf_round(vf_mul(vf_load(values + j), inverse)), other)));
  int32_t sum = 0;
  for (int j = 0; j < SPAN; j++) sum += to[j];
  return (span_scale){vf_reduce_add(strange) != 0.0f ? NAN : scale, -8 * sum};
}

static void prepare(const linear_layer *layer, const float *x, int64_t rows, void *input, int64_t first, int64_t end) {
  const int64_t k = layer->k, padded = padded_features(k);
  for (int64_t i = first; i < end; i++) {
    span_scale *scales = span_scales(input, rows, k, i);
    for (int64_t p = 0; p < padded; p += SPAN)
      scales[p / SPAN] = quantise_span(x + i * k + (p < k ? p : 0), k - p, (int8_t *)input + i * padded + p);
  }
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------ */

typedef struct {
  const linear_layer *layer;
  const int8_t *x;          /* [rows][padded_features] */
  const span_scale *scales; /* [rows][padded_features / SPAN] */
  int64_t x_bytes;
  const char *panel;
  int64_t offset; /* of the tile's first feature in the panel */
  int64_t groups;
} int4_tile;

static inline __attribute__((always_inline)) vi dot(vi sum, vi u, vi s, const int vnni) {
#if defined(VI_HAS_VNNI)
  if (vnni) return vi_dot_vnni(sum, u, s);
#endif
  (void)vnni;
  return vi_dot(sum, u, s);
}

/*
 * One group of one panel, whose scales are at w. `rows`, `group`, `fetches` and `vnni` are constants wherever this is
 * inlined; with fetches, what lies at `fetch` is fetched meanwhile.
 */
static inline __attribute__((always_inline)) void multiply_group(const int4_tile *tile, int64_t g, const char *w,
                                                                 const char *fetch, vf (*sum)[2], const int rows,
                                                                 const int group, const int fetches, const int vnni) {
  const vi nibble = vi_set1(0x0f0f0f0f);
  const uint16_t *scales = (const uint16_t *)w + tile->offset;
  const vf scale0 = vi_as_vf(vi_shift_left(vi_widen16(scales), 16));
  const vf scale1 = vi_as_vf(vi_shift_left(vi_widen16(scales + VF_WIDTH), 16));
  w += SCALE_BYTES + tile->offset * 4;
  if (fetches) __builtin_prefetch(fetch);
  fetch += LINE_BYTES;
  for (int span = 0; span < group / SPAN; span++) {
    const int64_t at = g * (group / SPAN) + span;
    vi part[TILE_ROWS][2];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
      part[i][0] = part[i][1] = vi_set1(tile->scales[i * (tile->x_bytes / SPAN) + at].start);
#pragma GCC unroll 4
    for (int step = 0; step < SPAN_STEPS; step++, w += ROW_BYTES, fetch += ROW_BYTES) {
      if (fetches) {
        __builtin_prefetch(fetch);
        __builtin_prefetch(fetch + LINE_BYTES);
      }
      const vi w0 = vi_load(w), w1 = vi_load(w + VF_WIDTH * 4);
      const vi low0 = vi_and(w0, nibble), high0 = vi_and(vi_shift_right(w0, 4), nibble);
      const vi low1 = vi_and(w1, nibble), high1 = vi_and(vi_shift_right(w1, 4), nibble);
#pragma GCC unroll 8
      for (int i = 0; i < rows; i++) {
        const int8_t *x = tile->x + i * tile->x_bytes + at * SPAN + step * 8;
        const vi a = vi_set1(load_bytes(x)), b = vi_set1(load_bytes(x + 4));
        part[i][0] = dot(dot(part[i][0], low0, a, vnni), high0, b, vnni);
        part[i][1] = dot(dot(part[i][1], low1, a, vnni), high1, b, vnni);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      const vf scale = vf_set1(tile->scales[i * (tile->x_bytes / SPAN) + at].scale);
      sum[i][0] = vf_fma(vi_to_vf(part[i][0]), vf_mul(scale, scale0), sum[i][0]);
      sum[i][1] = vf_fma(vi_to_vf(part[i][1]), vf_mul(scale, scale1), sum[i][1]);
    }
  }
}

/*
 * A tile, whose panel is fetched ahead of its use where `few` rows are all that it is read for. All but `tile` and
 * `out` are constants wherever this is inlined.
 */
static inline __attribute__((always_inline)) void multiply_rows(const int4_tile *tile, const tile_output *out,
                                                                const int rows, const int few, const int group,
                                                                const int vnni) {
  const int64_t bytes = SCALE_BYTES + group / 8 * ROW_BYTES;
  vf sum[TILE_ROWS][2];
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = vf_zero();
  const int64_t ahead = round_up(DOT_AHEAD_BYTES, bytes);
  const char *panel = tile->panel;
  for (int64_t g = 0; g < tile->groups; g++, panel += bytes)
    multiply_group(tile, g, panel, panel + ahead, sum, rows, group, few, vnni);
  float sums[TILE_ROWS * PANEL];
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) {
    vf_store(sums + i * PANEL, sum[i][0]);
    vf_store(sums + i * PANEL + VF_WIDTH, sum[i][1]);
  }
  PF_KERNEL(linear_finish)(tile->layer, out, sums, PANEL);
}

static inline __attribute__((always_inline)) void multiply(const int4_tile *tile, const tile_output *out, int few,
                                                           const int group, const int vnni) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    if (few)                                                                                                           \
      multiply_rows(tile, out, r, 1, group, vnni);                                                                     \
    else                                                                                                               \
      multiply_rows(tile, out, r, 0, group, vnni);                                                                     \
    break;
  switch (out->rows) {
    ROWS(1)
    ROWS(2)
#if TILE_ROWS > 2
    ROWS(3)
    ROWS(4)
    ROWS(5)
    ROWS(6)
    ROWS(7)
    ROWS(8)
#endif
  }
#undef ROWS
}

static inline __attribute__((always_inline)) void compute_tiles(const linear_share *s, const int group,
                                                                const int vnni) {
  const linear_layer *layer = s->layer;
  const int64_t bytes = panel_bytes(layer->k, group), padded = padded_features(layer->k);
  const int64_t tiles = ceil_div(s->rows, TILE_ROWS);
  int4_tile tile = {.layer = layer, .x_bytes = padded};
  tile.groups = round_up(layer->k, group) / group;
  for (int64_t column = s->column; column < s->end; column += WIDE_PANEL) {
    tile.panel = (const char *)layer->panels + column / WIDE_PANEL * bytes;
    const int few = s->rows <= TILE_ROWS && column + WIDE_PANEL <= s->end;
    for (int64_t t = 0; t < tiles; t++) {
      const int64_t row = s->row + s->rows * t / tiles, next = s->row + s->rows * (t + 1) / tiles;
      tile.x = (const int8_t *)s->input + row * padded;
      tile.scales = span_scales(s->input, s->input_rows, layer->k, row);
      for (tile.offset = 0; tile.offset < WIDE_PANEL && column + tile.offset < s->end; tile.offset += PANEL) {
        const tile_output out = output_of(s, row, next - row, column + tile.offset, PANEL);
        multiply(&tile, &out, few, group, vnni);
      }
    }
  }
}

/*
 * A share of either format. Both stay in one function: in a function each, the compiler gives the inner loops other
 * registers, with which 8 rows of 768 x 768 take 3 to 6 % more on Zen 4, and one row 5 % less in groups of 128.
 */
static __attribute__((noinline, noclone)) void compute(const linear_share *s, int64_t group) {
#if defined(VI_HAS_VNNI)
  if (s->layer->extensions & PF_EXTENSION_VNNI) {
    if (group == PF_PACKED_INT4_GROUP)
      compute_tiles(s, PF_PACKED_INT4_GROUP, 1);
    else
      compute_tiles(s, PF_PACKED_INT4_128_GROUP, 1);
    return;
  }
#endif
  if (group == PF_PACKED_INT4_GROUP)
    compute_tiles(s, PF_PACKED_INT4_GROUP, 0);
  else
    compute_tiles(s, PF_PACKED_INT4_128_GROUP, 0);
}

/* ---- Packing ---------------------------------------------------------------------------------------------------- */

typedef struct {
  const linear_source *source;
  char *panels;
  int64_t group;
} pack_call;

static uint16_t nearest_bf16(float x) {
  uint16_t rounded[VF_WIDTH];
  vf_store_bf16(rounded, vf_set1(x));
  return rounded[0];
}

/* The value of largest magnitude becomes -8 of the 16 steps; 0 and NaN as in linear_int8.c. */
static uint16_t group_scale(const float *values, int64_t count) {
  float most = 0.0f;
  for (int64_t i = 0; i < count; i++) {
    if (!(fabsf(values[i]) <= FLT_MAX)) return 0x7fc0;
    if (fabsf(values[i]) > fabsf(most)) most = values[i];
  }
  const float scale = most / -8.0f;
  return fabsf(scale) >= FLT_MIN ? nearest_bf16(scale) : 0;
}

static void pack_panel(const void *context, int64_t panel, int32_t thread) {
  (void)thread;
  const pack_call *c = context;
  const int64_t n = c->source->n, k = c->source->k, group = c->group, groups = round_up(k, group) / group;
  for (int64_t g = 0; g < groups; g++) {
    char *to = c->panels + panel * panel_bytes(k, group) + g * group_bytes(group);
    for (int64_t j = 0; j < WIDE_PANEL; j++) {
      const int64_t feature = panel * WIDE_PANEL + j, count = min64(k - g * group, group);
      float values[MOST_GROUP] = {0};
      if (feature < n) read_source(c->source, feature, g * group, count, values);
      const uint16_t scale = group_scale(values, count);
      const float step = bits_to_float((uint32_t)scale << 16), inverse = step != 0.0f ? 1.0f / step : 0.0f;
      memcpy(to + 2 * j, &scale, sizeof scale);
      uint8_t codes[MOST_GROUP];
      for (int64_t i = 0; i < group; i += VF_WIDTH) {
        const vf code = vf_add(vf_round(vf_mul(vf_load(values + i), vf_set1(inverse))), vf_set1(8.0f));
        /* In this order a NaN becomes 0. */
        vf_store_bytes(codes + i, vf_min(vf_set1(15.0f), vf_max(code, vf_zero())));
      }
      for (int64_t i = 0; i < group; i += 8) {
        for (int64_t b = 0; b < 4; b++)
          to[SCALE_BYTES + i / 8 * ROW_BYTES + 4 * j + b] = (char)(codes[i + b] | codes[i + b + 4] << 4);
      }
    }
  }
}

static void pack(pf_engine *engine, const linear_source *source, void *panels, int64_t group) {
  const pack_call call = {source, panels, group};
  pf_parallel_for(engine, ceil_div(source->n, WIDE_PANEL), pack_panel, &call);
}

static void read_row(const linear_layer *layer, int64_t group, int64_t feature, float *to) {
  const char *panel = (const char *)layer->panels + feature / WIDE_PANEL * panel_bytes(layer->k, group);
  for (int64_t g = 0; g < layer->k; g += group, panel += group_bytes(group)) {
    const int64_t j = feature % WIDE_PANEL;
    uint16_t bits;
    memcpy(&bits, panel + 2 * j, sizeof bits);
    const float scale = bits_to_float((uint32_t)bits << 16);
    const uint8_t *from = (const uint8_t *)panel + SCALE_BYTES + 4 * j;
    for (int64_t p = 0; p < group && g + p < layer->k; p++) {
      const int both = from[p / 8 * ROW_BYTES + p % 4], code = p % 8 < 4 ? both & 15 : both >> 4;
      to[g + p] = scale * (float)(code - 8);
    }
  }
}

/* ---- Both formats: weights share a scale in groups of 32 or 128 ---------------------------------------------------
 */

#define FORMAT(name, of_precision, group)                                                                              \
  static int64_t name##_bytes(int64_t n, int64_t k) { return packed_bytes(n, k, group); }                              \
  static void name##_pack(pf_engine *engine, const linear_source *source, void *panels) {                              \
    pack(engine, source, panels, group);                                                                               \
  }                                                                                                                    \
  static void name##_compute(const linear_share *share) { compute(share, group); }                                     \
  static void name##_row(const linear_layer *layer, int64_t feature, float *to) {                                      \
    read_row(layer, group, feature, to);                                                                               \
  }                                                                                                                    \
  const linear_format PF_KERNEL(linear_##name) = {.precision = of_precision,                                           \
                                                  .layout = PLAIN_LAYOUT,                                              \
                                                  .isa = PF_ISA_AUTO,                                                  \
                                                  .most_features = PF_MAX_DIMENSION,                                   \
                                                  .partition = WIDE_PARTITION,                                         \
                                                  .bytes = name##_bytes,                                               \
                                                  .pack = name##_pack,                                                 \
                                                  .prepare = prepare,                                                  \
                                                  .compute = name##_compute,                                           \
                                                  .row = name##_row}
FORMAT(int4, PF_PRECISION_INT4, PF_PACKED_INT4_GROUP);
FORMAT(int4_128, PF_PRECISION_INT4_128, PF_PACKED_INT4_128_GROUP);
#undef FORMAT
