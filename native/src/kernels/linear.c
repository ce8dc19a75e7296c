/*
 * Packed linear: y = activation(x W^T + bias) + residual.
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
 * and none at the start of a page; so several panels are read side by side, each fetched a little ahead of its use,
 * beyond its end into the panel that takes its place. Even where the sums of all panels exceed the registers there is
 * time to spill them. Measured there against the fastest way to read the same memory (bench/decode_bench.c), on one and
 * two threads: one row 77-82 -> 94-98 %, two 73-78 -> 94-98 %, four 69-74 -> 89-94 %, eight 60-63 -> 90-94 %; small
 * pages take a tenth of the bandwidth from both sides. With AVX2, one row 79 -> 94 %, four 67 -> 94 %, eight 55 -> 70
 * %. Tried and lost: all fetches of a step at once, fetches of y, into the second-level cache alone, or a block of one
 * panel after another's.
 */
#include "linear.h"

#include <string.h>

#include "engine.h"
#include "simd/vmath.h"

/* The tallest tile that leaves two registers for the panel and one for the broadcast. */
#if VF_REGISTERS == 32
#define TILE_ROWS 14
#else
#define TILE_ROWS 6
#endif

/*
 * x is cut so that its rows stay in the second-level cache while the panels pass by. ViT-B/16 at one image, whose 197
 * rows are then one block, on one core with 2 MiB of it: 384 -> 768 KiB takes 6 % off, 1152 KiB no more.
 */
#define BLOCK_BYTES (768 * 1024)

/*
 * Rows that a thread needs for itself to be better off with them than with panels: with its own rows it reads all of
 * the weights. From memory, on two threads, 64 rows: 28 -> 96 takes 57 -> 77 % of the FMA peak, 128 rows 80 -> 86 %;
 * where the weights stay in the second-level cache both take 87 %.
 */
#ifndef SPLIT_ROWS
#define SPLIT_ROWS 96
#endif

/* Rows that are few: the stream of weights is the floor. */
#define FEW_ROWS 8
/* Panels that are then read side by side at most, and how many floats ahead of its use each of them is fetched. */
#define STREAMS 4
#define AHEAD(rows) ((rows) <= 2 ? 128 : (rows) <= 4 && VF_REGISTERS == 32 ? 192 : 640)

/* Floats of a cache line, and input features between two looks at what to fetch. */
#define LINE 16
#define FETCH_STEPS 16

#define HEADER_BYTES 64
#define MAGIC 0x314c4650u /* "PFL1" */

typedef struct {
  uint32_t magic;
  int32_t isa;
  int64_t n, k;
} header;

static int64_t panel_count(int64_t n) { return (n + PANEL - 1) / PANEL; }

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

/* Rows x columns of y that one tile computes, and what it fetches meanwhile. */
typedef struct {
  const float *x;        /* [rows, k] */
  const float *panel;    /* [k, PANEL] */
  const float *bias;     /* [columns] or NULL */
  const float *residual; /* or NULL */
  float *y;
  int64_t stride; /* of rows of residual and y */
  int64_t rows, columns;
  const float *ahead;  /* this tile's share of a later panel; only ever fetched, so it may lie past the end */
  int64_t ahead_lines; /* cache lines of it for every FETCH_STEPS input features */
} linear_tile;

static inline vf add_residual(const linear_layer *layer, vf v, vf residual) {
  return layer->multiplies ? vf_mul(v, residual) : vf_add(v, residual);
}

/* Bias, activation and residual over the sums of a tile, [rows][PANEL]. */
static inline __attribute__((always_inline)) void finish_with(const linear_layer *layer, const linear_tile *tile,
                                                              const float *sums, const pf_activation activation) {
  for (int64_t i = 0; i < tile->rows; i++) {
    for (int64_t j = 0; j < tile->columns; j += VF_WIDTH) {
      const int64_t lanes = min64(tile->columns - j, VF_WIDTH), at = i * tile->stride + j;
      vf v = vf_load(sums + i * PANEL + j);
      if (lanes == VF_WIDTH) {
        if (tile->bias) v = vf_add(v, vf_load(tile->bias + j));
        v = vf_activate(v, activation);
        if (tile->residual) v = add_residual(layer, v, vf_load(tile->residual + at));
        vf_store(tile->y + at, v);
      } else {
        if (tile->bias) v = vf_add(v, vf_load_first(tile->bias + j, lanes));
        v = vf_activate(v, activation);
        if (tile->residual) v = add_residual(layer, v, vf_load_first(tile->residual + at, lanes));
        vf_store_first(tile->y + at, v, lanes);
      }
    }
  }
}

static void finish(const linear_layer *layer, const linear_tile *tile, const float *sums) {
#define FINISH(activation)                                                                                             \
  case activation:                                                                                                     \
    finish_with(layer, tile, sums, activation);                                                                        \
    break;
  switch (layer->activation) {
    FINISH(PF_ACTIVATION_NONE)
    FINISH(PF_ACTIVATION_RELU)
    FINISH(PF_ACTIVATION_GELU_ERF)
    FINISH(PF_ACTIVATION_GELU_TANH)
    FINISH(PF_ACTIVATION_GELU_QUICK)
    FINISH(PF_ACTIVATION_SILU)
    FINISH(PF_ACTIVATION_TANH)
  }
#undef FINISH
}

/* A tile's sums, [rows][2] vectors, to y. `rows` is tile->rows, a constant wherever this is inlined. */
static inline __attribute__((always_inline)) void store_tile(const linear_layer *layer, const linear_tile *tile,
                                                             vf (*sum)[2], const int rows) {
  const float *bias = tile->bias, *residual = tile->residual;
  const int64_t stride = tile->stride;
  float *y = tile->y;
  if (tile->columns == PANEL && layer->activation == PF_ACTIVATION_NONE) {
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
  finish(layer, tile, sums);
}

/* The inner loop. `rows` is tile->rows, a constant wherever this is inlined. */
static inline __attribute__((always_inline)) void multiply_rows(const linear_layer *layer, const linear_tile *tile,
                                                                const int rows) {
  const int64_t stride = tile->stride, k = layer->k;
  const float *x = tile->x, *panel = tile->panel, *ahead = tile->ahead;
  float *y = tile->y;
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
  switch (tile->rows) {
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
    if (tile.bias) tile.bias += PANEL;
    if (tile.residual) tile.residual += PANEL;
    tile.y += PANEL;
  }
}

/* Panels that multiply_streams takes at a time for this many rows; 1: it is not for them. */
static inline __attribute__((always_inline)) int streams_for(int64_t rows) {
#if VF_REGISTERS == 32
  return rows <= FEW_ROWS ? STREAMS : 1;
#else
  return rows == 1 ? STREAMS : rows <= FEW_ROWS ? 2 : 1;
#endif
}

static void multiply_few(const linear_layer *layer, const linear_tile *tile) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    multiply_streams(layer, *tile, r, streams_for(r));                                                                 \
    break;
  switch (tile->rows) {
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
  const int64_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
  const int64_t column = panel * PANEL, panel_floats = layer->k * PANEL;
  linear_tile tile = {
      .panel = layer->panels + panel * panel_floats,
      .bias = layer->bias ? layer->bias + column : NULL,
      .stride = stride,
      .columns = min64(layer->n - column, PANEL),
      .ahead_lines = (FETCH_STEPS * PANEL / LINE + tiles - 1) / tiles,
  };
  for (int64_t t = 0; t < tiles; t++) {
    const int64_t row = rows * t / tiles, next = rows * (t + 1) / tiles;
    tile.x = x + row * layer->k;
    tile.residual = residual ? residual + row * stride : NULL;
    tile.y = y + row * stride;
    tile.rows = next - row;
    tile.ahead = tile.panel + panel_floats + panel_floats * t / tiles;
    multiply(layer, &tile);
  }
}

/* Panels first .. end - 1 for all rows. residual and y are those of the first one's first output feature. */
static void multiply_panels(const linear_layer *layer, int64_t first, int64_t end, const float *x,
                            const float *residual, float *y, int64_t stride, int64_t rows) {
  const int streams = streams_for(rows);
  for (int64_t panel = first; panel < end;) {
    const int64_t column = panel * PANEL, at = (panel - first) * PANEL;
    if (streams > 1 && panel + streams <= end && column + streams * PANEL <= layer->n) {
      const linear_tile tile = {
          .x = x,
          .panel = layer->panels + column * layer->k,
          .bias = layer->bias ? layer->bias + column : NULL,
          .residual = residual ? residual + at : NULL,
          .y = y + at,
          .stride = stride,
          .rows = rows,
          .columns = PANEL,
      };
      multiply_few(layer, &tile);
      panel += streams;
    } else {
      multiply_panel(layer, panel, x, residual ? residual + at : NULL, y + at, stride, rows);
      panel++;
    }
  }
}

void PF_KERNEL(linear_panels)(const linear_layer *layer, const float *x, float *y, int64_t stride, int64_t rows,
                              int64_t first, int64_t end) {
  multiply_panels(layer, first, end, x, NULL, y, stride, rows);
}

typedef struct {
  const linear_layer *layer;
  const float *x, *residual;
  float *y;
  int64_t rows, blocks;       /* of rows */
  int64_t part_panels, parts; /* of the output features */
} linear_call;

/* A few panels for one block of rows; panels vary fastest, so that neighbouring tasks share rows of x. */
static void run_task(const void *context, int64_t task, int32_t thread) {
  (void)thread;
  const linear_call *c = context;
  const linear_layer *l = c->layer;
  const int64_t part = task % c->parts, block = task / c->parts;
  const int64_t begin = c->rows * block / c->blocks, rows = c->rows * (block + 1) / c->blocks - begin;
  const int64_t first = part * c->part_panels, end = min64(first + c->part_panels, panel_count(l->n));
  const int64_t at = begin * l->n + first * PANEL;
  multiply_panels(l, first, end, c->x + begin * l->k, c->residual ? c->residual + at : NULL, c->y + at, l->n, rows);
}

void PF_KERNEL(linear_run)(pf_engine *engine, const linear_layer *layer, const float *x, const float *residual,
                           float *y, int64_t rows) {
  if (rows == 0) return;
  int64_t block = BLOCK_BYTES / (int64_t)sizeof(float) / layer->k;
  if (block < TILE_ROWS) block = TILE_ROWS;
  int64_t blocks = (rows + block - 1) / block;
  /* With rows enough every thread keeps to its own, which it then finds in its cache in the next layer; with few rows
   * the weights are what takes time, and every thread keeps to its own panels. */
  const int32_t threads = pf_engine_threads(engine);
  if (rows >= SPLIT_ROWS * threads) blocks = (blocks + threads - 1) / threads * threads;
  const int64_t panels = panel_count(layer->n), streams = streams_for(rows);
  const int64_t part_panels = panels >= 2 * streams * threads ? streams : 1;
  const linear_call call = {layer, x, residual, y, rows, blocks, part_panels, (panels + part_panels - 1) / part_panels};
  pf_parallel_for(engine, blocks * call.parts, run_task, &call);
}

pf_status PF_KERNEL(linear_open)(const void *packed, const float *bias, int64_t n, int64_t k, pf_activation activation,
                                 linear_layer *layer) {
  if (n < 1 || n > PF_MAX_DIMENSION || k < 1 || k > PF_MAX_DIMENSION) return PF_ERROR_ARGUMENT;
  if (!packed || (uintptr_t)packed % PF_ALIGNMENT) return PF_ERROR_ARGUMENT;
  if (activation < PF_ACTIVATION_NONE || activation > PF_ACTIVATION_TANH) return PF_ERROR_ARGUMENT;
  header h;
  memcpy(&h, packed, sizeof h);
  if (h.magic != MAGIC || h.isa != PF_ISA || h.n != n || h.k != k) return PF_ERROR_PACKED_WEIGHTS;
  *layer = (linear_layer){(const float *)packed + HEADER_BYTES / sizeof(float), bias, n, k, activation, 0};
  return PF_OK;
}

pf_status PF_KERNEL(linear)(pf_engine *engine, const float *x, const void *packed, const float *bias,
                            const float *residual, float *y, int64_t tokens, int64_t n, int64_t k,
                            pf_activation activation) {
  linear_layer layer;
  const pf_status status = PF_KERNEL(linear_open)(packed, bias, n, k, activation, &layer);
  if (status != PF_OK) return status;
  if (tokens < 0 || tokens > PF_MAX_DIMENSION || (tokens > 0 && (!x || !y))) return PF_ERROR_ARGUMENT;
  PF_KERNEL(linear_run)(engine, &layer, x, residual, y, tokens);
  return PF_OK;
}

pf_status PF_KERNEL(linear_packed_size)(int64_t n, int64_t k, int64_t *bytes) {
  if (!bytes || n < 1 || n > PF_MAX_DIMENSION || k < 1 || k > PF_MAX_DIMENSION) return PF_ERROR_ARGUMENT;
  const int64_t padded = panel_count(n) * PANEL;
  if (padded > (INT64_MAX - HEADER_BYTES) / (int64_t)sizeof(float) / k) return PF_ERROR_ARGUMENT;
  *bytes = HEADER_BYTES + padded * k * (int64_t)sizeof(float);
  return PF_OK;
}

typedef struct {
  const float *weight;
  float *panels;
  int64_t n, k;
} pack_call;

static void pack_panel(const void *context, int64_t panel, int32_t thread) {
  (void)thread;
  const pack_call *c = context;
  const int64_t column = panel * PANEL, columns = min64(c->n - column, PANEL);
  float *to = c->panels + panel * c->k * PANEL;
  /* Eight input features at a time: whole cache lines on both sides. */
  for (int64_t p = 0; p < c->k; p += 8) {
    const int64_t features = min64(c->k - p, 8);
    for (int64_t j = 0; j < PANEL; j++) {
      const float *from = c->weight + (column + j) * c->k + p;
      for (int64_t q = 0; q < features; q++) to[(p + q) * PANEL + j] = j < columns ? from[q] : 0.0f;
    }
  }
}

pf_status PF_KERNEL(linear_pack)(pf_engine *engine, const float *weight, void *packed, int64_t n, int64_t k) {
  int64_t bytes;
  const pf_status status = PF_KERNEL(linear_packed_size)(n, k, &bytes);
  if (status != PF_OK) return status;
  if (!weight || !packed || (uintptr_t)packed % PF_ALIGNMENT) return PF_ERROR_ARGUMENT;
  const header h = {MAGIC, PF_ISA, n, k};
  memset(packed, 0, HEADER_BYTES);
  memcpy(packed, &h, sizeof h);
  const pack_call call = {weight, (float *)packed + HEADER_BYTES / sizeof(float), n, k};
  pf_parallel_for(engine, panel_count(n), pack_panel, &call);
  return PF_OK;
}
