/*
 * Packed linear in float32: y = activation(x W^T + bias) + residual.
 *
 * FLOPs 2 tokens n k; bytes 4 (n k + tokens (n + k)). From some thirty tokens on the FMA units are the floor, below
 * that the stream of weights.
 *
 * W is packed into panels of PANEL output features, [k][PANEL], so that the inner loop reads it once and in order. A
 * tile of at most TILE_ROWS rows by one panel stays in registers over the whole of k: one chain of FMAs for each
 * output, whatever the tile, so that no result depends on how rows fall into tiles. Rows are spread evenly over tiles
 * (13 + 13 + 12 rather than 14 + 14 + 10), since a short tile leaves the FMA units waiting for loads.
 *
 * While a tile computes, it fetches its share of the next panel into the second-level cache and the lines of y that it
 * will store. Measured on one AVX-512 core with weights beyond that cache: 32 rows 43 -> 80 % of the FMA peak, 128 rows
 * 66 -> 87 %. Tried and lost: huge pages (no difference), fetching y only at the end, a panel of three vectors.
 *
 * Up to eight rows, all of one tile, wait for memory alone. A core that reads one stream has too few lines in flight,
 * and none at the start of a page; so panels are read side by side, each fetched a little ahead of its use, beyond its
 * end into the panel that takes its place. Measured against the fastest way to read the same memory
 * (bench/decode_bench.c), on one core of Zen 5 whose memory gives 40 GB/s, with the distances of AHEAD: two panels side
 * by side take one row to 104 % of it, four rows and eight to 98 %; four panels, as far ahead as each
 * wants, 106, 94 and 77 %, and on two threads, whose tasks are then twice as long, a whole step is 2 % slower. On
 * Sapphire Rapids, whose memory gives 15 GB/s, four panels reached 94 to 98 % for one and two rows, 89 to 94 % for four
 * and eight; two were not measured there. With AVX2, one row 79 -> 94 %, four 67 -> 94 %, eight 55 -> 70 %. Tried and
 * lost: all fetches of a step at once, fetches of y, into the second-level cache alone, or a block of one panel after
 * another's.
 */
#include "linear_tile.h"

/* The tallest tile that leaves two registers for the panel and one for the broadcast. */
#if VF_REGISTERS == 32
#define TILE_ROWS 14
#else
#define TILE_ROWS 6
#endif

/* Panels that are read side by side; 1: one after another. */
static inline __attribute__((always_inline)) int64_t streams_of(int64_t rows) {
#if VF_REGISTERS == 32
  return rows <= FEW_ROWS ? 2 : 1;
#else
  return wide_streams(rows);
#endif
}

/* How many floats ahead of its use each of the panels of few rows is fetched. */
#if VF_REGISTERS == 32
#define AHEAD(rows) ((rows) <= 2 ? 512 : (rows) <= 6 ? 768 : 1024)
#else
#define AHEAD(rows) ((rows) <= 2 ? 128 : 640)
#endif

/* Floats of a cache line. */
#define LINE 16

/* Rows x columns of y that one tile computes, and what it fetches meanwhile. */
typedef struct {
  const float *x;     /* [rows, k] */
  const float *panel; /* [k, PANEL] */
  tile_output out;
  const float *ahead;  /* this tile's share of a later panel; only ever fetched, so it may lie past the end */
  int64_t ahead_lines; /* cache lines of it for every FETCH_STEPS input features */
} linear_tile;

/* A tile's sums, [rows][2] vectors, to y. `rows` is tile->out.rows, a constant wherever this is inlined. */
static inline __attribute__((always_inline)) void store_tile(const linear_layer *layer, const linear_tile *tile,
                                                             vf (*sum)[2], const int rows) {
  const float *bias = tile->out.bias, *residual = tile->out.residual;
  const int64_t stride = tile->out.stride;
  float *y = tile->out.y;
  if (tile->out.columns == PANEL && layer->activation == PF_ACTIVATION_NONE) {
    const vf b0 = bias ? vf_load(bias) : vf_zero();
    const vf b1 = bias ? vf_load(bias + VF_WIDTH) : vf_zero();
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
      vf v0 = vf_add(sum[i][0], b0), v1 = vf_add(sum[i][1], b1);
      if (residual) {
        v0 = add_residual(layer, v0, vf_load(residual + i * stride));
        v1 = add_residual(layer, v1, vf_load(residual + i * stride + VF_WIDTH));
      }
      vf_store(y + i * stride, v0);
      vf_store(y + i * stride + VF_WIDTH, v1);
    }
    return;
  }
  float sums[(TILE_ROWS > FEW_ROWS ? TILE_ROWS : FEW_ROWS) * PANEL];
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++) {
    vf_store(sums + i * PANEL, sum[i][0]);
    vf_store(sums + i * PANEL + VF_WIDTH, sum[i][1]);
  }
  PF_KERNEL(linear_finish)(layer, &tile->out, sums, PANEL);
}

/* The inner loop. `rows` is tile->out.rows, a constant wherever this is inlined. */
static inline __attribute__((always_inline)) void multiply_rows(const linear_layer *layer, const linear_tile *tile,
                                                                const int rows) {
  const int64_t stride = tile->out.stride, k = layer->k;
  const float *x = tile->x, *panel = tile->panel, *ahead = tile->ahead;
  float *y = tile->out.y;
  for (int i = 0; i < rows; i++) {
    __builtin_prefetch(y + i * stride, 1, 2);
    __builtin_prefetch(y + i * stride + PANEL - 1, 1, 2);
  }
  vf sum[TILE_ROWS][2];
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = vf_zero();
  for (int64_t p = 0; p < k;) {
    for (int64_t line = 0; line < tile->ahead_lines; line++) __builtin_prefetch(ahead + line * LINE, 0, 2);
    ahead += tile->ahead_lines * LINE;
    for (const int64_t stop = min64(p + FETCH_STEPS, k); p < stop; p++) {
      const vf w0 = vf_load(panel + p * PANEL);
      const vf w1 = vf_load(panel + p * PANEL + VF_WIDTH);
#pragma GCC unroll 14
      for (int i = 0; i < rows; i++) {
        const vf a = vf_set1(x[i * k + p]);
        sum[i][0] = vf_fma(a, w0, sum[i][0]);
        sum[i][1] = vf_fma(a, w1, sum[i][1]);
      }
    }
  }
  store_tile(layer, tile, sum, rows);
}

static void multiply(const linear_layer *layer, const linear_tile *tile) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    multiply_rows(layer, tile, r);                                                                                     \
    break;
  switch (tile->out.rows) {
    ROWS(1)
    ROWS(2)
    ROWS(3)
    ROWS(4)
    ROWS(5)
    ROWS(6)
#if TILE_ROWS > 6
    ROWS(7)
    ROWS(8)
    ROWS(9)
    ROWS(10)
    ROWS(11)
    ROWS(12)
    ROWS(13)
    ROWS(14)
#endif
  }
#undef ROWS
}

/*
 * The inner loop for few rows: several panels side by side. `rows` and `streams` are constants wherever this is
 * inlined; `tile` is that of the first panel.
 */
static inline __attribute__((always_inline)) void multiply_streams(const linear_layer *layer, linear_tile tile,
                                                                   const int rows, const int streams) {
  const int64_t k = layer->k, panel_floats = k * PANEL;
  const int64_t ahead = AHEAD(rows) / PANEL;
  const float *x = tile.x;
  vf sum[STREAMS][FEW_ROWS][2];
#pragma GCC unroll 4
  for (int s = 0; s < streams; s++) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) sum[s][i][0] = sum[s][i][1] = vf_zero();
  }
  const float *panel = tile.panel, *fetch = panel + ahead * PANEL;
  for (int64_t p = 0, stop = k > ahead ? k - ahead : 0;; stop = k) {
    for (; p < stop; p++, panel += PANEL, fetch += PANEL) {
      vf a[FEW_ROWS];
#pragma GCC unroll 8
      for (int i = 0; i < rows; i++) a[i] = vf_set1(x[i * k + p]);
#pragma GCC unroll 4
      for (int s = 0; s < streams; s++) {
        const float *w = panel + s * panel_floats;
        for (int line = 0; line < PANEL; line += LINE) __builtin_prefetch(fetch + s * panel_floats + line);
        const vf w0 = vf_load(w), w1 = vf_load(w + VF_WIDTH);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
          sum[s][i][0] = vf_fma(a[i], w0, sum[s][i][0]);
          sum[s][i][1] = vf_fma(a[i], w1, sum[s][i][1]);
        }
      }
    }
    if (p == k) break;
    /* Behind the end of a panel lies the next one, which is another stream's: on to the panel that is this one's. */
    fetch += (streams - 1) * panel_floats;
  }
#pragma GCC unroll 4
  for (int s = 0; s < streams; s++) {
    store_tile(layer, &tile, sum[s], rows);
    if (tile.out.bias) tile.out.bias += PANEL;
    if (tile.out.residual) tile.out.residual += PANEL;
    tile.out.y += PANEL;
  }
}

static void multiply_few(const linear_layer *layer, const linear_tile *tile) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    multiply_streams(layer, *tile, r, streams_of(r));                                                                  \
    break;
  switch (tile->out.rows) {
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

/* One panel for all rows, tile after tile. residual and y are those of its first output feature. */
static void multiply_panel(const linear_layer *layer, int64_t panel, const float *x, const float *residual, float *y,
                           int64_t stride, int64_t rows) {
  const int64_t tiles = ceil_div(rows, TILE_ROWS);
  const int64_t column = panel * PANEL, panel_floats = layer->k * PANEL;
  linear_tile tile = {
      .panel = (const float *)layer->panels + panel * panel_floats,
      .out = {.bias = layer->bias ? layer->bias + column : NULL,
              .stride = stride,
              .columns = min64(layer->n - column, PANEL)},
      .ahead_lines = ceil_div(FETCH_STEPS * PANEL / LINE, tiles),
  };
  for (int64_t t = 0; t < tiles; t++) {
    const int64_t row = rows * t / tiles, next = rows * (t + 1) / tiles;
    tile.x = x + row * layer->k;
    tile.out.residual = residual ? residual + row * stride : NULL;
    tile.out.y = y + row * stride;
    tile.out.rows = next - row;
    tile.ahead = tile.panel + panel_floats + panel_floats * t / tiles;
    multiply(layer, &tile);
  }
}

/* Panels first .. end - 1 for all rows. residual and y are those of the first one's first output feature. */
static void multiply_panels(const linear_layer *layer, int64_t first, int64_t end, const float *x,
                            const float *residual, float *y, int64_t stride, int64_t rows) {
  const int64_t streams = streams_of(rows);
  for (int64_t panel = first; panel < end;) {
    const int64_t column = panel * PANEL, at = (panel - first) * PANEL;
    if (streams > 1 && panel + streams <= end && column + streams * PANEL <= layer->n) {
      const linear_tile tile = {
          .x = x,
          .panel = (const float *)layer->panels + column * layer->k,
          .out = {.bias = layer->bias ? layer->bias + column : NULL,
                  .residual = residual ? residual + at : NULL,
                  .y = y + at,
                  .stride = stride,
                  .rows = rows,
                  .columns = PANEL},
      };
      multiply_few(layer, &tile);
      panel += streams;
    } else {
      multiply_panel(layer, panel, x, residual ? residual + at : NULL, y + at, stride, rows);
      panel++;
    }
  }
}

static void compute(const linear_share *s) {
  const linear_layer *layer = s->layer;
  multiply_panels(layer, s->column / PANEL, ceil_div(s->end, PANEL), (const float *)s->input + s->row * layer->k,
                  s->residual, s->y, s->stride, s->rows);
}

static int64_t packed_bytes(int64_t n, int64_t k) { return round_up(n, PANEL) * k * (int64_t)sizeof(float); }

typedef struct {
  const linear_source *source;
  float *panels;
} pack_call;

static void pack_panel(const void *context, int64_t panel, int32_t thread) {
  (void)thread;
  const pack_call *c = context;
  const int64_t column = panel * PANEL, columns = min64(c->source->n - column, PANEL);
  float *to = c->panels + panel * c->source->k * PANEL;
  /* Eight input features at a time: whole cache lines on both sides. */
  for (int64_t p = 0; p < c->source->k; p += 8) {
    const int64_t features = min64(c->source->k - p, 8);
    for (int64_t j = 0; j < PANEL; j++) {
      float from[8];
      if (j < columns) read_source(c->source, column + j, p, features, from);
      for (int64_t q = 0; q < features; q++) to[(p + q) * PANEL + j] = j < columns ? from[q] : 0.0f;
    }
  }
}

static void pack(pf_engine *engine, const linear_source *source, void *panels) {
  const pack_call call = {source, panels};
  pf_parallel_for(engine, ceil_div(source->n, PANEL), pack_panel, &call);
}

static void features(const linear_layer *layer, int64_t feature, int64_t first, int64_t count, float *to) {
  const float *from = (const float *)layer->panels + feature / PANEL * layer->k * PANEL + feature % PANEL;
  for (int64_t p = 0; p < count; p++) to[p] = from[(first + p) * PANEL];
}

const linear_format PF_KERNEL(linear_fp32) = {
    .precision = PF_PRECISION_FP32,
    .layout = PLAIN_LAYOUT,
    .isa = PF_ISA, /* panels are as wide as its vectors */
    .most_features = PF_MAX_DIMENSION,
    .partition = FP32_PARTITION(streams_of),
    .bytes = packed_bytes,
    .pack = pack,
    .compute = compute,
    .features = features,
};
