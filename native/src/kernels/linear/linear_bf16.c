/*
 * Packed linear in bfloat16: weights and inputs rounded to it, products added in float32.
 *
 * FLOPs 2 tokens n k; bytes 2 n k + 4 tokens (n + k). The layout, [k/2][32][2], is what vdpbf16ps multiplies, and 16 of
 * its rows are a tile of AMX; widened, the two input features of a lane are a shift and a mask away.
 *
 * AMX adds the products of 16 even and of 16 odd input features in two chains of FMAs and then both to the sum. A
 * product of two bfloat16 is exact in a float, so that every instruction set can do the same and gets the same bits, as
 * long as nothing is subnormal: AMX takes that for 0. So few rows, which wait for memory alone, are left to widened
 * weights and FMAs even where there is AMX, with subnormal numbers flushed, since tiles are loaded with too few lines
 * in flight: one row takes 200 us instead of 231 for 3.5 MB, four 206 instead of 237; eight take 292 instead of 244.
 *
 * vdpbf16ps adds in another order and is used only where there is no AMX: twice as fast as FMAs on Zen 5, half as fast
 * on Sapphire Rapids, whose AMX does 15 times as much. Few rows of it are as in linear_int8.c.
 */
#include "linear_tile.h"
#include "simd/amx.h"

/* Rows of a tile: of vdpbf16ps one sum for each vector and row, of FMAs two chains. */
#if VF_REGISTERS == 32
#define PAIR_ROWS 12
#define TILE_ROWS 6
#else
#define PAIR_ROWS 4
#define TILE_ROWS 2
#endif

/* Input features that go together. */
#define CHUNK BF16_UNIT

/* Bytes of a row of a panel: 32 output features of two input features. */
#define ROW_BYTES (WIDE_PANEL * 4)

/* Rows up to which the stream of weights is the floor for FMAs as well; from there on AMX is nearer to it. */
#define FMA_ROWS 4

/* Rows of a panel that a chunk of input features has. */
#define CHUNK_STEPS (CHUNK / 2)

static int has_tiles(const linear_layer *layer) { return (layer->extensions & PF_EXTENSION_AMX) != 0; }

/* The input in pairs of bfloat16, in blocks for AMX. */
static int is_blocked(const linear_layer *layer, int64_t rows) { return rows > FMA_ROWS && has_tiles(layer); }

/* The input in pairs of bfloat16, row after row, for vdpbf16ps. */
static int is_paired(const linear_layer *layer) {
#if defined(VI_HAS_BF16)
  return !has_tiles(layer) && (layer->extensions & PF_EXTENSION_BF16) != 0;
#else
  (void)layer;
  return 0;
#endif
}

static int64_t packed_bytes(int64_t n, int64_t k) {
  return round_up(n, WIDE_PANEL) * round_up(k, CHUNK) * (int64_t)sizeof(uint16_t);
}

/* ---- Input ------------------------------------------------------------------------------------------------------ */

/* CHUNK values of a row, zeros behind its end, rounded. */
static void round_chunk(const float *x, int64_t count, uint16_t *to) {
  for (int64_t j = 0; j < CHUNK; j += VF_WIDTH) {
    const vf v = count - j >= VF_WIDTH ? vf_load(x + j) : count > j ? vf_load_first(x + j, count - j) : vf_zero();
    vf_store_bf16(to + j, v);
  }
}

void PF_KERNEL(linear_bf16_prepare)(const linear_layer *layer, const float *x, int64_t rows, void *input, int64_t first,
                                    int64_t end) {
  const int64_t k = layer->k, padded = round_up(k, CHUNK);
  const int blocked = is_blocked(layer, rows), pairs = blocked || is_paired(layer);
  for (int64_t i = first; i < end; i++) {
    for (int64_t p = 0; p < padded; p += CHUNK) {
      if (pairs) {
        round_chunk(x + i * k + p, k - p, (uint16_t *)input_at(input, blocked, 2 * padded, i, 2 * p));
      } else {
        uint16_t rounded[CHUNK];
        round_chunk(x + i * k + p, k - p, rounded);
        float *to = (float *)input + i * padded + p;
        for (int64_t j = 0; j < CHUNK; j += VF_WIDTH)
          vf_store(to + j, vi_as_vf(vi_shift_left(vi_widen16(rounded + j), 16)));
      }
    }
  }
}

/* ---- Tiles of rows by vectors ----------------------------------------------------------------------------------- */

typedef struct {
  const linear_layer *layer;
  const char *x; /* [rows][x_bytes], floats or pairs of bfloat16 */
  int64_t x_bytes;
  const char *panel; /* its first vector of the tile */
  int64_t panel_bytes, chunks;
  const char *ahead; /* this tile's share of a later panel; only ever fetched, so it may lie past the end */
  int64_t ahead_lines;
} bf16_tile;

/*
 * Subnormal numbers are 0 to AMX, and so they are here on engines that have it. Sums are in memory at both ends, which
 * keeps the compiler from moving arithmetic across.
 */
static inline void flush_subnormals(const linear_layer *layer, int on) {
#if defined(PF_SIMD_AVX512)
  const unsigned flush = 0x8040, control = on ? _mm_getcsr() | flush : _mm_getcsr() & ~flush;
  if (has_tiles(layer)) __asm__ volatile("ldmxcsr %0" ::"m"(control) : "memory");
#else
  (void)layer;
  (void)on;
#endif
}

/* [streams][rows][PANEL] sums to y. */
static void finish(const linear_layer *layer, tile_output out, int streams, const float *sums) {
  for (int s = 0; s < streams; s++, sums += out.rows * PANEL) {
    PF_KERNEL(linear_finish)(layer, &out, sums, PANEL);
    next_panel(&out);
  }
}

/*
 * One chunk of input features by `vectors` vectors of a panel, added to the sums of each row, which lie PANEL apart.
 * All but pointers are constants wherever this is inlined.
 */
static inline __attribute__((always_inline)) void add_chunk(const char *x, int64_t x_bytes, const char *w, float *sums,
                                                            const int rows, const int vectors, const int fetch) {
  vf even[FEW_ROWS][2], odd[FEW_ROWS][2];
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) even[i][v] = odd[i][v] = vf_zero();
  }
  const vi high = vi_set1((int32_t)0xffff0000u);
  for (int step = 0; step < CHUNK_STEPS; step++, w += ROW_BYTES, x += 2 * sizeof(float)) {
    vf w_even[2], w_odd[2];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) {
      const vi pairs = vi_load(w + v * VF_WIDTH * 4);
      if (fetch) __builtin_prefetch(w + CHUNK_STEPS * ROW_BYTES + v * VF_WIDTH * 4);
      w_even[v] = vi_as_vf(vi_shift_left(pairs, 16));
      w_odd[v] = vi_as_vf(vi_and(pairs, high));
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      const float *values = (const float *)(x + i * x_bytes);
      const vf a = vf_set1(values[0]), b = vf_set1(values[1]);
#pragma GCC unroll 2
      for (int v = 0; v < vectors; v++) {
        even[i][v] = vf_fma(a, w_even[v], even[i][v]);
        odd[i][v] = vf_fma(b, w_odd[v], odd[i][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) {
      float *sum = sums + i * PANEL + v * VF_WIDTH;
      vf_store(sum, vf_add(vf_load(sum), vf_add(even[i][v], odd[i][v])));
    }
  }
}

/* Widened weights; `rows` and `streams` are constants wherever this is inlined. */
static inline __attribute__((always_inline)) void multiply_widened(const bf16_tile *tile, const tile_output *out,
                                                                   const int rows, const int streams) {
  float sums[STREAMS * FEW_ROWS * PANEL];
  memset(sums, 0, (size_t)(streams * rows * PANEL) * sizeof *sums);
  flush_subnormals(tile->layer, 1);
  const char *x = tile->x, *panel = tile->panel, *ahead = tile->ahead;
  for (int64_t c = 0; c < tile->chunks; c++, x += CHUNK * sizeof(float), panel += CHUNK_STEPS * ROW_BYTES) {
    if (streams == 1) {
      for (int64_t line = 0; line < tile->ahead_lines; line++) __builtin_prefetch(ahead + line * LINE_BYTES, 0, 2);
      ahead += tile->ahead_lines * LINE_BYTES;
    }
    for (int s = 0; s < streams; s++) {
      const char *w = panel + s * tile->panel_bytes;
      float *to = sums + s * rows * PANEL;
      if (rows <= TILE_ROWS) {
        add_chunk(x, tile->x_bytes, w, to, rows, 2, streams > 1);
      } else {
        add_chunk(x, tile->x_bytes, w, to, rows, 1, streams > 1);
        add_chunk(x, tile->x_bytes, w + VF_WIDTH * 4, to + VF_WIDTH, rows, 1, streams > 1);
      }
    }
  }
  flush_subnormals(tile->layer, 0);
  finish(tile->layer, *out, streams, sums);
}

#if VF_WIDTH == 16
#define MOST_STREAMS STREAMS
#else
#define MOST_STREAMS 1
#endif

static void multiply_rows(const bf16_tile *tile, const tile_output *out, int streams) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    if (streams > 1)                                                                                                   \
      multiply_widened(tile, out, r, MOST_STREAMS);                                                                    \
    else                                                                                                               \
      multiply_widened(tile, out, r, 1);                                                                               \
    break;
  switch (out->rows) {
    ROWS(1)
    ROWS(2)
    ROWS(3)
    ROWS(4)
    ROWS(5)
    ROWS(6)
    ROWS(7)
    ROWS(8)
  }
#undef ROWS
}

#if defined(VI_HAS_BF16)
/* One step of a panel by vdpbf16ps. All but pointers are constants wherever this is inlined. */
static inline __attribute__((always_inline)) void multiply_step(const char *x, int64_t x_bytes, const char *w,
                                                                vf (*sum)[2], const int rows) {
  const vi w0 = vi_load(w), w1 = vi_load(w + VF_WIDTH * 4);
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) {
    const vi a = vi_set1(load_bytes(x + i * x_bytes));
    sum[i][0] = vi_dot_bf16(sum[i][0], a, w0);
    sum[i][1] = vi_dot_bf16(sum[i][1], a, w1);
  }
}

static inline __attribute__((always_inline)) void finish_pairs(const linear_layer *layer, const tile_output *out,
                                                               vf (*sum)[2], const int rows) {
  float sums[PAIR_ROWS * PANEL];
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) {
    vf_store(sums + i * PANEL, sum[i][0]);
    vf_store(sums + i * PANEL + VF_WIDTH, sum[i][1]);
  }
  PF_KERNEL(linear_finish)(layer, out, sums, PANEL);
}

/* A tile, which leaves its share of a later panel in the second-level cache. */
static inline __attribute__((always_inline)) void multiply_paired(const bf16_tile *tile, const tile_output *out,
                                                                  const int rows) {
  vf sum[PAIR_ROWS][2];
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = vf_zero();
  const char *x = tile->x, *panel = tile->panel, *ahead = tile->ahead;
  for (int64_t c = 0; c < tile->chunks; c++) {
    for (int64_t line = 0; line < tile->ahead_lines; line++) __builtin_prefetch(ahead + line * LINE_BYTES, 0, 2);
    ahead += tile->ahead_lines * LINE_BYTES;
    for (int step = 0; step < CHUNK_STEPS; step++, x += 4, panel += ROW_BYTES)
      multiply_step(x, tile->x_bytes, panel, sum, rows);
  }
  finish_pairs(tile->layer, out, sum, rows);
}

/* Few rows, all of one tile. */
static inline __attribute__((always_inline)) void multiply_few_paired(const bf16_tile *tile, const tile_output *out,
                                                                      const int rows) {
  vf sum[FEW_ROWS][2];
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = vf_zero();
  const int64_t steps = tile->chunks * CHUNK_STEPS;
  const char *x = tile->x, *panel = tile->panel;
  for (int64_t p = 0; p < steps; p++, x += 4, panel += ROW_BYTES) {
    __builtin_prefetch(panel + DOT_AHEAD_BYTES);
    __builtin_prefetch(panel + DOT_AHEAD_BYTES + LINE_BYTES);
    multiply_step(x, tile->x_bytes, panel, sum, rows);
  }
  finish_pairs(tile->layer, out, sum, rows);
}

static void multiply_pairs(const bf16_tile *tile, const tile_output *out, int few) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    if (few && r <= FEW_ROWS)                                                                                          \
      multiply_few_paired(tile, out, r);                                                                               \
    else                                                                                                               \
      multiply_paired(tile, out, r);                                                                                   \
    break;
  switch (out->rows) {
    ROWS(1)
    ROWS(2)
    ROWS(3)
    ROWS(4)
    ROWS(5)
    ROWS(6)
    ROWS(7)
    ROWS(8)
    ROWS(9)
    ROWS(10)
    ROWS(11)
    ROWS(12)
  }
#undef ROWS
}
#endif

static void compute_rows(const linear_share *s) {
  const linear_layer *layer = s->layer;
  const int paired = is_paired(layer);
  const int64_t padded = round_up(layer->k, CHUNK), panel_bytes = padded / 2 * ROW_BYTES;
  /* A tile more narrow than tall does for few rows, whose weights are then read once. */
  const int64_t tallest = paired ? PAIR_ROWS : s->rows <= FEW_ROWS ? FEW_ROWS : TILE_ROWS;
  const int64_t tiles = ceil_div(s->rows, tallest);
  bf16_tile tile = {
      .layer = layer, .x_bytes = padded * (paired ? 2 : 4), .panel_bytes = panel_bytes, .chunks = padded / CHUNK};
  tile.ahead_lines = ceil_div(CHUNK_STEPS * ROW_BYTES / LINE_BYTES, tiles);
  for (int64_t column = s->column; column < s->end;) {
    const char *panel = (const char *)layer->panels + column / WIDE_PANEL * panel_bytes;
    const int most = paired ? 1 : MOST_STREAMS;
    const int few = s->rows <= FEW_ROWS && column + most * WIDE_PANEL <= s->end, streams = few ? most : 1;
    for (int64_t t = 0; t < tiles; t++) {
      const int64_t row = s->row + s->rows * t / tiles, next = s->row + s->rows * (t + 1) / tiles;
      tile.x = (const char *)s->input + row * tile.x_bytes;
      tile.ahead = panel + panel_bytes + panel_bytes * t / tiles;
      for (int64_t j = 0; j < WIDE_PANEL && column + j < s->end; j += PANEL) {
        const tile_output out = output_of(s, row, next - row, column + j, PANEL);
        tile.panel = panel + j * 4;
#if defined(VI_HAS_BF16)
        if (paired) {
          multiply_pairs(&tile, &out, few);
          continue;
        }
#endif
        multiply_rows(&tile, &out, streams);
      }
    }
    column += streams * WIDE_PANEL;
  }
}

/* ---- Tiles of AMX ----------------------------------------------------------------------------------------------- */

#if defined(PF_SIMD_AVX512)

/* Up to 32 rows by one panel; those from the 17th on begin at x2. x [chunks][16][64], w [chunks][16][128] bytes. */
static void multiply_tiles(const char *x, const char *x2, const char *w, int64_t chunks, const char *ahead,
                           int64_t ahead_lines, float (*sums)[AMX_ROWS * WIDE_PANEL]) {
  amx_zero(0);
  amx_zero(1);
  amx_zero(2);
  amx_zero(3);
  for (int64_t c = 0; c < chunks; c++, x += AMX_TILE_BYTES, w += AMX_ROWS * ROW_BYTES) {
    for (int64_t line = 0; line < ahead_lines; line++) __builtin_prefetch(ahead + line * LINE_BYTES, 0, 2);
    ahead += ahead_lines * LINE_BYTES;
    amx_load(6, w, ROW_BYTES);
    amx_load(4, x, AMX_BYTES);
    amx_dot_bf16(0, 4, 6);
    amx_load(7, w + AMX_BYTES, ROW_BYTES);
    amx_dot_bf16(1, 4, 7);
    if (x2) {
      amx_load(5, x2, AMX_BYTES);
      amx_dot_bf16(2, 5, 6);
      amx_dot_bf16(3, 5, 7);
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

static void compute_amx(const linear_share *s) {
  const linear_layer *layer = s->layer;
  const int64_t row_bytes = round_up(layer->k, CHUNK) * 2, chunks = row_bytes / AMX_BYTES;
  const int64_t panel_bytes = row_bytes / 4 * ROW_BYTES, tiles = ceil_div(s->rows, 2 * AMX_ROWS);
  const int64_t lines = ceil_div(AMX_ROWS * ROW_BYTES / LINE_BYTES, tiles);
  float sums[2][AMX_ROWS * WIDE_PANEL];
  int64_t configured = 0;
  for (int64_t column = s->column; column < s->end; column += WIDE_PANEL) {
    const char *panel = (const char *)layer->panels + column / WIDE_PANEL * panel_bytes;
    for (int64_t t = 0; t < tiles; t++) {
      const int64_t row = s->row + t * 2 * AMX_ROWS, rows = min64(s->row + s->rows - row, 2 * AMX_ROWS);
      const int64_t first = min64(rows, AMX_ROWS);
      if (rows != configured) amx_configure(first, rows > first ? rows - first : first);
      configured = rows;
      const char *x = (const char *)s->input + row * row_bytes;
      multiply_tiles(x, rows > first ? x + AMX_ROWS * row_bytes : NULL, panel, chunks,
                     panel + panel_bytes + t * chunks * lines * LINE_BYTES, lines, sums);
      tile_output out = output_of(s, row, first, column, WIDE_PANEL);
      PF_KERNEL(linear_finish)(layer, &out, sums[0], WIDE_PANEL);
      if (rows == first) continue;
      out = output_of(s, row + first, rows - first, column, WIDE_PANEL);
      PF_KERNEL(linear_finish)(layer, &out, sums[1], WIDE_PANEL);
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
  compute_rows(s);
}

/* ---- Packing ---------------------------------------------------------------------------------------------------- */

typedef struct {
  const linear_source *source;
  uint16_t *panels;
} pack_call;

static void pack_panel(const void *context, int64_t panel, int32_t thread) {
  (void)thread;
  const pack_call *c = context;
  const int64_t n = c->source->n, k = c->source->k, padded = round_up(k, CHUNK);
  uint16_t *to = c->panels + panel * padded * WIDE_PANEL;
  for (int64_t j = 0; j < WIDE_PANEL; j++) {
    const int64_t feature = panel * WIDE_PANEL + j;
    for (int64_t p = 0; p < padded; p += CHUNK) {
      float values[CHUNK] = {0};
      uint16_t rounded[CHUNK];
      if (feature < n && p < k) read_source(c->source, feature, p, min64(k - p, CHUNK), values);
      round_chunk(values, CHUNK, rounded);
      for (int64_t q = 0; q < CHUNK; q += 2)
        memcpy(to + (p + q) * WIDE_PANEL + 2 * j, rounded + q, 2 * sizeof *rounded);
    }
  }
}

static void pack(pf_engine *engine, const linear_source *source, void *panels) {
  const pack_call call = {source, panels};
  pf_parallel_for(engine, ceil_div(source->n, WIDE_PANEL), pack_panel, &call);
}

static void features(const linear_layer *layer, int64_t feature, int64_t first, int64_t count, float *to) {
  const uint16_t *from = (const uint16_t *)layer->panels +
                         feature / WIDE_PANEL * round_up(layer->k, CHUNK) * WIDE_PANEL + 2 * (feature % WIDE_PANEL);
  for (int64_t p = first; p < first + count; p++)
    to[p - first] = bits_to_float((uint32_t)from[p / 2 * 2 * WIDE_PANEL + p % 2] << 16);
}

void PF_KERNEL(linear_bf16_round)(const float *x, int64_t count, float *to) {
  for (int64_t p = 0; p < count; p += CHUNK) {
    uint16_t rounded[CHUNK];
    round_chunk(x + p, count - p, rounded);
    for (int64_t j = 0; j < min64(count - p, CHUNK); j++) to[p + j] = bits_to_float((uint32_t)rounded[j] << 16);
  }
}

const linear_format PF_KERNEL(linear_bf16) = {
    .precision = PF_PRECISION_BF16,
    .layout = PLAIN_LAYOUT,
    .isa = PF_ISA_AUTO,
    .most_features = PF_MAX_DIMENSION,
    .partition = WIDE_PARTITION,
    .bytes = packed_bytes,
    .pack = pack,
    .prepare = PF_KERNEL(linear_bf16_prepare),
    .compute = compute,
    .features = features,
};
