/* What compact weights of every precision have in common (linear_compact.h): packing, and reading single rows. */
#include "linear_compact.h"

#if defined(VI_HAS_VBMI)

/* Of a weight within a block. */
static int64_t place_of(const compact_blocks *format, int64_t feature, int64_t lane) {
  return (feature / format->pair * WIDE_PANEL + lane) * format->pair + feature % format->pair;
}

void PF_KERNEL(compact_features)(const linear_layer *layer, const compact_blocks *format, int64_t feature,
                                 int64_t first, int64_t count, float *to) {
  const compact_weight w = compact_weight_at(layer->panels, layer->n, layer->k, format);
  const int64_t panel = feature / WIDE_PANEL, lane = feature % WIDE_PANEL, end = first + count;
  const int32_t least = w.panels[panel].least;
  compact_cursor c = begin_panel(&w, panel);
  for (int64_t p = first; p < end;) {
    /* From block c.block on: a compact run, or one raw block. */
    const int64_t run = compact_run(&c, c.blocks), begin = c.block * BLOCK_FEATURES;
    const int64_t stop = min64(begin + (run > 0 ? run : 1) * BLOCK_FEATURES, end);
    if (run > 0) {
      if (p < stop) format->read(c.at, lane, least, p - begin, stop - p, to + (p - first));
      c.block += run;
      c.at += run * w.compact_bytes;
    } else {
      float block[BLOCK_WEIGHTS];
      if (p < stop) format->widen(c.at, block);
      for (int64_t q = p; q < stop; q++) to[q - first] = block[place_of(format, q - begin, lane)];
      skip_raw(&c, w.raw_bytes);
    }
    p = p < stop ? stop : p;
  }
}

/* ---- Packing ---------------------------------------------------------------------------------------------------- */

/* The largest exponent of a float32, of infinities and NaN. */
#define MOST_EXPONENT 255

typedef struct {
  const linear_layer *layer; /* in the other layout */
  const compact_blocks *format;
  compact_weight weight;
} pack_call;

static const char *raw_block(const pack_call *c, int64_t panel, int64_t block) {
  return (const char *)c->layer->panels + (panel * c->weight.panel_blocks + block) * c->weight.raw_bytes;
}

/* Behind the last output feature lies once more what it is: zeros would not be compact. */
static void read_block(const pack_call *c, int64_t panel, int64_t block, float *to) {
  c->format->widen(raw_block(c, panel, block), to);
  for (int64_t lane = c->layer->n - panel * WIDE_PANEL; lane < WIDE_PANEL; lane++) {
    for (int64_t p = 0; p < BLOCK_FEATURES; p++)
      to[place_of(c->format, p, lane)] = to[place_of(c->format, p, lane - 1)];
  }
}

static int32_t exponent_of(float x) { return (int32_t)(bits_of(x) >> 23 & MOST_EXPONENT); }

/* The least and the largest exponent of a block. */
typedef struct {
  uint8_t least, most;
} exponents;

static exponents exponents_of(const float *block) {
  int32_t least = MOST_EXPONENT, most = 0;
  for (int i = 0; i < BLOCK_WEIGHTS; i++) {
    const int32_t exponent = exponent_of(block[i]);
    least = exponent < least ? exponent : least;
    most = exponent > most ? exponent : most;
  }
  return (exponents){(uint8_t)least, (uint8_t)most};
}

static int is_compact(exponents block, int32_t least) { return block.least >= least && block.most < least + WINDOW; }

/* The window that has the most of a panel's exponents, and how many blocks have others: of this panel alone as yet. */
static void measure_panel(const void *context, int64_t panel, int32_t thread) {
  (void)thread;
  const pack_call *c = context;
  const int64_t blocks = c->weight.panel_blocks;
  /* Where the panel is going to be. */
  exponents *ranges = (exponents *)(c->weight.blocks + panel * blocks * c->weight.compact_bytes);
  int64_t counts[MOST_EXPONENT + 1] = {0};
  for (int64_t b = 0; b < blocks; b++) {
    float block[BLOCK_WEIGHTS];
    read_block(c, panel, b, block);
    for (int i = 0; i < BLOCK_WEIGHTS; i++) counts[exponent_of(block[i])]++;
    ranges[b] = exponents_of(block);
  }
  compact_panel found = {0, 0};
  int64_t most = -1;
  for (int32_t least = 0; least + WINDOW - 1 <= MOST_EXPONENT; least += c->format->alignment) {
    int64_t within = 0;
    for (int i = 0; i < WINDOW; i++) within += counts[least + i];
    if (within <= most) continue;
    most = within;
    found.least = least;
  }
  for (int64_t b = 0; b < blocks; b++) found.raws_end += !is_compact(ranges[b], found.least);
  ((compact_panel *)c->weight.panels)[panel] = found;
}

static void pack_panel(const void *context, int64_t panel, int32_t thread) {
  (void)thread;
  const pack_call *c = context;
  const int32_t least = c->weight.panels[panel].least;
  const compact_cursor begin = begin_panel(&c->weight, panel);
  int32_t *raws = (int32_t *)begin.raws;
  char *to = (char *)begin.at;
  for (int64_t b = 0; b < begin.blocks; b++) {
    float block[BLOCK_WEIGHTS];
    read_block(c, panel, b, block);
    if (is_compact(exponents_of(block), least)) {
      c->format->pack(block, least, to);
      to += c->weight.compact_bytes;
    } else {
      *raws++ = (int32_t)b;
      memcpy(to, raw_block(c, panel, b), (size_t)c->weight.raw_bytes);
      to += c->weight.raw_bytes;
    }
  }
}

int64_t PF_KERNEL(compact_compress)(pf_engine *engine, const linear_layer *layer, const compact_blocks *format,
                                    void *panels) {
  const pack_call call = {layer, format, compact_weight_at(panels, layer->n, layer->k, format)};
  pf_parallel_for(engine, call.weight.count, measure_panel, &call);
  int64_t raws = 0;
  for (int64_t panel = 0; panel < call.weight.count; panel++) {
    compact_panel *p = (compact_panel *)call.weight.panels + panel;
    raws += p->raws_end;
    if (raws > call.weight.most_raws || raws > INT32_MAX) return 0;
    p->raws_end = (int32_t)raws;
  }
  pf_parallel_for(engine, call.weight.count, pack_panel, &call);
  /* Unpacking the last vector reads a little behind it. */
  return begin_panel(&call.weight, call.weight.count).at + LINE_BYTES - (const char *)panels;
}

#endif
