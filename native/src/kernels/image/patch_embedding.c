/*
 * Patch embedding: y = patch W^T + bias + position for every patch of an image.
 *
 * FLOPs 2 patches n k; bytes 4 (pixels + n k + patches n). A task gathers the patches that its share of y needs into
 * rows that stay in the second-level cache, and runs the packed linear over them on its own thread: the whole image is
 * never unfolded, and where patches do not overlap each pixel is read once.
 *
 * Tried and lost: a linear that reads x where it lies. A patch is strips of a few floats, each far from the next, and
 * the broadcasts of the inner loop want one address.
 */
#include <string.h>

#include "kernels/kernel.h"
#include "kernels/linear/linear.h"

/* Patches of a task at most, a multiple of the linear's tallest tile, and what their rows may take. */
#define TASK_PATCHES 56
#define TASK_BYTES (384 * 1024)
/* Patches that a task is not split below for the sake of more threads. */
#define LEAST_PATCHES 14

typedef struct {
  const pf_patch_embedding_params *params;
  linear_layer layer;
  int64_t k, patches, blocks; /* of an image */
  int64_t thread_bytes;
} patch_call;

static int64_t task_patches(int64_t k) {
  const int64_t rows = TASK_BYTES / (int64_t)sizeof(float) / k;
  return rows > TASK_PATCHES ? TASK_PATCHES : max64(rows, LEAST_PATCHES);
}

/* A task's gathered rows; behind them is room for them as the linear takes them. */
static int64_t row_bytes(int64_t k) { return round_up(task_patches(k) * k * (int64_t)sizeof(float), PF_ALIGNMENT); }

/* `count` pixels of `width` values from a line of `size` of them, those outside 0. */
static void copy_strip(const float *line, int64_t size, int64_t first, int64_t count, int64_t width, float *to) {
  const int64_t begin = min64(max64(-first, 0), count), end = max64(min64(size - first, count), begin);
  if (begin > 0) memset(to, 0, (size_t)(begin * width) * sizeof *to);
  if (end > begin)
    memcpy(to + begin * width, line + (first + begin) * width, (size_t)((end - begin) * width) * sizeof *to);
  if (count > end) memset(to + end * width, 0, (size_t)((count - end) * width) * sizeof *to);
}

static void gather(const pf_patch_embedding_params *p, const float *image, int64_t patch, float *to) {
  const int64_t top = patch / p->grid_width * p->stride_height - p->padding;
  const int64_t left = patch % p->grid_width * p->stride_width - p->padding;
  const int64_t planes = p->channels_last ? 1 : p->channels, width = p->channels_last ? p->channels : 1;
  for (int64_t plane = 0; plane < planes; plane++) {
    for (int64_t i = 0; i < p->patch_height; i++, to += p->patch_width * width) {
      const int64_t row = top + i;
      if (row < 0 || row >= p->height)
        memset(to, 0, (size_t)(p->patch_width * width) * sizeof *to);
      else
        copy_strip(image + (plane * p->height + row) * p->width * width, p->width, left, p->patch_width, width, to);
    }
  }
}

static void run_task(const void *context, int64_t task, int32_t thread) {
  const patch_call *c = context;
  const pf_patch_embedding_params *p = c->params;
  const int64_t block = task % c->blocks, image = task / c->blocks;
  const int64_t first = c->patches * block / c->blocks, end = c->patches * (block + 1) / c->blocks;
  float *rows = (float *)((char *)p->workspace + thread * c->thread_bytes);
  for (int64_t patch = first; patch < end; patch++)
    gather(p, p->x + image * p->channels * p->height * p->width, patch, rows + (patch - first) * c->k);
  float *y = p->y + image * p->y_image_stride + first * p->n;
  const linear_share share = {
      .layer = &c->layer,
      .input = PF_KERNEL(linear_prepare)(NULL, &c->layer, rows, end - first, (char *)rows + row_bytes(c->k)),
      .input_rows = end - first,
      .rows = end - first,
      .end = p->n,
      .y = y,
      .stride = p->n,
  };
  PF_KERNEL(linear_compute)(&share);
  if (!p->positions) return;
  const float *positions = p->positions + first * p->n;
  const int64_t count = (end - first) * p->n;
  int64_t i = 0;
  for (; i + VF_WIDTH <= count; i += VF_WIDTH) vf_store(y + i, vf_add(vf_load(y + i), vf_load(positions + i)));
  if (i < count)
    vf_store_first(y + i, vf_add(vf_load_first(y + i, count - i), vf_load_first(positions + i, count - i)), count - i);
}

pf_status PF_KERNEL(patch_embedding_workspace_size)(const pf_engine *engine, int64_t k, int64_t *bytes) {
  if (!is_extent(k)) return PF_ERROR_ARGUMENT;
  *bytes = pf_engine_threads(engine) * (row_bytes(k) + PF_KERNEL(linear_input_bytes)(task_patches(k), k));
  return PF_OK;
}

/* All sizes in range, and products of them that address memory below 2^62. */
static int are_sizes(const pf_patch_embedding_params *p) {
  if (!is_count(p->images) || !is_extent(p->channels) || !is_extent(p->height) || !is_extent(p->width)) return 0;
  if (!is_extent(p->patch_height) || !is_extent(p->patch_width)) return 0;
  if (!is_extent(p->stride_height) || !is_extent(p->stride_width)) return 0;
  if (p->padding < 0 || p->padding >= p->patch_height || p->padding >= p->patch_width) return 0;
  if (!is_extent(p->grid_height) || !is_extent(p->grid_width) || !is_extent(p->n)) return 0;
  if (p->patch_height > PF_MAX_DIMENSION / p->patch_width) return 0;
  if (p->channels > PF_MAX_DIMENSION / (p->patch_height * p->patch_width)) return 0;
  if (p->grid_height > PF_MAX_DIMENSION / p->grid_width || p->height > PF_MAX_DIMENSION / p->width) return 0;
  if (p->y_image_stride < p->grid_height * p->grid_width * p->n) return 0;
  const int64_t pixels = p->height * p->width, most = INT64_MAX / 8;
  return p->images == 0 || (p->channels <= most / pixels / p->images && p->y_image_stride <= most / p->images);
}

pf_status PF_KERNEL(patch_embedding)(pf_engine *engine, const pf_patch_embedding_params *p) {
  if (!are_sizes(p)) return PF_ERROR_ARGUMENT;
  patch_call call = {.params = p, .k = p->channels * p->patch_height * p->patch_width};
  pf_status status = PF_KERNEL(linear_open)(engine, p->packed, p->bias, p->n, call.k, PF_ACTIVATION_NONE, &call.layer);
  if (status != PF_OK) return status;
  if (p->images == 0) return PF_OK;
  if (!p->x || !p->y) return PF_ERROR_ARGUMENT;
  const int32_t threads = pf_engine_threads(engine);
  int64_t bytes;
  status = PF_KERNEL(patch_embedding_workspace_size)(engine, call.k, &bytes);
  if (status != PF_OK) return status;
  if (!is_workspace(p->workspace, p->workspace_bytes, bytes)) return PF_ERROR_WORKSPACE;

  call.thread_bytes = bytes / threads;
  call.patches = p->grid_height * p->grid_width;
  call.blocks = ceil_div(call.patches, task_patches(call.k));
  if (p->images % threads && call.patches >= LEAST_PATCHES * threads) call.blocks = round_up(call.blocks, threads);
  pf_parallel_for(engine, p->images * call.blocks, run_task, &call);
  return PF_OK;
}
