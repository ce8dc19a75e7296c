/*
 * Depthwise convolution: y = activation(bias + sum over the neighbours of weight * x), channel by channel.
 *
 * FLOPs 2 kernel^2 an element; bytes 8 an element where the lines of a kernel's height stay in cache. Channels lie in
 * the lanes, so that nothing is ever shuffled; each output is one chain of FMAs over the taps, row by row.
 */
#include "kernels/kernel.h"

/* One vector of channels at one place, of which the taps first_row .. end_row, first_column .. end_column lie inside.
 */
static inline vf convolve(const pf_depthwise_conv_params *p, const float *x, int64_t at, int64_t channel, int64_t lanes,
                          const int64_t rows[2], const int64_t columns[2]) {
  const int full = lanes == VF_WIDTH;
  vf sum = vf_zero();
  if (p->bias) sum = full ? vf_load(p->bias + channel) : vf_load_first(p->bias + channel, lanes);
  const int64_t half = p->kernel / 2;
  for (int64_t i = rows[0]; i < rows[1]; i++) {
    for (int64_t j = columns[0]; j < columns[1]; j++) {
      const float *from = x + (at + (i - half) * p->width + j - half) * p->channels + channel;
      const float *weight = p->weight + (i * p->kernel + j) * p->channels + channel;
      sum = full ? vf_fma(vf_load(weight), vf_load(from), sum)
                 : vf_fma(vf_load_first(weight, lanes), vf_load_first(from, lanes), sum);
    }
  }
  return vf_activate(sum, p->activation);
}

/* One line of one image. */
static void run_task(const void *context, int64_t task, int32_t thread) {
  (void)thread;
  const pf_depthwise_conv_params *p = context;
  const int64_t row = task % p->height, half = p->kernel / 2;
  const float *x = p->x + task / p->height * p->height * p->width * p->channels;
  const int64_t rows[2] = {max64(half - row, 0), min64(p->height - row + half, p->kernel)};
  for (int64_t column = 0; column < p->width; column++) {
    const int64_t columns[2] = {max64(half - column, 0), min64(p->width - column + half, p->kernel)};
    float *y = p->y + (task * p->width + column) * p->channels;
    for (int64_t c = 0; c < p->channels; c += VF_WIDTH) {
      const int64_t lanes = min64(p->channels - c, VF_WIDTH);
      const vf sum = convolve(p, x, row * p->width + column, c, lanes, rows, columns);
      if (lanes == VF_WIDTH)
        vf_store(y + c, sum);
      else
        vf_store_first(y + c, sum, lanes);
    }
  }
}

pf_status PF_KERNEL(depthwise_conv)(pf_engine *engine, const pf_depthwise_conv_params *p) {
  if (!is_count(p->images) || !is_extent(p->height) || !is_extent(p->width) || !is_extent(p->channels))
    return PF_ERROR_ARGUMENT;
  if (p->kernel < 1 || p->kernel > PF_MAX_KERNEL || p->kernel % 2 == 0) return PF_ERROR_ARGUMENT;
  if (!is_activation(p->activation)) return PF_ERROR_ARGUMENT;
  if (p->height > PF_MAX_DIMENSION / p->width) return PF_ERROR_ARGUMENT;
  if (p->images == 0) return PF_OK;
  if (p->channels > INT64_MAX / 8 / (p->height * p->width) / p->images) return PF_ERROR_ARGUMENT;
  if (!p->x || !p->weight || !p->y) return PF_ERROR_ARGUMENT;
  pf_parallel_for(engine, p->images * p->height, run_task, p);
  return PF_OK;
}
