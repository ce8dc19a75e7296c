/* References of what lies before the first layer and behind the last: embedding and pooling. */
#ifndef PF_EMBEDDING_REFERENCE_H
#define PF_EMBEDDING_REFERENCE_H

#include "norm/norm_reference.h"
#include "reference.h"

static inline void reference_embedding(const pf_embedding_params *p, double *y, double *bound) {
  double *z = malloc((size_t)p->hidden * sizeof *z);
  if (!z) abort();
  for (int64_t i = 0; i < p->tokens; i++) {
    double z_error = 0;
    for (int64_t j = 0; j < p->hidden; j++) {
      const double word = p->word_table[p->ids[i] * p->hidden + j];
      const int64_t type_row = p->token_type_ids ? p->token_type_ids[i] : 0;
      const double type = p->token_type_table ? p->token_type_table[type_row * p->hidden + j] : 0;
      const double position = p->position_table ? p->position_table[p->position_ids[i] * p->hidden + j] : 0;
      z[j] = word + type + position;
      z_error = larger(z_error, 2 * UNIT * (fabs(word) + fabs(type) + fabs(position)));
    }
    if (p->weight)
      layer_norm_row(z, z_error, p->weight, p->bias, y + i * p->hidden, bound + i * p->hidden, p->hidden, p->eps);
    for (int64_t j = 0; j < p->hidden && !p->weight; j++) {
      y[i * p->hidden + j] = z[j];
      bound[i * p->hidden + j] = z_error;
    }
  }
  free(z);
}

static inline void reference_pool(const float *x, const int32_t *cu_seqlens, double *y, double *bound,
                                  int64_t sequences, int64_t hidden, pf_pooling pooling, int32_t normalize) {
  for (int64_t s = 0; s < sequences; s++, y += hidden, bound += hidden) {
    const int64_t begin = cu_seqlens[s], end = cu_seqlens[s + 1];
    double squares = 0, square_error = 0;
    for (int64_t j = 0; j < hidden; j++) {
      double sum = 0, magnitude = 0, max = -INFINITY;
      for (int64_t t = begin; t < end; t++) {
        const double value = x[t * hidden + j];
        sum += value;
        magnitude += fabs(value);
        max = value > max || isnan(value) ? value : max;
      }
      bound[j] = 0;
      switch (pooling) {
      case PF_POOLING_CLS:
        y[j] = x[begin * hidden + j];
        break;
      case PF_POOLING_LAST:
        y[j] = x[(end - 1) * hidden + j];
        break;
      case PF_POOLING_MEAN:
        y[j] = sum / (double)(end - begin);
        bound[j] = UNIT * magnitude + UNIT * fabs(y[j]);
        break;
      case PF_POOLING_MAX:
        y[j] = max;
        break;
      }
      squares += y[j] * y[j];
      square_error += 2 * fabs(y[j]) * bound[j] + bound[j] * bound[j];
    }
    if (!normalize) continue;
    const double norm = sqrt(squares) < 1e-12 ? 1e-12 : sqrt(squares);
    /* Two chains of the narrowest vector; half of it is left by the root. */
    const double norm_error = square_error / (2 * norm) + ((double)hidden / 16 + 8) * UNIT * norm;
    for (int64_t j = 0; j < hidden; j++) {
      bound[j] = bound[j] / norm + fabs(y[j]) / norm * (norm_error / norm + 2 * UNIT);
      y[j] /= norm;
    }
  }
}

#endif
