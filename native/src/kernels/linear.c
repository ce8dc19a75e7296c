/*
 * Packed linear: y = activation(x W^T + bias) + residual, in the precision of its weight.
 *
 * What all precisions share: the header, the way of a call through input and output, the partition into tasks, and what
 * is done to sums. The inner loops are in linear_<precision>.c, each with its own account.
 */
#include "linear_tile.h"

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

/* What pf_linear prepares of its input at a time, and rows that it does not fall below for that. */
#define INPUT_BYTES (4 * 1024 * 1024)
#define LEAST_INPUT_ROWS 64

/* Tasks that a thread is given at least, where tiles are so fast that a panel is too little for one. */
#define TASKS 4

#define HEADER_BYTES 64
#define MAGIC 0x324c4650u /* "PFL2" */

typedef struct {
  uint32_t magic;
  int32_t isa; /* of float32, whose panels are as wide as its vectors; else 0 */
  int32_t precision, dense;
  int64_t n, k;
} header;

static header header_of(int64_t n, int64_t k, pf_precision precision, int dense) {
  const int32_t isa = dense || precision == PF_PRECISION_FP32 ? (int32_t)PF_ISA : 0;
  return (header){MAGIC, isa, (int32_t)precision, dense, n, k};
}

/* Sizes of a weight that the precision takes and whose bytes an int64_t counts. */
static int is_weight(int64_t n, int64_t k, pf_precision precision) {
  if (n < 1 || n > PF_MAX_DIMENSION || k < 1 || k > PF_MAX_DIMENSION) return 0;
  if (precision < PF_PRECISION_FP32 || precision > PF_PRECISION_INT4_128) return 0;
  if (precision == PF_PRECISION_INT8 && k > PF_MAX_INT8_FEATURES) return 0;
  return round_up(n, WIDE_PANEL) <= (INT64_MAX - HEADER_BYTES) / (int64_t)sizeof(float) / round_up(k, 128);
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
  switch (c->layer->precision) {
  case PF_PRECISION_FP32:
    break;
  case PF_PRECISION_BF16:
    PF_KERNEL(linear_bf16_prepare)(c->layer, c->x, c->rows, c->input, first, end);
    break;
  case PF_PRECISION_INT8:
    PF_KERNEL(linear_int8_prepare)(c->layer, c->x, c->rows, c->input, first, end);
    break;
  case PF_PRECISION_INT4:
  case PF_PRECISION_INT4_128:
    PF_KERNEL(linear_int4_prepare)(c->layer, c->x, c->rows, c->input, first, end);
    break;
  }
}

const void *PF_KERNEL(linear_prepare)(pf_engine *engine, const linear_layer *layer, const float *x, int64_t rows,
                                      void *workspace) {
  if (layer->precision == PF_PRECISION_FP32) return x;
  /* About 32 K floats a task: a small input stays on the caller's thread. */
  const int64_t block = layer->k < 32768 ? 32768 / layer->k : 1;
  const prepare_call call = {layer, x, workspace, rows, engine ? block : rows};
  if (engine)
    pf_parallel_for(engine, (rows + block - 1) / block, prepare_rows, &call);
  else
    prepare_rows(&call, 0, 0);
  return workspace;
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------ */

void PF_KERNEL(linear_compute)(const linear_share *share) {
  if (share->layer->dense) {
    PF_KERNEL(linear_dense_share)(share);
    return;
  }
  switch (share->layer->precision) {
  case PF_PRECISION_FP32:
    PF_KERNEL(linear_fp32_share)(share);
    break;
  case PF_PRECISION_BF16:
    PF_KERNEL(linear_bf16_share)(share);
    break;
  case PF_PRECISION_INT8:
    PF_KERNEL(linear_int8_share)(share);
    break;
  case PF_PRECISION_INT4:
    PF_KERNEL(linear_int4_share)(share, 32);
    break;
  case PF_PRECISION_INT4_128:
    PF_KERNEL(linear_int4_share)(share, 128);
    break;
  }
}

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
  const int float32 = layer->precision == PF_PRECISION_FP32;
  const int tiles = !float32 && rows > FEW_ROWS && (layer->extensions & PF_EXTENSION_AMX) != 0;
  const int64_t unit = float32 ? 1 : ROW_UNIT, panel = float32 ? PANEL : WIDE_PANEL;
  int64_t block = BLOCK_BYTES / (int64_t)sizeof(float) / layer->k;
  if (block < ROW_UNIT / 2) block = ROW_UNIT / 2;
  if (!float32) block = round_up(block * 2, unit);
  int64_t blocks = (rows + block - 1) / block;
  /* With rows enough every thread keeps to its own, which it then finds in its cache in the next layer; with few rows
   * the weights are what takes time, and every thread keeps to its own panels. */
  const int32_t threads = pf_engine_threads(engine);
  const int64_t split = float32 ? SPLIT_ROWS : 2 * ROW_UNIT;
  if (rows >= split * threads) blocks = (blocks + threads - 1) / threads * threads;
  const int64_t panels = (layer->n + panel - 1) / panel;
  const int64_t streams = !float32 ? linear_streams(rows) : layer->dense ? 1 : linear_fp32_streams(rows);
  int64_t part_panels = panels >= 2 * streams * threads ? streams : 1;
  if (tiles && part_panels < panels * blocks / (TASKS * threads)) part_panels = panels * blocks / (TASKS * threads);
  const linear_call call = {
      .layer = layer,
      .input = input,
      .residual = residual,
      .y = y,
      .rows = rows,
      .blocks = blocks,
      .unit = unit,
      .part_columns = part_panels * panel,
      .parts = (panels + part_panels - 1) / part_panels,
  };
  pf_parallel_for(engine, blocks * call.parts, run_task, &call);
}

/* ---- The call --------------------------------------------------------------------------------------------------- */

static int is_header(const void *packed, int64_t n, int64_t k, pf_precision precision, int dense) {
  header h;
  memcpy(&h, packed, sizeof h);
  const header expected = header_of(n, k, precision, dense);
  return memcmp(&h, &expected, sizeof h) == 0;
}

pf_status PF_KERNEL(linear_open)(const pf_engine *engine, const void *packed, const float *bias, int64_t n, int64_t k,
                                 pf_activation activation, linear_layer *layer) {
  if (n < 1 || n > PF_MAX_DIMENSION || k < 1 || k > PF_MAX_DIMENSION) return PF_ERROR_ARGUMENT;
  if (!packed || (uintptr_t)packed % PF_ALIGNMENT) return PF_ERROR_ARGUMENT;
  if (activation < PF_ACTIVATION_NONE || activation > PF_ACTIVATION_TANH) return PF_ERROR_ARGUMENT;
  header h;
  memcpy(&h, packed, sizeof h);
  const pf_precision precision = (pf_precision)h.precision;
  const uint32_t extensions = pf_engine_extensions(engine);
  const int dense = h.dense == 1;
  if (!is_weight(n, k, precision) || !is_header(packed, n, k, precision, dense)) return PF_ERROR_PACKED_WEIGHTS;
  if (dense && !PF_KERNEL(linear_dense_fits)(extensions, k, precision)) return PF_ERROR_PACKED_WEIGHTS;
  *layer = (linear_layer){.panels = (const char *)packed + HEADER_BYTES,
                          .bias = bias,
                          .n = n,
                          .k = k,
                          .precision = precision,
                          .dense = dense,
                          .extensions = extensions,
                          .activation = activation};
  return PF_OK;
}

static int64_t input_rows(int64_t tokens, int64_t k) {
  int64_t rows = INPUT_BYTES / PF_KERNEL(linear_input_bytes)(16, k) * 16;
  if (rows < LEAST_INPUT_ROWS) rows = LEAST_INPUT_ROWS;
  return min64(tokens, rows);
}

pf_status PF_KERNEL(linear_workspace_size)(int64_t tokens, int64_t k, pf_precision precision, int64_t *bytes) {
  if (!bytes || tokens < 0 || tokens > PF_MAX_DIMENSION || !is_weight(1, k, precision)) return PF_ERROR_ARGUMENT;
  *bytes = precision == PF_PRECISION_FP32 ? 0 : PF_KERNEL(linear_input_bytes)(input_rows(tokens, k), k);
  return PF_OK;
}

pf_status PF_KERNEL(linear)(pf_engine *engine, const float *x, const void *packed, const float *bias,
                            const float *residual, float *y, int64_t tokens, int64_t n, int64_t k,
                            pf_activation activation, void *workspace, int64_t workspace_bytes) {
  linear_layer layer;
  int64_t bytes;
  pf_status status = PF_KERNEL(linear_open)(engine, packed, bias, n, k, activation, &layer);
  if (status == PF_OK) status = PF_KERNEL(linear_workspace_size)(tokens, k, layer.precision, &bytes);
  if (status != PF_OK) return status;
  if (tokens > 0 && (!x || !y)) return PF_ERROR_ARGUMENT;
  if (bytes > 0 && (!workspace || (uintptr_t)workspace % PF_ALIGNMENT || workspace_bytes < bytes))
    return PF_ERROR_WORKSPACE;

  const int64_t rows = layer.precision == PF_PRECISION_FP32 ? tokens : input_rows(tokens, k);
  const int64_t chunks = tokens > 0 ? (tokens + rows - 1) / rows : 0;
  for (int64_t c = 0; c < chunks; c++) {
    const int64_t begin = tokens * c / chunks, count = tokens * (c + 1) / chunks - begin;
    const void *input = PF_KERNEL(linear_prepare)(engine, &layer, x + begin * k, count, workspace);
    PF_KERNEL(linear_run)(engine, &layer, input, residual ? residual + begin * n : NULL, y + begin * n, count);
  }
  return PF_OK;
}

void PF_KERNEL(linear_row)(const linear_layer *layer, int64_t feature, float *to) {
  switch (layer->precision) {
  case PF_PRECISION_FP32:
    PF_KERNEL(linear_fp32_row)(layer, feature, to);
    break;
  case PF_PRECISION_BF16:
    PF_KERNEL(linear_bf16_row)(layer, feature, to);
    break;
  case PF_PRECISION_INT8:
    PF_KERNEL(linear_int8_row)(layer, feature, to);
    break;
  case PF_PRECISION_INT4:
    PF_KERNEL(linear_int4_row)(layer, 32, feature, to);
    break;
  case PF_PRECISION_INT4_128:
    PF_KERNEL(linear_int4_row)(layer, 128, feature, to);
    break;
  }
}

/* ---- Packing ---------------------------------------------------------------------------------------------------- */

pf_status PF_KERNEL(linear_packed_size)(int64_t n, int64_t k, pf_precision precision, int64_t *bytes) {
  if (!bytes || !is_weight(n, k, precision)) return PF_ERROR_ARGUMENT;
  *bytes = HEADER_BYTES;
  switch (precision) {
  case PF_PRECISION_FP32:
    *bytes += PF_KERNEL(linear_fp32_bytes)(n, k);
    break;
  case PF_PRECISION_BF16:
    *bytes += PF_KERNEL(linear_bf16_bytes)(n, k);
    break;
  case PF_PRECISION_INT8:
    *bytes += PF_KERNEL(linear_int8_bytes)(n, k);
    break;
  case PF_PRECISION_INT4:
    *bytes += PF_KERNEL(linear_int4_bytes)(n, k, 32);
    break;
  case PF_PRECISION_INT4_128:
    *bytes += PF_KERNEL(linear_int4_bytes)(n, k, 128);
    break;
  }
  return PF_OK;
}

/* Where the panels begin. */
static void *write_header(void *packed, int64_t n, int64_t k, pf_precision precision, int dense) {
  const header h = header_of(n, k, precision, dense);
  memset(packed, 0, HEADER_BYTES);
  memcpy(packed, &h, sizeof h);
  return (char *)packed + HEADER_BYTES;
}

void PF_KERNEL(linear_pack_source)(pf_engine *engine, const linear_source *source, void *packed,
                                   pf_precision precision) {
  void *panels = write_header(packed, source->n, source->k, precision, 0);
  switch (precision) {
  case PF_PRECISION_FP32:
    PF_KERNEL(linear_fp32_pack)(engine, source, panels);
    break;
  case PF_PRECISION_BF16:
    PF_KERNEL(linear_bf16_pack)(engine, source, panels);
    break;
  case PF_PRECISION_INT8:
    PF_KERNEL(linear_int8_pack)(engine, source, panels);
    break;
  case PF_PRECISION_INT4:
    PF_KERNEL(linear_int4_pack)(engine, source, panels, 32);
    break;
  case PF_PRECISION_INT4_128:
    PF_KERNEL(linear_int4_pack)(engine, source, panels, 128);
    break;
  }
}

pf_status PF_KERNEL(linear_pack)(pf_engine *engine, const void *weight, pf_dtype dtype, void *packed, int64_t n,
                                 int64_t k, pf_precision precision) {
  if (!is_weight(n, k, precision) || dtype < PF_DTYPE_FP32 || dtype > PF_DTYPE_BF16) return PF_ERROR_ARGUMENT;
  if (!weight || !packed || (uintptr_t)packed % PF_ALIGNMENT) return PF_ERROR_ARGUMENT;
  const linear_source source = {.weight = weight, .dtype = dtype, .n = n, .k = k};
  PF_KERNEL(linear_pack_source)(engine, &source, packed, precision);
  return PF_OK;
}

pf_status PF_KERNEL(linear_dense_size)(const pf_engine *engine, int64_t n, int64_t k, pf_precision precision,
                                       int64_t *bytes) {
  const pf_status status = PF_KERNEL(linear_packed_size)(n, k, precision, bytes);
  if (status == PF_OK && !PF_KERNEL(linear_dense_fits)(pf_engine_extensions(engine), k, precision)) *bytes = 0;
  return status;
}

pf_status PF_KERNEL(linear_dense_pack)(pf_engine *engine, const void *packed, void *dense, int64_t n, int64_t k,
                                       int64_t *used) {
  linear_layer layer;
  const pf_status status = PF_KERNEL(linear_open)(engine, packed, NULL, n, k, PF_ACTIVATION_NONE, &layer);
  if (status != PF_OK) return status;
  if (layer.dense) return PF_ERROR_PACKED_WEIGHTS;
  if (!dense || (uintptr_t)dense % PF_ALIGNMENT) return PF_ERROR_ARGUMENT;
  if (!PF_KERNEL(linear_dense_fits)(layer.extensions, k, layer.precision)) return PF_ERROR_UNSUPPORTED;
  void *panels = write_header(dense, n, k, layer.precision, 1);
  const int64_t bytes = PF_KERNEL(linear_dense_panels)(engine, &layer, panels);
  if (bytes == 0) return PF_ERROR_UNSUPPORTED;
  if (used) *used = HEADER_BYTES + bytes;
  return PF_OK;
}

pf_status PF_KERNEL(linear_packed_check)(const void *packed, int64_t bytes, int64_t n, int64_t k,
                                         pf_precision precision) {
  int64_t needed;
  const pf_status status = PF_KERNEL(linear_packed_size)(n, k, precision, &needed);
  if (status != PF_OK) return status;
  if (!packed || (uintptr_t)packed % PF_ALIGNMENT) return PF_ERROR_ARGUMENT;
  return bytes < needed || !is_header(packed, n, k, precision, 0) ? PF_ERROR_PACKED_WEIGHTS : PF_OK;
}
