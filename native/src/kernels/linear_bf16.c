/*
 * Packed linear in bfloat16: weights and inputs rounded to it, products added in float32.
 *
 * FLOPs 2 tokens n k; bytes 2 n k + 4 tokens (n + k). The layout, [k/2][32][2], is what vdpbf16ps multiplies, and 16 of
 * its rows are a tile of AMX; widened, the two input features of a lane are a shift and a mask away.
 *
 * Three inner loops, of which an engine takes one for all its calls, since each rounds in its own order: AMX, two by
 * two tiles of 16 x 16 sums; vdpbf16ps, and FMAs of widened weights, both over tiles of rows by one panel as in
 * linear_fp32.c. Every output is one chain over k in ascending order.
 *
 * On Sapphire Rapids AMX does 15 times as much as the FMA units and vdpbf16ps half as much, so that it is taken only
 * where there is no AMX; on other cores it is twice as fast as FMAs.
 */
#include "linear_tile.h"
#include "simd/amx.h"

/* The tallest tile that leaves four registers for the widened panel and one for the broadcast. */
#if VF_REGISTERS == 32
#define TILE_ROWS 12
#else
#define TILE_ROWS 4
#endif

/* Input features are padded to a row of AMX's tiles. */
#define CHUNK 32

/* Bytes of a row of a panel: 32 output features of two input features. */
#define ROW_BYTES (WIDE_PANEL * 4)

/* Bytes ahead of its use that each of several panels is fetched. */
#define AHEAD_BYTES 1024

static int is_blocked(const linear_layer *layer) { return (layer->extensions & PF_EXTENSION_AMX) != 0; }

#if defined(VI_HAS_BF16)
static int is_native(const linear_layer *layer) { return (layer->extensions & PF_EXTENSION_BF16) != 0; }
#endif

int64_t PF_KERNEL(linear_bf16_bytes)(int64_t n, int64_t k) {
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
  (void)rows;
  const int64_t k = layer->k, padded = round_up(k, CHUNK);
  int pairs = is_blocked(layer);
#if defined(VI_HAS_BF16)
  pairs |= is_native(layer);
#endif
  for (int64_t i = first; i < end; i++) {
    for (int64_t p = 0; p < padded; p += CHUNK) {
      if (pairs) {
        round_chunk(x + i * k + p, k - p, (uint16_t *)input_at(input, is_blocked(layer), 2 * padded, i, 2 * p));
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
  const char *x; /* [rows][x_bytes], floats or pairs of bfloat16 */
  int64_t x_bytes;
  const char *panel; /* its first vector of the tile */
  int64_t panel_bytes, steps;
  const char *ahead; /* this tile's share of a later panel; only ever fetched, so it may lie past the end */
  int64_t ahead_lines;
} bf16_tile;

/* The inner loop; all but `tile` are constants wherever this is inlined. */
static inline __attribute__((always_inline)) void multiply_rows(const linear_layer *layer, const bf16_tile *tile,
                                                                tile_output out, const int rows, const int streams,
                                                                const int native) {
  (void)native;
  vf sum[STREAMS][TILE_ROWS][2];
#pragma GCC unroll 4
  for (int s = 0; s < streams; s++) {
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) sum[s][i][0] = sum[s][i][1] = vf_zero();
  }
  const char *panel = tile->panel, *ahead = tile->ahead;
  for (int64_t p = 0; p < tile->steps;) {
    if (streams == 1) {
      for (int64_t line = 0; line < tile->ahead_lines; line++) __builtin_prefetch(ahead + line * LINE_BYTES, 0, 2);
      ahead += tile->ahead_lines * LINE_BYTES;
    }
    for (const int64_t stop = min64(p + FETCH_STEPS, tile->steps); p < stop; p++, panel += ROW_BYTES) {
#pragma GCC unroll 4
      for (int s = 0; s < streams; s++) {
        const char *w = panel + s * tile->panel_bytes;
        if (streams > 1) {
          __builtin_prefetch(w + AHEAD_BYTES);
          __builtin_prefetch(w + AHEAD_BYTES + LINE_BYTES);
        }
        const vi w0 = vi_load(w), w1 = vi_load(w + VF_WIDTH * 4);
#if defined(VI_HAS_BF16)
        if (native) {
#pragma GCC unroll 12
          for (int i = 0; i < rows; i++) {
            const vi a = vi_set1(load_bytes(tile->x + i * tile->x_bytes + 4 * p));
            sum[s][i][0] = vi_dot_bf16(sum[s][i][0], a, w0);
            sum[s][i][1] = vi_dot_bf16(sum[s][i][1], a, w1);
          }
          continue;
        }
#endif
        const vi high = vi_set1((int32_t)0xffff0000u);
        const vf even0 = vi_as_vf(vi_shift_left(w0, 16)), odd0 = vi_as_vf(vi_and(w0, high));
        const vf even1 = vi_as_vf(vi_shift_left(w1, 16)), odd1 = vi_as_vf(vi_and(w1, high));
#pragma GCC unroll 12
        for (int i = 0; i < rows; i++) {
          const float *x = (const float *)(tile->x + i * tile->x_bytes) + 2 * p;
          const vf a = vf_set1(x[0]), b = vf_set1(x[1]);
          sum[s][i][0] = vf_fma(b, odd0, vf_fma(a, even0, sum[s][i][0]));
          sum[s][i][1] = vf_fma(b, odd1, vf_fma(a, even1, sum[s][i][1]));
        }
      }
    }
  }
  for (int s = 0; s < streams; s++) {
    float sums[TILE_ROWS * PANEL];
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
      vf_store(sums + i * PANEL, sum[s][i][0]);
      vf_store(sums + i * PANEL + VF_WIDTH, sum[s][i][1]);
    }
    PF_KERNEL(linear_finish)(layer, &out, sums, PANEL);
    if (out.bias) out.bias += WIDE_PANEL;
    if (out.residual) out.residual += WIDE_PANEL;
    out.y += WIDE_PANEL;
  }
}

#if VF_WIDTH == 16
#define MOST_STREAMS STREAMS
#else
#define MOST_STREAMS 1
#endif
/* With more rows the sums of several panels would spill. */
#define STREAM_ROWS (TILE_ROWS < FEW_ROWS ? TILE_ROWS : FEW_ROWS)

static inline __attribute__((always_inline)) void multiply(const linear_layer *layer, const bf16_tile *tile,
                                                           const tile_output *out, int streams, const int native) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    if (streams > 1 && r <= STREAM_ROWS)                                                                               \
      multiply_rows(layer, tile, *out, r, MOST_STREAMS, native);                                                       \
    else                                                                                                               \
      multiply_rows(layer, tile, *out, r, 1, native);                                                                  \
    break;
  switch (out->rows) {
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

static inline __attribute__((always_inline)) void compute_tiles(const linear_share *s, const int native) {
  const linear_layer *layer = s->layer;
  const int64_t padded = round_up(layer->k, CHUNK), panel_bytes = padded / 2 * ROW_BYTES;
  const int64_t tiles = (s->rows + TILE_ROWS - 1) / TILE_ROWS;
  bf16_tile tile = {.x_bytes = padded * (native ? 2 : 4), .panel_bytes = panel_bytes, .steps = padded / 2};
  tile.ahead_lines = (FETCH_STEPS * ROW_BYTES / LINE_BYTES + tiles - 1) / tiles;
  for (int64_t column = s->column; column < s->end;) {
    const char *panel = (const char *)layer->panels + column / WIDE_PANEL * panel_bytes;
    const int streams = s->rows <= STREAM_ROWS && column + MOST_STREAMS * WIDE_PANEL <= s->end ? MOST_STREAMS : 1;
    for (int64_t t = 0; t < tiles; t++) {
      const int64_t row = s->row + s->rows * t / tiles, next = s->row + s->rows * (t + 1) / tiles;
      tile.x = (const char *)s->input + row * tile.x_bytes;
      tile.ahead = panel + panel_bytes + panel_bytes * t / tiles;
      for (int64_t j = 0; j < WIDE_PANEL && column + j < s->end; j += PANEL) {
        const tile_output out = output_of(s, row, next - row, column + j, PANEL);
        tile.panel = panel + j * 4;
        multiply(layer, &tile, &out, streams, native);
      }
    }
    column += streams * WIDE_PANEL;
  }
}

/* ---- Tiles of AMX ----------------------------------------------------------------------------------------------- */

#if defined(PF_SIMD_AVX512)

/*
 * 16 or 32 rows by one panel, or up to 16 rows by two: tiles 0 and 1 are one row or panel of sums, 2 and 3 the other.
 * x [chunks][16][64 bytes], the other rows' from x2 on; w [chunks][16][128 bytes], the other panel's from w2 on.
 */
static void multiply_tiles(const char *x, const char *x2, const char *w, const char *w2, int64_t chunks,
                           const char *ahead, int64_t ahead_lines, float (*sums)[AMX_ROWS * WIDE_PANEL]) {
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
    } else if (w2) {
      amx_load(6, w2, ROW_BYTES);
      amx_dot_bf16(2, 4, 6);
      amx_load(7, w2 + AMX_BYTES, ROW_BYTES);
      amx_dot_bf16(3, 4, 7);
      w2 += AMX_ROWS * ROW_BYTES;
    }
  }
  amx_store(0, sums[0], ROW_BYTES);
  amx_store(1, sums[0] + AMX_ROWS, ROW_BYTES);
  amx_store(2, sums[1], ROW_BYTES);
  amx_store(3, sums[1] + AMX_ROWS, ROW_BYTES);
}

static void compute_amx(const linear_share *s) {
  const linear_layer *layer = s->layer;
  const int64_t row_bytes = round_up(layer->k, CHUNK) * 2, chunks = row_bytes / AMX_BYTES;
  const int64_t panel_bytes = row_bytes / 4 * ROW_BYTES, tiles = (s->rows + 2 * AMX_ROWS - 1) / (2 * AMX_ROWS);
  const int64_t lines = (AMX_ROWS * ROW_BYTES / LINE_BYTES + tiles - 1) / tiles;
  float sums[2][AMX_ROWS * WIDE_PANEL];
  int64_t configured = 0;
  for (int64_t column = s->column; column < s->end;) {
    const char *panel = (const char *)layer->panels + column / WIDE_PANEL * panel_bytes;
    const int two = s->rows <= AMX_ROWS && column + WIDE_PANEL < s->end;
    for (int64_t t = 0; t < tiles; t++) {
      const int64_t row = s->row + t * 2 * AMX_ROWS, rows = min64(s->row + s->rows - row, 2 * AMX_ROWS);
      const int64_t first = min64(rows, AMX_ROWS);
      if (rows != configured) amx_configure(first, rows > first ? rows - first : first);
      configured = rows;
      const char *x = (const char *)s->input + row * row_bytes;
      multiply_tiles(x, rows > first ? x + AMX_ROWS * row_bytes : NULL, panel, two ? panel + panel_bytes : NULL, chunks,
                     panel + (1 + two) * panel_bytes + t * chunks * lines * LINE_BYTES, lines * (1 + two), sums);
      tile_output out = output_of(s, row, first, column, WIDE_PANEL);
      PF_KERNEL(linear_finish)(layer, &out, sums[0], WIDE_PANEL);
      if (rows > first) {
        out = output_of(s, row + first, rows - first, column, WIDE_PANEL);
        PF_KERNEL(linear_finish)(layer, &out, sums[1], WIDE_PANEL);
      } else if (two) {
        out = output_of(s, row, first, column + WIDE_PANEL, WIDE_PANEL);
        PF_KERNEL(linear_finish)(layer, &out, sums[1], WIDE_PANEL);
      }
    }
    column += (1 + two) * WIDE_PANEL;
  }
  amx_release();
}

#endif

void PF_KERNEL(linear_bf16_share)(const linear_share *s) {
#if defined(PF_SIMD_AVX512)
  if (is_blocked(s->layer)) {
    compute_amx(s);
    return;
  }
#endif
#if defined(VI_HAS_BF16)
  if (is_native(s->layer)) {
    compute_tiles(s, 1);
    return;
  }
#endif
  compute_tiles(s, 0);
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

void PF_KERNEL(linear_bf16_pack)(pf_engine *engine, const linear_source *source, void *panels) {
  const pack_call call = {source, panels};
  pf_parallel_for(engine, (source->n + WIDE_PANEL - 1) / WIDE_PANEL, pack_panel, &call);
}
