/*
 * The inner loops over a compact weight, for a file that defines how one of its formats is unpacked and multiplied:
 *
 *   BLOCK_STEPS         rows of two vectors that a block has
 *   VECTOR_BYTES        of a vector that is compact
 *   AHEAD_BYTES         how far ahead of its use the stream is fetched
 *   unpacking           constants, unpacking_of(weight, panel)
 *   unpack(vector, u)   reads 64 bytes
 *   accumulate(sum, x, weights)   x is 32 bits of a row in every lane
 *
 * Up to TILE_ROWS rows are one tile, whose sums stay in registers. Many rows are bound by arithmetic, to which
 * unpacking adds: the first tile of them unpacks a stretch of a panel, which the others then find in the cache, and
 * sums are in memory in between. All tiles add in the same order.
 */
#include "linear_compact.h"

/* The tallest tile that leaves registers for what unpacking takes. */
#define TILE_ROWS 12

/* Rows whose sums, and steps whose weights, are kept at a time: 56 KiB of stack. */
#define MANY_ROWS 192
#define MANY_STEPS 256

#define STEP_BYTES (2 * VECTOR_BYTES)
#define COMPACT_BYTES (BLOCK_STEPS * STEP_BYTES)
#define RAW_BYTES (BLOCK_STEPS * WIDE_PANEL * 4)

/* Up to TILE_ROWS rows by a panel, all of it or a stretch. */
typedef struct {
  const float *x; /* [rows, x_steps], from the first of these steps on; floats, or what else 32 bits of a row are */
  int64_t x_steps, rows;
  float *sums; /* [rows][WIDE_PANEL], added to */
} compact_tile;

/* Two vectors of weights times what is theirs of each row; `rows` is a constant wherever this is inlined. */
static inline __attribute__((always_inline)) void add_step(vf (*sum)[2], const float *const *x, int64_t step, vi w0,
                                                           vi w1, const int rows) {
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) {
    const vi a = vi_set1(load_bytes(x[i] + step));
    sum[i][0] = accumulate(sum[i][0], a, w0);
    sum[i][1] = accumulate(sum[i][1], a, w1);
  }
}

/*
 * Where each row begins. The compiler is not to know what they have in common: it would keep a register for every row
 * of every step that is unrolled, in memory.
 */
static inline __attribute__((always_inline)) void rows_of(const compact_tile *tile, const float **x, const int rows) {
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) {
    x[i] = tile->x + i * tile->x_steps;
    __asm__("" : "+r"(x[i]));
  }
}

static inline __attribute__((always_inline)) void load_sums(const compact_tile *tile, vf (*sum)[2], const int rows) {
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) {
    sum[i][0] = vf_load(tile->sums + i * WIDE_PANEL);
    sum[i][1] = vf_load(tile->sums + i * WIDE_PANEL + VF_WIDTH);
  }
}

static inline __attribute__((always_inline)) void store_sums(const compact_tile *tile, vf (*sum)[2], const int rows) {
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) {
    vf_store(tile->sums + i * WIDE_PANEL, sum[i][0]);
    vf_store(tile->sums + i * WIDE_PANEL + VF_WIDTH, sum[i][1]);
  }
}

/* What `keep` gets, if it is not NULL: the weights as the other layout has them. */
static inline __attribute__((always_inline)) char *kept(char *keep, vi w0, vi w1) {
  if (!keep) return NULL;
  vi_store(keep, w0);
  vi_store(keep + WIDE_PANEL * 2, w1);
  return keep + WIDE_PANEL * 4;
}

/* Up to block `stop`. */
static inline __attribute__((always_inline)) compact_cursor unpack_and_multiply(const compact_tile *tile,
                                                                                compact_cursor c, const unpacking u,
                                                                                int64_t stop, char *keep,
                                                                                const int rows) {
  const float *x[TILE_ROWS];
  vf sum[TILE_ROWS][2];
  int64_t step = 0;
  rows_of(tile, x, rows);
  load_sums(tile, sum, rows);
  for (;;) {
    for (int64_t run = compact_run(&c, stop); run > 0; run--, c.block++, c.at += COMPACT_BYTES, step += BLOCK_STEPS) {
#pragma GCC unroll 7
      for (int line = 0; line < COMPACT_BYTES; line += LINE_BYTES) __builtin_prefetch(c.at + AHEAD_BYTES + line);
#pragma GCC unroll 4
      for (int s = 0; s < BLOCK_STEPS; s++) {
        const vi w0 = unpack(c.at + s * STEP_BYTES, &u), w1 = unpack(c.at + s * STEP_BYTES + VECTOR_BYTES, &u);
        keep = kept(keep, w0, w1);
        add_step(sum, x, step + s, w0, w1, rows);
      }
    }
    if (c.block == stop) break;
    for (int s = 0; s < BLOCK_STEPS; s++, step++) {
      const char *raw = c.at + s * WIDE_PANEL * 4;
      const vi w0 = vi_load(raw), w1 = vi_load(raw + WIDE_PANEL * 2);
      keep = kept(keep, w0, w1);
      add_step(sum, x, step, w0, w1, rows);
    }
    skip_raw(&c, RAW_BYTES);
  }
  store_sums(tile, sum, rows);
  return c;
}

/* Weights that an other tile has kept. `ahead` is this tile's share of what comes next, and only ever fetched. */
static inline __attribute__((always_inline)) void multiply(const compact_tile *tile, const char *weights, int64_t steps,
                                                           const char *ahead, int64_t ahead_lines, const int rows) {
  const float *x[TILE_ROWS];
  vf sum[TILE_ROWS][2];
  rows_of(tile, x, rows);
  load_sums(tile, sum, rows);
  for (int64_t step = 0; step < steps;) {
    for (int64_t line = 0; line < ahead_lines; line++) __builtin_prefetch(ahead + line * LINE_BYTES, 0, 2);
    ahead += ahead_lines * LINE_BYTES;
    for (const int64_t end = min64(step + FETCH_STEPS, steps); step < end; step++, weights += WIDE_PANEL * 4)
      add_step(sum, x, step, vi_load(weights), vi_load(weights + WIDE_PANEL * 2), rows);
  }
  store_sums(tile, sum, rows);
}

#define FOR_ROWS(rows)                                                                                                 \
  switch (rows) {                                                                                                      \
    ROWS(1)                                                                                                            \
    ROWS(2)                                                                                                            \
    ROWS(3)                                                                                                            \
    ROWS(4)                                                                                                            \
    ROWS(5)                                                                                                            \
    ROWS(6)                                                                                                            \
    ROWS(7)                                                                                                            \
    ROWS(8)                                                                                                            \
    ROWS(9)                                                                                                            \
    ROWS(10)                                                                                                           \
    ROWS(11)                                                                                                           \
    ROWS(12)                                                                                                           \
  }

static compact_cursor unpack_and_multiply_rows(const compact_tile *tile, compact_cursor c, const unpacking *u,
                                               int64_t stop) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    return unpack_and_multiply(tile, c, *u, stop, NULL, r);
  FOR_ROWS(tile->rows)
#undef ROWS
  return c;
}

static compact_cursor unpack_keep_and_multiply_rows(const compact_tile *tile, compact_cursor c, const unpacking *u,
                                                    int64_t stop, char *keep) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    return unpack_and_multiply(tile, c, *u, stop, keep, r);
  FOR_ROWS(tile->rows)
#undef ROWS
  return c;
}

static void multiply_rows(const compact_tile *tile, const char *weights, int64_t steps, const char *ahead,
                          int64_t ahead_lines) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    multiply(tile, weights, steps, ahead, ahead_lines, r);                                                             \
    break;
  FOR_ROWS(tile->rows)
#undef ROWS
}

/* One tile of rows. */
static void multiply_few(const linear_layer *layer, const compact_weight *w, int64_t panel, const compact_tile *rows,
                         const tile_output *out) {
  const unpacking u = unpacking_of(w, panel);
  _Alignas(64) float sums[TILE_ROWS * WIDE_PANEL];
  memset(sums, 0, (size_t)(rows->rows * WIDE_PANEL) * sizeof *sums);
  compact_tile tile = *rows;
  tile.sums = sums;
  unpack_and_multiply_rows(&tile, begin_panel(w, panel), &u, w->panel_blocks);
  PF_KERNEL(linear_finish)(layer, out, sums, WIDE_PANEL);
}

/* The lines of y that a tile will store. */
static void fetch_output(const tile_output *out) {
  for (int64_t i = 0; i < out->rows; i++) {
    __builtin_prefetch(out->y + i * out->stride, 1, 2);
    __builtin_prefetch(out->y + i * out->stride + WIDE_PANEL - 1, 1, 2);
  }
}

/* At most MANY_ROWS rows. */
static void multiply_many(const linear_layer *layer, const compact_weight *w, int64_t panel, const compact_tile *rows,
                          const tile_output *out) {
  const int64_t steps = w->panel_blocks * BLOCK_STEPS, tiles = ceil_div(rows->rows, TILE_ROWS);
  const int64_t ahead_lines = (FETCH_STEPS * STEP_BYTES / LINE_BYTES + tiles - 2) / (tiles - 1);
  const unpacking u = unpacking_of(w, panel);
  compact_cursor c = begin_panel(w, panel);
  _Alignas(64) char weights[MANY_STEPS * WIDE_PANEL * 4];
  _Alignas(64) float sums[MANY_ROWS * WIDE_PANEL];
  memset(sums, 0, (size_t)(rows->rows * WIDE_PANEL) * sizeof *sums);
  for (int64_t first = 0; first < steps; first += MANY_STEPS) {
    const int64_t stretch = min64(steps - first, MANY_STEPS);
    for (int64_t t = 0; t < tiles; t++) {
      const int64_t row = rows->rows * t / tiles, count = rows->rows * (t + 1) / tiles - row;
      const compact_tile tile = {.x = rows->x + row * rows->x_steps + first,
                                 .x_steps = rows->x_steps,
                                 .rows = count,
                                 .sums = sums + row * WIDE_PANEL};
      tile_output to = *out;
      to.rows = count;
      to.y += row * to.stride;
      if (to.residual) to.residual += row * to.stride;
      const int last = first + stretch == steps;
      if (last) fetch_output(&to);
      if (t == 0)
        c = unpack_keep_and_multiply_rows(&tile, c, &u, (first + stretch) / BLOCK_STEPS, weights);
      else
        multiply_rows(&tile, weights, stretch, c.at + stretch * STEP_BYTES * (t - 1) / (tiles - 1), ahead_lines);
      if (last) PF_KERNEL(linear_finish)(layer, &to, tile.sums, WIDE_PANEL);
    }
  }
}

/* A share of the output; x_steps is the distance of the input's rows. */
static void multiply_share(const linear_share *s, const compact_blocks *format, int64_t x_steps) {
  const compact_weight w = compact_weight_at(s->layer->panels, s->layer->n, s->layer->k, format);
  for (int64_t panel = s->column / WIDE_PANEL; panel * WIDE_PANEL < s->end; panel++) {
    for (int64_t row = 0; row < s->rows; row += MANY_ROWS) {
      const compact_tile rows = {.x = (const float *)s->input + (s->row + row) * x_steps,
                                 .x_steps = x_steps,
                                 .rows = min64(s->rows - row, MANY_ROWS)};
      const tile_output out = output_of(s, s->row + row, rows.rows, panel * WIDE_PANEL, WIDE_PANEL);
      if (rows.rows <= TILE_ROWS)
        multiply_few(s->layer, &w, panel, &rows, &out);
      else
        multiply_many(s->layer, &w, panel, &rows, &out);
    }
  }
}
