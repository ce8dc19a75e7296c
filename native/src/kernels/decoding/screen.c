/*
 * A screen: bounds on the outputs of a linear layer in float32 or bfloat16 from a quarter or half of its bytes.
 *
 * With a centre c_j and a stretch t_j for each column of W, of which the codes of PF_PRECISION_INT8 stand for rows v_i,
 *
 *   w_i x = c x + v_i x' + e_i x',   x'_j = t_j x_j,   e_ij = (w_ij - c_j) / t_j - v_ij.
 *
 * c x is the same for all columns of a row of outputs and does not decide between them. |e_i x'| is at most |e_i| |x'|
 * (Cauchy, Schwarz), of which |e_i| is known once the codes are. x' itself is multiplied as the sum of two rows of 8
 * bits, the second of them what the first one left, so that its own error hardly counts. What that leaves, and what
 * floats round here and in the layer itself, is the row's slack.
 *
 * Centring and stretching is what makes it work: in trained models a few columns of the embeddings are large and nearly
 * constant, and hidden states are large just there. Of what is left, codes of k uniform features are off by 0.0073
 * sqrt(k) standard deviations of the logits: 0.2 for 768 of them, while the largest of 50 000 lie beyond four.
 *
 * FLOPs 4 tokens n k of integers; bytes n k: bound by the stream of the codes.
 */
#include "screen.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/kernel.h"
#include "kernels/linear/linear_tile.h"

#define MAGIC 0x31534650u /* "PFS1" */

/*
 * Relative bounds, with room to spare, on what is rounded on the way of a vector through rotation, codes and sums, and
 * on that of a few operations on one number.
 */
#define VECTOR_ROUNDING 0x1p-17
#define ROUNDING 0x1p-20f

/* Beyond this, sums could leave the range of a float. */
#define LARGEST 1e30

/* Columns whose centre and stretch a task finds: what lies side by side of all panels. */
#define TASK_FEATURES 16

typedef struct {
  uint32_t magic;
  int32_t precision; /* of the weight */
  int32_t usable;    /* 0: a weight is not finite */
  int32_t reserved;
  int64_t n, k;
  float longest, heaviest;
} header;

/* Behind the header: float stretch [k], centre [k], errors [n], each rounded up; then the packed codes. */
static int64_t floats_of(int64_t count) { return round_up(count, PF_ALIGNMENT / (int64_t)sizeof(float)); }
static int64_t codes_at(int64_t n, int64_t k) {
  return PF_ALIGNMENT + (int64_t)sizeof(float) * (2 * floats_of(k) + floats_of(round_up(n, WIDE_PANEL)));
}

pf_status PF_KERNEL(screen_size)(const pf_engine *engine, int64_t n, int64_t k, int64_t *bytes) {
  int64_t codes;
  const pf_status status = PF_KERNEL(linear_packed_size)(engine, n, k, PF_PRECISION_INT8, &codes);
  if (status == PF_OK) *bytes = codes_at(n, k) + round_up(codes, PF_ALIGNMENT);
  return status;
}

/* ---- Packing ---------------------------------------------------------------------------------------------------- */

typedef struct {
  const linear_layer *layer; /* the weight */
  linear_layer codes;
  float *stretch, *centre, *errors;
  float longest[PF_MAX_THREADS], heaviest[PF_MAX_THREADS]; /* of what a thread has seen */
} pack_call;

static void read_weights(const linear_layer *layer, int64_t row, int64_t first, int64_t count, float *to) {
  layer->format->features(layer, row, first, count, to);
}

/* Mean and standard deviation of columns. */
static void measure_columns(const void *context, int64_t task, int32_t thread) {
  (void)thread;
  const pack_call *c = context;
  const int64_t n = c->layer->n, k = c->layer->k, first = task * TASK_FEATURES;
  const int64_t columns = min64(k - first, TASK_FEATURES);
  double sum[TASK_FEATURES] = {0}, square[TASK_FEATURES] = {0};
  for (int64_t row = 0; row < n; row++) {
    float w[TASK_FEATURES];
    read_weights(c->layer, row, first, columns, w);
    for (int64_t j = 0; j < columns; j++) {
      sum[j] += (double)w[j];
      square[j] += (double)w[j] * (double)w[j];
    }
  }
  for (int64_t j = 0; j < columns; j++) {
    const double mean = sum[j] / (double)n, variance = square[j] / (double)n - mean * mean;
    const double deviation = variance < (double)FLT_MIN * (double)FLT_MIN ? (double)FLT_MIN : sqrt(variance);
    /* Of a column that is constant, inputs then count for nothing; a NaN stays. */
    c->centre[first + j] = (float)mean;
    c->stretch[first + j] = (float)deviation;
  }
}

/* linear_source.read of a weight that is centred and stretched. */
static void read_centred(const linear_source *source, int64_t row, int64_t first, int64_t count, float *to) {
  const pack_call *c = source->weight;
  read_weights(c->layer, row, first, count, to);
  for (int64_t j = 0; j < count; j++) to[j] = (to[j] - c->centre[first + j]) / c->stretch[first + j];
}

static void measure_errors(const void *context, int64_t panel, int32_t thread) {
  pack_call *c = (pack_call *)context;
  const int64_t n = c->layer->n, k = c->layer->k;
  for (int64_t row = panel * WIDE_PANEL; row < (panel + 1) * WIDE_PANEL; row++) {
    double error = 0, length = 0, weight = 0;
    for (int64_t p = 0; p < k && row < n; p += INT8_PIECE) {
      float values[INT8_PIECE], w[INT8_PIECE];
      const int64_t count = PF_KERNEL(linear_int8_piece)(&c->codes, row, p, values);
      read_weights(c->layer, row, p, min64(k - p, count), w);
      for (int64_t j = 0; j < count; j++) {
        const double value = values[j];
        double exact = 0;
        if (p + j < k) {
          const double own = w[j];
          exact = (own - (double)c->centre[p + j]) / (double)c->stretch[p + j];
          weight += own * own;
        }
        error += (exact - value) * (exact - value);
        length += value * value;
      }
    }
    c->errors[row] = (float)((sqrt(error) + sqrt(length) * VECTOR_ROUNDING) * (1 + (double)ROUNDING));
    const float l = (float)(sqrt(length) * (1 + (double)ROUNDING)), h = (float)(sqrt(weight) * (1 + (double)ROUNDING));
    c->longest[thread] = c->longest[thread] > l ? c->longest[thread] : l;
    c->heaviest[thread] = c->heaviest[thread] > h ? c->heaviest[thread] : h;
  }
}

pf_status PF_KERNEL(screen_pack)(pf_engine *engine, const void *packed, void *to, int64_t n, int64_t k) {
  int64_t bytes;
  linear_layer layer;
  pf_status status = PF_KERNEL(screen_size)(engine, n, k, &bytes);
  if (status == PF_OK) status = PF_KERNEL(linear_open)(engine, packed, NULL, n, k, PF_ACTIVATION_NONE, &layer);
  if (status != PF_OK) return status;
  if (!layer.format->features) return PF_ERROR_PACKED_WEIGHTS;
  if (!is_aligned(to)) return PF_ERROR_ARGUMENT;

  memset(to, 0, (size_t)codes_at(n, k));
  pack_call c = {.layer = &layer, .stretch = (float *)((char *)to + PF_ALIGNMENT)};
  c.centre = c.stretch + floats_of(k);
  c.errors = c.centre + floats_of(k);
  pf_parallel_for(engine, ceil_div(k, TASK_FEATURES), measure_columns, &c);

  const linear_source source = {.weight = &c, .n = n, .k = k, .read = read_centred};
  void *codes = (char *)to + codes_at(n, k);
  PF_KERNEL(linear_pack_source)(engine, &source, codes, PF_PRECISION_INT8);
  status = PF_KERNEL(linear_open)(engine, codes, NULL, n, k, PF_ACTIVATION_NONE, &c.codes);
  if (status != PF_OK) return status;
  pf_parallel_for(engine, ceil_div(n, WIDE_PANEL), measure_errors, &c);

  header h = {.magic = MAGIC, .precision = (int32_t)layer.format->precision, .usable = 1, .n = n, .k = k};
  for (int32_t t = 0; t < pf_engine_threads(engine); t++) {
    h.longest = h.longest > c.longest[t] ? h.longest : c.longest[t];
    h.heaviest = h.heaviest > c.heaviest[t] ? h.heaviest : c.heaviest[t];
  }
  /* A NaN or an infinity is in the centre of its column, and so in all errors. */
  for (int64_t i = 0; i < n; i++) h.usable &= isfinite(c.errors[i]) != 0;
  memcpy(to, &h, sizeof h);
  return PF_OK;
}

pf_status PF_KERNEL(screen_open)(const pf_engine *engine, const void *packed, int64_t n, int64_t k, screen *s) {
  if ((uintptr_t)packed % PF_ALIGNMENT) return PF_ERROR_ARGUMENT;
  header h;
  memcpy(&h, packed, sizeof h);
  if (h.magic != MAGIC || h.n != n || h.k != k) return PF_ERROR_PACKED_WEIGHTS;
  const pf_status status =
      PF_KERNEL(linear_open)(engine, (const char *)packed + codes_at(n, k), NULL, n, k, PF_ACTIVATION_NONE, &s->codes);
  s->precision = (pf_precision)h.precision;
  s->stretch = (const float *)((const char *)packed + PF_ALIGNMENT);
  s->errors = s->stretch + 2 * floats_of(k);
  s->longest = h.longest;
  s->heaviest = h.usable ? h.heaviest : INFINITY;
  return status;
}

/* ---- Rows ------------------------------------------------------------------------------------------------------- */

/* Two rows of floats for each, which are also what the codes are made of, and the codes. */
static int64_t floats_bytes(int64_t rows, int64_t k) { return (int64_t)sizeof(float) * floats_of(2 * rows * k); }

int64_t PF_KERNEL(screen_input_bytes)(int64_t rows, int64_t k) {
  return floats_bytes(rows, k) + PF_KERNEL(linear_input_bytes)(2 * rows, k);
}

static double length_of(const float *x, int64_t k) {
  double sum = 0;
  for (int64_t j = 0; j < k; j++) sum += (double)x[j] * x[j];
  return sqrt(sum);
}

/* The length of what both rows of codes together leave of a stretched row. */
static double left_of(const screen *s, const void *codes, int64_t rows, int64_t row, const float *stretched) {
  const int64_t k = s->codes.k;
  double sum = 0;
  for (int64_t p = 0; p < k; p += INT8_PIECE) {
    float first[INT8_PIECE], second[INT8_PIECE];
    PF_KERNEL(linear_int8_input_piece)(&s->codes, codes, 2 * rows, row, p, first);
    const int64_t count = PF_KERNEL(linear_int8_input_piece)(&s->codes, codes, 2 * rows, rows + row, p, second);
    for (int64_t j = 0; j < count; j++) {
      const double left = (p + j < k ? (double)stretched[p + j] : 0.0) - first[j] - second[j];
      sum += left * left;
    }
  }
  return sqrt(sum);
}

int PF_KERNEL(screen_prepare)(const screen *s, const float *x, int64_t rows, void *workspace, screened_row *prepared) {
  const int64_t k = s->codes.k;
  float *stretched = workspace, *rest = stretched + rows * k;
  void *codes = (char *)workspace + floats_bytes(rows, k);
  double inputs[PF_MAX_SCREENED_TOKENS];
  for (int64_t i = 0; i < rows; i++) {
    const float *row = x + i * k;
    if (s->precision == PF_PRECISION_BF16) {
      PF_KERNEL(linear_bf16_round)(row, k, rest + i * k);
      row = rest + i * k;
    }
    inputs[i] = length_of(row, k);
    for (int64_t j = 0; j < k; j++) stretched[i * k + j] = row[j] * s->stretch[j];
  }
  s->codes.format->prepare(&s->codes, stretched, 2 * rows, codes, 0, rows);
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t p = 0; p < k; p += INT8_PIECE) {
      float values[INT8_PIECE];
      PF_KERNEL(linear_int8_input_piece)(&s->codes, codes, 2 * rows, i, p, values);
      for (int64_t j = p; j < min64(k, p + INT8_PIECE); j++) rest[i * k + j] = stretched[i * k + j] - values[j - p];
    }
  }
  s->codes.format->prepare(&s->codes, stretched, 2 * rows, codes, rows, 2 * rows);

  for (int64_t i = 0; i < rows; i++) {
    const double length = length_of(stretched + i * k, k);
    const double outputs = (double)s->heaviest * inputs[i], products = (double)s->longest * length;
    const double left = left_of(s, codes, rows, i, stretched + i * k) + (double)k * (double)FLT_TRUE_MIN;
    /* Below the smallest normal float rounding is no longer relative, and bfloat16 takes what lies there for 0. */
    const double smallest = (double)(k + 8) * (double)FLT_MIN * (4 + inputs[i] + (double)s->heaviest);
    /* The layer rounds k products and as many sums at most one after another. */
    prepared[i].slack =
        (double)s->longest * left + products * VECTOR_ROUNDING + 2 * (double)(k + 2) * 0x1p-24 * outputs + smallest;
    prepared[i].length = (float)(length * (1 + (double)ROUNDING));
    if (!(outputs < LARGEST && products < LARGEST && prepared[i].slack < LARGEST)) return 0;
  }
  return 1;
}

void PF_KERNEL(screen_bounds)(const screen *s, const void *workspace, const screened_row *prepared, int64_t rows,
                              int64_t column, const float *bias, float *lower, int64_t lower_stride, float *upper,
                              int64_t upper_stride) {
  const int64_t n = s->codes.n, k = s->codes.k;
  float products[2 * PF_MAX_SCREENED_TOKENS * WIDE_PANEL];
  const linear_share share = {.layer = &s->codes,
                              .input = (const char *)workspace + floats_bytes(rows, k),
                              .input_rows = 2 * rows,
                              .rows = 2 * rows,
                              .column = column,
                              .end = min64(column + WIDE_PANEL, n),
                              .y = products,
                              .stride = WIDE_PANEL};
  PF_KERNEL(linear_compute)(&share);
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < WIDE_PANEL; j += VF_WIDTH) {
      const int64_t lanes = min64(n - column - j, VF_WIDTH);
      float *low = lower + i * lower_stride + j, *high = upper + i * upper_stride + j;
      if (lanes <= 0) {
        vf_store(low, vf_set1(-INFINITY));
        vf_store(high, vf_set1(-INFINITY));
        continue;
      }
      const float *product = products + i * WIDE_PANEL + j;
      vf v = vf_add(vf_load_first(product, lanes), vf_load_first(product + rows * WIDE_PANEL, lanes));
      vf size = vf_abs(v);
      if (bias) {
        const vf b = vf_load_first(bias + column + j, lanes);
        size = vf_add(size, vf_abs(b));
        v = vf_add(v, b);
      }
      const vf error =
          vf_fma(vf_load(s->errors + column + j), vf_set1(prepared[i].length), vf_mul(size, vf_set1(ROUNDING)));
      vf_store(low, vf_sub(v, error));
      vf_store(high, vf_add(v, error));
      for (int64_t l = lanes; l < VF_WIDTH; l++) low[l] = high[l] = -INFINITY;
    }
  }
}
