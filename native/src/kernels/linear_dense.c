/* What dense weights of every precision have in common (linear_dense.h): packing, and reading single rows. */
#include "linear_dense.h"

#if defined(VI_HAS_VBMI)

/* NULL for a precision that is never dense. */
static const dense_format *format_of(pf_precision precision) {
  switch (precision) {
  case PF_PRECISION_FP32:
    return &PF_KERNEL(dense_fp32);
  case PF_PRECISION_BF16:
    return &PF_KERNEL(dense_bf16);
  case PF_PRECISION_INT8:
  case PF_PRECISION_INT4:
  case PF_PRECISION_INT4_128:
    break;
  }
  return NULL;
}

/* Of a weight within a block. */
static int64_t place_of(const dense_format *format, int64_t feature, int64_t lane) {
  return (feature / format->pair * WIDE_PANEL + lane) * format->pair + feature % format->pair;
}

int PF_KERNEL(linear_dense_fits)(uint32_t extensions, int64_t k, pf_precision precision) {
  const dense_format *format = format_of(precision);
  return format && format->fits(extensions, k);
}

void PF_KERNEL(linear_dense_share)(const linear_share *s) { format_of(s->layer->precision)->share(s); }

void PF_KERNEL(linear_dense_features)(const linear_layer *layer, int64_t feature, int64_t first, int64_t count,
                                      float *to) {
  const dense_format *format = format_of(layer->precision);
  const dense_weight w = dense_weight_at(layer->panels, layer->n, layer->k, format);
  const int64_t panel = feature / WIDE_PANEL, lane = feature % WIDE_PANEL, end = first + count;
  const int32_t least = w.panels[panel].least;
  dense_cursor c = begin_panel(&w, panel);
  for (int64_t p = first; p < end;) {
    /* From block c.block on: a dense run, or one raw block. */
    const int64_t run = dense_run(&c, c.blocks), begin = c.block * BLOCK_FEATURES;
    const int64_t stop = min64(begin + (run > 0 ? run : 1) * BLOCK_FEATURES, end);
    if (run > 0) {
      if (p < stop) format->read(c.at, lane, least, p - begin, stop - p, to + (p - first));
      c.block += run;
      c.at += run * w.dense_bytes;
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
  const dense_format *format;
  dense_weight weight;
} pack_call;

static const char *raw_block(const pack_call *c, int64_t panel, int64_t block) {
  return (const char *)c->layer->panels + (panel * c->weight.panel_blocks + block) * c->weight.raw_bytes;
}

/* Behind the last output feature lies once more what it is: zeros would not be dense. */
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

static int is_dense(exponents block, int32_t least) { return block.least >= least && block.most < least + WINDOW; }

/* The window that has the most of a panel's exponents, and how many blocks have others: of this panel alone as yet. */
static void measure_panel(const void *context, int64_t panel, int32_t thread) {
  (void)thread;
  const pack_call *c = context;
  const int64_t blocks = c->weight.panel_blocks;
  /* Where the panel is going to be. */
  exponents *ranges = (exponents *)(c->weight.blocks + panel * blocks * c->weight.dense_bytes);
  int64_t counts[MOST_EXPONENT + 1] = {0};
  for (int64_t b = 0; b < blocks; b++) {
    float block[BLOCK_WEIGHTS];
    read_block(c, panel, b, block);
    for (int i = 0; i < BLOCK_WEIGHTS; i++) counts[exponent_of(block[i])]++;
    ranges[b] = exponents_of(block);
  }
  dense_panel found = {0, 0};
  int64_t most = -1;
  for (int32_t least = 0; least + WINDOW - 1 <= MOST_EXPONENT; least += c->format->alignment) {
    int64_t within = 0;
    for (int i = 0; i < WINDOW; i++) within += counts[least + i];
    if (within <= most) continue;
    most = within;
    found.least = least;
  }
  for (int64_t b = 0; b < blocks; b++) found.raws_end += !is_dense(ranges[b], found.least);
  ((dense_panel *)c->weight.panels)[panel] = found;
}

static void pack_panel(const void *context, int64_t panel, int32_t thread) {
  (void)thread;
  const pack_call *c = context;
  const int32_t least = c->weight.panels[panel].least;
  const dense_cursor begin = begin_panel(&c->weight, panel);
  int32_t *raws = (int32_t *)begin.raws;
  char *to = (char *)begin.at;
  for (int64_t b = 0; b < begin.blocks; b++) {
    float block[BLOCK_WEIGHTS];
    read_block(c, panel, b, block);
    if (is_dense(exponents_of(block), least)) {
      c->format->pack(block, least, to);
      to += c->weight.dense_bytes;
    } else {
      *raws++ = (int32_t)b;
      memcpy(to, raw_block(c, panel, b), (size_t)c->weight.raw_bytes);
      to += c->weight.raw_bytes;
    }
  }
}

int64_t PF_KERNEL(linear_dense_panels)(pf_engine *engine, const linear_layer *layer, void *panels) {
  const dense_format *format = format_of(layer->precision);
  const pack_call call = {layer, format, dense_weight_at(panels, layer->n, layer->k, format)};
  pf_parallel_for(engine, call.weight.count, measure_panel, &call);
  int64_t raws = 0;
  for (int64_t panel = 0; panel < call.weight.count; panel++) {
    dense_panel *p = (dense_panel *)call.weight.panels + panel;
    raws += p->raws_end;
    if (raws > call.weight.most_raws || raws > INT32_MAX) return 0;
    p->raws_end = (int32_t)raws;
  }
  pf_parallel_for(engine, call.weight.count, pack_panel, &call);
  /* Unpacking the last vector reads a little behind it. */
  return begin_panel(&call.weight, call.weight.count).at + LINE_BYTES - (const char *)panels;
}

#else

int PF_KERNEL(linear_dense_fits)(uint32_t extensions, int64_t k, pf_precision precision) {
  (void)extensions;
  (void)k;
  (void)precision;
  return 0;
}

int64_t PF_KERNEL(linear_dense_panels)(pf_engine *engine, const linear_layer *layer, void *panels) {
  (void)engine;
  (void)layer;
  (void)panels;
  return 0;
}

/* Nothing is dense here. */
void PF_KERNEL(linear_dense_share)(const linear_share *s) { (void)s; }

void PF_KERNEL(linear_dense_features)(const linear_layer *layer, int64_t feature, int64_t first, int64_t count,
                                      float *to) {
  (void)layer;
  (void)feature;
  (void)first;
  (void)count;
  (void)to;
}

#endif
