/*
 * Packed linear in float32 for few rows, bit for bit that of linear_fp32.c from seven eighths of the bytes.
 *
 * Few rows wait for memory alone, and of a weight's 32 bits four say next to nothing: within a panel nearly all
 * exponents are 16 neighbours. So a weight is kept as 28 bits, exponent less the panel's least, mantissa and sign, and
 * unpacked in registers as it is read: three bytes and a nibble are brought together by vpermb, rotated into place, and
 * the least exponent is added. Blocks of BLOCK_FEATURES input features by a panel, seven cache lines, follow one
 * another; one with a weight whose exponent is elsewhere, such as 0, stays as it was, eight lines: 0.8 % of the blocks
 * of normal noise, 1.3 % of all-MiniLM-L6-v2's. A weight of which more than one block in RAW_SHARE had to stay is not
 * dense.
 *
 * Chains of FMAs are those of linear_fp32.c, so that it makes no difference in which of both layouts a weight is. The
 * floor is the stream of 3.5 n k bytes. Time on Zen 5 as a share of linear_fp32.c's, both in turn, weights of 768 x
 * 3072, 3072 x 768, 768 x 768 and 2048 x 512 from memory: one row 0.90 to 0.92 on one thread and 0.89 to 0.92 on two,
 * four rows 0.88 to 0.89 and 0.86 to 0.92, eight, which begin to be bound by arithmetic, 0.94 to 0.98 and 0.88 to 0.91.
 * Tried and lost: two panels side by side (no faster, and eight rows run out of registers), and panels that begin where
 * those of float32 would, with holes of an eighth behind them, which the CPU fetches in vain (next to nothing gained).
 *
 * Many rows are bound by arithmetic, which unpacking adds to: 0.9 to 1.3 for 16 and 24 rows, 1.10 to 1.13 for 32, 1.04
 * to 1.09 for 64 and 128. The first tile of rows unpacks a stretch of a panel, which the others then find in the cache;
 * sums are in memory in between. Weights that only ever meet many rows are better left to linear_fp32.c.
 */
#include "linear_tile.h"

#if defined(VI_HAS_VBMI)

#define BLOCK_FEATURES 4
#define VECTOR_BYTES 56 /* 16 weights: three bytes of each, then a nibble of each */
#define FEATURE_BYTES (2 * VECTOR_BYTES)
#define DENSE_BYTES (BLOCK_FEATURES * FEATURE_BYTES)
#define RAW_BYTES (BLOCK_FEATURES * PANEL * (int64_t)sizeof(float))
#define RAW_SHARE 4

/* Exponents that four bits can tell apart. */
#define WINDOW 16
/* The largest exponent of a float32, of infinities and NaN. */
#define MOST_EXPONENT 255

/* How far ahead of its use the stream of one tile is fetched. */
#define AHEAD_BYTES (20 * DENSE_BYTES)

/* The tallest tile that leaves registers for what unpacking takes. */
#define TILE_ROWS 12

/* Rows whose sums, and input features whose weights, are kept at a time: 56 KiB of stack. */
#define MANY_ROWS 192
#define MANY_FEATURES 256

/*
 * Behind the header: what of each panel is not its blocks, room for the places of raw blocks, and the blocks. Where a
 * panel begins follows from the raw blocks before it.
 */
typedef struct {
  int32_t least;    /* exponent */
  int32_t raws_end; /* raw blocks in this panel and all before it */
} dense_panel;

typedef struct {
  const dense_panel *panels;
  const int32_t *raws; /* of each raw block its number within its panel, ascending */
  const char *blocks;
  int64_t count, panel_blocks, most_raws;
} dense_weight;

static dense_weight weight_at(const void *panels, int64_t n, int64_t k) {
  dense_weight w = {.panels = panels, .count = (n + PANEL - 1) / PANEL, .panel_blocks = k / BLOCK_FEATURES};
  w.most_raws = w.count * w.panel_blocks / RAW_SHARE;
  w.raws = (const int32_t *)(w.panels + w.count);
  const int64_t tables = w.count * (int64_t)sizeof *w.panels + w.most_raws * (int64_t)sizeof *w.raws;
  w.blocks = (const char *)panels + round_up(tables, LINE_BYTES);
  return w;
}

/* A place within a panel. */
typedef struct {
  const char *at;
  const int32_t *raws, *raws_end; /* that are still to come */
  int64_t block, blocks;
} dense_cursor;

/* Whatever the tables hold, a cursor stays within the weight: their numbers are brought into range. */
static int64_t raws_before(const dense_weight *w, int64_t panel) {
  const int64_t raws = panel > 0 ? w->panels[panel - 1].raws_end : 0;
  return raws < 0 ? 0 : min64(raws, w->most_raws);
}

static dense_cursor begin_panel(const dense_weight *w, int64_t panel) {
  const int64_t first = raws_before(w, panel), end = raws_before(w, panel + 1);
  return (dense_cursor){.at = w->blocks + panel * w->panel_blocks * DENSE_BYTES + first * (RAW_BYTES - DENSE_BYTES),
                        .raws = w->raws + first,
                        .raws_end = w->raws + (end < first ? first : end),
                        .blocks = w->panel_blocks};
}

/* How many of the next blocks, at most up to `stop`, are dense. */
static inline int64_t dense_run(const dense_cursor *c, int64_t stop) {
  const int64_t raw = c->raws < c->raws_end ? *c->raws : stop;
  return raw < c->block ? 0 : min64(raw, stop) - c->block;
}

static inline void skip_raw(dense_cursor *c) {
  c->at += RAW_BYTES;
  c->raws++;
  c->block++;
}

/* ---- Unpacking -------------------------------------------------------------------------------------------------- */

/* Lanes of the lower half have bits 24 to 27 of their code in a nibble, those of the upper half bits 0 to 3. */
typedef struct {
  vi bytes, rotation, bits, least;
} dense_unpacking;

static inline dense_unpacking unpacking_of(const dense_weight *w, int64_t panel) {
  static const _Alignas(64)
      uint8_t bytes[64] = {0,  1,  2,  48, 3,  4,  5,  49, 6,  7,  8,  50, 9,  10, 11, 51, 12, 13, 14, 52, 15, 16,
                           17, 53, 18, 19, 20, 54, 21, 22, 23, 55, 24, 25, 26, 48, 27, 28, 29, 49, 30, 31, 32, 50,
                           33, 34, 35, 51, 36, 37, 38, 52, 39, 40, 41, 53, 42, 43, 44, 54, 45, 46, 47, 55};
  static const _Alignas(64) int32_t rotation[16] = {31, 31, 31, 31, 31, 31, 31, 31, 3, 3, 3, 3, 3, 3, 3, 3};
  return (dense_unpacking){vi_load(bytes), vi_load(rotation), vi_set1((int32_t)0x87ffffffu),
                           vi_set1((int32_t)((uint32_t)w->panels[panel].least << 23))};
}

/* Reads 64 bytes, eight more than its own. */
static inline vf unpack(const char *vector, const dense_unpacking *u) {
  const vi code = vi_rotate_left(vi_permute_bytes(vi_load(vector), u->bytes), u->rotation);
  return vi_as_vf(vi_add(vi_and(code, u->bits), u->least));
}

static inline float unpack_one(const char *vector, int64_t lane, int32_t least) {
  uint32_t three; /* and a byte that is the next one's */
  memcpy(&three, vector + 3 * lane, sizeof three);
  const uint32_t nibbles = (uint8_t)vector[48 + lane % 8];
  const uint32_t code = lane < 8 ? (nibbles & 15) << 24 | (three & 0xffffff) : three << 4 | nibbles >> 4;
  return bits_to_float(((code & 0xfffffff) >> 1 | code << 31) + ((uint32_t)least << 23));
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------ */

/* Up to TILE_ROWS rows by a panel, all or a stretch of its input features. */
typedef struct {
  const float *x; /* [rows, k], from the first of these features on */
  int64_t k, rows;
  float *sums; /* [rows][PANEL], added to */
} dense_tile;

/* Two vectors of a feature's weights times that feature of each row; `rows` is a constant wherever this is inlined. */
static inline __attribute__((always_inline)) void add_feature(vf (*sum)[2], const float *const *x, int64_t feature,
                                                              vf w0, vf w1, const int rows) {
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) {
    const vf a = vf_set1(x[i][feature]);
    sum[i][0] = vf_fma(a, w0, sum[i][0]);
    sum[i][1] = vf_fma(a, w1, sum[i][1]);
  }
}

/*
 * Where each row begins. The compiler is not to know what they have in common: it would keep a register for every row
 * of every feature that is unrolled, in memory.
 */
static inline __attribute__((always_inline)) void rows_of(const dense_tile *tile, const float **x, const int rows) {
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) {
    x[i] = tile->x + i * tile->k;
    __asm__("" : "+r"(x[i]));
  }
}

static inline __attribute__((always_inline)) void load_sums(const dense_tile *tile, vf (*sum)[2], const int rows) {
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) {
    sum[i][0] = vf_load(tile->sums + i * PANEL);
    sum[i][1] = vf_load(tile->sums + i * PANEL + VF_WIDTH);
  }
}

static inline __attribute__((always_inline)) void store_sums(const dense_tile *tile, vf (*sum)[2], const int rows) {
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) {
    vf_store(tile->sums + i * PANEL, sum[i][0]);
    vf_store(tile->sums + i * PANEL + VF_WIDTH, sum[i][1]);
  }
}

/* Unpacks up to block `stop` and multiplies; `keep`, if not NULL, gets the weights as panels of float32 have them. */
static inline __attribute__((always_inline)) dense_cursor unpack_and_multiply(const dense_tile *tile, dense_cursor c,
                                                                              const dense_unpacking u, int64_t stop,
                                                                              float *keep, const int rows) {
  const float *x[TILE_ROWS];
  vf sum[TILE_ROWS][2];
  int64_t feature = 0;
  rows_of(tile, x, rows);
  load_sums(tile, sum, rows);
  for (;;) {
    for (int64_t run = dense_run(&c, stop); run > 0; run--, c.block++, c.at += DENSE_BYTES, feature += BLOCK_FEATURES) {
#pragma GCC unroll 7
      for (int line = 0; line < DENSE_BYTES; line += LINE_BYTES) __builtin_prefetch(c.at + AHEAD_BYTES + line);
#pragma GCC unroll 4
      for (int p = 0; p < BLOCK_FEATURES; p++) {
        const vf w0 = unpack(c.at + p * FEATURE_BYTES, &u), w1 = unpack(c.at + p * FEATURE_BYTES + VECTOR_BYTES, &u);
        if (keep) {
          vf_store(keep, w0);
          vf_store(keep + VF_WIDTH, w1);
          keep += PANEL;
        }
        add_feature(sum, x, feature + p, w0, w1, rows);
      }
    }
    if (c.block == stop) break;
    const float *raw = (const float *)c.at;
    for (int p = 0; p < BLOCK_FEATURES; p++, feature++, raw += PANEL) {
      const vf w0 = vf_load(raw), w1 = vf_load(raw + VF_WIDTH);
      if (keep) {
        vf_store(keep, w0);
        vf_store(keep + VF_WIDTH, w1);
        keep += PANEL;
      }
      add_feature(sum, x, feature, w0, w1, rows);
    }
    skip_raw(&c);
  }
  store_sums(tile, sum, rows);
  return c;
}

/* Weights that an other tile has kept. `ahead` is this tile's share of what comes next, and only ever fetched. */
static inline __attribute__((always_inline)) void multiply(const dense_tile *tile, const float *weights,
                                                           int64_t features, const char *ahead, int64_t ahead_lines,
                                                           const int rows) {
  const float *x[TILE_ROWS];
  vf sum[TILE_ROWS][2];
  rows_of(tile, x, rows);
  load_sums(tile, sum, rows);
  for (int64_t p = 0; p < features;) {
    for (int64_t line = 0; line < ahead_lines; line++) __builtin_prefetch(ahead + line * LINE_BYTES, 0, 2);
    ahead += ahead_lines * LINE_BYTES;
    for (const int64_t end = min64(p + FETCH_STEPS, features); p < end; p++, weights += PANEL)
      add_feature(sum, x, p, vf_load(weights), vf_load(weights + VF_WIDTH), rows);
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

static dense_cursor unpack_and_multiply_rows(const dense_tile *tile, dense_cursor c, const dense_unpacking *u,
                                             int64_t stop) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    return unpack_and_multiply(tile, c, *u, stop, NULL, r);
  FOR_ROWS(tile->rows)
#undef ROWS
  return c;
}

static dense_cursor unpack_keep_and_multiply_rows(const dense_tile *tile, dense_cursor c, const dense_unpacking *u,
                                                  int64_t stop, float *keep) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    return unpack_and_multiply(tile, c, *u, stop, keep, r);
  FOR_ROWS(tile->rows)
#undef ROWS
  return c;
}

static void multiply_rows(const dense_tile *tile, const float *weights, int64_t features, const char *ahead,
                          int64_t ahead_lines) {
#define ROWS(r)                                                                                                        \
  case r:                                                                                                              \
    multiply(tile, weights, features, ahead, ahead_lines, r);                                                          \
    break;
  FOR_ROWS(tile->rows)
#undef ROWS
}

/* ---- Panels ----------------------------------------------------------------------------------------------------- */

/* One tile of rows. */
static void multiply_few(const linear_layer *layer, const dense_weight *w, int64_t panel, const float *x,
                         const tile_output *out) {
  const dense_unpacking u = unpacking_of(w, panel);
  _Alignas(64) float sums[TILE_ROWS * PANEL];
  memset(sums, 0, (size_t)(out->rows * PANEL) * sizeof *sums);
  const dense_tile tile = {.x = x, .k = layer->k, .rows = out->rows, .sums = sums};
  unpack_and_multiply_rows(&tile, begin_panel(w, panel), &u, w->panel_blocks);
  PF_KERNEL(linear_finish)(layer, out, sums, PANEL);
}

/* The lines of y that a tile will store. */
static void fetch_output(const tile_output *out) {
  for (int64_t i = 0; i < out->rows; i++) {
    __builtin_prefetch(out->y + i * out->stride, 1, 2);
    __builtin_prefetch(out->y + i * out->stride + PANEL - 1, 1, 2);
  }
}

/* At most MANY_ROWS rows. Of each stretch of features the first tile unpacks the weights and the others find them. */
static void multiply_many(const linear_layer *layer, const dense_weight *w, int64_t panel, const float *x,
                          const tile_output *out) {
  const int64_t k = layer->k, tiles = (out->rows + TILE_ROWS - 1) / TILE_ROWS;
  const dense_unpacking u = unpacking_of(w, panel);
  dense_cursor c = begin_panel(w, panel);
  _Alignas(64) float weights[MANY_FEATURES * PANEL], sums[MANY_ROWS * PANEL];
  memset(sums, 0, (size_t)(out->rows * PANEL) * sizeof *sums);
  for (int64_t first = 0; first < k; first += MANY_FEATURES) {
    const int64_t features = min64(k - first, MANY_FEATURES);
    const int64_t ahead_lines = tiles > 1 ? (FETCH_STEPS * FEATURE_BYTES / LINE_BYTES + tiles - 2) / (tiles - 1) : 0;
    for (int64_t t = 0; t < tiles; t++) {
      const int64_t row = out->rows * t / tiles, next = out->rows * (t + 1) / tiles;
      const dense_tile tile = {.x = x + row * k + first, .k = k, .rows = next - row, .sums = sums + row * PANEL};
      tile_output rows = *out;
      rows.rows = next - row;
      rows.y += row * rows.stride;
      if (rows.residual) rows.residual += row * rows.stride;
      if (first + features == k) fetch_output(&rows);
      if (t == 0)
        c = unpack_keep_and_multiply_rows(&tile, c, &u, (first + features) / BLOCK_FEATURES, weights);
      else
        multiply_rows(&tile, weights, features, c.at + features * FEATURE_BYTES * (t - 1) / (tiles - 1), ahead_lines);
      if (first + features == k) PF_KERNEL(linear_finish)(layer, &rows, tile.sums, PANEL);
    }
  }
}

void PF_KERNEL(linear_fp32_dense_share)(const linear_share *s) {
  const linear_layer *layer = s->layer;
  const dense_weight w = weight_at(layer->panels, layer->n, layer->k);
  for (int64_t panel = s->column / PANEL; panel * PANEL < s->end; panel++) {
    for (int64_t row = 0; row < s->rows; row += MANY_ROWS) {
      const float *x = (const float *)s->input + (s->row + row) * layer->k;
      const tile_output out = output_of(s, s->row + row, min64(s->rows - row, MANY_ROWS), panel * PANEL, PANEL);
      if (out.rows <= TILE_ROWS)
        multiply_few(layer, &w, panel, x, &out);
      else
        multiply_many(layer, &w, panel, x, &out);
    }
  }
}

/* ---- Packing ---------------------------------------------------------------------------------------------------- */

typedef struct {
  const linear_source *source;
  dense_weight weight;
} pack_call;

/* A block as panels of float32 have it; behind the last output feature, what it is there. */
static void read_block(const linear_source *source, int64_t panel, int64_t block, float *to) {
  const int64_t columns = min64(source->n - panel * PANEL, PANEL);
  for (int64_t j = 0; j < PANEL; j++) {
    float from[BLOCK_FEATURES] = {0};
    read_source(source, panel * PANEL + min64(j, columns - 1), block * BLOCK_FEATURES, BLOCK_FEATURES, from);
    for (int p = 0; p < BLOCK_FEATURES; p++) to[p * PANEL + j] = from[p];
  }
}

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static int32_t exponent_of(float x) { return (int32_t)(bits_of(x) >> 23 & MOST_EXPONENT); }

/* The least and the largest exponent of a block. */
typedef struct {
  uint8_t least, most;
} exponents;

static exponents exponents_of(const float *block) {
  int32_t least = MOST_EXPONENT, most = 0;
  for (int i = 0; i < BLOCK_FEATURES * PANEL; i++) {
    const int32_t exponent = exponent_of(block[i]);
    least = exponent < least ? exponent : least;
    most = exponent > most ? exponent : most;
  }
  return (exponents){(uint8_t)least, (uint8_t)most};
}

static int is_dense(exponents block, int32_t least) { return block.least >= least && block.most < least + WINDOW; }

/* The window that has the most of a panel's exponents, and how many blocks have others: of this panel alone as yet. */
static void measure_panel(const void *context, int64_t panel, int32_t thread) {
  (void)thread;
  const pack_call *c = context;
  const int64_t blocks = c->weight.panel_blocks;
  /* Where the panel is going to be. */
  exponents *ranges = (exponents *)(c->weight.blocks + panel * blocks * DENSE_BYTES);
  int64_t counts[MOST_EXPONENT + 1] = {0};
  for (int64_t b = 0; b < blocks; b++) {
    float block[BLOCK_FEATURES * PANEL];
    read_block(c->source, panel, b, block);
    for (int i = 0; i < BLOCK_FEATURES * PANEL; i++) counts[exponent_of(block[i])]++;
    ranges[b] = exponents_of(block);
  }
  int64_t within = 0;
  for (int i = 0; i < WINDOW; i++) within += counts[i];
  dense_panel found = {0, 0};
  for (int64_t most = within, least = 1; least + WINDOW - 1 <= MOST_EXPONENT; least++) {
    within += counts[least + WINDOW - 1] - counts[least - 1];
    if (within <= most) continue;
    most = within;
    found.least = (int32_t)least;
  }
  for (int64_t b = 0; b < blocks; b++) found.raws_end += !is_dense(ranges[b], found.least);
  ((dense_panel *)c->weight.panels)[panel] = found;
}

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

static void pack_panel(const void *context, int64_t panel, int32_t thread) {
  (void)thread;
  const pack_call *c = context;
  const int32_t least = c->weight.panels[panel].least;
  const dense_cursor begin = begin_panel(&c->weight, panel);
  int32_t *raws = (int32_t *)begin.raws;
  char *to = (char *)begin.at;
  for (int64_t b = 0; b < begin.blocks; b++) {
    float block[BLOCK_FEATURES * PANEL];
    read_block(c->source, panel, b, block);
    if (is_dense(exponents_of(block), least)) {
      for (int vector = 0; vector < 2 * BLOCK_FEATURES; vector++, to += VECTOR_BYTES)
        pack_vector(block + vector * VF_WIDTH, least, (uint8_t *)to);
    } else {
      *raws++ = (int32_t)b;
      memcpy(to, block, RAW_BYTES);
      to += RAW_BYTES;
    }
  }
}

/* From two blocks a panel on, all of it and what `unpack` reads behind it fits into what float32 takes. */
int PF_KERNEL(linear_fp32_dense_fits)(uint32_t extensions, int64_t k) {
  return (extensions & PF_EXTENSION_VBMI) != 0 && k % BLOCK_FEATURES == 0 && k >= 2 * BLOCK_FEATURES;
}

int PF_KERNEL(linear_fp32_dense_pack)(pf_engine *engine, const linear_source *source, void *panels) {
  if (!PF_KERNEL(linear_fp32_dense_fits)(pf_engine_extensions(engine), source->k)) return 0;
  const pack_call call = {source, weight_at(panels, source->n, source->k)};
  pf_parallel_for(engine, call.weight.count, measure_panel, &call);
  int64_t raws = 0;
  for (int64_t panel = 0; panel < call.weight.count; panel++) {
    dense_panel *p = (dense_panel *)call.weight.panels + panel;
    raws += p->raws_end;
    if (raws > call.weight.most_raws || raws > INT32_MAX) return 0;
    p->raws_end = (int32_t)raws;
  }
  pf_parallel_for(engine, call.weight.count, pack_panel, &call);
  return 1;
}

void PF_KERNEL(linear_fp32_dense_features)(const linear_layer *layer, int64_t feature, int64_t first, int64_t count,
                                           float *to) {
  const dense_weight w = weight_at(layer->panels, layer->n, layer->k);
  const int64_t panel = feature / PANEL, lane = feature % PANEL, end = first + count;
  const int32_t least = w.panels[panel].least;
  dense_cursor c = begin_panel(&w, panel);
  for (int64_t p = first; p < end;) {
    /* From block c.block on: a dense run, or one raw block. */
    const int64_t run = dense_run(&c, c.blocks), begin = c.block * BLOCK_FEATURES;
    const int64_t stop = min64(begin + (run > 0 ? run : 1) * BLOCK_FEATURES, end);
    if (run > 0) {
      const char *vector = c.at + (p - begin) * FEATURE_BYTES + lane / VF_WIDTH * VECTOR_BYTES;
      for (; p < stop; p++, vector += FEATURE_BYTES) *to++ = unpack_one(vector, lane % VF_WIDTH, least);
      c.block += run;
      c.at += run * DENSE_BYTES;
    } else {
      for (; p < stop; p++) *to++ = ((const float *)c.at)[(p - begin) * PANEL + lane];
      skip_raw(&c);
    }
  }
}

#else

int PF_KERNEL(linear_fp32_dense_fits)(uint32_t extensions, int64_t k) {
  (void)extensions;
  (void)k;
  return 0;
}

int PF_KERNEL(linear_fp32_dense_pack)(pf_engine *engine, const linear_source *source, void *panels) {
  (void)engine;
  (void)source;
  (void)panels;
  return 0;
}

/* Nothing is dense here. */
void PF_KERNEL(linear_fp32_dense_share)(const linear_share *s) { (void)s; }

void PF_KERNEL(linear_fp32_dense_features)(const linear_layer *layer, int64_t feature, int64_t first, int64_t count,
                                           float *to) {
  (void)layer;
  (void)feature;
  (void)first;
  (void)count;
  (void)to;
}

#endif
