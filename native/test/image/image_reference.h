/* References of what is done to images: patches, convolutions, other resolutions. */
#ifndef PF_IMAGE_REFERENCE_H
#define PF_IMAGE_REFERENCE_H

#include "linear/linear_reference.h"
#include "reference.h"

/* A pixel of a batch of images, 0 outside of them. */
static inline double pixel(const pf_patch_embedding_params *p, int64_t image, int64_t channel, int64_t row,
                           int64_t column) {
  if (row < 0 || row >= p->height || column < 0 || column >= p->width) return 0;
  if (p->channels_last) return p->x[((image * p->height + row) * p->width + column) * p->channels + channel];
  return p->x[((image * p->channels + channel) * p->height + row) * p->width + column];
}

/* Elements that y's strides leave out stay as they are; weight is [n, k], before packing. */
static inline void reference_patch_embedding(const pf_patch_embedding_params *p, const float *weight, double *y,
                                             double *bound) {
  const int64_t area = p->patch_height * p->patch_width, k = p->channels * area;
  double *patch = malloc((size_t)k * sizeof *patch);
  if (!patch) abort();
  for (int64_t image = 0; image < p->images; image++) {
    for (int64_t at = 0; at < p->grid_height * p->grid_width; at++) {
      const int64_t top = at / p->grid_width * p->stride_height - p->padding;
      const int64_t left = at % p->grid_width * p->stride_width - p->padding;
      for (int64_t c = 0; c < p->channels; c++) {
        for (int64_t i = 0; i < area; i++) {
          const double value = pixel(p, image, c, top + i / p->patch_width, left + i % p->patch_width);
          patch[p->channels_last ? i * p->channels + c : c * area + i] = value;
        }
      }
      const int64_t to = image * p->y_image_stride + at * p->n;
      linear_rows(patch, NULL, weight, p->bias, p->positions ? p->positions + at * p->n : NULL, y + to, bound + to, 1,
                  p->n, k, PF_ACTIVATION_NONE);
    }
  }
  free(patch);
}

static inline void reference_depthwise_conv(const pf_depthwise_conv_params *p, double *y, double *bound) {
  const int64_t pixels = p->height * p->width, half = p->kernel / 2, taps = p->kernel * p->kernel;
  for (int64_t at = 0; at < p->images * pixels; at++) {
    const int64_t row = at % pixels / p->width, column = at % p->width;
    for (int64_t c = 0; c < p->channels; c++) {
      double sum = p->bias ? p->bias[c] : 0, magnitude = fabs(sum);
      for (int64_t tap = 0; tap < taps; tap++) {
        const int64_t down = tap / p->kernel - half, right = tap % p->kernel - half;
        if (row + down < 0 || row + down >= p->height || column + right < 0 || column + right >= p->width) continue;
        const double product =
            (double)p->weight[tap * p->channels + c] * p->x[(at + down * p->width + right) * p->channels + c];
        sum += product;
        magnitude += fabs(product);
      }
      y[at * p->channels + c] = reference_activation(sum, p->activation);
      bound[at * p->channels + c] = activation_bound(sum, (double)(taps + 2) * UNIT * magnitude, p->activation);
    }
  }
}

/* The weight of a pixel at this distance: Keys' cubic, or a triangle. */
static inline double interpolation_kernel(double distance, pf_interpolation interpolation) {
  const double x = fabs(distance), a = -0.75;
  if (interpolation == PF_INTERPOLATION_BILINEAR) return x < 1 ? 1 - x : 0;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

static inline int64_t clamped(int64_t i, int64_t size) { return i < 0 ? 0 : i >= size ? size - 1 : i; }

static inline void reference_interpolate(const pf_interpolate_params *p, double *y, double *bound) {
  for (int64_t at = 0; at < p->images * p->y_height * p->y_width; at++) {
    const int64_t image = at / p->y_width / p->y_height;
    const double row = ((double)(at / p->y_width % p->y_height) + 0.5) * (double)p->height / (double)p->y_height - 0.5;
    const double column = ((double)(at % p->y_width) + 0.5) * (double)p->width / (double)p->y_width - 0.5;
    for (int64_t c = 0; c < p->channels; c++) {
      double sum = 0, magnitude = 0;
      for (int64_t i = (int64_t)floor(row) - 1; i <= (int64_t)floor(row) + 2; i++) {
        for (int64_t j = (int64_t)floor(column) - 1; j <= (int64_t)floor(column) + 2; j++) {
          const int64_t from = (image * p->height + clamped(i, p->height)) * p->width + clamped(j, p->width);
          const double weight = interpolation_kernel(row - (double)i, p->interpolation) *
                                interpolation_kernel(column - (double)j, p->interpolation);
          sum += weight * p->x[from * p->channels + c];
          /* A weight near 0 is off by what its rounded factors near 1 are. */
          magnitude += (fabs(weight) + 0x1p-20) * fabs((double)p->x[from * p->channels + c]);
        }
      }
      y[at * p->y_pixel_stride + c] = sum;
      bound[at * p->y_pixel_stride + c] = 22 * UNIT * magnitude;
    }
  }
}

#endif
