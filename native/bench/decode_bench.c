/*
 * What a step of decoding is made of, and the share of the read bandwidth that it reaches: packed linears of one to
 * eight rows in the shapes of GPT-2 small, the head with its choice of tokens, and attention over a paged cache. Every
 * figure is the median of rounds, each measured next to the probe on the same memory, of which no call finds anything in
 * a cache: copies add up to half a gigabyte.
 *
 *   decode_bench [threads [linear|head|attention]]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define ROUNDS 9
#define ARENA_BYTES (INT64_C(512) << 20)

typedef struct {
  pf_engine *engine;
  char *arena;
} bench;

/* Calls `call` for every copy in the arena, each of `bytes`, and prints what the calls read of it. */
static void measure(const bench *b, const char *name, int64_t bytes, void (*call)(void *, const void *), void *context) {
  const int64_t stride = (bytes + PF_ALIGNMENT - 1) / PF_ALIGNMENT * PF_ALIGNMENT, copies = ARENA_BYTES / stride;
  double rates[ROUNDS], shares[ROUNDS];
  for (int r = 0; r < ROUNDS; r++) {
    const double before = read_bandwidth(b->engine, b->arena, ARENA_BYTES);
    const double begin = seconds();
    for (int64_t i = 0; i < copies; i++) call(context, b->arena + i * stride);
    rates[r] = (double)(copies * bytes) / (seconds() - begin);
    shares[r] = 2 * rates[r] / (before + read_bandwidth(b->engine, b->arena, ARENA_BYTES));
  }
  const double rate = median(rates, ROUNDS);
  printf("%-44s %6.2f GB/s  %5.1f %% of the probe  %9.1f us\n", name, rate * 1e-9, median(shares, ROUNDS) * 100,
         (double)bytes / rate * 1e6);
  fflush(stdout);
}

/* ---- Linear ---------------------------------------------------------------------------------------------------- */

typedef struct {
  pf_engine *engine;
  float *x, *y;
  int64_t rows, n, k;
  pf_linear_top_k_params head;
} linear_bench;

static void run_linear(void *context, const void *packed) {
  const linear_bench *l = context;
  pf_linear(l->engine, l->x, packed, NULL, NULL, l->y, l->rows, l->n, l->k, PF_ACTIVATION_NONE);
}

static void run_head(void *context, const void *packed) {
  linear_bench *l = context;
  l->head.packed = packed;
  pf_linear_top_k(l->engine, &l->head);
}

/* The arena full of copies of one packed weight; returns its bytes. */
static int64_t pack_copies(const bench *b, int64_t n, int64_t k) {
  int64_t bytes;
  pf_linear_packed_size(b->engine, n, k, &bytes);
  const int64_t stride = (bytes + PF_ALIGNMENT - 1) / PF_ALIGNMENT * PF_ALIGNMENT;
  float *weight = tensor(n * k);
  pf_linear_pack(b->engine, weight, b->arena, n, k);
  for (int64_t i = 1; i < ARENA_BYTES / stride; i++) memcpy(b->arena + i * stride, b->arena, (size_t)bytes);
  free(weight);
  return bytes;
}

static void bench_linear(const bench *b, int64_t n, int64_t k, const int64_t *rows, int count) {
  const int64_t bytes = pack_copies(b, n, k);
  for (int i = 0; i < count; i++) {
    linear_bench l = {.engine = b->engine, .rows = rows[i], .n = n, .k = k};
    l.x = tensor(l.rows * k);
    l.y = tensor(l.rows * n);
    char name[64];
    snprintf(name, sizeof name, "linear     rows %ld  %ld x %ld", (long)l.rows, (long)k, (long)n);
    measure(b, name, bytes, run_linear, &l);
    free(l.x);
    free(l.y);
  }
}

static void bench_head(const bench *b, int64_t vocab, int64_t hidden, int64_t rows, int64_t count) {
  const int64_t bytes = pack_copies(b, vocab, hidden);
  linear_bench l = {.engine = b->engine};
  l.head = (pf_linear_top_k_params){.x = tensor(rows * hidden),
                                    .values = tensor(rows * count),
                                    .ids = (int32_t *)tensor(rows * count),
                                    .log_sum_exp = tensor(rows),
                                    .tokens = rows,
                                    .vocab = vocab,
                                    .hidden = hidden,
                                    .count = count};
  pf_linear_top_k_workspace_size(b->engine, rows, vocab, count, &l.head.workspace_bytes);
  l.head.workspace = tensor(l.head.workspace_bytes / 4 + 1);
  char name[64];
  snprintf(name, sizeof name, "head       rows %ld  %ld x %ld, best %ld", (long)rows, (long)hidden, (long)vocab,
           (long)count);
  measure(b, name, bytes, run_head, &l);
  free((float *)l.head.x);
  free(l.head.values);
  free(l.head.ids);
  free(l.head.log_sum_exp);
  free(l.head.workspace);
}

/* ---- Attention ------------------------------------------------------------------------------------------------- */

typedef struct {
  pf_engine *engine;
  pf_paged_attention_params params;
} attention_bench;

static void run_attention(void *context, const void *cache) {
  attention_bench *a = context;
  a->params.cache = cache;
  pf_paged_attention(a->engine, &a->params);
}

/* One query a sequence, each over `keys` keys in blocks that follow one another nowhere. */
static void bench_attention(const bench *b, int64_t sequences, int32_t keys, int64_t heads, int64_t kv_heads,
                            int64_t head_dim) {
  const int64_t block_tokens = 16, width = heads * head_dim;
  const int64_t sequence_blocks = (keys + block_tokens - 1) / block_tokens, blocks = sequences * sequence_blocks;
  int32_t *tables = (int32_t *)tensor(blocks), *lengths = (int32_t *)tensor(2 * sequences + 1);
  for (int64_t i = 0; i < blocks; i++) tables[i] = (int32_t)(i * 7919 % blocks);
  for (int64_t s = 0; s <= sequences; s++) lengths[s] = (int32_t)s;
  for (int64_t s = 0; s < sequences; s++) lengths[sequences + 1 + s] = keys;
  attention_bench a = {.engine = b->engine};
  a.params = (pf_paged_attention_params){.q = tensor(sequences * width),
                                         .y = tensor(sequences * width),
                                         .cu_seqlens_q = lengths,
                                         .kv_lengths = lengths + sequences + 1,
                                         .block_tables = tables,
                                         .q_token_stride = width,
                                         .q_head_stride = head_dim,
                                         .y_token_stride = width,
                                         .y_head_stride = head_dim,
                                         .block_table_stride = sequence_blocks,
                                         .q_tokens = sequences,
                                         .sequences = sequences,
                                         .heads = heads,
                                         .kv_heads = kv_heads,
                                         .head_dim = head_dim,
                                         .blocks = blocks,
                                         .block_tokens = block_tokens,
                                         .scale = 1.0f / sqrtf((float)head_dim)};
  pf_paged_attention_workspace_size(b->engine, head_dim, &a.params.workspace_bytes);
  a.params.workspace = tensor(a.params.workspace_bytes / 4 + 1);
  char name[64];
  snprintf(name, sizeof name, "attention  %ld x 1 query, %d keys, %ld/%ld heads", (long)sequences, (int)keys,
           (long)heads, (long)kv_heads);
  measure(b, name, blocks * 2 * kv_heads * block_tokens * head_dim * 4, run_attention, &a);
  free((float *)a.params.q);
  free(a.params.y);
  free(a.params.workspace);
  free(tables);
  free(lengths);
}

int main(int argc, char **argv) {
  const int threads = argc > 1 ? atoi(argv[1]) : 1;
  const char *only = argc > 2 ? argv[2] : "";
  pf_engine *engine;
  const pf_status status = pf_engine_create(PF_ISA_AUTO, threads, &engine);
  if (status != PF_OK) {
    fprintf(stderr, "decode_bench: no engine with %d threads (status %d)\n", threads, status);
    return 1;
  }
  const bench b = {engine, (char *)tensor(ARENA_BYTES / 4)};
  double rates[ROUNDS];
  for (int r = 0; r < ROUNDS; r++) rates[r] = read_bandwidth(engine, b.arena, ARENA_BYTES);
  printf("%d threads, ISA %d: reads %.2f GB/s\n", threads, pf_engine_isa(engine), median(rates, ROUNDS) * 1e-9);
  if (!*only || strcmp(only, "linear") == 0) {
    static const int64_t shapes[][2] = {{2304, 768}, {768, 768}, {3072, 768}, {768, 3072}, {50257, 768}};
    static const int64_t rows[] = {1, 2, 4, 8};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) bench_linear(&b, shapes[i][0], shapes[i][1], rows, 4);
  }
  if (!*only || strcmp(only, "head") == 0) {
    bench_head(&b, 50257, 768, 1, 1);
    bench_head(&b, 50257, 768, 1, 64);
    bench_head(&b, 50257, 768, 8, 64);
  }
  if (!*only || strcmp(only, "attention") == 0) {
    /* GPT-2 small's heads, and SmolLM2's groups. */
    for (int sequences = 1; sequences <= 8; sequences *= 8) {
      for (int32_t keys = 128; keys <= 8192; keys *= 8) bench_attention(&b, sequences, keys, 12, 12, 64);
      bench_attention(&b, sequences, 8192, 9, 3, 64);
    }
  }
  free(b.arena);
  pf_engine_destroy(engine);
  return 0;
}
