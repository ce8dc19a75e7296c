/*
 * Packed linear: y = activation(x W^T + bias) + residual, in the precision of its weight.
 *
 * This file has what all formats of weights share: the list of formats, the header of a packed weight, the way of a
 * call from its input to its output, the partition into tasks, and what is done to the sums. The inner loops are in
 * linear_<format>.c, and each of these files says what it achieves.
 */
#include "linear_tile.h"

/*
 * x is cut so that its rows stay in the second-level cache while the panels pass by. ViT-B/16 at one image, whose 197
 * rows are then one block, on one core with 2 MiB of it: 384 -> 768 KiB takes 6 % off, 1152 KiB no more.
 */
#define BLOCK_BYTES (768 * 1024)

/* What pf_linear prepares of its input at a time, and rows that it does not fall below for that. */
#define INPUT_BYTES (4 * 1024 * 1024)
#define LEAST_INPUT_ROWS 64

/* Tasks that a thread is given at least, where tiles are so fast that a panel is too little for one. */
#define TASKS 4

/* ---- Formats and headers ---------------------------------------------------------------------------------------- */

/* Every format of this instruction set. */
static const linear_format *const formats[] = {
    &PF_KERNEL(linear_fp32),         &PF_KERNEL(linear_bf16),         &PF_KERNEL(linear_int8),
    &PF_KERNEL(linear_int4),         &PF_KERNEL(linear_int4_128),
#if defined(VI_HAS_VBMI)
    &PF_KERNEL(linear_fp32_compact), &PF_KERNEL(linear_bf16_compact),
#endif
};

/* NULL where there is no such format. */
static const linear_format *format_of(pf_precision precision, int32_t layout) {
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    if (formats[i]->precision == precision && (int32_t)formats[i]->layout == layout) return formats[i];
  }
  return NULL;
}

/* The compact format of a precision; NULL where an engine with these extensions has none for this k. */
static const linear_format *compact_format_of(pf_precision precision, uint32_t extensions, int64_t k) {
  const linear_format *format = format_of(precision, COMPACT_LAYOUT);
  return format && format->fits(extensions, k) ? format : NULL;
}

/* Whether the format takes a weight of this size, and an int64_t counts its bytes. */
static int is_weight(const linear_format *format, int64_t n, int64_t k) {
  return format && is_extent(n) && is_extent(k) && k <= format->most_features &&
         round_up(n, WIDE_PANEL) <= (INT64_MAX - PF_PACKED_HEADER_BYTES) / (int64_t)sizeof(float) / round_up(k, 128);
}

/* What a packed weight begins with, followed by zeros up to PF_PACKED_HEADER_BYTES. */
typedef struct {
  uint32_t magic;
  int32_t isa; /* 0 where the panels are the same for every instruction set */
  int32_t precision, layout;
  int64_t n, k;
} header;

static header header_of(const linear_format *format, int64_t n, int64_t k) {
  return (header){PF_PACKED_MAGIC, (int32_t)format->isa, (int32_t)format->precision, (int32_t)format->layout, n, k};
}

static header read_header(const void *packed) {
  header h;
  memcpy(&h, packed, sizeof h);
  return h;
}

static int is_header(const header *h, const linear_format *format, int64_t n, int64_t k) {
  const header expected = header_of(format, n, k);
  return memcmp(h, &expected, sizeof expected) == 0;
}

/* Returns where the panels begin. */
static void *write_header(void *packed, const linear_format *format, int64_t n, int64_t k) {
  const header h = header_of(format, n, k);
  memset(packed, 0, PF_PACKED_HEADER_BYTES);
  memcpy(packed, &h, sizeof h);
  return (char *)packed + PF_PACKED_HEADER_BYTES;
}

/* ---- Activation, bias and residual ------------------------------------------------------------------------------ */

static inline __attribute__((always_inline)) void finish_with(const linear_layer *layer, const tile_output *out,
                                                              const float *sums, int64_t width,
                                                              const pf_activation activation) {
  for (int64_t i = 0; i < out->rows; i++) {
    for (int64_t j = 0; j < out->columns; j += VF_WIDTH) {
      const int64_t lanes = min64(out->columns - j, VF_WIDTH), at = i * out->stride + j;
      vf v = vf_load(sums + i * width + j);
      if (lanes == VF_WIDTH) {
        if (out->bias) v = vf_add(v, vf_load(out->bias + j));
        v = vf_activate(v, activation);
        if (out->residual) v = add_residual(layer, v, vf_load(out->residual + at));
        vf_store(out->y + at, v);
      } else {
        if (out->bias) v = vf_add(v, vf_load_first(out->bias + j, lanes));
        v = vf_activate(v, activation);
        if (out->residual) v = add_residual(layer, v, vf_load_first(out->residual + at, lanes));
        vf_store_first(out->y + at, v, lanes);
      }
    }
  }
}

void PF_KERNEL(linear_finish)(const linear_layer *layer, const tile_output *out, const float *sums, int64_t width) {
#define FINISH(activation)                                                                                             \
  case activation:                                                                                                     \
    finish_with(layer, out, sums, width, activation);                                                                  \
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

/* ---- The input -------------------------------------------------------------------------------------------------- */

int64_t PF_KERNEL(linear_input_bytes)(int64_t rows, int64_t k) {
  /* Rounded floats are the most; 64 bytes a row are there for scales. */
  return round_up(rows, 16) * (round_up(k, 128) * (int64_t)sizeof(float) + 64);
}

typedef struct {
  const linear_layer *layer;
  const float *x;
  void *input;
  int64_t rows, block;
} prepare_call;

static void prepare_rows(const void *context, int64_t task, int32_t thread) {
  (void)thread;
  const prepare_call *c = context;
  const int64_t first = task * c->block, end = min64(first + c->block, c->rows);
  c->layer->format->prepare(c->layer, c->x, c->rows, c->input, first, end);
}

const void *PF_KERNEL(linear_prepare)(pf_engine *engine, const linear_layer *layer, const float *x, int64_t rows,
                                      void *workspace) {
  if (!layer->format->prepare) return x;
  /* About 32 K floats a task: a small input stays on the caller's thread. */
  const int64_t block = layer->k < 32768 ? 32768 / layer->k : 1;
  const prepare_call call = {layer, x, workspace, rows, engine ? block : rows};
  if (engine)
    pf_parallel_for(engine, ceil_div(rows, block), prepare_rows, &call);
  else
    prepare_rows(&call, 0, 0);
  return workspace;
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------ */

void PF_KERNEL(linear_compute)(const linear_share *share) { share->layer->format->compute(share); }

typedef struct {
  const linear_layer *layer;
  const void *input;
  const float *residual;
  float *y;
  int64_t rows, blocks, unit;  /* of rows */
  int64_t part_columns, parts; /* of the output features */
} linear_call;

static int64_t block_begin(const linear_call *c, int64_t block) {
  return min64(round_up(c->rows * block / c->blocks, c->unit), c->rows);
}

/* A few panels for one block of rows; panels vary fastest, so that neighbouring tasks share rows of x. */
static void run_task(const void *context, int64_t task, int32_t thread) {
  (void)thread;
  const linear_call *c = context;
  const int64_t n = c->layer->n, part = task % c->parts, block = task / c->parts;
  const int64_t begin = block_begin(c, block), column = part * c->part_columns, at = begin * n + column;
  const linear_share share = {
      .layer = c->layer,
      .input = c->input,
      .input_rows = c->rows,
      .row = begin,
      .rows = block_begin(c, block + 1) - begin,
      .column = column,
      .end = min64(column + c->part_columns, n),
      .residual = c->residual ? c->residual + at : NULL,
      .y = c->y + at,
      .stride = n,
  };
  if (share.rows > 0) PF_KERNEL(linear_compute)(&share);
}

void PF_KERNEL(linear_run)(pf_engine *engine, const linear_layer *layer, const void *input, const float *residual,
                           float *y, int64_t rows) {
  if (rows == 0) return;
  const linear_partition *partition = &layer->format->partition;
  int64_t block = max64(BLOCK_BYTES / (int64_t)sizeof(float) / layer->k, ROW_UNIT / 2);
  block = round_up(block * partition->block_factor, partition->row_unit);
  int64_t blocks = ceil_div(rows, block);
  /* With rows enough every thread keeps to its own, which it then finds in its cache in the next layer; with few rows
   * the weights are what takes time, and every thread keeps to its own panels. */
  const int32_t threads = pf_engine_threads(engine);
  if (rows >= partition->split_rows * threads) blocks = round_up(blocks, threads);
  const int64_t panels = ceil_div(layer->n, partition->panel), streams = partition->streams(rows);
  const int tiles = partition->uses_amx && rows > FEW_ROWS && (layer->extensions & PF_EXTENSION_AMX) != 0;
  int64_t part_panels = panels >= 2 * streams * threads ? streams : 1;
  if (tiles) part_panels = max64(part_panels, panels * blocks / (TASKS * threads));
  const linear_call call = {
      .layer = layer,
      .input = input,
      .residual = residual,
      .y = y,
      .rows = rows,
      .blocks = blocks,
      .unit = partition->row_unit,
      .part_columns = part_panels * partition->panel,
      .parts = ceil_div(panels, part_panels),
  };
  pf_parallel_for(engine, blocks * call.parts, run_task, &call);
}

/* ---- The call --------------------------------------------------------------------------------------------------- */

pf_status PF_KERNEL(linear_open)(const pf_engine *engine, const void *packed, const float *bias, int64_t n, int64_t k,
                                 pf_activation activation, linear_layer *layer) {
  if (!is_extent(n) || !is_extent(k)) return PF_ERROR_ARGUMENT;
  if (!is_aligned(packed) || !is_activation(activation)) return PF_ERROR_ARGUMENT;
  const header h = read_header(packed);
  const linear_format *format = format_of((pf_precision)h.precision, h.layout);
  const uint32_t extensions = pf_engine_extensions(engine);
  if (!is_weight(format, n, k) || !is_header(&h, format, n, k)) return PF_ERROR_PACKED_WEIGHTS;
  if (format->fits && !format->fits(extensions, k)) return PF_ERROR_PACKED_WEIGHTS;
  *layer = (linear_layer){.panels = (const char *)packed + PF_PACKED_HEADER_BYTES,
                          .bias = bias,
                          .n = n,
                          .k = k,
                          .format = format,
                          .extensions = extensions,
                          .activation = activation};
  return PF_OK;
}

/* Rows that pf_linear prepares at a time. */
static int64_t input_rows(int64_t tokens, int64_t k) {
  const int64_t rows = INPUT_BYTES / PF_KERNEL(linear_input_bytes)(16, k) * 16;
  return min64(tokens, max64(rows, LEAST_INPUT_ROWS));
}

static int64_t workspace_bytes_of(const linear_format *format, int64_t tokens, int64_t k) {
  return format->prepare ? PF_KERNEL(linear_input_bytes)(input_rows(tokens, k), k) : 0;
}

pf_status PF_KERNEL(linear_workspace_size)(const pf_engine *engine, int64_t tokens, int64_t k, pf_precision precision,
                                           int64_t *bytes) {
  (void)engine;
  const linear_format *format = format_of(precision, PLAIN_LAYOUT);
  if (!is_count(tokens) || !is_weight(format, 1, k)) return PF_ERROR_ARGUMENT;
  *bytes = workspace_bytes_of(format, tokens, k);
  return PF_OK;
}

pf_status PF_KERNEL(linear)(pf_engine *engine, const float *x, const void *packed, const float *bias,
                            const float *residual, float *y, int64_t tokens, int64_t n, int64_t k,
                            pf_activation activation, void *workspace, int64_t workspace_bytes) {
  linear_layer layer;
  const pf_status status = PF_KERNEL(linear_open)(engine, packed, bias, n, k, activation, &layer);
  if (status != PF_OK) return status;
  if (!is_count(tokens) || (tokens > 0 && (!x || !y))) return PF_ERROR_ARGUMENT;
  const int64_t bytes = workspace_bytes_of(layer.format, tokens, k);
  if (bytes > 0 && !is_workspace(workspace, workspace_bytes, bytes)) return PF_ERROR_WORKSPACE;

  const int64_t rows = layer.format->prepare ? input_rows(tokens, k) : tokens;
  const int64_t chunks = tokens > 0 ? ceil_div(tokens, rows) : 0;
  for (int64_t c = 0; c < chunks; c++) {
    const int64_t begin = tokens * c / chunks, count = tokens * (c + 1) / chunks - begin;
    const void *input = PF_KERNEL(linear_prepare)(engine, &layer, x + begin * k, count, workspace);
    PF_KERNEL(linear_run)(engine, &layer, input, residual ? residual + begin * n : NULL, y + begin * n, count);
  }
  return PF_OK;
}

void PF_KERNEL(linear_row)(const linear_layer *layer, int64_t feature, float *to) {
  if (layer->format->features)
    layer->format->features(layer, feature, 0, layer->k, to);
  else
    layer->format->row(layer, feature, to);
}

/* ---- Packing ---------------------------------------------------------------------------------------------------- */

pf_status PF_KERNEL(linear_packed_size)(const pf_engine *engine, int64_t n, int64_t k, pf_precision precision,
                                        int64_t *bytes) {
  (void)engine;
  const linear_format *format = format_of(precision, PLAIN_LAYOUT);
  if (!is_weight(format, n, k)) return PF_ERROR_ARGUMENT;
  *bytes = PF_PACKED_HEADER_BYTES + format->bytes(n, k);
  return PF_OK;
}

void PF_KERNEL(linear_pack_source)(pf_engine *engine, const linear_source *source, void *packed,
                                   pf_precision precision) {
  const linear_format *format = format_of(precision, PLAIN_LAYOUT);
  format->pack(engine, source, write_header(packed, format, source->n, source->k));
}

pf_status PF_KERNEL(linear_pack)(pf_engine *engine, const void *weight, pf_dtype dtype, void *packed, int64_t n,
                                 int64_t k, pf_precision precision) {
  if (!is_weight(format_of(precision, PLAIN_LAYOUT), n, k)) return PF_ERROR_ARGUMENT;
  if (dtype < PF_DTYPE_FP32 || dtype > PF_DTYPE_BF16) return PF_ERROR_ARGUMENT;
  if (!weight || !is_aligned(packed)) return PF_ERROR_ARGUMENT;
  const linear_source source = {.weight = weight, .dtype = dtype, .n = n, .k = k};
  PF_KERNEL(linear_pack_source)(engine, &source, packed, precision);
  return PF_OK;
}

pf_status PF_KERNEL(linear_compact_size)(const pf_engine *engine, int64_t n, int64_t k, pf_precision precision,
                                         int64_t *bytes) {
  const pf_status status = PF_KERNEL(linear_packed_size)(engine, n, k, precision, bytes);
  if (status == PF_OK && !compact_format_of(precision, pf_engine_extensions(engine), k)) *bytes = 0;
  return status;
}

pf_status PF_KERNEL(linear_compact_pack)(pf_engine *engine, const void *packed, void *compact, int64_t n, int64_t k,
                                         int64_t *used) {
  linear_layer layer;
  const pf_status status = PF_KERNEL(linear_open)(engine, packed, NULL, n, k, PF_ACTIVATION_NONE, &layer);
  if (status != PF_OK) return status;
  if (layer.format->layout == COMPACT_LAYOUT) return PF_ERROR_PACKED_WEIGHTS;
  if (!is_aligned(compact)) return PF_ERROR_ARGUMENT;
  const linear_format *format = compact_format_of(layer.format->precision, layer.extensions, k);
  if (!format) return PF_ERROR_UNSUPPORTED;
  const int64_t bytes = format->compress(engine, &layer, write_header(compact, format, n, k));
  if (bytes == 0) return PF_ERROR_UNSUPPORTED;
  if (used) *used = PF_PACKED_HEADER_BYTES + bytes;
  return PF_OK;
}

pf_status PF_KERNEL(linear_packed_check)(const pf_engine *engine, const void *packed, int64_t bytes, int64_t n,
                                         int64_t k, pf_precision precision) {
  int64_t needed;
  const pf_status status = PF_KERNEL(linear_packed_size)(engine, n, k, precision, &needed);
  if (status != PF_OK) return status;
  if (!is_aligned(packed)) return PF_ERROR_ARGUMENT;
  if (bytes < needed) return PF_ERROR_PACKED_WEIGHTS;
  const header h = read_header(packed);
  return is_header(&h, format_of(precision, PLAIN_LAYOUT), n, k) ? PF_OK : PF_ERROR_PACKED_WEIGHTS;
}
