/*
 * The head of a decoder and the choice among its logits in one pass: x W^T + bias, of each row the `count` largest, and
 * log sum exp(logit * inverse_temperature).
 *
 * FLOPs 2 tokens vocab hidden; bytes of the packed weight once for every PASS_ROWS tokens: bound by the stream of
 * weights for a step of decoding. A task computes the logits of one chunk of columns (linear.c) into its thread's
 * workspace, where they stay in the second-level cache until they have been offered and summed up (top_k.c). Every
 * thread has its own candidates for each row, so that none waits for another; the best of theirs are the best of all in
 * whatever order they came, and the chunks' sums are merged in the order of the row.
 *
 * Where no sum is asked for, a screen (screen.c) takes a fraction of the bytes: it bounds all logits of a row, the
 * `count`-th largest lower bound is one that the best reach, and only panels with a column whose upper bound reaches it
 * too are computed as above. A step of GPT-2 small that chooses greedily, whose head is 154 of 494 MB, then reads 379,
 * and in bfloat16 208 of 247.
 */
#include <math.h>
#include <string.h>

#include "kernels/kernel.h"
#include "kernels/linear/linear_tile.h"
#include "screen.h"
#include "top_k.h"

/* Rows that pass over the weights together: enough for the FMA units to be the floor. */
#define PASS_ROWS 64

typedef struct {
  const pf_linear_top_k_params *params;
  const linear_layer *layer;
  const void *input;   /* of this pass, as prepared */
  int64_t first, rows; /* of this pass */
  int64_t most_rows;   /* of any pass: what the workspace is laid out for */
  int32_t threads;
} pass;

static int64_t pass_rows(int64_t tokens) { return tokens < PASS_ROWS ? tokens : PASS_ROWS; }
static int64_t chunk_count(int64_t vocab) { return ceil_div(vocab, CHUNK_COLUMNS); }

/* Of a thread, in bytes: the sizes of its heaps, their values and ids, and the logits of a chunk. */
static int64_t thread_bytes(int64_t rows, int64_t count) {
  const int64_t bytes = rows * (int64_t)sizeof(int64_t) + rows * count * (int64_t)(sizeof(float) + sizeof(int32_t)) +
                        rows * CHUNK_COLUMNS * (int64_t)sizeof(float);
  return round_up(bytes, PF_ALIGNMENT);
}

typedef struct {
  int64_t *sizes; /* [rows] */
  float *values;  /* [rows, count] */
  int32_t *ids;   /* [rows, count] */
  float *logits;  /* [rows, CHUNK_COLUMNS] */
} thread_candidates;

static thread_candidates candidates_of(const pass *p, int32_t thread) {
  const int64_t rows = p->most_rows, count = p->params->count;
  thread_candidates c;
  c.sizes = (int64_t *)((char *)p->params->workspace + thread * thread_bytes(rows, count));
  c.values = (float *)(c.sizes + rows);
  c.ids = (int32_t *)(c.values + rows * count);
  c.logits = (float *)(c.ids + rows * count);
  return c;
}

/* Behind those of all threads: [rows, chunks]. */
static exponential_sum *chunk_sums(const pass *p) {
  return (exponential_sum *)((char *)p->params->workspace + p->threads * thread_bytes(p->most_rows, p->params->count));
}

static float inverse_temperature_of(const pass *p, int64_t row) {
  return p->params->inverse_temperature ? p->params->inverse_temperature[p->first + row] : 1.0f;
}

static void choose_from_chunk(const void *context, int64_t chunk, int32_t thread) {
  const pass *p = context;
  const pf_linear_top_k_params *a = p->params;
  const thread_candidates c = candidates_of(p, thread);
  const int64_t column = chunk * CHUNK_COLUMNS, chunks = chunk_count(a->vocab);
  const int64_t columns = min64(a->vocab - column, CHUNK_COLUMNS);
  const linear_share share = {.layer = p->layer,
                              .input = p->input,
                              .input_rows = p->rows,
                              .rows = p->rows,
                              .column = column,
                              .end = column + columns,
                              .y = c.logits,
                              .stride = CHUNK_COLUMNS};
  PF_KERNEL(linear_compute)(&share);
  for (int64_t row = 0; row < p->rows; row++) {
    top_k_heap heap = {c.values + row * a->count, c.ids + row * a->count, c.sizes[row], a->count};
    chunk_sums(p)[row * chunks + chunk] =
        PF_KERNEL(top_k_chunk)(c.logits + row * CHUNK_COLUMNS, columns, column, inverse_temperature_of(p, row), &heap);
    c.sizes[row] = heap.size;
  }
}

static void forget_candidates(const pass *p) {
  for (int32_t t = 0; t < p->threads; t++) memset(candidates_of(p, t).sizes, 0, (size_t)p->rows * sizeof(int64_t));
}

/* The best of all threads' candidates, in the row's place among the results. */
static top_k_heap best_of_threads(const pass *p, int64_t row) {
  const pf_linear_top_k_params *a = p->params;
  const int64_t at = (p->first + row) * a->count;
  top_k_heap heap = {a->values + at, a->ids + at, 0, a->count};
  for (int32_t t = 0; t < p->threads; t++) {
    const thread_candidates c = candidates_of(p, t);
    for (int64_t i = row * a->count; i < row * a->count + c.sizes[row]; i++)
      PF_KERNEL(top_k_offer)(&heap, c.values[i], c.ids[i]);
  }
  return heap;
}

static void finish_row(const void *context, int64_t row, int32_t thread) {
  (void)thread;
  const pass *p = context;
  const pf_linear_top_k_params *a = p->params;
  const int64_t chunks = chunk_count(a->vocab);
  top_k_heap heap = best_of_threads(p, row);
  const float inverse_temperature = inverse_temperature_of(p, row);
  exponential_sum sum = EMPTY_SUM;
  for (int64_t chunk = 0; chunk < chunks; chunk++)
    PF_KERNEL(top_k_merge)(&sum, chunk_sums(p)[row * chunks + chunk], inverse_temperature);
  const float log_sum_exp = PF_KERNEL(top_k_finish)(&heap, sum, inverse_temperature);
  if (a->log_sum_exp) a->log_sum_exp[p->first + row] = log_sum_exp;
}

/* ---- With a screen ---------------------------------------------------------------------------------------------- */

/* Of the panels, at most one in so many is computed after a screen; of more, all. */
#define PANELS_LEFT 4

typedef struct {
  pass pass;
  screen screen;
  const void *input; /* prepared for the screen */
  screened_row rows[PF_MAX_SCREENED_TOKENS];
  float *upper;    /* [rows, vocab rounded up to WIDE_PANEL] */
  int32_t *panels; /* WIDE_PANEL columns each, to be computed */
} screened_pass;

static int64_t wide_panels(int64_t vocab) { return ceil_div(vocab, WIDE_PANEL); }

/* Offers what a thread has of columns from `first` on to its candidates. */
static void offer_columns(const pass *p, const thread_candidates *c, int64_t first, int64_t columns) {
  const int64_t count = p->params->count;
  for (int64_t row = 0; row < p->rows; row++) {
    top_k_heap heap = {c->values + row * count, c->ids + row * count, c->sizes[row], count};
    PF_KERNEL(top_k_offer_all)(&heap, c->logits + row * CHUNK_COLUMNS, columns, first);
    c->sizes[row] = heap.size;
  }
}

static void bound_chunk(const void *context, int64_t chunk, int32_t thread) {
  const screened_pass *p = context;
  const pf_linear_top_k_params *a = p->pass.params;
  const thread_candidates c = candidates_of(&p->pass, thread);
  const int64_t first = chunk * CHUNK_COLUMNS, columns = min64(a->vocab - first, CHUNK_COLUMNS);
  const int64_t stride = wide_panels(a->vocab) * WIDE_PANEL;
  for (int64_t j = 0; j < columns; j += WIDE_PANEL)
    PF_KERNEL(screen_bounds)(&p->screen, p->input, p->rows, p->pass.rows, first + j, a->bias, c.logits + j,
                             CHUNK_COLUMNS, p->upper + first + j, stride);
  offer_columns(&p->pass, &c, first, columns);
}

static void choose_from_panel(const void *context, int64_t task, int32_t thread) {
  const screened_pass *p = context;
  const pf_linear_top_k_params *a = p->pass.params;
  const thread_candidates c = candidates_of(&p->pass, thread);
  const int64_t first = (int64_t)p->panels[task] * WIDE_PANEL, columns = min64(a->vocab - first, WIDE_PANEL);
  const linear_share share = {.layer = p->pass.layer,
                              .input = p->pass.input,
                              .input_rows = p->pass.rows,
                              .rows = p->pass.rows,
                              .column = first,
                              .end = first + columns,
                              .y = c.logits,
                              .stride = CHUNK_COLUMNS};
  PF_KERNEL(linear_compute)(&share);
  offer_columns(&p->pass, &c, first, columns);
}

/* What an upper bound of a row has to reach: the count-th largest lower bound, less the slack of both. */
static float threshold_of(const screened_pass *p, int64_t row) {
  const top_k_heap best = best_of_threads(&p->pass, row);
  if (best.size < best.count) return -INFINITY;
  const double least = (double)best.values[0] - 2 * p->rows[row].slack;
  return (float)(least - 0x1p-22 * fabs(least));
}

/* Lists the panels with an upper bound that reaches its row's threshold; -1 where a bound is no number. */
static int64_t list_panels(const screened_pass *p) {
  const int64_t panels = wide_panels(p->pass.params->vocab), stride = panels * WIDE_PANEL;
  vf thresholds[PF_MAX_SCREENED_TOKENS], strange = vf_zero();
  for (int64_t row = 0; row < p->pass.rows; row++) thresholds[row] = vf_set1(threshold_of(p, row));
  int64_t count = 0;
  for (int64_t panel = 0; panel < panels; panel++) {
    vf above = vf_set1(-INFINITY);
    const int64_t columns = min64(p->pass.params->vocab - panel * WIDE_PANEL, WIDE_PANEL);
    for (int64_t row = 0; row < p->pass.rows; row++) {
      const float *upper = p->upper + row * stride + panel * WIDE_PANEL;
      for (int64_t j = 0; j < columns; j += VF_WIDTH) {
        const vf bound = vf_load_first(upper + j, min64(columns - j, VF_WIDTH));
        strange = vf_fma(bound, vf_zero(), strange);
        above = vf_max(vf_sub(vf_load(upper + j), thresholds[row]), above);
      }
    }
    if (vf_reduce_max(above) >= 0.0f) p->panels[count++] = (int32_t)panel;
  }
  return vf_reduce_add(strange) == 0.0f ? count : -1;
}

/* Behind the prepared input: upper bounds, the list of panels, the screen's input. */
static int64_t panels_at(int64_t rows, int64_t vocab) {
  return rows * wide_panels(vocab) * WIDE_PANEL * (int64_t)sizeof(float);
}
static int64_t screen_input_at(int64_t rows, int64_t vocab) {
  return round_up(panels_at(rows, vocab) + wide_panels(vocab) * (int64_t)sizeof(int32_t), PF_ALIGNMENT);
}

/* Whether the screen sufficed, and how many columns were computed. */
static int choose_screened(pf_engine *engine, screened_pass *p, char *room, int64_t *computed) {
  const pf_linear_top_k_params *a = p->pass.params;
  const int64_t rows = p->pass.rows;
  p->upper = (float *)room;
  p->panels = (int32_t *)(room + panels_at(rows, a->vocab));
  p->input = room + screen_input_at(rows, a->vocab);
  if (!PF_KERNEL(screen_prepare)(&p->screen, a->x, rows, room + screen_input_at(rows, a->vocab), p->rows)) return 0;
  forget_candidates(&p->pass);
  pf_parallel_for(engine, chunk_count(a->vocab), bound_chunk, p);
  const int64_t left = list_panels(p);
  if (left < 0 || left > wide_panels(a->vocab) / PANELS_LEFT) return 0;
  forget_candidates(&p->pass);
  pf_parallel_for(engine, left, choose_from_panel, p);
  for (int64_t row = 0; row < rows; row++) {
    top_k_heap heap = best_of_threads(&p->pass, row);
    PF_KERNEL(top_k_finish)(&heap, EMPTY_SUM, 1.0f);
  }
  *computed = min64(left * WIDE_PANEL, a->vocab);
  return 1;
}

/* ---- The call --------------------------------------------------------------------------------------------------- */

/* Behind the chunks' sums: the prepared input of a pass. */
static int64_t prepared_at(int32_t threads, int64_t rows, int64_t vocab, int64_t count) {
  const int64_t bytes =
      threads * thread_bytes(rows, count) + rows * chunk_count(vocab) * (int64_t)sizeof(exponential_sum);
  return round_up(bytes, PF_ALIGNMENT);
}

pf_status PF_KERNEL(linear_top_k_workspace_size)(const pf_engine *engine, int64_t tokens, int64_t vocab, int64_t hidden,
                                                 int64_t count, int64_t *bytes) {
  if (!is_count(tokens) || !is_extent(vocab) || !is_extent(hidden) || count < 1 || count > vocab)
    return PF_ERROR_ARGUMENT;
  const int64_t rows = pass_rows(tokens);
  int64_t input = PF_KERNEL(linear_input_bytes)(rows, hidden);
  if (rows <= PF_MAX_SCREENED_TOKENS)
    input += screen_input_at(rows, vocab) + PF_KERNEL(screen_input_bytes)(rows, hidden);
  *bytes = prepared_at(pf_engine_threads(engine), rows, vocab, count) + input;
  return PF_OK;
}

pf_status PF_KERNEL(linear_top_k)(pf_engine *engine, const pf_linear_top_k_params *a) {
  int64_t bytes;
  linear_layer layer;
  screened_pass screened = {0};
  const int32_t threads = pf_engine_threads(engine);
  pf_status status = PF_KERNEL(linear_top_k_workspace_size)(engine, a->tokens, a->vocab, a->hidden, a->count, &bytes);
  if (status == PF_OK)
    status = PF_KERNEL(linear_open)(engine, a->packed, a->bias, a->vocab, a->hidden, PF_ACTIVATION_NONE, &layer);
  if (status == PF_OK && a->screen)
    status = PF_KERNEL(screen_open)(engine, a->screen, a->vocab, a->hidden, &screened.screen);
  if (status == PF_OK && a->screen && layer.format->precision != screened.screen.precision)
    status = PF_ERROR_PACKED_WEIGHTS;
  if (status != PF_OK) return status;
  if (a->tokens == 0) return PF_OK;
  if (!a->x || !a->values || !a->ids) return PF_ERROR_ARGUMENT;
  if (!are_inverse_temperatures(a->inverse_temperature, a->tokens)) return PF_ERROR_ARGUMENT;
  if (!is_workspace(a->workspace, a->workspace_bytes, bytes)) return PF_ERROR_WORKSPACE;

  pass p = {.params = a, .layer = &layer, .most_rows = pass_rows(a->tokens), .threads = threads};
  void *room = (char *)a->workspace + prepared_at(threads, p.most_rows, a->vocab, a->count);
  int64_t computed = a->vocab;
  if (a->screen && !a->log_sum_exp && a->tokens <= PF_MAX_SCREENED_TOKENS) {
    screened.pass = p;
    screened.pass.rows = a->tokens;
    screened.pass.input = PF_KERNEL(linear_prepare)(engine, &layer, a->x, a->tokens, room);
    if (choose_screened(engine, &screened, (char *)room + PF_KERNEL(linear_input_bytes)(a->tokens, a->hidden),
                        &computed)) {
      if (a->computed) *a->computed = computed;
      return PF_OK;
    }
  }
  const int64_t passes = ceil_div(a->tokens, PASS_ROWS);
  for (int64_t i = 0; i < passes; i++) {
    p.first = a->tokens * i / passes;
    p.rows = a->tokens * (i + 1) / passes - p.first;
    p.input = PF_KERNEL(linear_prepare)(engine, &layer, a->x + p.first * a->hidden, p.rows, room);
    forget_candidates(&p);
    pf_parallel_for(engine, chunk_count(a->vocab), choose_from_chunk, &p);
    pf_parallel_for(engine, p.rows, finish_row, &p);
  }
  if (a->computed) *a->computed = computed;
  return PF_OK;
}
