/*
 * The head of a decoder and the choice among its logits in one pass: x W^T + bias, of each row the `count` largest, and
 * log sum exp(logit * inverse_temperature).
 *
 * FLOPs 2 tokens vocab hidden; bytes of the packed weight once for every PASS_ROWS tokens: bound by the stream of
 * weights for a step of decoding. A task computes the logits of one chunk of columns (linear.c) into its thread's
 * workspace, where they stay in the second-level cache until they have been offered and summed up (top_k.c). Every
 * thread has its own candidates for each row, so that none waits for another; the best of theirs are the best of all in
 * whatever order they came, and the chunks' sums are merged in the order of the row.
 */
#include <string.h>

#include "kernel.h"
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
static int64_t chunk_count(int64_t vocab) { return (vocab + CHUNK_COLUMNS - 1) / CHUNK_COLUMNS; }

/* Of a thread, in bytes: the sizes of its heaps, their values and ids, and the logits of a chunk. */
static int64_t thread_bytes(int64_t rows, int64_t count) {
  const int64_t bytes = rows * (int64_t)sizeof(int64_t) + rows * count * (int64_t)(sizeof(float) + sizeof(int32_t)) +
                        rows * CHUNK_COLUMNS * (int64_t)sizeof(float);
  return (bytes + PF_ALIGNMENT - 1) / PF_ALIGNMENT * PF_ALIGNMENT;
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
  const int64_t columns = a->vocab - column < CHUNK_COLUMNS ? a->vocab - column : CHUNK_COLUMNS;
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

static void finish_row(const void *context, int64_t row, int32_t thread) {
  (void)thread;
  const pass *p = context;
  const pf_linear_top_k_params *a = p->params;
  const int64_t chunks = chunk_count(a->vocab), token = p->first + row;
  top_k_heap heap = {a->values + token * a->count, a->ids + token * a->count, 0, a->count};
  for (int32_t t = 0; t < p->threads; t++) {
    const thread_candidates c = candidates_of(p, t);
    for (int64_t i = row * a->count; i < row * a->count + c.sizes[row]; i++)
      PF_KERNEL(top_k_offer)(&heap, c.values[i], c.ids[i]);
  }
  const float inverse_temperature = inverse_temperature_of(p, row);
  exponential_sum sum = EMPTY_SUM;
  for (int64_t chunk = 0; chunk < chunks; chunk++)
    PF_KERNEL(top_k_merge)(&sum, chunk_sums(p)[row * chunks + chunk], inverse_temperature);
  a->log_sum_exp[token] = PF_KERNEL(top_k_finish)(&heap, sum, inverse_temperature);
}

/* Behind the chunks' sums: the prepared input of a pass. */
static int64_t input_at(int32_t threads, int64_t rows, int64_t vocab, int64_t count) {
  const int64_t bytes =
      threads * thread_bytes(rows, count) + rows * chunk_count(vocab) * (int64_t)sizeof(exponential_sum);
  return (bytes + PF_ALIGNMENT - 1) / PF_ALIGNMENT * PF_ALIGNMENT;
}

pf_status PF_KERNEL(linear_top_k_workspace_size)(int32_t threads, int64_t tokens, int64_t vocab, int64_t hidden,
                                                 int64_t count, int64_t *bytes) {
  if (!bytes || !is_count(tokens) || !is_extent(vocab) || !is_extent(hidden) || count < 1 || count > vocab)
    return PF_ERROR_ARGUMENT;
  const int64_t rows = pass_rows(tokens);
  *bytes = input_at(threads, rows, vocab, count) + PF_KERNEL(linear_input_bytes)(rows, hidden);
  return PF_OK;
}

pf_status PF_KERNEL(linear_top_k)(pf_engine *engine, const pf_linear_top_k_params *a) {
  int64_t bytes;
  linear_layer layer;
  const int32_t threads = pf_engine_threads(engine);
  pf_status status = PF_KERNEL(linear_top_k_workspace_size)(threads, a->tokens, a->vocab, a->hidden, a->count, &bytes);
  if (status == PF_OK)
    status = PF_KERNEL(linear_open)(engine, a->packed, a->bias, a->vocab, a->hidden, PF_ACTIVATION_NONE, &layer);
  if (status != PF_OK) return status;
  if (a->tokens == 0) return PF_OK;
  if (!a->x || !a->values || !a->ids || !a->log_sum_exp) return PF_ERROR_ARGUMENT;
  if (!PF_KERNEL(are_inverse_temperatures)(a->inverse_temperature, a->tokens)) return PF_ERROR_ARGUMENT;
  if (!a->workspace || (uintptr_t)a->workspace % PF_ALIGNMENT || a->workspace_bytes < bytes) return PF_ERROR_WORKSPACE;

  pass p = {.params = a, .layer = &layer, .most_rows = pass_rows(a->tokens), .threads = threads};
  void *room = (char *)a->workspace + input_at(threads, p.most_rows, a->vocab, a->count);
  const int64_t passes = (a->tokens + PASS_ROWS - 1) / PASS_ROWS;
  for (int64_t i = 0; i < passes; i++) {
    p.first = a->tokens * i / passes;
    p.rows = a->tokens * (i + 1) / passes - p.first;
    p.input = PF_KERNEL(linear_prepare)(engine, &layer, a->x + p.first * a->hidden, p.rows, room);
    for (int32_t t = 0; t < threads; t++) memset(candidates_of(&p, t).sizes, 0, (size_t)p.rows * sizeof(int64_t));
    pf_parallel_for(engine, chunk_count(a->vocab), choose_from_chunk, &p);
    pf_parallel_for(engine, p.rows, finish_row, &p);
  }
  return PF_OK;
}
