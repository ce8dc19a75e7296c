/*
 * Compact weights: float32 or bfloat16 with exponents of four bits instead of eight. Nothing is lost: each weight can
 * be had back bit for bit.
 *
 * A product with few rows waits for memory alone, so that fewer bytes are less time. Within a panel nearly all
 * exponents lie within a window of 16 adjacent values. Four bits say which one, and the panel stores once where its
 * window begins. A weight of float32 then takes 28 bits, and one of bfloat16 takes 12.
 *
 * A panel is a row of blocks of BLOCK_FEATURES input features, and a block is a whole number of cache lines. A block
 * with an exponent outside of the window, such as that of a weight 0, is raw: it stays as it is in the plain layout.
 * That is 0.8 % of the blocks of normal noise and 1.3 % of those of all-MiniLM-L6-v2. A weight of which more than one
 * block in RAW_SHARE would be raw is not made compact.
 *
 * The blocks of all panels follow one another without a gap. Tried and lost: panels that begin where those of the plain
 * layout do, with holes between them. The CPU fetches the holes too, and little of the gain was left.
 */
#ifndef PF_LINEAR_COMPACT_H
#define PF_LINEAR_COMPACT_H

#include "linear_tile.h"

#define BLOCK_FEATURES 4
#define BLOCK_WEIGHTS (BLOCK_FEATURES * WIDE_PANEL)
#define RAW_SHARE 4

/* Exponents that four bits can tell apart. */
#define WINDOW 16

/* The blocks of one precision. A raw block is [BLOCK_FEATURES / pair][WIDE_PANEL][pair] weights, as in the plain
 * layout. */
typedef struct {
  int64_t compact_bytes, raw_bytes; /* of a block, multiples of LINE_BYTES */
  int64_t pair;                     /* input features of an output feature that are neighbours */
  int64_t unit;                     /* input features are padded to a multiple of it, with zeros */
  int32_t alignment;                /* of a panel's least exponent */
  void (*widen)(const char *raw, float *block);
  void (*pack)(const float *block, int32_t least, char *to);
  /* Input features first .. first + count - 1 of the output feature `lane` of a run of blocks. */
  void (*read)(const char *run, int64_t lane, int32_t least, int64_t first, int64_t count, float *to);
} compact_blocks;

/* What a compact format's `compress` and `features` are made of (linear_compact.c). */
int64_t PF_KERNEL(compact_compress)(pf_engine *engine, const linear_layer *plain, const compact_blocks *format,
                                    void *panels);
void PF_KERNEL(compact_features)(const linear_layer *layer, const compact_blocks *format, int64_t feature,
                                 int64_t first, int64_t count, float *to);

typedef struct {
  int32_t least;    /* exponent */
  int32_t raws_end; /* raw blocks in this panel and all before it, from which follows where the next one begins */
} compact_panel;

/* What lies behind the header of a compact weight. */
typedef struct {
  const compact_panel *panels;
  const int32_t *raws; /* of each raw block its number within its panel, ascending; room for most_raws */
  const char *blocks;
  int64_t count, panel_blocks, most_raws;
  int64_t compact_bytes, raw_bytes;
} compact_weight;

static inline compact_weight compact_weight_at(const void *panels, int64_t n, int64_t k, const compact_blocks *format) {
  compact_weight w = {.panels = panels,
                      .count = ceil_div(n, WIDE_PANEL),
                      .panel_blocks = round_up(k, format->unit) / BLOCK_FEATURES,
                      .compact_bytes = format->compact_bytes,
                      .raw_bytes = format->raw_bytes};
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
} compact_cursor;

/* Whatever the tables hold, a cursor stays within the weight: their numbers are brought into range. */
static inline int64_t raws_before(const compact_weight *w, int64_t panel) {
  const int64_t raws = panel > 0 ? w->panels[panel - 1].raws_end : 0;
  return raws < 0 ? 0 : min64(raws, w->most_raws);
}

static inline compact_cursor begin_panel(const compact_weight *w, int64_t panel) {
  const int64_t first = raws_before(w, panel), end = raws_before(w, panel + 1);
  const int64_t at = panel * w->panel_blocks * w->compact_bytes + first * (w->raw_bytes - w->compact_bytes);
  return (compact_cursor){.at = w->blocks + at,
                          .raws = w->raws + first,
                          .raws_end = w->raws + (end < first ? first : end),
                          .blocks = w->panel_blocks};
}

/* How many of the next blocks, at most up to `stop`, are compact. */
static inline int64_t compact_run(const compact_cursor *c, int64_t stop) {
  const int64_t raw = c->raws < c->raws_end ? *c->raws : stop;
  return raw < c->block ? 0 : min64(raw, stop) - c->block;
}

static inline void skip_raw(compact_cursor *c, int64_t raw_bytes) {
  c->at += raw_bytes;
  c->raws++;
  c->block++;
}

static inline uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

#endif
