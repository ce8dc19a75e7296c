/*
 * Feed-forward: y = activation(x up^T + up_bias) down^T + down_bias + residual, or with a gate
 * y = (activation(x gate^T + gate_bias) * (x up^T + up_bias)) down^T + down_bias + residual.
 *
 * FLOPs 4 tokens hidden intermediate, 6 with a gate; bytes 8 or 12 hidden intermediate of weights, once for each chunk
 * of rows, and 8 tokens hidden of activations. Rows go in chunks whose intermediate values, four times as wide as x,
 * stay in cache; they may fill more than the second level, since a chunk more reads all weights once more: 768 -> 2560
 * KiB took 3 % off ViT-B/16 at one image, whose weights are beyond that level. All layers are packed linears; see
 * linear.c for their order of additions, which no chunk changes. The gate's values wait in the place of the
 * intermediate ones, which are multiplied into them.
 */
#include <stddef.h>

#include "linear_format.h"

/* Intermediate values of one chunk. */
#define CHUNK_BYTES (2560 * 1024)

static int64_t chunk_rows(int64_t tokens, int64_t intermediate) {
  int64_t rows = CHUNK_BYTES / (int64_t)sizeof(float) / intermediate;
  if (rows < 16) rows = 16;
  return min64(tokens, rows);
}

/* The intermediate values of a chunk; behind them the prepared inputs of its layers, one at a time. */
static int64_t intermediate_bytes(int64_t rows, int64_t intermediate) {
  return round_up(rows * intermediate * (int64_t)sizeof(float), PF_ALIGNMENT);
}

pf_status PF_KERNEL(ffn_workspace_size)(const pf_engine *engine, int64_t tokens, int64_t hidden, int64_t intermediate,
                                        int64_t *bytes) {
  (void)engine;
  if (!is_count(tokens) || !is_extent(hidden) || !is_extent(intermediate)) return PF_ERROR_ARGUMENT;
  const int64_t rows = chunk_rows(tokens, intermediate), widest = max64(hidden, intermediate);
  *bytes = intermediate_bytes(rows, intermediate) + PF_KERNEL(linear_input_bytes)(rows, widest);
  return PF_OK;
}

pf_status PF_KERNEL(ffn)(pf_engine *engine, const pf_ffn_params *p) {
  int64_t bytes;
  linear_layer gate, up, down;
  pf_status status = PF_KERNEL(ffn_workspace_size)(engine, p->tokens, p->hidden, p->intermediate, &bytes);
  if (status == PF_OK && !p->gate && p->gate_bias) status = PF_ERROR_ARGUMENT;
  if (status == PF_OK && p->gate)
    status = PF_KERNEL(linear_open)(engine, p->gate, p->gate_bias, p->intermediate, p->hidden, p->activation, &gate);
  if (status == PF_OK)
    status = PF_KERNEL(linear_open)(engine, p->up, p->up_bias, p->intermediate, p->hidden,
                                    p->gate ? PF_ACTIVATION_NONE : p->activation, &up);
  if (status == PF_OK)
    status =
        PF_KERNEL(linear_open)(engine, p->down, p->down_bias, p->hidden, p->intermediate, PF_ACTIVATION_NONE, &down);
  if (status != PF_OK) return status;
  if (p->tokens == 0) return PF_OK;
  if (!p->x || !p->y) return PF_ERROR_ARGUMENT;
  if (!is_workspace(p->workspace, p->workspace_bytes, bytes)) return PF_ERROR_WORKSPACE;

  up.multiplies = p->gate != NULL;
  float *intermediate = p->workspace;
  const int64_t most_rows = chunk_rows(p->tokens, p->intermediate);
  void *room = (char *)p->workspace + intermediate_bytes(most_rows, p->intermediate);
  const int64_t chunks = ceil_div(p->tokens, most_rows);
  for (int64_t c = 0; c < chunks; c++) {
    const int64_t begin = p->tokens * c / chunks, rows = p->tokens * (c + 1) / chunks - begin;
    const int64_t at = begin * p->hidden;
    const void *input = NULL;
    if (p->gate) {
      input = PF_KERNEL(linear_prepare)(engine, &gate, p->x + at, rows, room);
      PF_KERNEL(linear_run)(engine, &gate, input, NULL, intermediate, rows);
    }
    if (!p->gate || gate.format->precision != up.format->precision)
      input = PF_KERNEL(linear_prepare)(engine, &up, p->x + at, rows, room);
    PF_KERNEL(linear_run)(engine, &up, input, p->gate ? intermediate : NULL, intermediate, rows);
    input = PF_KERNEL(linear_prepare)(engine, &down, intermediate, rows, room);
    PF_KERNEL(linear_run)(engine, &down, input, p->residual ? p->residual + at : NULL, p->y + at, rows);
  }
  return PF_OK;
}
