/*
 * A format of packed weights: how they lie in memory, and the functions that pack them, prepare an input for them, and
 * multiply by them.
 *
 * Each precision has a format, and a precision whose weights can also be compact has a second one. A format is defined
 * in its own file, linear_<format>.c, which ends in its table of functions. linear.c lists all formats, finds that of a
 * weight by the weight's header, and knows nothing else about them.
 */
#ifndef PF_LINEAR_FORMAT_H
#define PF_LINEAR_FORMAT_H

#include "kernels/kernel.h"
#include "linear.h"

/* A weight that is to be packed. */
typedef struct linear_source {
  const void *weight; /* [n, k], or what `read` takes */
  pf_dtype dtype;
  int64_t n, k;
  /* Reads some input features of an output feature, where they do not lie in an array [n, k]; else NULL. */
  void (*read)(const struct linear_source *source, int64_t feature, int64_t first, int64_t count, float *to);
} linear_source;

/* What the header of a packed weight has for its layout. */
typedef enum { PLAIN_LAYOUT = 0, COMPACT_LAYOUT = 1 } linear_layout;

/*
 * How linear_run cuts y into tasks. A block is some rows, and a task is a few panels for one block. No result depends
 * on it, only the time that a call takes.
 */
typedef struct {
  int64_t panel;        /* output features of a panel */
  int64_t row_unit;     /* blocks begin at multiples of so many rows */
  int64_t block_factor; /* rows of a block, in multiples of what float32 would have */
  int64_t split_rows;   /* with so many rows for every thread, threads share out the rows instead of the panels */
  int64_t (*streams)(int64_t rows); /* panels that a task reads side by side */
  int uses_amx; /* many rows are multiplied by the tiles of AMX where the CPU has them, so that tasks are larger */
} linear_partition;

typedef struct linear_format {
  pf_precision precision;
  linear_layout layout;
  pf_isa isa;            /* the instruction set that the layout belongs to; PF_ISA_AUTO if all have the same */
  int64_t most_features; /* k at most */
  linear_partition partition;

  /* Whether an engine with these PF_EXTENSION_ flags has the format for this k. NULL: every engine, for every k. */
  int (*fits)(uint32_t extensions, int64_t k);

  /* ---- Packing: bytes and panels are those behind the header ---- */

  int64_t (*bytes)(int64_t n, int64_t k);
  void (*pack)(pf_engine *engine, const linear_source *source, void *panels);
  /*
   * In place of these two, a compact format has this one. It packs a weight of the same precision in the plain layout
   * and returns how many bytes that took, at most as many as before; or 0, with nothing of use written, for a weight
   * that is better left as it is.
   */
  int64_t (*compress)(pf_engine *engine, const linear_layer *plain, void *panels);

  /* ---- Computing ---- */

  /* Prepares rows first .. end - 1 of an input of `rows` rows. NULL: the input is taken as it is, as floats. */
  void (*prepare)(const linear_layer *layer, const float *x, int64_t rows, void *input, int64_t first, int64_t end);
  /* Computes a share of y on this thread. */
  void (*compute)(const linear_share *share);

  /* ---- Reading weights back, as the floats that they stand for ---- */

  /* Input features first .. first + count - 1 of an output feature; NULL where only all of them can be read. */
  void (*features)(const linear_layer *layer, int64_t feature, int64_t first, int64_t count, float *to);
  /* All input features of an output feature; NULL where there is `features`. */
  void (*row)(const linear_layer *layer, int64_t feature, float *to);
} linear_format;

extern const linear_format PF_KERNEL(linear_fp32);
extern const linear_format PF_KERNEL(linear_bf16);
extern const linear_format PF_KERNEL(linear_int8);
extern const linear_format PF_KERNEL(linear_int4);
extern const linear_format PF_KERNEL(linear_int4_128);
#if defined(VI_HAS_VBMI)
extern const linear_format PF_KERNEL(linear_fp32_compact);
extern const linear_format PF_KERNEL(linear_bf16_compact);
#endif

/* Writes a header and what follows it, in a precision that takes a weight of this size. */
void PF_KERNEL(linear_pack_source)(pf_engine *engine, const linear_source *source, void *packed,
                                   pf_precision precision);

#endif
