/*
 * Interpolation of a map [height, width, channels] at another resolution, bilinear or bicubic (Keys 1981).
 *
 * FLOPs 8 or 32 an element of y. Places and weights are computed in double, once a pixel, and rounded once; each output
 * is one chain of FMAs over its pixels of x, row by row.
 */
#include <math.h>

#include "kernels/kernel.h"

#define MOST_TAPS 4

typedef struct {
  int64_t at[MOST_TAPS]; /* places along one dimension, inside */
  double weight[MOST_TAPS];
} taps;

static int tap_count(pf_interpolation interpolation) { return interpolation == PF_INTERPOLATION_BILINEAR ? 2 : 4; }

/* Keys' weight of a place at distance x < 1, and at 1 <= x < 2. */
#define A (-0.75)
static double near_weight(double x) { return ((A + 2) * x - (A + 3)) * x * x + 1; }
static double far_weight(double x) { return ((x - 5) * x + 8) * x * A - 4 * A; }

static taps taps_of(int64_t place, int64_t size, int64_t y_size, pf_interpolation interpolation) {
  const double at = ((double)place + 0.5) * (double)size / (double)y_size - 0.5;
  const double below = floor(at), part = at - below;
  const int count = tap_count(interpolation);
  taps t;
  for (int i = 0; i < count; i++) {
    const int64_t from = (int64_t)below + i - (count / 2 - 1);
    t.at[i] = from < 0 ? 0 : min64(from, size - 1);
  }
  if (interpolation == PF_INTERPOLATION_BILINEAR) {
    t.weight[0] = 1 - part;
    t.weight[1] = part;
  } else {
    t.weight[0] = far_weight(part + 1);
    t.weight[1] = near_weight(part);
    t.weight[2] = near_weight(1 - part);
    t.weight[3] = far_weight(2 - part);
  }
  return t;
}

/* One line of one image. */
static void run_task(const void *context, int64_t task, int32_t thread) {
  (void)thread;
  const pf_interpolate_params *p = context;
  const int count = tap_count(p->interpolation);
  const float *x = p->x + task / p->y_height * p->height * p->width * p->channels;
  const taps rows = taps_of(task % p->y_height, p->height, p->y_height, p->interpolation);
  for (int64_t column = 0; column < p->y_width; column++) {
    const taps columns = taps_of(column, p->width, p->y_width, p->interpolation);
    const float *from[MOST_TAPS * MOST_TAPS];
    float weight[MOST_TAPS * MOST_TAPS];
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < count; j++) {
        from[i * count + j] = x + (rows.at[i] * p->width + columns.at[j]) * p->channels;
        weight[i * count + j] = (float)(rows.weight[i] * columns.weight[j]);
      }
    }
    float *y = p->y + (task * p->y_width + column) * p->y_pixel_stride;
    int64_t c = 0;
    for (; c + VF_WIDTH <= p->channels; c += VF_WIDTH) {
      vf sum = vf_zero();
      for (int i = 0; i < count * count; i++) sum = vf_fma(vf_set1(weight[i]), vf_load(from[i] + c), sum);
      vf_store(y + c, sum);
    }
    if (c < p->channels) {
      const int64_t lanes = p->channels - c;
      vf sum = vf_zero();
      for (int i = 0; i < count * count; i++) sum = vf_fma(vf_set1(weight[i]), vf_load_first(from[i] + c, lanes), sum);
      vf_store_first(y + c, sum, lanes);
    }
  }
}

pf_status PF_KERNEL(interpolate)(pf_engine *engine, const pf_interpolate_params *p) {
  if (!is_count(p->images) || !is_extent(p->height) || !is_extent(p->width) || !is_extent(p->channels))
    return PF_ERROR_ARGUMENT;
  if (!is_extent(p->y_height) || !is_extent(p->y_width) || !is_extent(p->y_pixel_stride)) return PF_ERROR_ARGUMENT;
  if (p->interpolation != PF_INTERPOLATION_BILINEAR && p->interpolation != PF_INTERPOLATION_BICUBIC)
    return PF_ERROR_ARGUMENT;
  if (p->y_pixel_stride < p->channels) return PF_ERROR_ARGUMENT;
  if (p->height > PF_MAX_DIMENSION / p->width || p->y_height > PF_MAX_DIMENSION / p->y_width) return PF_ERROR_ARGUMENT;
  if (p->images == 0) return PF_OK;
  const int64_t most = INT64_MAX / 8 / p->images;
  if (p->channels > most / (p->height * p->width) || p->y_pixel_stride > most / (p->y_height * p->y_width))
    return PF_ERROR_ARGUMENT;
  if (!p->x || !p->y) return PF_ERROR_ARGUMENT;
  pf_parallel_for(engine, p->images * p->y_height, run_task, p);
  return PF_OK;
}
