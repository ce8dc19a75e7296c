/*
 * Patch embedding: y = patch W^T + bias + position for every patch of an image. Patches are gathered into rows of the
 * engine's scratch memory, as many images at a time as it is worth, and go through the linear from there.
 *
 * FLOPs 2 patches n k; bytes 4 (pixels + 2 patches k + n k + patches n), of which the rows stay in the second-level
 * cache for the most part.
 */
#include "cuda_engine.h"
#include "linear/linear.h"

namespace {

constexpr int THREADS = 256;

/* What is gathered at a time: patches that fill any GPU, and bounded. */
constexpr int64_t ROW_BYTES = 32 << 20;
constexpr int64_t LEAST_ROWS = 64;

/* Rows of patches, counted over all images from `first` on. */
__global__ void __launch_bounds__(THREADS)
    gather_patches(pf_patch_embedding_params p, float *rows, int64_t first, int64_t count) {
  const int64_t area = p.patch_height * p.patch_width, k = p.channels * area, patches = p.grid_height * p.grid_width;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x; i < count * k;
       i += static_cast<int64_t>(gridDim.x) * THREADS) {
    const int64_t at = i % k, patch = (first + i / k) % patches, image = (first + i / k) / patches;
    const int64_t channel = p.channels_last ? at % p.channels : at / area;
    const int64_t inside = p.channels_last ? at / p.channels : at % area;
    const int64_t row = patch / p.grid_width * p.stride_height - p.padding + inside / p.patch_width;
    const int64_t column = patch % p.grid_width * p.stride_width - p.padding + inside % p.patch_width;
    float value = 0;
    if (row >= 0 && row < p.height && column >= 0 && column < p.width) {
      const int64_t pixel = row * p.width + column, pixels = p.height * p.width;
      value = p.x[image * p.channels * pixels +
                  (p.channels_last ? pixel * p.channels + channel : channel * pixels + pixel)];
    }
    rows[i] = value;
  }
}

/* All sizes in range, and products of them that address memory below 2^62. */
bool are_sizes(const pf_patch_embedding_params *p) {
  if (!is_count(p->images) || !is_extent(p->channels) || !is_extent(p->height) || !is_extent(p->width)) return false;
  if (!is_extent(p->patch_height) || !is_extent(p->patch_width)) return false;
  if (!is_extent(p->stride_height) || !is_extent(p->stride_width)) return false;
  if (p->padding < 0 || p->padding >= p->patch_height || p->padding >= p->patch_width) return false;
  if (!is_extent(p->grid_height) || !is_extent(p->grid_width) || !is_extent(p->n)) return false;
  if (p->patch_height > PF_MAX_DIMENSION / p->patch_width) return false;
  if (p->channels > PF_MAX_DIMENSION / (p->patch_height * p->patch_width)) return false;
  if (p->grid_height > PF_MAX_DIMENSION / p->grid_width || p->height > PF_MAX_DIMENSION / p->width) return false;
  if (p->y_image_stride < p->grid_height * p->grid_width * p->n) return false;
  const int64_t pixels = p->height * p->width, most = INT64_MAX / 8;
  return p->images == 0 || (p->channels <= most / pixels / p->images && p->y_image_stride <= most / p->images);
}

} // namespace

/* The rows lie in the engine's scratch memory; not 0, so that what callers say about workspaces is checked. */
pf_status cuda::patch_embedding_workspace_size(const pf_engine *, int64_t k, int64_t *bytes) {
  if (!is_extent(k)) return PF_ERROR_ARGUMENT;
  *bytes = PF_ALIGNMENT;
  return PF_OK;
}

pf_status cuda::patch_embedding(pf_engine *engine, const pf_patch_embedding_params *p) {
  if (!are_sizes(p)) return PF_ERROR_ARGUMENT;
  const int64_t k = p->channels * p->patch_height * p->patch_width, patches = p->grid_height * p->grid_width;
  cuda_call call(engine);
  linear_layer layer = {};
  pf_status status = linear_open(call, p->packed, p->n, k, PF_ACTIVATION_NONE, &layer);
  if (status != PF_OK) return status;
  if (p->images == 0) return PF_OK;
  if (!p->x || !p->y) return PF_ERROR_ARGUMENT;
  if (!is_workspace(p->workspace, p->workspace_bytes, PF_ALIGNMENT)) return PF_ERROR_WORKSPACE;

  /* Whole images, or, of one that is too large, a part. */
  int64_t most = ROW_BYTES / static_cast<int64_t>(sizeof(float)) / k;
  if (most < LEAST_ROWS) most = LEAST_ROWS;
  const int64_t images = most / patches > 1 ? most / patches : 1, part = min64(most, patches);
  float *rows = static_cast<float *>(call.scratch(static_cast<size_t>(min64(images, p->images) * part * k) * sizeof(float)));
  if (!rows) return call.status();
  layer.x = rows;
  layer.bias = p->bias;
  for (int64_t image = 0; image < p->images; image += images) {
    for (int64_t first = 0; first < patches; first += part) {
      const int64_t group = min64(part, patches - first), count = group * min64(images, p->images - image);
      call.launch(gather_patches, grid_of(count * k, THREADS), THREADS, *p, rows, image * patches + first,
             count);
      layer.tokens = count;
      layer.residual = p->positions ? p->positions + first * p->n : nullptr;
      layer.y = p->y + image * p->y_image_stride + first * p->n;
      layer.group = group;
      layer.group_stride = p->y_image_stride;
      linear_run(call, layer);
    }
  }
  return call.status();
}
