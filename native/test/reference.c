#include "reference.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static double larger(double a, double b) { return a > b ? a : b; }

/* Longest partial sum of a row kernel: four chains of the narrowest vector, four floats, and their reduction. */
static double chain_length(int64_t n) { return (double)n / 16 + 8; }

double reference_activation(double x, pf_activation activation) {
  switch (activation) {
  case PF_ACTIVATION_RELU:
    return x < 0 ? 0 : x;
  case PF_ACTIVATION_GELU_ERF:
    return 0.5 * x * erfc(-x / sqrt(2.0));
  case PF_ACTIVATION_GELU_TANH:
    return x / (1 + exp(-2 * sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
  case PF_ACTIVATION_GELU_QUICK:
    return x / (1 + exp(-1.702 * x));
  case PF_ACTIVATION_SILU:
    return x / (1 + exp(-x));
  case PF_ACTIVATION_TANH:
    return tanh(x);
  case PF_ACTIVATION_NONE:
    break;
  }
  return x;
}

double activation_bound(double x, double error, pf_activation activation) {
  if (activation == PF_ACTIVATION_NONE || activation == PF_ACTIVATION_RELU) return error;
  /* No derivative exceeds 1.13, that of GELU at sqrt 2. */
  return 1.13 * error + ACTIVATION_ERROR * larger(1, fabs(x));
}

/* One linear over inputs that are themselves off by x_error (NULL for exact). */
static void linear(const double *x, const double *x_error, const float *weight, const float *bias,
                   const float *residual, double *y, double *bound, int64_t tokens, int64_t n, int64_t k,
                   pf_activation activation) {
  for (int64_t i = 0; i < tokens; i++) {
    for (int64_t j = 0; j < n; j++) {
      double sum = 0, magnitude = 0, error = 0;
      for (int64_t p = 0; p < k; p++) {
        const double product = x[i * k + p] * weight[j * k + p];
        sum += product;
        magnitude += fabs(product);
        if (x_error) error += x_error[i * k + p] * fabs((double)weight[j * k + p]);
      }
      if (bias) {
        sum += bias[j];
        magnitude += fabs((double)bias[j]);
      }
      error += (double)(k + 2) * UNIT * (magnitude + error);
      double result = reference_activation(sum, activation);
      error = activation_bound(sum, error, activation);
      if (residual) {
        result += residual[i * n + j];
        error += UNIT * (fabs(result) + error);
      }
      y[i * n + j] = result;
      bound[i * n + j] = error;
    }
  }
}

static double *to_doubles(const float *x, int64_t count) {
  double *d = malloc((size_t)count * sizeof *d);
  if (!d) abort();
  for (int64_t i = 0; i < count; i++) d[i] = x[i];
  return d;
}

void reference_linear(const float *x, const float *weight, const float *bias, const float *residual, double *y,
                      double *bound, int64_t tokens, int64_t n, int64_t k, pf_activation activation) {
  double *exact = to_doubles(x, tokens * k);
  linear(exact, NULL, weight, bias, residual, y, bound, tokens, n, k, activation);
  free(exact);
}

void reference_ffn(const float *x, const float *gate, const float *gate_bias, const float *up, const float *up_bias,
                   const float *down, const float *down_bias, const float *residual, double *y, double *bound,
                   int64_t tokens, int64_t hidden, int64_t intermediate, pf_activation activation) {
  const int64_t count = tokens * intermediate;
  double *exact = to_doubles(x, tokens * hidden);
  double *middle = malloc((size_t)(4 * count) * sizeof *middle);
  if (!middle) abort();
  double *middle_error = middle + count, *gates = middle + 2 * count, *gate_error = middle + 3 * count;
  linear(exact, NULL, up, up_bias, NULL, middle, middle_error, tokens, intermediate, hidden,
         gate ? PF_ACTIVATION_NONE : activation);
  if (gate) {
    linear(exact, NULL, gate, gate_bias, NULL, gates, gate_error, tokens, intermediate, hidden, activation);
    for (int64_t i = 0; i < count; i++) {
      const double error = fabs(middle[i]) * gate_error[i] + (fabs(gates[i]) + gate_error[i]) * middle_error[i];
      middle[i] *= gates[i];
      middle_error[i] = error + UNIT * (fabs(middle[i]) + error);
    }
  }
  linear(middle, middle_error, down, down_bias, residual, y, bound, tokens, hidden, intermediate, PF_ACTIVATION_NONE);
  free(middle);
  free(exact);
}

/*
 * One query of one head. The weights are p_j = exp(s_j - max); a score off by e is a weight off by the factor exp(e),
 * and so is the sum, so that the result is off by at most (exp(2 e) - 1) sum p_j |v_j|.
 */
static void attend(const pf_attention_params *a, int64_t sequence, int64_t head, int64_t i, double *scores, double *y,
                   double *bound) {
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

void reference_attention(const pf_attention_params *a, double *y, double *bound) {
  double *scores = malloc((size_t)(a->kv_tokens + 1) * sizeof *scores);
  if (!scores) abort();
  for (int64_t s = 0; s < a->sequences; s++) {
    for (int64_t head = 0; head < a->heads; head++) {
      for (int64_t i = 0; i < a->cu_seqlens_q[s + 1] - a->cu_seqlens_q[s]; i++) {
        const int64_t at = (a->cu_seqlens_q[s] + i) * a->y_token_stride + head * a->y_head_stride;
        attend(a, s, head, i, scores, y + at, bound + at);
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

static void weigh_values(const weighting *w, const double *v, const double *v_error, int64_t stride, double *y,
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
static double exponential_error(double exponent_error) { return expm1(fmin(exponent_error, 100)); }

static double *doubles(int64_t count) {
  double *x = calloc((size_t)count + 1, sizeof *x);
  if (!x) abort();
  return x;
}

/* [projected, head_dim] of the keys or values of one head, and how far each may be off. */
static void project(const pf_linformer_attention_params *a, int64_t begin, int64_t length, const float *x,
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

void reference_linformer_attention(const pf_linformer_attention_params *a, double *y, double *bound) {
  const int64_t rows = a->projected * a->head_dim;
  double *k = doubles(4 * rows), *k_error = k + rows, *v = k_error + rows, *v_error = v + rows;
  weighting w = {doubles(2 * a->projected), NULL, a->projected, (double)(a->projected + 8) * UNIT};
  w.error = w.weight + a->projected;
  for (int64_t part = 0; part < a->sequences * a->heads; part++) {
    const int64_t s = part / a->heads, head = part % a->heads;
    const int64_t begin = a->cu_seqlens[s], length = a->cu_seqlens[s + 1] - begin;
    const int64_t at = begin * a->kv_token_stride + head * a->kv_head_stride;
    project(a, begin, length, a->k + at, a->key_projection, k, k_error);
    project(a, begin, length, a->v + at, a->value_projection, v, v_error);
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
static void features_of(const pf_performer_attention_params *a, const float *x, int squared, double *y, double *error) {
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
static double feature_product(const pf_performer_attention_params *a, const double *q, const double *q_error,
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

void reference_performer_attention(const pf_performer_attention_params *a, double *y, double *bound) {
  const int64_t m = a->features, rows = a->tokens * m;
  double *q = doubles(4 * rows), *q_error = q + rows, *k = q_error + rows, *k_error = k + rows;
  double *largest = doubles(2 * m), *rises = largest + m;
  weighting w = {doubles(2 * a->tokens), NULL, 0, 0};
  double *v = doubles(a->tokens);
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
void reference_sparse_attention(const pf_sparse_attention_params *p, double *y, double *bound) {
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
        attend(&gathered, 0, 0, 0, scores, y + at, bound + at);
        free(scores);
        free(k);
      }
    }
  }
}

/* Each sequence gathered into adjacent rows; keys before the window as a bias of -inf. */
void reference_paged_attention(const pf_paged_attention_params *p, double *y, double *bound) {
  const int64_t row = p->kv_heads * p->head_dim;
  for (int64_t s = 0; s < p->sequences; s++) {
    const int32_t q_begin = p->cu_seqlens_q[s], q_length = p->cu_seqlens_q[s + 1] - q_begin;
    const int32_t kv_length = p->kv_lengths[s];
    if (q_length == 0) continue;
    float *k = malloc((size_t)(2 * kv_length * row + 1) * sizeof *k), *v = k + kv_length * row;
    float *bias = calloc((size_t)(p->heads * q_length) * (size_t)kv_length + 1, sizeof *bias);
    if (!k || !bias) abort();
    /* Keys that no query sees may have no block any more. */
    const int64_t first = p->window && kv_length - q_length >= p->window ? kv_length - q_length - p->window + 1 : 0;
    for (int64_t j = 0; j < kv_length * row; j++) k[j] = v[j] = 0;
    for (int64_t j = first; j < kv_length; j++) {
      const int64_t block = p->block_tables[s * p->block_table_stride + j / p->block_tokens];
      for (int64_t h = 0; h < p->kv_heads; h++) {
        for (int64_t d = 0; d < p->head_dim; d++) {
          const int64_t at = (h * p->block_tokens + j % p->block_tokens) * p->head_dim + d;
          const int64_t values = p->kv_heads * p->block_tokens * p->head_dim;
          k[j * row + h * p->head_dim + d] = p->cache[2 * block * values + at];
          v[j * row + h * p->head_dim + d] = p->cache[(2 * block + 1) * values + at];
        }
      }
    }
    for (int64_t h = 0; h < p->heads; h++) {
      for (int64_t i = 0; i < q_length; i++) {
        const int64_t position = kv_length - q_length + i;
        for (int64_t j = 0; j <= position && !p->all_keys; j++) {
          const int64_t distance = position - j, last = p->bias_distances - 1;
          float *at = bias + (h * q_length + i) * kv_length + j;
          if (p->bias) *at = p->bias[h * p->bias_distances + (distance < last ? distance : last)];
          if (p->window && distance >= p->window) *at = -INFINITY;
        }
      }
    }
    const int32_t cu_seqlens_q[] = {0, q_length}, cu_seqlens_kv[] = {0, kv_length};
    const pf_attention_params gathered = {.q = p->q + q_begin * p->q_token_stride,
                                          .k = k,
                                          .v = v,
                                          .cu_seqlens_q = cu_seqlens_q,
                                          .cu_seqlens_kv = cu_seqlens_kv,
                                          .bias = bias,
                                          .q_token_stride = p->q_token_stride,
                                          .q_head_stride = p->q_head_stride,
                                          .kv_token_stride = row,
                                          .kv_head_stride = p->head_dim,
                                          .y_token_stride = p->y_token_stride,
                                          .y_head_stride = p->y_head_stride,
                                          .bias_head_stride = (int64_t)q_length * kv_length,
                                          .bias_query_stride = kv_length,
                                          .q_tokens = q_length,
                                          .kv_tokens = kv_length,
                                          .sequences = 1,
                                          .heads = p->heads,
                                          .kv_heads = p->kv_heads,
                                          .head_dim = p->head_dim,
                                          .scale = p->scale,
                                          .causal = !p->all_keys};
    reference_attention(&gathered, y + q_begin * p->y_token_stride, bound + q_begin * p->y_token_stride);
    free(bias);
    free(k);
  }
}

void reference_rope(const pf_rope_params *p, double *x, double *bound) {
  const int64_t half = p->rotary_dim / 2;
  for (int64_t t = 0; t < p->tokens; t++) {
    for (int64_t h = 0; h < p->heads; h++) {
      for (int64_t i = 0; i < half; i++) {
        const int64_t low = t * p->token_stride + h * p->head_stride + i, high = low + half;
        const double c = p->cos[p->position_ids[t] * half + i], s = p->sin[p->position_ids[t] * half + i];
        const double a = p->x[low], b = p->x[high];
        x[low] = a * c - b * s;
        x[high] = b * c + a * s;
        bound[low] = 2 * UNIT * (fabs(a * c) + fabs(b * s));
        bound[high] = 2 * UNIT * (fabs(b * c) + fabs(a * s));
      }
    }
  }
}

void reference_log_sum_exp(const float *logits, const float *inverse_temperature, double *log_sum_exp, double *bound,
                           int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; i++, logits += columns) {
    const double scale = inverse_temperature ? inverse_temperature[i] : 1;
    double max = -INFINITY, sum = 0, error = 0;
    for (int64_t j = 0; j < columns; j++) max = logits[j] > max || isnan(logits[j]) ? logits[j] : max;
    for (int64_t j = 0; j < columns && !isinf(max); j++) {
      const double below = scale * (max - logits[j]), e = exp(-below);
      sum += e;
      /* The exponential, the two roundings of its argument, and those of a running maximum below the last. */
      error += (2 * EXP_ERROR + 4 * UNIT * (below < 110 ? below : 110)) * e;
    }
    log_sum_exp[i] = isinf(max) ? max : scale * max + log(sum);
    /* Chains no longer than what one vector adds of a chunk, and the result's own rounding. */
    bound[i] = error / sum + (double)(columns < 512 ? columns : 512) * UNIT + 2 * UNIT * fabs(log_sum_exp[i]);
    if (isinf(max)) bound[i] = 0;
  }
}

/* LayerNorm of z, each element of which is off by at most z_error. */
static void layer_norm_row(const double *z, double z_error, const float *weight, const float *bias, double *y,
                           double *bound, int64_t hidden, float eps) {
  double mean = 0, variance = 0, deviation = 0, largest = 0;
  for (int64_t j = 0; j < hidden; j++) {
    mean += z[j];
    largest = larger(largest, fabs(z[j]));
  }
  mean /= (double)hidden;
  for (int64_t j = 0; j < hidden; j++) {
    variance += (z[j] - mean) * (z[j] - mean);
    deviation += fabs(z[j] - mean);
  }
  variance /= (double)hidden;
  deviation /= (double)hidden;
  const double sigma = sqrt(variance + eps);
  const double length = chain_length(hidden);
  /* The first mean, a float, is off by this; the sum of the differences from it takes the error away again. */
  const double first = (length + 1) * UNIT * largest;
  const double mean_error = z_error + (length + 2) * UNIT * (deviation + first);
  const double variance_error = 2 * deviation * (z_error + mean_error) +
                                (z_error + mean_error) * (z_error + mean_error) +
                                (length + 4) * UNIT * (variance + first * first);
  /* sigma' >= sigma / 2 as long as variance_error is below that; otherwise everything is possible up to eps. */
  const double least = sqrt(larger(variance - variance_error, 0) + eps);
  for (int64_t j = 0; j < hidden; j++) {
    const double d = z[j] - mean, w = weight[j], b = bias ? bias[j] : 0;
    const double d_error = z_error + mean_error + UNIT * (fabs(d) + 2 * first);
    y[j] = d / sigma * w + b;
    const double scale_error = fabs(1 / least - 1 / sigma) + 3 * UNIT / least;
    bound[j] = fabs(w) * (d_error / least + fabs(d) * scale_error + 3 * UNIT * (fabs(d) + first) / least) +
               2 * UNIT * fabs(y[j]) + UNIT * fabs(b);
  }
}

void reference_layer_norm(const float *x, const float *residual, const float *weight, const float *bias, double *y,
                          double *bound, int64_t tokens, int64_t hidden, float eps) {
  double *z = malloc((size_t)hidden * sizeof *z);
  if (!z) abort();
  for (int64_t i = 0; i < tokens; i++) {
    double z_error = 0;
    for (int64_t j = 0; j < hidden; j++) {
      z[j] = x[i * hidden + j];
      if (!residual) continue;
      z[j] += residual[i * hidden + j];
      z_error = larger(z_error, UNIT * fabs(z[j]));
    }
    layer_norm_row(z, z_error, weight, bias, y + i * hidden, bound + i * hidden, hidden, eps);
  }
  free(z);
}

void reference_embedding(const pf_embedding_params *p, double *y, double *bound) {
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

/* A pixel of a batch of images, 0 outside of them. */
static double pixel(const pf_patch_embedding_params *p, int64_t image, int64_t channel, int64_t row, int64_t column) {
  if (row < 0 || row >= p->height || column < 0 || column >= p->width) return 0;
  if (p->channels_last) return p->x[((image * p->height + row) * p->width + column) * p->channels + channel];
  return p->x[((image * p->channels + channel) * p->height + row) * p->width + column];
}

void reference_patch_embedding(const pf_patch_embedding_params *p, const float *weight, double *y, double *bound) {
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
      linear(patch, NULL, weight, p->bias, p->positions ? p->positions + at * p->n : NULL, y + to, bound + to, 1, p->n,
             k, PF_ACTIVATION_NONE);
    }
  }
  free(patch);
}

void reference_depthwise_conv(const pf_depthwise_conv_params *p, double *y, double *bound) {
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
static double interpolation_kernel(double distance, pf_interpolation interpolation) {
  const double x = fabs(distance), a = -0.75;
  if (interpolation == PF_INTERPOLATION_BILINEAR) return x < 1 ? 1 - x : 0;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

static int64_t clamped(int64_t i, int64_t size) { return i < 0 ? 0 : i >= size ? size - 1 : i; }

void reference_interpolate(const pf_interpolate_params *p, double *y, double *bound) {
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

void reference_rms_norm(const float *x, const float *residual, const float *weight, double *y, double *bound,
                        int64_t tokens, int64_t hidden, float eps) {
  for (int64_t i = 0; i < tokens; i++) {
    const float *xi = x + i * hidden, *ri = residual ? residual + i * hidden : NULL;
    double squares = 0;
    for (int64_t j = 0; j < hidden; j++) {
      const double z = (double)xi[j] + (ri ? ri[j] : 0);
      squares += z * z;
    }
    const double rms = sqrt(squares / (double)hidden + eps);
    /* z, its square, the chain, and then division, root, reciprocal and two products. */
    const double relative = (chain_length(hidden) / 2 + 10) * UNIT;
    for (int64_t j = 0; j < hidden; j++) {
      y[i * hidden + j] = ((double)xi[j] + (ri ? ri[j] : 0)) / rms * weight[j];
      bound[i * hidden + j] = relative * fabs(y[i * hidden + j]);
    }
  }
}

void reference_softmax(const float *x, double *y, double *bound, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; i++, x += columns, y += columns, bound += columns) {
    double max = -INFINITY, sum = 0, sum_error = 0;
    for (int64_t j = 0; j < columns; j++) max = x[j] > max || isnan(x[j]) ? x[j] : max;
    for (int64_t j = 0; j < columns; j++) {
      const double below = max - x[j];
      y[j] = max == -INFINITY ? 0 : exp(-below);
      /* Of the exponential, and of the difference in its argument; beyond -110 the result is 0 anyhow. */
      bound[j] = (EXP_ERROR + UNIT * (below < 110 ? below : 110)) * y[j];
      sum += y[j];
      sum_error += bound[j];
    }
    /* Two chains of the narrowest vector. */
    sum_error += ((double)columns / 8 + 8) * UNIT * sum;
    for (int64_t j = 0; j < columns && sum != 0; j++) {
      y[j] /= sum;
      bound[j] = bound[j] / sum + y[j] * (sum_error / sum + 4 * UNIT);
    }
  }
}

void reference_pool(const float *x, const int32_t *cu_seqlens, double *y, double *bound, int64_t sequences,
                    int64_t hidden, pf_pooling pooling, int32_t normalize) {
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
