/* What the files of the packed linear's formats share. */
#ifndef PF_LINEAR_TILE_H
#define PF_LINEAR_TILE_H

#include <math.h>
#include <string.h>

#include "cpu.h"
#include "linear_format.h"

/* Up to so many rows are few: a product then takes as long as it takes to read the weights. */
#define FEW_ROWS 8
/* The most panels that are read side by side for few rows. */
#define STREAMS 4
/* Steps along k between two looks at what to fetch. */
#define FETCH_STEPS 16
#define LINE_BYTES 64

/* Panels that are read side by side in all formats but those of float32; 1: one after another. */
static inline int64_t wide_streams(int64_t rows) {
#if VF_REGISTERS == 32
  return rows <= FEW_ROWS ? STREAMS : 1;
#else
  return rows == 1 ? STREAMS : rows <= FEW_ROWS ? 2 : 1;
#endif
}

/*
 * How far ahead of its use few rows that are multiplied by dot products fetch their panel. Measured on Zen 5 with
 * weights beyond the second-level cache: 8 rows of 768 x 768 in int8 take 24 us with 4 KiB ahead, 15 us with 8 KiB and
 * 13 us with 16 KiB; one to four rows of 768 x 3072 on one thread 2 to 7 % less with 8 KiB than with 16 KiB in int8, 4
 * to 7 % less for one and two rows and 3 % more for four in int4, the same on two threads; 32 KiB, most of the
 * first-level cache, is worse for few. Panels side by side lose: a step of GPT-2 of one row read at 78 % of the probe
 * in bf16, 77 % in int8 and 70 % in int4 with four of them, at 89, 74 and 68 % with two, at 93, 85 and 81 % with one.
 */
#define DOT_AHEAD_BYTES 8192

static inline vf add_residual(const linear_layer *layer, vf v, vf residual) {
  return layer->multiplies ? vf_mul(v, residual) : vf_add(v, residual);
}

/*
 * Rows that a thread needs for itself to be better off with them than with panels: with its own rows it reads all of
 * the weights. From memory, on two threads, 64 rows: 28 -> 96 takes 57 -> 77 % of the FMA peak, 128 rows 80 -> 86 %;
 * where the weights stay in the second-level cache both take 87 %.
 */
#ifndef SPLIT_ROWS
#define SPLIT_ROWS 96
#endif

/* The partition of formats of float32, and of all others. */
#define FP32_PARTITION(streams_of_rows)                                                                                \
  {.panel = PANEL, .row_unit = 1, .block_factor = 1, .split_rows = SPLIT_ROWS, .streams = streams_of_rows}
#define WIDE_PARTITION                                                                                                 \
  {.panel = WIDE_PANEL,                                                                                                \
   .row_unit = ROW_UNIT,                                                                                               \
   .block_factor = 2,                                                                                                  \
   .split_rows = 2 * ROW_UNIT,                                                                                         \
   .streams = wide_streams,                                                                                            \
   .uses_amx = 1}

/* Where a tile's sums go. */
typedef struct {
  const float *bias;     /* [columns] or NULL */
  const float *residual; /* or NULL */
  float *y;
  int64_t stride; /* of rows of residual and y */
  int64_t rows, columns;
} tile_output;

/* Rows x columns of a share from `row` and `column` on, both counted in the whole of the output. */
static inline tile_output output_of(const linear_share *s, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  const int64_t at = (row - s->row) * s->stride + column - s->column;
  return (tile_output){.bias = s->layer->bias ? s->layer->bias + column : NULL,
                       .residual = s->residual ? s->residual + at : NULL,
                       .y = s->y + at,
                       .stride = s->stride,
                       .rows = rows,
                       .columns = min64(s->end - column, columns)};
}

/* The same rows of the next panel. */
static inline void next_panel(tile_output *out) {
  if (out->bias) out->bias += WIDE_PANEL;
  if (out->residual) out->residual += WIDE_PANEL;
  out->y += WIDE_PANEL;
}

/* Bias, activation and residual over the sums of a tile, [rows][width], width a multiple of VF_WIDTH. */
void PF_KERNEL(linear_finish)(const linear_layer *layer, const tile_output *out, const float *sums, int64_t width);

static inline float bits_to_float(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* Every half is a float: its exponent is shifted by a product, which is exact, subnormal numbers included. */
static inline float half_to_float(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16, magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00) return bits_to_float(sign | 0x7f800000 | magnitude << 13);
  return bits_to_float(sign | 0x3f800000) * (bits_to_float(magnitude << 13) * 0x1p112f);
}

/* Input features first .. first + count - 1 of one output feature. */
static inline void read_source(const linear_source *source, int64_t feature, int64_t first, int64_t count, float *to) {
  if (source->read) {
    source->read(source, feature, first, count, to);
    return;
  }
  const int64_t at = feature * source->k + first;
  switch (source->dtype) {
  case PF_DTYPE_FP32:
    memcpy(to, (const float *)source->weight + at, (size_t)count * sizeof *to);
    break;
  case PF_DTYPE_FP16:
    for (int64_t i = 0; i < count; i++) to[i] = half_to_float(((const uint16_t *)source->weight)[at + i]);
    break;
  case PF_DTYPE_BF16:
    for (int64_t i = 0; i < count; i++)
      to[i] = bits_to_float((uint32_t)((const uint16_t *)source->weight)[at + i] << 16);
    break;
  }
}

/* Four bytes, wherever they lie. */
static inline int32_t load_bytes(const void *p) {
  int32_t bytes;
  memcpy(&bytes, p, sizeof bytes);
  return bytes;
}

/* What input features of bfloat16 are padded to: a row of AMX's tiles. */
#define BF16_UNIT PF_PACKED_BF16_FEATURES

/* The input of both formats of bfloat16; linear_format.prepare. */
void PF_KERNEL(linear_bf16_prepare)(const linear_layer *layer, const float *x, int64_t rows, void *input, int64_t first,
                                    int64_t end);

/* Rounds values to the nearest bfloat16, as the input of linear_bf16.c is. */
void PF_KERNEL(linear_bf16_round)(const float *x, int64_t count, float *to);

/*
 * Both read codes of int8 back as the values that they stand for: those of an output feature's weight, and those of a
 * row of a prepared input. They read a piece, which is INT8_PIECE input features from a multiple of INT8_PIECE on, or
 * half as many at the end, and return how many. Features behind the k-th are among them: they are 0 before they become
 * codes, and are multiplied like all others.
 */
#define INT8_PIECE PF_PACKED_INT8_ROTATED
int64_t PF_KERNEL(linear_int8_piece)(const linear_layer *layer, int64_t feature, int64_t p, float *values);
int64_t PF_KERNEL(linear_int8_input_piece)(const linear_layer *layer, const void *input, int64_t rows, int64_t row,
                                           int64_t p, float *values);

/*
 * Where byte `at` of a row lies in a prepared input; `at` is a multiple of four. Rows follow one another, unless they
 * are multiplied by the tiles of AMX. For those they are `blocked`: [rows/16][row_bytes/64][16][64], tile after tile.
 */
static inline char *input_at(void *input, int blocked, int64_t row_bytes, int64_t row, int64_t at) {
  if (!blocked) return (char *)input + row * row_bytes + at;
  return (char *)input + (row & ~(int64_t)15) * row_bytes + at / 64 * 1024 + (row & 15) * 64 + at % 64;
}

#endif
