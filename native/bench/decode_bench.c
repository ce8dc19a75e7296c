/*
 * What a step of decoding is made of, and the share of the read bandwidth that it reaches: packed linears of one to
 * eight rows in the shapes of GPT-2 small, the head with its choice of tokens, attention over a paged cache, and the
 * whole of it. Every figure is the median of rounds, each in turns with the probe on the same memory, of which no call
 * finds anything in a cache: copies add up to more than half a gigabyte.
 *
 *   decode_bench [threads [linear|head|attention|step [fp32|bf16|int8|int4|int4-128 [compact]]]]
 *
 * Compact is what pf_linear_compact_pack makes of float32 and bfloat16; bytes are counted as if it were not.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define ROUNDS 41
#define ARENA_BYTES (INT64_C(640) << 20)
/* What the calls read before the probe has its turn: twice a last-level cache. */
#define TURN_BYTES (INT64_C(64) << 20)
/* What the probe's reads are a multiple of. */
#define PROBE_UNIT (1 << 20)

typedef struct {
  pf_engine *engine;
  char *arena;
  pf_precision precision;
  int compact;
} bench;

/* Seconds that reading so many bytes from `at` on takes, beyond the end from the beginning. */
static double probe(const bench *b, int64_t at, int64_t bytes) {
  const int64_t first = bytes < ARENA_BYTES - at ? bytes : ARENA_BYTES - at;
  double time = (double)first / read_bandwidth(b->engine, b->arena + at, first);
  if (bytes > first) time += (double)(bytes - first) / read_bandwidth(b->engine, b->arena, bytes - first);
  return time;
}

static int64_t aligned(int64_t bytes) { return (bytes + PF_ALIGNMENT - 1) / PF_ALIGNMENT * PF_ALIGNMENT; }

/*
 * Calls `call` for every copy in the arena, each `stride` bytes behind the one before, of which it reads `bytes`, and
 * prints at which rate. Memory that is shared with others changes its speed from one moment to the next: after every few
 * copies the probe reads as much, half an arena further on.
 */
static void measure(const bench *b, const char *name, int64_t stride, int64_t bytes,
                    void (*call)(void *, const void *), void *context) {
  const int64_t copies = ARENA_BYTES / stride;
  const int64_t group = stride < TURN_BYTES ? TURN_BYTES / stride : 1;
  double rates[ROUNDS], shares[ROUNDS];
  for (int r = 0; r < ROUNDS; r++) {
    double called = 0, probed = 0;
    for (int64_t first = 0; first < copies; first += group) {
      const int64_t end = first + group < copies ? first + group : copies;
      const double begin = seconds();
      for (int64_t i = first; i < end; i++) call(context, b->arena + i * stride);
      called += seconds() - begin;
      const int64_t across = (first * stride / PROBE_UNIT * PROBE_UNIT + ARENA_BYTES / 2) % ARENA_BYTES;
      probed += probe(b, across, (end - first) * bytes);
    }
    rates[r] = (double)(copies * bytes) / called;
    shares[r] = probed / called;
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
  void *workspace;
  int64_t workspace_bytes;
  pf_linear_top_k_params head;
  int64_t screen_at; /* behind the packed weight */
  int64_t computed, calls;
} linear_bench;

static void run_linear(void *context, const void *packed) {
  const linear_bench *l = context;
  pf_linear(l->engine, l->x, packed, NULL, NULL, l->y, l->rows, l->n, l->k, PF_ACTIVATION_NONE, l->workspace,
            l->workspace_bytes);
}

static void run_head(void *context, const void *packed) {
  linear_bench *l = context;
  l->head.packed = packed;
  pf_linear_top_k(l->engine, &l->head);
}

static void pack(const bench *b, const float *weight, void *to, int64_t n, int64_t k) {
  int64_t bytes;
  pf_linear_packed_size(b->engine, n, k, b->precision, &bytes);
  void *packed = b->compact ? tensor(bytes / 4) : to;
  pf_linear_pack(b->engine, weight, PF_DTYPE_FP32, packed, n, k, b->precision);
  if (!b->compact) return;
  if (pf_linear_compact_pack(b->engine, packed, to, n, k, NULL) != PF_OK) memcpy(to, packed, (size_t)bytes);
  free(packed);
}

/* The arena full of copies of one packed weight; returns its bytes. */
static int64_t pack_copies(const bench *b, int64_t n, int64_t k) {
  int64_t bytes;
  pf_linear_packed_size(b->engine, n, k, b->precision, &bytes);
  const int64_t stride = aligned(bytes);
  float *weight = tensor(n * k);
  pack(b, weight, b->arena, n, k);
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
    pf_linear_workspace_size(b->engine, l.rows, k, b->precision, &l.workspace_bytes);
    l.workspace = tensor(l.workspace_bytes / 4 + 1);
    char name[64];
    snprintf(name, sizeof name, "linear     rows %ld  %ld x %ld", (long)l.rows, (long)k, (long)n);
    measure(b, name, aligned(bytes), bytes, run_linear, &l);
    free(l.x);
    free(l.y);
    free(l.workspace);
  }
}

/* The same behind its screen, which it is to be made of. */
static void run_screened_head(void *context, const void *packed) {
  linear_bench *l = context;
  l->head.packed = packed;
  l->head.screen = (const char *)packed + l->screen_at;
  pf_linear_top_k(l->engine, &l->head);
  l->computed += *l->head.computed;
  l->calls++;
}

/* The bytes of a screen that a call reads. */
static int64_t screened_bytes(const bench *b, int64_t vocab, int64_t hidden) {
  int64_t bytes;
  pf_screen_size(b->engine, vocab, hidden, &bytes);
  return bytes;
}

static void bench_head(const bench *b, int64_t vocab, int64_t hidden, int64_t rows, int64_t count, int is_screened) {
  const int64_t bytes = pack_copies(b, vocab, hidden);
  int64_t computed, stride = aligned(bytes);
  linear_bench l = {.engine = b->engine, .screen_at = stride};
  l.head = (pf_linear_top_k_params){.x = tensor(rows * hidden),
                                    .values = tensor(rows * count),
                                    .ids = (int32_t *)tensor(rows * count),
                                    .log_sum_exp = is_screened ? NULL : tensor(rows),
                                    .tokens = rows,
                                    .vocab = vocab,
                                    .hidden = hidden,
                                    .count = count};
  pf_linear_top_k_workspace_size(b->engine, rows, vocab, hidden, count, &l.head.workspace_bytes);
  l.head.workspace = tensor(l.head.workspace_bytes / 4 + 1);
  char name[80];
  snprintf(name, sizeof name, "head       rows %ld  %ld x %ld, best %ld%s", (long)rows, (long)hidden, (long)vocab,
           (long)count, is_screened ? ", screened" : "");
  if (is_screened) {
    const int64_t screen_bytes = screened_bytes(b, vocab, hidden);
    stride += screen_bytes;
    for (int64_t i = 1; i < ARENA_BYTES / stride; i++) memcpy(b->arena + i * stride, b->arena, (size_t)bytes);
    for (int64_t i = 0; i < ARENA_BYTES / stride; i++)
      pf_screen_pack(b->engine, b->arena + i * stride, b->arena + i * stride + l.screen_at, vocab, hidden);
    l.head.computed = &computed;
    measure(b, name, stride, screen_bytes, run_screened_head, &l);
    printf("  of %ld columns it computed %.0f\n", (long)vocab, (double)l.computed / (double)l.calls);
  } else {
    measure(b, name, stride, bytes, run_head, &l);
  }
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
  const int64_t bytes = blocks * 2 * kv_heads * block_tokens * head_dim * 4;
  measure(b, name, aligned(bytes), bytes, run_attention, &a);
  free((float *)a.params.q);
  free(a.params.y);
  free(a.params.workspace);
  free(tables);
  free(lengths);
}

/* ---- A whole step ---------------------------------------------------------------------------------------------- */

enum { LAYERS = 12, HIDDEN = 768, INTERMEDIATE = 4 * HIDDEN, HEADS = 12, VOCAB = 50257, STEP_KEYS = 128 };

/* Where the packed weights of GPT-2 small lie in the arena, in the order in which a step reads them. */
typedef struct {
  pf_engine *engine;
  int64_t rows;
  int64_t qkv[LAYERS], output[LAYERS], up[LAYERS], down[LAYERS], head, screen, bytes;
  float *norm, *x, *normed, *qkv_rows, *context;
  void *workspace;
  int64_t workspace_bytes;
  pf_kv_store_params store;
  pf_paged_attention_params attention;
  pf_ffn_params ffn;
  pf_linear_top_k_params best;
} step_bench;

static int64_t pack_next(const bench *b, step_bench *s, const float *weight, int64_t n, int64_t k) {
  int64_t bytes;
  const int64_t at = s->bytes;
  pf_linear_packed_size(b->engine, n, k, b->precision, &bytes);
  pack(b, weight, b->arena + at, n, k);
  s->bytes += aligned(bytes);
  return at;
}

static void run_step(void *context, const void *arena) {
  step_bench *s = context;
  const char *weights = arena;
  for (int i = 0; i < LAYERS; i++) {
    pf_layer_norm(s->engine, s->x, NULL, s->norm, s->norm, s->normed, s->rows, HIDDEN, 1e-5f);
    pf_linear(s->engine, s->normed, weights + s->qkv[i], NULL, NULL, s->qkv_rows, s->rows, 3 * HIDDEN, HIDDEN,
              PF_ACTIVATION_NONE, s->workspace, s->workspace_bytes);
    pf_kv_store(s->engine, &s->store);
    pf_paged_attention(s->engine, &s->attention);
    pf_linear(s->engine, s->context, weights + s->output[i], NULL, s->x, s->x, s->rows, HIDDEN, HIDDEN,
              PF_ACTIVATION_NONE, s->workspace, s->workspace_bytes);
    pf_layer_norm(s->engine, s->x, NULL, s->norm, s->norm, s->normed, s->rows, HIDDEN, 1e-5f);
    s->ffn.up = weights + s->up[i];
    s->ffn.down = weights + s->down[i];
    pf_ffn(s->engine, &s->ffn);
  }
  pf_layer_norm(s->engine, s->x, NULL, s->norm, s->norm, s->normed, s->rows, HIDDEN, 1e-5f);
  s->best.packed = weights + s->head;
  if (!s->best.log_sum_exp) s->best.screen = weights + s->screen;
  pf_linear_top_k(s->engine, &s->best);
}

/*
 * One token of each of `rows` texts of STEP_KEYS tokens: all that a step computes but its embeddings. Greedy, it reads of
 * the head little more than its screen.
 */
static void bench_step(const bench *b, int64_t rows, int is_greedy) {
  const int64_t block_tokens = 32, sequence_blocks = STEP_KEYS / block_tokens, blocks = rows * sequence_blocks;
  const int64_t head_dim = HIDDEN / HEADS;
  step_bench s = {.engine = b->engine, .rows = rows};
  float *weight = tensor((int64_t)VOCAB * HIDDEN), *cache = tensor(blocks * block_tokens * 2 * HIDDEN);
  for (int i = 0; i < LAYERS; i++) {
    s.qkv[i] = pack_next(b, &s, weight, 3 * HIDDEN, HIDDEN);
    s.output[i] = pack_next(b, &s, weight, HIDDEN, HIDDEN);
    s.up[i] = pack_next(b, &s, weight, INTERMEDIATE, HIDDEN);
    s.down[i] = pack_next(b, &s, weight, HIDDEN, INTERMEDIATE);
  }
  s.head = pack_next(b, &s, weight, VOCAB, HIDDEN);
  int64_t read = s.bytes;
  if (is_greedy) {
    s.screen = s.bytes;
    s.bytes += screened_bytes(b, VOCAB, HIDDEN);
    read = s.head + screened_bytes(b, VOCAB, HIDDEN);
    pf_screen_pack(b->engine, b->arena + s.head, b->arena + s.screen, VOCAB, HIDDEN);
  }
  for (int64_t i = 1; i < ARENA_BYTES / s.bytes; i++) memcpy(b->arena + i * s.bytes, b->arena, (size_t)s.bytes);
  free(weight);
  int32_t *lengths = (int32_t *)tensor(rows + 1), *keys = (int32_t *)tensor(rows), *slots = (int32_t *)tensor(rows);
  int32_t *tables = (int32_t *)tensor(blocks);
  for (int64_t i = 0; i <= rows; i++) lengths[i] = (int32_t)i;
  for (int64_t i = 0; i < blocks; i++) tables[i] = (int32_t)i;
  for (int64_t i = 0; i < rows; i++) {
    keys[i] = STEP_KEYS;
    slots[i] = (int32_t)((i + 1) * STEP_KEYS - 1);
  }
  s.norm = tensor(HIDDEN);
  s.x = tensor(rows * HIDDEN);
  s.normed = tensor(rows * HIDDEN);
  s.qkv_rows = tensor(rows * 3 * HIDDEN);
  s.context = tensor(rows * HIDDEN);
  pf_linear_workspace_size(b->engine, rows, HIDDEN, b->precision, &s.workspace_bytes);
  s.workspace = tensor(s.workspace_bytes / 4 + 1);
  s.store = (pf_kv_store_params){.k = s.qkv_rows + HIDDEN,
                                 .v = s.qkv_rows + 2 * HIDDEN,
                                 .cache = cache,
                                 .slots = slots,
                                 .kv_token_stride = 3 * HIDDEN,
                                 .kv_head_stride = head_dim,
                                 .tokens = rows,
                                 .blocks = blocks,
                                 .block_tokens = block_tokens,
                                 .kv_heads = HEADS,
                                 .head_dim = head_dim};
  s.attention = (pf_paged_attention_params){.q = s.qkv_rows,
                                            .cache = cache,
                                            .y = s.context,
                                            .cu_seqlens_q = lengths,
                                            .kv_lengths = keys,
                                            .block_tables = tables,
                                            .q_token_stride = 3 * HIDDEN,
                                            .q_head_stride = head_dim,
                                            .y_token_stride = HIDDEN,
                                            .y_head_stride = head_dim,
                                            .block_table_stride = sequence_blocks,
                                            .q_tokens = rows,
                                            .sequences = rows,
                                            .heads = HEADS,
                                            .kv_heads = HEADS,
                                            .head_dim = head_dim,
                                            .blocks = blocks,
                                            .block_tokens = block_tokens,
                                            .scale = 1.0f / sqrtf((float)head_dim)};
  pf_paged_attention_workspace_size(b->engine, head_dim, &s.attention.workspace_bytes);
  s.attention.workspace = tensor(s.attention.workspace_bytes / 4 + 1);
  s.ffn = (pf_ffn_params){.x = s.normed,
                          .residual = s.x,
                          .y = s.x,
                          .tokens = rows,
                          .hidden = HIDDEN,
                          .intermediate = INTERMEDIATE,
                          .activation = PF_ACTIVATION_GELU_TANH};
  pf_ffn_workspace_size(b->engine, rows, HIDDEN, INTERMEDIATE, &s.ffn.workspace_bytes);
  s.ffn.workspace = tensor(s.ffn.workspace_bytes / 4 + 1);
  s.best = (pf_linear_top_k_params){.x = s.normed,
                                    .values = tensor(rows),
                                    .ids = (int32_t *)tensor(rows),
                                    .log_sum_exp = is_greedy ? NULL : tensor(rows),
                                    .tokens = rows,
                                    .vocab = VOCAB,
                                    .hidden = HIDDEN,
                                    .count = 1};
  pf_linear_top_k_workspace_size(b->engine, rows, VOCAB, HIDDEN, 1, &s.best.workspace_bytes);
  s.best.workspace = tensor(s.best.workspace_bytes / 4 + 1);
  char name[64];
  snprintf(name, sizeof name, "step       rows %ld  GPT-2 small%s", (long)rows, is_greedy ? ", greedy" : "");
  measure(b, name, s.bytes, read, run_step, &s);
  void *owned[] = {cache,     lengths,   keys,       slots,           tables,
                   s.norm,    s.x,       s.normed,   s.qkv_rows,      s.context,
                   s.attention.workspace, s.ffn.workspace, s.best.values, s.best.ids, s.best.log_sum_exp,
                   s.best.workspace, s.workspace};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
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
  const bench b = {engine, (char *)tensor(ARENA_BYTES / 4), precision_of(argc > 3 ? argv[3] : "fp32"),
                   argc > 4 && strcmp(argv[4], "compact") == 0};
  double rates[ROUNDS];
  for (int r = 0; r < ROUNDS; r++) rates[r] = read_bandwidth(engine, b.arena, ARENA_BYTES);
  printf("%d threads, ISA %d: reads %.2f GB/s\n", threads, pf_engine_isa(engine), median(rates, ROUNDS) * 1e-9);
  if (!*only || strcmp(only, "linear") == 0) {
    static const int64_t shapes[][2] = {{2304, 768}, {768, 768}, {3072, 768}, {768, 3072}, {50257, 768}};
    static const int64_t rows[] = {1, 2, 4, 8};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) bench_linear(&b, shapes[i][0], shapes[i][1], rows, 4);
  }
  if (!*only || strcmp(only, "head") == 0) {
    bench_head(&b, 50257, 768, 1, 1, 0);
    bench_head(&b, 50257, 768, 1, 64, 0);
    bench_head(&b, 50257, 768, 8, 64, 0);
    for (int64_t rows = 1; rows <= 8 && b.precision == PF_PRECISION_FP32; rows *= 2) {
      bench_head(&b, 50257, 768, rows, 1, 1);
      bench_head(&b, 50257, 768, rows, 50, 1);
    }
  }
  if (!*only || strcmp(only, "attention") == 0) {
    /* GPT-2 small's heads, and SmolLM2's groups. */
    for (int sequences = 1; sequences <= 8; sequences *= 8) {
      for (int32_t keys = 128; keys <= 8192; keys *= 8) bench_attention(&b, sequences, keys, 12, 12, 64);
      bench_attention(&b, sequences, 8192, 9, 3, 64);
    }
  }
  if (!*only || strcmp(only, "step") == 0) {
    for (int64_t rows = 1; rows <= 8; rows *= 2) bench_step(&b, rows, 0);
    for (int64_t rows = 1; rows <= 8 && b.precision == PF_PRECISION_FP32; rows *= 2) bench_step(&b, rows, 1);
  }
  free(b.arena);
  pf_engine_destroy(engine);
  return 0;
}
