/*
 * The machine's peaks and the share of them that the kernels reach: FMA rate from a probe, then
 * packed linears, attention and an encoder, of the shapes of MiniLM and BERT or of ViT-B/16. Every figure is the median of interleaved rounds, each
 * measured between two runs of the FMA probe, so that a machine whose clock drifts does not tilt the ratio.
 *
 *   kernels_bench [threads [fp32|bf16|int8|int4|int4-128 [text|base|vision]]]
 */
#define _GNU_SOURCE
#include <immintrin.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cpu.h"
#include "simd/amx.h"

#define ROUNDS 21

/* ---- The probe: independent chains of FMAs, as wide as the CPU has them ---------------------------------------- */

#define CHAINS 16
#define PROBE_STEPS 200000

#define PROBE(name, isa, type, set1, fma, first)                                                                      \
  __attribute__((target(isa))) static double name(void) {                                                             \
    type sum[CHAINS];                                                                                                 \
    for (int i = 0; i < CHAINS; i++) sum[i] = set1((float)i);                                                         \
    const type a = set1(0.999f), b = set1(0.001f);                                                                    \
    for (int step = 0; step < PROBE_STEPS; step++) {                                                                  \
      _Pragma("GCC unroll 16") for (int i = 0; i < CHAINS; i++) sum[i] = fma(sum[i], a, b);                           \
    }                                                                                                                 \
    float total = 0;                                                                                                  \
    for (int i = 0; i < CHAINS; i++) total += first(sum[i]);                                                          \
    return total == 12345.0f ? 0 : 2.0 * PROBE_STEPS * CHAINS * (double)(sizeof(type) / sizeof(float));               \
  }
PROBE(probe_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_cvtss_f32)
PROBE(probe_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_cvtss_f32)

static double probe_fma(void) { return __builtin_cpu_supports("avx512f") ? probe_avx512() : probe_avx2(); }

/* Dot products of bfloat16 and of bytes, and tiles of them: operations of one call, as in fused multiply-adds. */
#define DOT_PROBE(name, instruction, products)                                                                         \
  __attribute__((target("avx512f"))) static double name(void) {                                                        \
    __m512i sum[CHAINS];                                                                                               \
    _Pragma("GCC unroll 16") for (int i = 0; i < CHAINS; i++) sum[i] = _mm512_set1_epi32(i);                                                \
    const __m512i a = _mm512_set1_epi32(1), b = _mm512_set1_epi32(0);                                                  \
    for (int step = 0; step < PROBE_STEPS; step++) {                                                                   \
      _Pragma("GCC unroll 16") for (int i = 0; i < CHAINS; i++)                                                        \
        __asm__(instruction " %2, %1, %0" : "+v"(sum[i]) : "v"(a), "v"(b));                                            \
    }                                                                                                                  \
    __m512i total = sum[0];                                                                                            \
    _Pragma("GCC unroll 16") for (int i = 1; i < CHAINS; i++) total = _mm512_xor_si512(total, sum[i]);                                          \
    return _mm512_reduce_add_epi32(total) == 12345 ? 0 : 2.0 * PROBE_STEPS * CHAINS * 16 * products;                   \
  }
DOT_PROBE(probe_vnni, "vpdpbusd", 4)
DOT_PROBE(probe_bf16, "vdpbf16ps", 2)

#define TILE_PROBE(name, dot, products)                                                                                \
  static double name(void) {                                                                                           \
    amx_configure(AMX_ROWS, AMX_ROWS);                                                                                 \
    amx_zero(0);                                                                                                       \
    amx_zero(1);                                                                                                       \
    amx_zero(2);                                                                                                       \
    amx_zero(3);                                                                                                       \
    amx_zero(4);                                                                                                       \
    amx_zero(5);                                                                                                       \
    amx_zero(6);                                                                                                       \
    amx_zero(7);                                                                                                       \
    for (int step = 0; step < PROBE_STEPS / 8; step++) {                                                               \
      dot(0, 4, 6);                                                                                                    \
      dot(1, 4, 7);                                                                                                    \
      dot(2, 5, 6);                                                                                                    \
      dot(3, 5, 7);                                                                                                    \
    }                                                                                                                  \
    amx_release();                                                                                                     \
    return 2.0 * (PROBE_STEPS / 8) * 4 * AMX_ROWS * 16 * 16 * products;                                                \
  }
TILE_PROBE(probe_amx_bf16, amx_dot_bf16, 2)
TILE_PROBE(probe_amx_int8, amx_dot_int8, 4)

/* What the kernels are held against: the fastest way that the engine's extensions offer. */
static double (*probe_flops)(void) = probe_fma;

static void choose_probe(const pf_engine *engine, pf_precision precision) {
  const uint32_t extensions = pf_engine_extensions(engine);
  const int amx = (extensions & PF_EXTENSION_AMX) != 0, vnni = (extensions & PF_EXTENSION_VNNI) != 0;
  if (pf_engine_isa(engine) != PF_ISA_AVX512) return;
  if (precision == PF_PRECISION_BF16) {
    if (amx)
      probe_flops = probe_amx_bf16;
    else if (extensions & PF_EXTENSION_BF16)
      probe_flops = probe_bf16;
  } else if (precision == PF_PRECISION_INT8 && amx) {
    probe_flops = probe_amx_int8;
  } else if (precision != PF_PRECISION_FP32 && vnni) {
    probe_flops = probe_vnni;
  }
}

typedef struct {
  double rate;
  pthread_barrier_t *start;
} probe_thread;

static void *probe_work(void *argument) {
  probe_thread *p = argument;
  pthread_barrier_wait(p->start);
  const double begin = seconds();
  const double flops = probe_flops();
  p->rate = flops / (seconds() - begin);
  return NULL;
}

/* FLOP/s over all threads. */
static double fma_peak(int threads) {
  if (threads == 1) {
    const double begin = seconds();
    return probe_flops() / (seconds() - begin);
  }
  pthread_t handles[PF_MAX_THREADS];
  probe_thread probes[PF_MAX_THREADS];
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, (unsigned)threads);
  for (int i = 0; i < threads; i++) {
    probes[i].start = &start;
    if (pthread_create(&handles[i], NULL, probe_work, &probes[i]) != 0) abort();
  }
  double sum = 0;
  for (int i = 0; i < threads; i++) {
    pthread_join(handles[i], NULL);
    sum += probes[i].rate;
  }
  pthread_barrier_destroy(&start);
  return sum;
}

/* ---- Kernels --------------------------------------------------------------------------------------------------- */

typedef struct {
  pf_engine *engine;
  int threads;
  pf_precision precision;
} bench;

/* Runs `call` often enough for a steady figure and returns the median share of the FMA peak. */
static double share_of_peak(const bench *b, double flops, void (*call)(void *, int64_t), void *context, double *gflops) {
  double shares[ROUNDS], rates[ROUNDS];
  const int64_t repeats = (int64_t)(1.5e8 * b->threads / flops) + 1;
  int64_t count = 0;
  for (int r = 0; r < ROUNDS; r++) {
    const double before = fma_peak(b->threads);
    const double begin = seconds();
    for (int64_t i = 0; i < repeats; i++) call(context, count++);
    const double elapsed = seconds() - begin;
    const double peak = (before + fma_peak(b->threads)) / 2;
    rates[r] = flops * (double)repeats / elapsed;
    shares[r] = rates[r] / peak;
  }
  *gflops = median(rates, ROUNDS) * 1e-9;
  return median(shares, ROUNDS);
}

typedef struct {
  pf_engine *engine;
  float *x, *y;
  char *packed;
  int64_t stride, copies, m, n, k;
  void *workspace;
  int64_t workspace_bytes;
} linear_bench;

static void run_linear(void *context, int64_t i) {
  linear_bench *l = context;
  pf_linear(l->engine, l->x, l->packed + i % l->copies * l->stride, NULL, NULL, l->y, l->m, l->n, l->k,
            PF_ACTIVATION_NONE, l->workspace, l->workspace_bytes);
}

/* As in a model, no weight is used twice in a row: copies of it add up to 32 MB. */
static void bench_linear(const bench *b, int64_t m, int64_t n, int64_t k) {
  linear_bench l = {.engine = b->engine, .m = m, .n = n, .k = k};
  pf_linear_packed_size(b->engine, n, k, b->precision, &l.stride);
  l.stride = (l.stride + 63) / 64 * 64;
  l.copies = (int64_t)32e6 / l.stride + 1;
  l.packed = (char *)tensor(l.stride * l.copies / 4);
  l.x = tensor(m * k);
  l.y = tensor(m * n);
  pf_linear_workspace_size(b->engine, m, k, b->precision, &l.workspace_bytes);
  l.workspace = tensor(l.workspace_bytes / 4 + 1);
  float *weight = tensor(n * k);
  for (int64_t i = 0; i < l.copies; i++) pf_linear_pack(b->engine, weight, PF_DTYPE_FP32, l.packed + i * l.stride, n, k, b->precision);
  double gflops;
  const double share = share_of_peak(b, 2.0 * (double)m * (double)n * (double)k, run_linear, &l, &gflops);
  printf("linear     M %4ld  N %4ld  K %4ld   %6.1f GFLOP/s  %5.1f %% of peak\n", (long)m, (long)n, (long)k, gflops,
         share * 100);
  free(weight);
  free(l.packed);
  free(l.x);
  free(l.y);
  free(l.workspace);
}

typedef struct {
  pf_engine *engine;
  pf_attention_params params;
} attention_bench;

static void run_attention(void *context, int64_t i) {
  (void)i;
  attention_bench *a = context;
  pf_attention(a->engine, &a->params);
}

static void bench_attention(const bench *b, int32_t tokens, int64_t heads, int64_t head_dim) {
  const int64_t width = heads * head_dim;
  const int32_t lengths[] = {0, tokens};
  float *qkv = tensor(tokens * 3 * width), *y = tensor(tokens * width);
  attention_bench a = {.engine = b->engine};
  a.params = (pf_attention_params){.q = qkv, .k = qkv + width, .v = qkv + 2 * width, .y = y, .cu_seqlens_q = lengths,
                                   .cu_seqlens_kv = lengths, .q_token_stride = 3 * width, .q_head_stride = head_dim,
                                   .kv_token_stride = 3 * width, .kv_head_stride = head_dim, .y_token_stride = width,
                                   .y_head_stride = head_dim, .q_tokens = tokens, .kv_tokens = tokens, .sequences = 1,
                                   .heads = heads, .kv_heads = heads, .head_dim = head_dim,
                                   .scale = 1.0f / sqrtf((float)head_dim)};
  pf_attention_workspace_size(b->engine, head_dim, &a.params.workspace_bytes);
  a.params.workspace = tensor(a.params.workspace_bytes / 4);
  double gflops;
  const double share =
      share_of_peak(b, 4.0 * tokens * tokens * (double)width, run_attention, &a, &gflops);
  printf("attention  tokens %4d  heads %2ld  head_dim %3ld   %6.1f GFLOP/s  %5.1f %% of peak\n", tokens, (long)heads,
         (long)head_dim, gflops, share * 100);
  free(qkv);
  free(y);
  free(a.params.workspace);
}

typedef struct {
  pf_engine *engine;
  pf_linformer_attention_params linformer;
  pf_performer_attention_params performer;
} linear_time_bench;

static void run_linformer(void *context, int64_t i) {
  (void)i;
  linear_time_bench *l = context;
  pf_linformer_attention(l->engine, &l->linformer);
}

static void run_performer(void *context, int64_t i) {
  (void)i;
  linear_time_bench *l = context;
  pf_performer_attention(l->engine, &l->performer);
}

/* Attention whose time grows with the tokens alone, to `rows` projected keys or by as many features. */
static void bench_linear_time(const bench *b, int32_t tokens, int64_t heads, int64_t head_dim, int64_t rows) {
  const int64_t width = heads * head_dim;
  const int32_t lengths[] = {0, tokens};
  int32_t *positions = malloc((size_t)tokens * sizeof *positions);
  if (!positions) abort();
  for (int32_t t = 0; t < tokens; t++) positions[t] = t;
  float *qkv = tensor(tokens * 3 * width), *y = tensor(tokens * width);
  float *projection = tensor(tokens * rows), *features = tensor(rows * head_dim);
  linear_time_bench l = {.engine = b->engine};
  l.linformer = (pf_linformer_attention_params){
      .q = qkv, .k = qkv + width, .v = qkv + 2 * width, .y = y, .key_projection = projection,
      .value_projection = projection, .cu_seqlens = lengths, .position_ids = positions, .q_token_stride = 3 * width,
      .q_head_stride = head_dim, .kv_token_stride = 3 * width, .kv_head_stride = head_dim, .y_token_stride = width,
      .y_head_stride = head_dim, .tokens = tokens, .sequences = 1, .heads = heads, .head_dim = head_dim,
      .positions = tokens, .projected = rows, .scale = 1.0f / sqrtf((float)head_dim)};
  l.performer = (pf_performer_attention_params){
      .q = qkv, .k = qkv + width, .v = qkv + 2 * width, .y = y, .random_features = features, .cu_seqlens = lengths,
      .q_token_stride = 3 * width, .q_head_stride = head_dim, .kv_token_stride = 3 * width, .kv_head_stride = head_dim,
      .y_token_stride = width, .y_head_stride = head_dim, .tokens = tokens, .sequences = 1, .heads = heads,
      .head_dim = head_dim, .features = rows, .scale = 1.0f / sqrtf(sqrtf((float)head_dim)), .offset = 1e-3f};
  pf_linformer_attention_workspace_size(b->engine, heads, head_dim, rows, &l.linformer.workspace_bytes);
  l.linformer.workspace = tensor(l.linformer.workspace_bytes / 4);
  const double flops = 8.0 * tokens * (double)(width * rows);
  double gflops;
  double share = share_of_peak(b, flops, run_linformer, &l, &gflops);
  printf("linformer  tokens %5d  projected %3ld             %6.1f GFLOP/s  %5.1f %% of peak\n", tokens, (long)rows,
         gflops, share * 100);
  for (int form = 0; form < 4; form++) {
    l.performer.map = form % 2 ? PF_FEATURE_MAP_RELU : PF_FEATURE_MAP_SOFTMAX;
    l.performer.causal = form / 2;
    pf_performer_attention_workspace_size(b->engine, heads, head_dim, rows, l.performer.causal,
                                          &l.performer.workspace_bytes);
    l.performer.workspace = tensor(l.performer.workspace_bytes / 4);
    share = share_of_peak(b, flops, run_performer, &l, &gflops);
    printf("performer  tokens %5d  features %3ld %s %s  %6.1f GFLOP/s  %5.1f %% of peak\n", tokens, (long)rows,
           form % 2 ? "relu   " : "softmax", form / 2 ? "causal" : "      ", gflops, share * 100);
    free(l.performer.workspace);
  }
  free(l.linformer.workspace);
  free(positions);
  free(qkv);
  free(y);
  free(projection);
  free(features);
}

/* What a forward pass is made of, without Java above it. */
#define MOST_LAYERS 12
#define MOST_SEQUENCES 8

typedef struct {
  const char *name;
  int layers;
  int64_t hidden, intermediate, heads;
} encoder_shape;

typedef struct {
  pf_engine *engine;
  encoder_shape shape;
  void *qkv[MOST_LAYERS], *out[MOST_LAYERS], *up[MOST_LAYERS], *down[MOST_LAYERS];
  float *vector; /* a bias or LayerNorm weight of any layer */
  float *x, *qkv_values, *context, *z;
  pf_attention_params attention;
  pf_ffn_params ffn;
  int64_t tokens;
  void *workspace;
  int64_t workspace_bytes;
} encoder_bench;

static void *packed_weight(const bench *b, int64_t n, int64_t k) {
  int64_t bytes;
  pf_linear_packed_size(b->engine, n, k, b->precision, &bytes);
  float *weight = tensor(n * k);
  for (int64_t i = 0; i < n * k; i++) weight[i] *= 0.05f;
  void *packed = tensor(bytes / 4);
  pf_linear_pack(b->engine, weight, PF_DTYPE_FP32, packed, n, k, b->precision);
  free(weight);
  return packed;
}

static void run_encoder(void *context, int64_t i) {
  (void)i;
  encoder_bench *e = context;
  const int64_t hidden = e->shape.hidden;
  for (int l = 0; l < e->shape.layers; l++) {
    pf_linear(e->engine, e->x, e->qkv[l], e->vector, NULL, e->qkv_values, e->tokens, 3 * hidden, hidden,
              PF_ACTIVATION_NONE, e->workspace, e->workspace_bytes);
    pf_attention(e->engine, &e->attention);
    pf_linear(e->engine, e->context, e->out[l], e->vector, e->x, e->z, e->tokens, hidden, hidden, PF_ACTIVATION_NONE,
              e->workspace, e->workspace_bytes);
    pf_layer_norm(e->engine, e->z, NULL, e->vector, e->vector, e->x, e->tokens, hidden, 1e-12f);
    e->ffn.up = e->up[l];
    e->ffn.down = e->down[l];
    pf_ffn(e->engine, &e->ffn);
    pf_layer_norm(e->engine, e->z, NULL, e->vector, e->vector, e->x, e->tokens, hidden, 1e-12f);
  }
}

/* `sequences` of as many tokens each. */
static void bench_encoder_of(encoder_bench *e, const bench *b, int32_t tokens, int64_t sequences) {
  const int64_t hidden = e->shape.hidden, intermediate = e->shape.intermediate, heads = e->shape.heads;
  const int64_t t = tokens * sequences;
  int32_t lengths[MOST_SEQUENCES + 1];
  for (int64_t s = 0; s <= sequences; s++) lengths[s] = (int32_t)(s * tokens);
  e->tokens = t;
  e->x = tensor(t * hidden);
  e->z = tensor(t * hidden);
  e->context = tensor(t * hidden);
  e->qkv_values = tensor(t * 3 * hidden);
  pf_linear_workspace_size(b->engine, t, hidden, b->precision, &e->workspace_bytes);
  e->workspace = tensor(e->workspace_bytes / 4 + 1);
  e->attention = (pf_attention_params){.q = e->qkv_values, .k = e->qkv_values + hidden,
                                       .v = e->qkv_values + 2 * hidden, .y = e->context, .cu_seqlens_q = lengths,
                                       .cu_seqlens_kv = lengths, .q_token_stride = 3 * hidden,
                                       .q_head_stride = hidden / heads, .kv_token_stride = 3 * hidden,
                                       .kv_head_stride = hidden / heads, .y_token_stride = hidden,
                                       .y_head_stride = hidden / heads, .q_tokens = t, .kv_tokens = t,
                                       .sequences = sequences, .heads = heads, .kv_heads = heads,
                                       .head_dim = hidden / heads, .scale = 1.0f / sqrtf((float)(hidden / heads))};
  pf_attention_workspace_size(b->engine, hidden / heads, &e->attention.workspace_bytes);
  e->attention.workspace = tensor(e->attention.workspace_bytes / 4);
  e->ffn = (pf_ffn_params){.x = e->x, .up_bias = e->vector, .down_bias = e->vector, .residual = e->x, .y = e->z,
                           .tokens = t, .hidden = hidden, .intermediate = intermediate,
                           .activation = PF_ACTIVATION_GELU_ERF};
  pf_ffn_workspace_size(b->engine, t, hidden, intermediate, &e->ffn.workspace_bytes);
  e->ffn.workspace = tensor(e->ffn.workspace_bytes / 4);
  const double flops = e->shape.layers * (double)t * (2.0 * (double)(4 * hidden * hidden + 2 * hidden * intermediate) +
                                                      4.0 * tokens * (double)hidden);
  double gflops;
  const double share = share_of_peak(b, flops, run_encoder, e, &gflops);
  printf("encoder    %s  %ld x tokens %4d   %6.1f GFLOP/s  %5.1f %% of peak  %7.3f ms\n", e->shape.name,
         (long)sequences, tokens, gflops, share * 100, flops / gflops * 1e-6);
  free(e->x);
  free(e->z);
  free(e->context);
  free(e->qkv_values);
  free(e->workspace);
  free(e->attention.workspace);
  free(e->ffn.workspace);
}

static encoder_bench encoder_of(const bench *b, encoder_shape shape) {
  encoder_bench e = {.engine = b->engine, .shape = shape, .vector = tensor(shape.intermediate)};
  for (int l = 0; l < shape.layers; l++) {
    e.qkv[l] = packed_weight(b, 3 * shape.hidden, shape.hidden);
    e.out[l] = packed_weight(b, shape.hidden, shape.hidden);
    e.up[l] = packed_weight(b, shape.intermediate, shape.hidden);
    e.down[l] = packed_weight(b, shape.hidden, shape.intermediate);
  }
  return e;
}

static void free_encoder(encoder_bench *e) {
  for (int l = 0; l < e->shape.layers; l++) {
    free(e->qkv[l]);
    free(e->out[l]);
    free(e->up[l]);
    free(e->down[l]);
  }
  free(e->vector);
}

static void bench_text(const bench *b) {
  const int64_t linears[][3] = {{1, 768, 768},    {8, 768, 768},    {32, 768, 768},   {128, 768, 768}, {128, 3072, 768},
                                {128, 768, 3072}, {128, 1152, 384}, {128, 384, 384},  {128, 1536, 384}, {128, 384, 1536},
                                {32, 1536, 384},  {32, 384, 1536}};
  for (size_t i = 0; i < sizeof linears / sizeof *linears; i++)
    bench_linear(b, linears[i][0], linears[i][1], linears[i][2]);
  const int32_t lengths[] = {8, 16, 32, 64, 128, 256, 512};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) bench_attention(b, lengths[i], 12, 32);
  bench_attention(b, 128, 12, 64);
  bench_linear_time(b, 1024, 12, 64, 256);
  bench_linear_time(b, 16384, 12, 64, 256);
  encoder_bench e = encoder_of(b, (encoder_shape){"MiniLM", 6, 384, 1536, 12});
  for (size_t i = 0; i < 6; i++) bench_encoder_of(&e, b, lengths[i], 1);
  free_encoder(&e);
}

/* BERT-base. */
static void bench_base(const bench *b) {
  const int32_t lengths[] = {8, 16, 32, 64, 128, 256};
  encoder_bench e = encoder_of(b, (encoder_shape){"BERT-base", 12, 768, 3072, 12});
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) bench_encoder_of(&e, b, lengths[i], 1);
  free_encoder(&e);
}

/* ViT-B/16 at 224 x 224 pixels, and the linears of Swin-T's stages. */
static void bench_vision(const bench *b) {
  const int64_t linears[][3] = {{197, 2304, 768}, {197, 768, 768},   {197, 3072, 768},  {197, 768, 3072},
                                {1576, 3072, 768}, {1576, 768, 3072}, {3136, 384, 96},   {3136, 96, 384},
                                {784, 768, 192},  {784, 192, 768},   {196, 1536, 384},  {196, 384, 1536}, 
                                {49, 3072, 768},  {49, 768, 3072}};
  for (size_t i = 0; i < sizeof linears / sizeof *linears; i++)
    bench_linear(b, linears[i][0], linears[i][1], linears[i][2]);
  bench_attention(b, 197, 12, 64);
  bench_attention(b, 49, 12, 32);
  encoder_bench e = encoder_of(b, (encoder_shape){"ViT-B/16", 12, 768, 3072, 12});
  bench_encoder_of(&e, b, 197, 1);
  bench_encoder_of(&e, b, 197, MOST_SEQUENCES);
  free_encoder(&e);
}

int main(int argc, char **argv) {
  const int threads = argc > 1 ? atoi(argv[1]) : 1;
  pf_engine *engine;
  const pf_status status = pf_engine_create(PF_ISA_AUTO, threads, &engine);
  if (status != PF_OK) {
    fprintf(stderr, "kernels_bench: no engine with %d threads (status %d)\n", threads, status);
    return 1;
  }
  const bench b = {engine, threads, precision_of(argc > 2 ? argv[2] : "fp32")};
  choose_probe(engine, b.precision);
  double peaks[ROUNDS];
  for (int r = 0; r < ROUNDS; r++) peaks[r] = fma_peak(threads);
  printf("%d threads, ISA %d: peak %.1f GFLOP/s\n", threads, pf_engine_isa(engine), median(peaks, ROUNDS) * 1e-9);
  const char *shapes = argc > 3 ? argv[3] : "text";
  if (strcmp(shapes, "vision") == 0)
    bench_vision(&b);
  else if (strcmp(shapes, "base") == 0)
    bench_base(&b);
  else
    bench_text(&b);
  pf_engine_destroy(engine);
  return 0;
}
