/* References of attention, over all keys, over some, and in linear time. */
#ifndef PF_ATTENTION_REFERENCE_H
#define PF_ATTENTION_REFERENCE_H

#include "reference.h"

/*
 * One query of one head. The weights are p_j = exp(s_j - max); a score off by e is a weight off by the factor exp(e),
 * and so is the sum, so that the result is off by at most (exp(2 e) - 1) sum p_j |v_j|.
 */
static inline void attend_query(const pf_attention_params *a, int64_t sequence, int64_t head, int64_t i, double *scores,
                                double *y, double *bound) {
  const int64_t q_begin = a->cu_seqlens_q[sequence], q_length = a->cu_seqlens_q[sequence + 1] - q_begin;
  const int64_t kv_begin = a->cu_seqlens_kv[sequence], kv_length = a->cu_seqlens_kv[sequence + 1] - kv_begin;
  const int64_t kv_head = head / (a->heads / a->kv_heads);
  const float *q = a->q + (q_begin + i) * a->q_token_stride + head * a->q_head_stride;
  const float *k = a->k + kv_begin * a->kv_token_stride + kv_head * a->kv_head_stride;
  const float *v = a->v + kv_begin * a->kv_token_stride + kv_head * a->kv_head_stride;
  const float *bias = NULL;
  if (a->bias) {
    bias = a->bias + sequence * a->bias_sequence_stride + head * a->bias_head_stride + i * a->bias_query_stride;
  }
  int64_t keys = kv_length;
  if (a->causal && i + kv_length - q_length + 1 < keys) keys = i + kv_length - q_length + 1;

  double max = -INFINITY, score_error = 0, widest = 0;
  for (int64_t j = 0; j < keys; j++) {
    double s = 0, magnitude = 0;
    for (int64_t d = 0; d < a->head_dim; d++) {
      const double product = (double)a->scale * q[d] * k[j * a->kv_token_stride + d];
      s += product;
      magnitude += fabs(product);
    }
    if (bias) {
      s += bias[j];
      if (!isinf(bias[j])) magnitude += fabs((double)bias[j]);
    }
    scores[j] = s;
    max = s > max || isnan(s) ? s : max;
    score_error = larger(score_error, (double)(a->head_dim + 3) * UNIT * magnitude);
  }
  double sum = 0;
  for (int64_t j = 0; j < keys; j++) {
    if (scores[j] > -INFINITY) widest = larger(widest, max - scores[j]);
    scores[j] = max == -INFINITY ? 0 : exp(scores[j] - max);
    sum += scores[j];
  }
  /* Weights below e^-110 vanish in a float; beyond that a larger difference is no larger error. */
  if (widest > 110) widest = 110;
  /* The running maximum changes at most once a tile, of at least 16 keys; each time everything is scaled again. */
  const double rescalings = (double)(keys / 16 + 1);
  const double relative =
      2 * score_error + (rescalings + 2) * (EXP_ERROR + UNIT * widest) + (2 * (double)keys + 8) * UNIT;
  for (int64_t d = 0; d < a->head_dim; d++) {
    double result = 0, magnitude = 0;
    for (int64_t j = 0; j < keys; j++) {
      const double value = v[j * a->kv_token_stride + d];
      result += scores[j] * value;
      magnitude += scores[j] * fabs(value);
    }
    y[d] = sum == 0 ? 0 : result / sum;
    bound[d] = sum == 0 ? 0 : expm1(relative) * magnitude / sum;
  }
}

/* Elements that y's strides leave out stay as they are. */
static inline void reference_attention(const pf_attention_params *a, double *y, double *bound) {
  double *scores = malloc((size_t)(a->kv_tokens + 1) * sizeof *scores);
  if (!scores) abort();
  for (int64_t s = 0; s < a->sequences; s++) {
    for (int64_t head = 0; head < a->heads; head++) {
      for (int64_t i = 0; i < a->cu_seqlens_q[s + 1] - a->cu_seqlens_q[s]; i++) {
        const int64_t at = (a->cu_seqlens_q[s] + i) * a->y_token_stride + head * a->y_head_stride;
        attend_query(a, s, head, i, scores, y + at, bound + at);
      }
    }
  }
  free(scores);
}

/* Weights of values that are themselves off, each weight by its error: y = sum w v / sum w, and how far it may be. */
typedef struct {
  double *weight, *error; /* [keys] */
  int64_t keys;
  double relative; /* of every sum, by its length */
} weighting;

static inline void weigh_values(const weighting *w, const double *v, const double *v_error, int64_t stride, double *y,
                                double *bound) {
  double sum = 0, error = 0, result = 0, magnitude = 0, result_error = 0, largest = 0;
  for (int64_t j = 0; j < w->keys; j++) {
    const double value = v[j * stride], off = v_error ? v_error[j * stride] : 0;
    largest = larger(largest, fabs(value) + off);
    sum += w->weight[j];
    error += w->error[j];
    result += w->weight[j] * value;
    magnitude += w->weight[j] * fabs(value);
    result_error += w->error[j] * (fabs(value) + off) + w->weight[j] * off;
  }
  *y = sum == 0 ? 0 : result / sum;
  *bound = 0;
  if (sum == 0) return;
  result_error += w->relative * (magnitude + result_error);
  error += w->relative * (sum + error);
  /* Where the weights can be anything, the result is still a mean of the values. */
  *bound = 2 * largest;
  if (error < sum / 2) *bound = fmin(*bound, (result_error + fabs(*y) * error) / (sum - error));
  *bound += (w->relative + 4 * UNIT) * largest;
}

/* By how much a weight is off whose exponent is: finite, so that no weight of 0 has a NaN for an error. */
static inline double exponential_error(double exponent_error) { return expm1(fmin(exponent_error, 100)); }

/* [projected, head_dim] of the keys or values of one head, and how far each may be off. */
static inline void project_rows(const pf_linformer_attention_params *a, int64_t begin, int64_t length, const float *x,
                                const float *projection, double *y, double *error) {
  for (int64_t i = 0; i < a->projected * a->head_dim; i++) y[i] = error[i] = 0;
  for (int64_t t = 0; t < length; t++) {
    for (int64_t i = 0; i < a->projected; i++) {
      const double weight = projection[a->position_ids[begin + t] * a->projected + i];
      for (int64_t d = 0; d < a->head_dim; d++) {
        const double product = weight * x[t * a->kv_token_stride + d];
        y[i * a->head_dim + d] += product;
        error[i * a->head_dim + d] += (double)(length + 1) * UNIT * fabs(product);
      }
    }
  }
}

static inline void reference_linformer_attention(const pf_linformer_attention_params *a, double *y, double *bound) {
  const int64_t rows = a->projected * a->head_dim;
  double *k = zeroed_doubles(4 * rows), *k_error = k + rows, *v = k_error + rows, *v_error = v + rows;
  weighting w = {zeroed_doubles(2 * a->projected), NULL, a->projected, (double)(a->projected + 8) * UNIT};
  w.error = w.weight + a->projected;
  for (int64_t part = 0; part < a->sequences * a->heads; part++) {
    const int64_t s = part / a->heads, head = part % a->heads;
    const int64_t begin = a->cu_seqlens[s], length = a->cu_seqlens[s + 1] - begin;
    const int64_t at = begin * a->kv_token_stride + head * a->kv_head_stride;
    project_rows(a, begin, length, a->k + at, a->key_projection, k, k_error);
    project_rows(a, begin, length, a->v + at, a->value_projection, v, v_error);
    for (int64_t i = 0; i < length; i++) {
      const float *q = a->q + (begin + i) * a->q_token_stride + head * a->q_head_stride;
      double max = -INFINITY;
      for (int64_t j = 0; j < a->projected; j++) {
        double score = 0, error = 0;
        for (int64_t d = 0; d < a->head_dim; d++) {
          const double scaled = (double)a->scale * q[d], key = k[j * a->head_dim + d];
          score += scaled * key;
          error += fabs(scaled) * (k_error[j * a->head_dim + d] + (double)(a->head_dim + 3) * UNIT * fabs(key));
        }
        w.weight[j] = score;
        w.error[j] = error;
        max = score > max ? score : max;
      }
      for (int64_t j = 0; j < a->projected; j++) {
        const double below = max - w.weight[j];
        /* The running maximum changes at most once a tile, of at least 16 keys. */
        const double rescalings = (double)(a->projected / 16 + 3);
        w.weight[j] = exp(-below);
        w.error[j] = w.weight[j] * exponential_error(w.error[j] + rescalings * (EXP_ERROR + UNIT * fmin(below, 110)));
      }
      const int64_t to = (begin + i) * a->y_token_stride + head * a->y_head_stride;
      for (int64_t d = 0; d < a->head_dim; d++)
        weigh_values(&w, v + d, v_error + d, a->head_dim, y + to + d, bound + to + d);
    }
  }
  free(w.weight);
  free(k);
}

/* The products of a row with the random features, less half its square if that is asked for, and their errors. */
static inline void features_of(const pf_performer_attention_params *a, const float *x, int squared, double *y,
                               double *error) {
  double square = 0;
  for (int64_t d = 0; d < a->head_dim && squared; d++) square += 0.5 * a->scale * a->scale * x[d] * x[d];
  for (int64_t r = 0; r < a->features; r++) {
    double magnitude = square;
    y[r] = -square;
    for (int64_t d = 0; d < a->head_dim; d++) {
      const double product = (double)a->scale * a->random_features[r * a->head_dim + d] * x[d];
      y[r] += product;
      magnitude += fabs(product);
    }
    error[r] = (double)(a->head_dim + 5) * UNIT * magnitude;
  }
}

/*
 * Of one query and one key: sum over the features of f(q) f(k), for the softmax map times e^-shift. A product of the
 * softmax map is off by the errors of its exponents, among them the rounding of the sum of the query's and the
 * feature's largest; by those of two exponentials; and by one more for each time that the largest rose.
 */
static inline double feature_product(const pf_performer_attention_params *a, const double *q, const double *q_error,
                                     const double *k, const double *k_error, const double *largest, const double *rises,
                                     double shift, double *error) {
  double sum = 0;
  *error = 0;
  for (int64_t r = 0; r < a->features; r++) {
    if (a->map == PF_FEATURE_MAP_SOFTMAX) {
      const double product = exp(q[r] + k[r] - shift);
      const double off =
          q_error[r] + k_error[r] + UNIT * (fabs(q[r]) + largest[r]) + (rises[r] + 2) * (EXP_ERROR + 110 * UNIT);
      sum += product;
      *error += product * exponential_error(off);
    } else {
      const double f = (q[r] < 0 ? 0 : q[r]) + a->offset, g = (k[r] < 0 ? 0 : k[r]) + a->offset;
      const double f_error = q_error[r] + UNIT * f, g_error = k_error[r] + UNIT * g;
      sum += f * g;
      *error += f_error * g + f * g_error + f_error * g_error;
    }
  }
  return sum;
}

static inline void reference_performer_attention(const pf_performer_attention_params *a, double *y, double *bound) {
  const int64_t m = a->features, rows = a->tokens * m;
  double *q = zeroed_doubles(4 * rows), *q_error = q + rows, *k = q_error + rows, *k_error = k + rows;
  double *largest = zeroed_doubles(2 * m), *rises = largest + m;
  weighting w = {zeroed_doubles(2 * a->tokens), NULL, 0, 0};
  double *v = zeroed_doubles(a->tokens);
  w.error = w.weight + a->tokens;
  const int is_softmax = a->map == PF_FEATURE_MAP_SOFTMAX;
  for (int64_t part = 0; part < a->sequences * a->heads; part++) {
    const int64_t s = part / a->heads, head = part % a->heads;
    const int64_t begin = a->cu_seqlens[s], length = a->cu_seqlens[s + 1] - begin;
    for (int64_t r = 0; r < m; r++) largest[r] = rises[r] = 0;
    const float *keys = a->k + begin * a->kv_token_stride + head * a->kv_head_stride;
    const float *values = a->v + begin * a->kv_token_stride + head * a->kv_head_stride;
    for (int64_t i = 0; i < length; i++) {
      features_of(a, a->q + (begin + i) * a->q_token_stride + head * a->q_head_stride, 0, q + i * m, q_error + i * m);
      features_of(a, keys + i * a->kv_token_stride, is_softmax, k + i * m, k_error + i * m);
    }
    for (int64_t r = 0; r < m; r++) {
      double max = -INFINITY;
      for (int64_t j = 0; j < length; j++) {
        largest[r] = larger(largest[r], fabs(k[j * m + r]));
        if (k[j * m + r] > max) rises[r]++;
        max = larger(max, k[j * m + r]);
      }
    }
    w.relative = (double)(2 * length + 2 * m + 16) * UNIT;
    for (int64_t i = 0; i < length; i++) {
      double shift = -INFINITY;
      w.keys = a->causal ? i + 1 : length;
      for (int64_t j = 0; j < w.keys; j++)
        for (int64_t r = 0; r < m; r++) shift = larger(shift, q[i * m + r] + k[j * m + r]);
      for (int64_t j = 0; j < w.keys; j++)
        w.weight[j] = feature_product(a, q + i * m, q_error + i * m, k + j * m, k_error + j * m, largest, rises, shift,
                                      &w.error[j]);
      const int64_t to = (begin + i) * a->y_token_stride + head * a->y_head_stride;
      for (int64_t d = 0; d < a->head_dim; d++) {
        for (int64_t j = 0; j < w.keys; j++) v[j] = values[j * a->kv_token_stride + d];
        weigh_values(&w, v, NULL, 1, y + to + d, bound + to + d);
      }
    }
  }
  free(v);
  free(w.weight);
  free(largest);
  free(q);
}

/* Each query alone, over the keys that it sees gathered into adjacent rows. */
static inline void reference_sparse_attention(const pf_sparse_attention_params *p, double *y, double *bound) {
  const int64_t row = p->head_dim, group = p->heads / p->kv_heads;
  for (int64_t b = 0; b < p->blocks; b++) {
    for (int64_t h = 0; h < p->heads; h++) {
      const int64_t list = b * p->lists + (p->lists == 1 ? 0 : h);
      for (int64_t i = p->block_starts[b]; i < p->block_starts[b + 1]; i++) {
        int64_t most = 0;
        for (int64_t s = p->list_starts[list]; s < p->list_starts[list + 1]; s++)
          most += p->spans[s].end - p->spans[s].begin;
        float *k = malloc((size_t)(2 * most * row + 1) * sizeof *k), *v = k + most * row;
        double *scores = malloc((size_t)(most + 1) * sizeof *scores);
        if (!k || !scores) abort();
        int32_t keys = 0;
        for (int64_t s = p->list_starts[list]; s < p->list_starts[list + 1]; s++) {
          for (int64_t j = p->spans[s].begin; j < p->spans[s].end; j++) {
            if (p->spans[s].banded && (j < p->bands[2 * i] || j >= p->bands[2 * i + 1])) continue;
            for (int64_t d = 0; d < row; d++) {
              const int64_t at = j * p->kv_token_stride + h / group * p->kv_head_stride + d;
              k[keys * row + d] = p->k[at];
              v[keys * row + d] = p->v[at];
            }
            keys++;
          }
        }
        const int32_t cu_seqlens_q[] = {0, 1}, cu_seqlens_kv[] = {0, keys};
        const pf_attention_params gathered = {.q = p->q + i * p->q_token_stride + h * p->q_head_stride,
                                              .k = k,
                                              .v = v,
                                              .cu_seqlens_q = cu_seqlens_q,
                                              .cu_seqlens_kv = cu_seqlens_kv,
                                              .kv_token_stride = row,
                                              .heads = 1,
                                              .kv_heads = 1,
                                              .head_dim = row,
                                              .scale = p->scale};
        const int64_t at = i * p->y_token_stride + h * p->y_head_stride;
        attend_query(&gathered, 0, 0, 0, scores, y + at, bound + at);
        free(scores);
        free(k);
      }
    }
  }
}

#endif
