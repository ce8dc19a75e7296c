/*
 * Packed linear in 8 bits: y = sx sw (q - z) c^T, with codes c of the weight and q of the input.
 *
 * FLOPs 2 tokens n k of integers; bytes n k + 4 tokens (n + k). A weight has one scale an output feature, symmetric; an
 * input one scale and one zero point z a row, so that the codes span what the row has: the outputs of GELU and ReLU,
 * hardly ever negative, get a bit more than symmetric codes would give them. The codes of a row are multiplied as they
 * are, unsigned by signed, and z times the sum of an output feature's codes is taken off afterwards. All sums are exact
 * in 32 bits, whatever the order and the instructions.
 *
 * A few features of a transformer's hidden states are many times as large as the others, and would leave them few
 * codes. So each 128 features are rotated before they become codes, in the input and in the weight, which leaves their
 * product as it is and spreads what stands out (Ashkboos et al. 2024, QuaRot): by a Hadamard matrix over features 16,
 * 32 and 64 apart, 3 additions a feature and no shuffles. Of MiniLM's vectors that halves the distance from those in
 * float32. Tried and lost: scaling features by the norms of their columns, or by the LayerNorm before, does nothing for
 * them.
 *
 * The layout, [k/4][32][4], is what vpdpbusd multiplies, and 16 of its rows are a tile of AMX. With AMX two by two
 * tiles of 16 x 16 sums are computed at a time; otherwise, and for few rows, tiles of rows by one or several panels as
 * in linear_fp32.c. Without VNNI bytes are widened to 16 bits first.
 *
 * On Zen 5, of vpdpbusd's peak, one thread: 128 x 768 x 768 reaches 87 %, with all sums in registers (67 % when the
 * input's bytes were kept there too, and sums spilled); 8 rows of it 75 instead of 38 %, see DOT_AHEAD_BYTES.
 */
#include <float.h>

#include "linear_tile.h"
#include "simd/amx.h"

/* The tallest tile; without VNNI the halves of a panel's and of the input's bytes take registers too. */
#if VF_REGISTERS == 32
#define TILE_ROWS 12
#else
#define TILE_ROWS 4
#endif

/* Input features are padded to a row of AMX's tiles. */
#define CHUNK PF_PACKED_INT8_FEATURES

/* Bytes of a row of a panel: 32 output features of four input features. */
#define ROW_BYTES (WIDE_PANEL * 4)

static int64_t padded_features(int64_t k) { return round_up(k, CHUNK); }

/* Features that are rotated together; at the end of a row perhaps half as many. */
#define ROTATED INT8_PIECE

/* The distance of the nearest two that are. */
#define APART PF_PACKED_INT8_ROTATED_APART

/* The sum and the difference of each two vectors that are `apart` from each other. */
static inline __attribute__((always_inline)) void add_and_subtract(vf *v, const int vectors, const int apart) {
#pragma GCC unroll 32
  for (int i = 0; i < vectors; i++) {
    if (i & apart) continue;
    const vf a = v[i], b = v[i + apart];
    v[i] = vf_add(a, b);
    v[i + apart] = vf_sub(a, b);
  }
}

/*
 * Up to ROTATED features times a factor, rotated: those from `count` on are 0. Done twice it multiplies by how many
 * features are added up, 8 or 4.
 */
static inline __attribute__((always_inline)) void rotate_vectors(const float *x, int64_t count, float factor, float *to,
                                                                 const int vectors) {
  vf v[ROTATED / VF_WIDTH];
#pragma GCC unroll 32
  for (int i = 0; i < vectors; i++) {
    const int64_t left = count - i * VF_WIDTH;
    v[i] = left >= VF_WIDTH ? vf_load(x + i * VF_WIDTH) : left > 0 ? vf_load_first(x + i * VF_WIDTH, left) : vf_zero();
    v[i] = vf_mul(v[i], vf_set1(factor));
  }
  const int apart = APART / VF_WIDTH;
  add_and_subtract(v, vectors, apart);
  add_and_subtract(v, vectors, 2 * apart);
  if (4 * apart < vectors) add_and_subtract(v, vectors, 4 * apart);
#pragma GCC unroll 32
  for (int i = 0; i < vectors; i++) vf_store(to + i * VF_WIDTH, v[i]);
}

/* How many features from p on are rotated together, those behind the k-th among them. */
static int64_t rotated_at(int64_t p, int64_t k) { return min64(ROTATED, padded_features(k) - p); }

/* What takes the rotation of one side back. */
static float unrotated(int64_t p, int64_t k) { return (float)APART / (float)rotated_at(p, k); }

/* The features of a row from p on; gives how many. */
static int64_t rotate(const float *x, int64_t p, int64_t k, float factor, float *to) {
  const int64_t count = rotated_at(p, k);
  if (k - p >= ROTATED)
    rotate_vectors(x, ROTATED, factor, to, ROTATED / VF_WIDTH);
  else if (count == ROTATED)
    rotate_vectors(x, k - p, factor, to, ROTATED / VF_WIDTH);
  else
    rotate_vectors(x, k - p, factor, to, CHUNK / VF_WIDTH);
  return count;
}

/* Features that are all there, `count` as rotated_at gives it. */
static void rotate_whole(const float *x, int64_t count, float factor, float *to) {
  if (count == ROTATED)
    rotate_vectors(x, ROTATED, factor, to, ROTATED / VF_WIDTH);
  else
    rotate_vectors(x, CHUNK, factor, to, CHUNK / VF_WIDTH);
}

/* Behind the header: float scales [n], int32 sums [n], int8 codes. */
static const float *scales_of(const linear_layer *layer) { return layer->panels; }
static const int32_t *sums_of(const linear_layer *layer) {
  return (const int32_t *)layer->panels + round_up(layer->n, WIDE_PANEL);
}
static const char *codes_of(const linear_layer *layer) {
  return (const char *)layer->panels + 8 * round_up(layer->n, WIDE_PANEL);
}

static int64_t packed_bytes(int64_t n, int64_t k) { return round_up(n, WIDE_PANEL) * (8 + padded_features(k)); }

/* ---- Input ------------------------------------------------------------------------------------------------------ */

/* Of each row, behind the codes of all. */
typedef struct {
  float scale;
  int32_t zero;
} row_scale;

static row_scale *row_scales(const void *input, int64_t rows, int64_t k) {
  return (row_scale *)((char *)input + round_up(rows, 16) * padded_features(k));
}

static int is_blocked(const linear_layer *layer, int64_t rows) {
  return rows > FEW_ROWS && (layer->extensions & PF_EXTENSION_AMX) != 0;
}

/* Vectors of a row that are looked at side by side. */
#define CHAINS 4

/* What is smaller than a normal float may be for a whole row is 0; a NaN or an infinity makes the scale NaN. */
static row_scale scale_of(const float *x, int64_t k) {
  vf most[CHAINS], least[CHAINS], strange[CHAINS];
  for (int c = 0; c < CHAINS; c++) most[c] = least[c] = strange[c] = vf_zero();
  for (int64_t p = 0; p < k; p += ROTATED) {
    float values[ROTATED];
    const int64_t count = rotate(x + p, p, k, unrotated(p, k), values);
    for (int64_t j = 0; j < count; j += CHAINS * VF_WIDTH) {
#pragma GCC unroll 4
      for (int c = 0; c < CHAINS; c++) {
        const vf v = vf_load(values + j + c * VF_WIDTH);
        most[c] = vf_max(v, most[c]);
        least[c] = vf_min(v, least[c]);
        strange[c] = vf_fma(v, vf_zero(), strange[c]);
      }
    }
  }
  for (int c = 1; c < CHAINS; c++) {
    most[0] = vf_max(most[0], most[c]);
    least[0] = vf_min(least[0], least[c]);
    strange[0] = vf_add(strange[0], strange[c]);
  }
  const float above = vf_reduce_max(most[0]), below = vf_reduce_max(vf_sub(vf_zero(), least[0]));
  if (vf_reduce_add(strange[0]) != 0.0f) return (row_scale){NAN, 0};
  const float scale = above / 255.0f + below / 255.0f;
  if (!(scale >= FLT_MIN)) return (row_scale){0.0f, 0};
  const float zero = rintf(below / scale);
  return (row_scale){scale, zero > 255.0f ? 255 : (int32_t)zero};
}

/* VF_WIDTH codes. In this order a NaN becomes 0. */
static inline void quantise(vf x, vf inverse, vf zero, char *to) {
  vf_store_bytes(to, vf_min(vf_set1(255.0f), vf_max(vf_add(vf_round(vf_mul(x, inverse)), zero), vf_zero())));
}

static void prepare(const linear_layer *layer, const float *x, int64_t rows, void *input, int64_t first, int64_t end) {
  const int64_t k = layer->k, padded = padded_features(k);
  const int blocked = is_blocked(layer, rows);
  for (int64_t i = first; i < end; i++) {
    const float *row = x + i * k;
    const row_scale s = scale_of(row, k);
    row_scales(input, rows, k)[i] = s;
    const vf inverse = vf_set1(s.scale > 0.0f ? 1.0f / s.scale : 0.0f), zero = vf_set1((float)s.zero);
    for (int64_t p = 0; p < k; p += ROTATED) {
      float values[ROTATED];
      const int64_t count = rotate(row + p, p, k, unrotated(p, k), values);
      for (int64_t c = 0; c < count; c += CHUNK) {
        char *to = input_at(input, blocked, padded, i, p + c);
        for (int64_t j = 0; j < CHUNK; j += VF_WIDTH) quantise(vf_load(values + c + j), inverse, zero, to + j);
      }
    }
  }
}

int64_t PF_KERNEL(linear_int8_input_piece)(const linear_layer *layer, const void *input, int64_t rows, int64_t row,
                                           int64_t p, float *values) {
  const int64_t k = layer->k, count = rotated_at(p, k);
  const row_scale s = row_scales(input, rows, k)[row];
  float rotated[ROTATED];
  for (int64_t i = 0; i < count; i += CHUNK) {
    const char *from = input_at((void *)input, is_blocked(layer, rows), padded_features(k), row, p + i);
    for (int64_t j = 0; j < CHUNK; j++) rotated[i + j] = s.scale * (float)((uint8_t)from[j] - s.zero);
  }
  rotate_whole(rotated, count, 1.0f, values);
  return count;
}

/* ---- Sums to floats --------------------------------------------------------------------------------------------- */

/* (sum - zero * sum of codes) * (row's scale * column's), VF_WIDTH columns. */
static inline vf scaled(vi sum, row_scale row, vi code_sums, vf scales) {
  return vf_mul(vi_to_vf(vi_sub(sum, vi_mul(vi_set1(row.zero), code_sums))), vf_mul(vf_set1(row.scale), scales));
}

/* ---- Tiles of rows by vectors ----------------------------------------------------------------------------------- */

typedef struct {
  const linear_share *share;
  int64_t row, rows, column; /* column: of the tile's first vector */
  const char *x;             /* [rows][x_bytes] */
  const row_scale *scales;   /* [rows] */
  int64_t x_bytes;
  const char *panel; /* its first vector of the tile */
  const char *ahead; /* this tile's share of a later panel; only ever fetched, so it may lie past the end */
  int64_t ahead_lines;
} int8_tile;

static inline __attribute__((always_inline)) vi dot(vi sum, vi u, vi s, const int vnni) {
#if defined(VI_HAS_VNNI)
  if (vnni) return vi_dot_vnni(sum, u, s);
#endif
  (void)vnni;
  return vi_dot(sum, u, s);
}

/* The sums of rows by PANEL columns to y. `rows` is a constant wherever this is inlined. */
static inline __attribute__((always_inline)) void finish_sums(const int8_tile *tile, int64_t column, vi (*sum)[2],
                                                              const int rows) {
  const linear_layer *layer = tile->share->layer;
  const vi code_sums0 = vi_load(sums_of(layer) + column), code_sums1 = vi_load(sums_of(layer) + column + VF_WIDTH);
  const vf scales0 = vf_load(scales_of(layer) + column), scales1 = vf_load(scales_of(layer) + column + VF_WIDTH);
  float values[TILE_ROWS * PANEL];
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) {
    vf_store(values + i * PANEL, scaled(sum[i][0], tile->scales[i], code_sums0, scales0));
    vf_store(values + i * PANEL + VF_WIDTH, scaled(sum[i][1], tile->scales[i], code_sums1, scales1));
  }
  const tile_output out = output_of(tile->share, tile->row, rows, column, PANEL);
  PF_KERNEL(linear_finish)(layer, &out, values, PANEL);
}

/* One step of a panel. All but pointers are constants wherever this is inlined. */
static inline __attribute__((always_inline)) void multiply_step(const char *x, int64_t x_bytes, const char *w,
                                                                vi (*sum)[2], const int rows, const int vnni) {
  const vi w0 = vi_load(w), w1 = vi_load(w + VF_WIDTH * 4);
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) {
    const vi a = vi_set1(load_bytes(x + i * x_bytes));
    sum[i][0] = dot(sum[i][0], a, w0, vnni);
    sum[i][1] = dot(sum[i][1], a, w1, vnni);
  }
}

/* A tile, which leaves its share of a later panel in the second-level cache; `rows` and `vnni` are constants. */
static inline __attribute__((always_inline)) void multiply_rows(const int8_tile *tile, const int rows, const int vnni) {
  vi sum[TILE_ROWS][2];
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = vi_set1(0);
  const int64_t steps = tile->x_bytes / 4;
  const char *x = tile->x, *panel = tile->panel, *ahead = tile->ahead;
  for (int64_t p = 0; p < steps;) {
    for (int64_t line = 0; line < tile->ahead_lines; line++) __builtin_prefetch(ahead + line * LINE_BYTES, 0, 2);
    ahead += tile->ahead_lines * LINE_BYTES;
    for (const int64_t stop = min64(p + FETCH_STEPS, steps); p < stop; p++, x += 4, panel += ROW_BYTES)
      multiply_step(x, tile->x_bytes, panel, sum, rows, vnni);
  }
  finish_sums(tile, tile->column, sum, rows);
}

#if VF_WIDTH == 16
/* Few rows, all of one tile. */
static inline __attribute__((always_inline)) void multiply_few(const int8_tile *tile, const int rows, const int vnni) {
  vi sum[FEW_ROWS][2];
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = vi_set1(0);
  const int64_t steps = tile->x_bytes / 4;
  const char *x = tile->x, *panel = tile->panel;
  for (int64_t p = 0; p < steps; p++, x += 4, panel += ROW_BYTES) {
    __builtin_prefetch(panel + DOT_AHEAD_BYTES);
    __builtin_prefetch(panel + DOT_AHEAD_BYTES + LINE_BYTES);
    multiply_step(x, tile->x_bytes, panel, sum, rows, vnni);
  }
  finish_sums(tile, tile->column, sum, rows);
}
#else
#define multiply_few(tile, rows, vnni) multiply_rows(tile, rows, vnni)
#endif

static inline __attribute__((always_inline)) void multiply(const int8_tile *tile, int few, const int vnni) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    if (few && r <= FEW_ROWS)                                                                                          \
      multiply_few(tile, r, vnni);                                                                                     \
    else                                                                                                               \
      multiply_rows(tile, r, vnni);                                                                                    \
    break;
  switch (tile->rows) {
    ROWS(1)
    ROWS(2)
    ROWS(3)
    ROWS(4)
#if TILE_ROWS > 4
    ROWS(5)
    ROWS(6)
    ROWS(7)
    ROWS(8)
    ROWS(9)
    ROWS(10)
    ROWS(11)
    ROWS(12)
#endif
  }
#undef ROWS
}

static inline __attribute__((always_inline)) void compute_tiles(const linear_share *s, const int vnni) {
  const int64_t padded = padded_features(s->layer->k), panel_bytes = padded * WIDE_PANEL;
  const int64_t tiles = ceil_div(s->rows, TILE_ROWS);
  int8_tile tile = {.share = s, .x_bytes = padded};
  tile.ahead_lines = ceil_div(FETCH_STEPS * ROW_BYTES / LINE_BYTES, tiles);
  for (int64_t column = s->column; column < s->end; column += WIDE_PANEL) {
    const char *panel = codes_of(s->layer) + column / WIDE_PANEL * panel_bytes;
    const int few = s->rows <= FEW_ROWS && column + WIDE_PANEL <= s->end;
    for (int64_t t = 0; t < tiles; t++) {
      tile.row = s->row + s->rows * t / tiles;
      tile.rows = s->row + s->rows * (t + 1) / tiles - tile.row;
      tile.x = (const char *)s->input + tile.row * padded;
      tile.scales = row_scales(s->input, s->input_rows, s->layer->k) + tile.row;
      tile.ahead = panel + panel_bytes + panel_bytes * t / tiles;
      for (int64_t j = 0; j < WIDE_PANEL && column + j < s->end; j += PANEL) {
        tile.column = column + j;
        tile.panel = panel + j * 4;
        multiply(&tile, few, vnni);
      }
    }
  }
}

/* ---- Tiles of AMX ----------------------------------------------------------------------------------------------- */

#if defined(PF_SIMD_AVX512)

/* Up to 32 rows by one panel; those from the 17th on begin at x2. x [chunks][16][64], w [chunks][16][128] bytes. */
static void multiply_tiles(const char *x, const char *x2, const char *w, int64_t chunks, const char *ahead,
                           int64_t ahead_lines, int32_t (*sums)[AMX_ROWS * WIDE_PANEL]) {
  amx_zero(0);
  amx_zero(1);
  amx_zero(2);
  amx_zero(3);
  for (int64_t c = 0; c < chunks; c++, x += AMX_TILE_BYTES, w += AMX_ROWS * ROW_BYTES) {
    for (int64_t line = 0; line < ahead_lines; line++) __builtin_prefetch(ahead + line * LINE_BYTES, 0, 2);
    ahead += ahead_lines * LINE_BYTES;
    amx_load(6, w, ROW_BYTES);
    amx_load(4, x, AMX_BYTES);
    amx_dot_int8(0, 4, 6);
    amx_load(7, w + AMX_BYTES, ROW_BYTES);
    amx_dot_int8(1, 4, 7);
    if (x2) {
      amx_load(5, x2, AMX_BYTES);
      amx_dot_int8(2, 5, 6);
      amx_dot_int8(3, 5, 7);
      x2 += AMX_TILE_BYTES;
    }
  }
  amx_store(0, sums[0], ROW_BYTES);
  amx_store(1, sums[0] + AMX_ROWS, ROW_BYTES);
  if (x2) {
    amx_store(2, sums[1], ROW_BYTES);
    amx_store(3, sums[1] + AMX_ROWS, ROW_BYTES);
  }
}

static void finish_tile(const linear_share *s, int64_t row, int64_t rows, int64_t column, const int32_t *sums) {
  const row_scale *scales = row_scales(s->input, s->input_rows, s->layer->k) + row;
  float values[AMX_ROWS * WIDE_PANEL];
  for (int64_t j = 0; j < WIDE_PANEL; j += VF_WIDTH) {
    const vi code_sums = vi_load(sums_of(s->layer) + column + j);
    const vf column_scales = vf_load(scales_of(s->layer) + column + j);
    for (int64_t at = j, i = 0; i < rows; i++, at += WIDE_PANEL)
      vf_store(values + at, scaled(vi_load(sums + at), scales[i], code_sums, column_scales));
  }
  const tile_output out = output_of(s, row, rows, column, WIDE_PANEL);
  PF_KERNEL(linear_finish)(s->layer, &out, values, WIDE_PANEL);
}

static void compute_amx(const linear_share *s) {
  const int64_t row_bytes = padded_features(s->layer->k), chunks = row_bytes / AMX_BYTES;
  const int64_t panel_bytes = row_bytes * WIDE_PANEL, tiles = ceil_div(s->rows, 2 * AMX_ROWS);
  const int64_t lines = ceil_div(AMX_ROWS * ROW_BYTES / LINE_BYTES, tiles);
  int32_t sums[2][AMX_ROWS * WIDE_PANEL];
  int64_t configured = 0;
  for (int64_t column = s->column; column < s->end; column += WIDE_PANEL) {
    const char *panel = codes_of(s->layer) + column / WIDE_PANEL * panel_bytes;
    for (int64_t t = 0; t < tiles; t++) {
      const int64_t row = s->row + t * 2 * AMX_ROWS, rows = min64(s->row + s->rows - row, 2 * AMX_ROWS);
      const int64_t first = min64(rows, AMX_ROWS);
      if (rows != configured) amx_configure(first, rows > first ? rows - first : first);
      configured = rows;
      const char *x = (const char *)s->input + row * row_bytes;
      multiply_tiles(x, rows > first ? x + AMX_ROWS * row_bytes : NULL, panel, chunks,
                     panel + panel_bytes + t * chunks * lines * LINE_BYTES, lines, sums);
      finish_tile(s, row, first, column, sums[0]);
      if (rows > first) finish_tile(s, row + first, rows - first, column, sums[1]);
    }
  }
  amx_release();
}

#endif

static void compute(const linear_share *s) {
#if defined(PF_SIMD_AVX512)
  if (is_blocked(s->layer, s->input_rows)) {
    compute_amx(s);
    return;
  }
#endif
#if defined(VI_HAS_VNNI)
  if (s->layer->extensions & PF_EXTENSION_VNNI) {
    compute_tiles(s, 1);
    return;
  }
#endif
  compute_tiles(s, 0);
}

/* ---- Packing ---------------------------------------------------------------------------------------------------- */

typedef struct {
  const linear_source *source;
  float *scales;
  int32_t *sums;
  int8_t *codes;
} pack_call;

/* Features of one output feature's weight from p on, rotated, which makes them larger; gives how many. */
static int64_t read_rotated(const linear_source *source, int64_t feature, int64_t p, float *values) {
  float plain[ROTATED];
  read_source(source, feature, p, min64(source->k - p, ROTATED), plain);
  return rotate(plain, p, source->k, 1.0f, values);
}

/* max|w| / 127 of the rotated ones; 0 for what is smaller than a normal float may be, NaN for a NaN or an infinity. */
static float weight_scale(const linear_source *source, int64_t feature) {
  vf most = vf_zero(), strange = vf_zero();
  for (int64_t p = 0; p < source->k; p += ROTATED) {
    float values[ROTATED];
    const int64_t count = read_rotated(source, feature, p, values);
    for (int64_t j = 0; j < count; j += VF_WIDTH) {
      const vf v = vf_load(values + j);
      most = vf_max(vf_abs(v), most);
      strange = vf_fma(v, vf_zero(), strange);
    }
  }
  if (vf_reduce_add(strange) != 0.0f) return NAN;
  const float scale = vf_reduce_max(most) / 127.0f;
  return scale >= FLT_MIN ? scale : 0.0f;
}

static void pack_panel(const void *context, int64_t panel, int32_t thread) {
  (void)thread;
  const pack_call *c = context;
  const int64_t n = c->source->n, k = c->source->k, padded = padded_features(k);
  int8_t *to = c->codes + panel * padded * WIDE_PANEL;
  for (int64_t j = 0; j < WIDE_PANEL; j++) {
    const int64_t feature = panel * WIDE_PANEL + j;
    const float scale = feature < n ? weight_scale(c->source, feature) : 0.0f;
    const float inverse = scale > 0.0f ? 1.0f / scale : 0.0f;
    const vf limit = vf_set1(127.0f), other = vf_set1(-127.0f);
    int32_t sum = 0;
    for (int64_t p = 0; p < k; p += ROTATED) {
      float values[ROTATED] = {0};
      const int64_t count = inverse > 0.0f ? read_rotated(c->source, feature, p, values) : rotated_at(p, k);
      int8_t codes[ROTATED];
      for (int64_t i = 0; i < count; i += VF_WIDTH) {
        const vf code = vf_round(vf_mul(vf_load(values + i), vf_set1(inverse)));
        vf_store_bytes(codes + i, vf_min(limit, vf_max(code, other)));
      }
      for (int64_t i = 0; i < count; i += 4) memcpy(to + (p + i) / 4 * ROW_BYTES + 4 * j, codes + i, 4);
      for (int64_t i = 0; i < count; i++) sum += codes[i];
    }
    c->scales[feature] = scale;
    c->sums[feature] = sum;
  }
}

static void pack(pf_engine *engine, const linear_source *source, void *panels) {
  const int64_t padded = round_up(source->n, WIDE_PANEL);
  const pack_call call = {source, panels, (int32_t *)panels + padded, (int8_t *)panels + 8 * padded};
  pf_parallel_for(engine, padded / WIDE_PANEL, pack_panel, &call);
}

int64_t PF_KERNEL(linear_int8_piece)(const linear_layer *layer, int64_t feature, int64_t p, float *values) {
  const int8_t *from = (const int8_t *)codes_of(layer) + feature / WIDE_PANEL * padded_features(layer->k) * WIDE_PANEL +
                       4 * (feature % WIDE_PANEL);
  const float scale = scales_of(layer)[feature];
  const int64_t count = rotated_at(p, layer->k);
  float rotated[ROTATED];
  for (int64_t i = 0; i < count; i++) rotated[i] = scale * from[(p + i) / 4 * ROW_BYTES + i % 4];
  rotate_whole(rotated, count, unrotated(p, layer->k), values);
  return count;
}

static void read_row(const linear_layer *layer, int64_t feature, float *to) {
  for (int64_t p = 0; p < layer->k; p += ROTATED) {
    float values[ROTATED];
    const int64_t count = PF_KERNEL(linear_int8_piece)(layer, feature, p, values);
    memcpy(to + p, values, (size_t)min64(layer->k - p, count) * sizeof *to);
  }
}

const linear_format PF_KERNEL(linear_int8) = {
    .precision = PF_PRECISION_INT8,
    .layout = PLAIN_LAYOUT,
    .isa = PF_ISA_AUTO,
    .most_features = PF_MAX_INT8_FEATURES,
    .partition = WIDE_PARTITION,
    .bytes = packed_bytes,
    .pack = pack,
    .prepare = prepare,
    .compute = compute,
    .row = read_row,
};
