/*
 * y[i] = activation(x[i]), for where no linear layer precedes that would have fused it.
 *
 * 2 to 35 FLOPs and 8 bytes an element: bound by memory for ReLU, by the FMA units for the others in cache.
 */
#include "kernels/kernel.h"

typedef struct {
  const float *x;
  float *y;
  int64_t count;
  pf_activation activation;
} activate_call;

/* `activation` is a constant wherever this is inlined, so that the loop has no branch on it. */
static inline __attribute__((always_inline)) void activate(const float *x, float *y, int64_t n,
                                                           const pf_activation activation) {
  int64_t i = 0;
  for (; i + VF_WIDTH <= n; i += VF_WIDTH) vf_store(y + i, vf_activate(vf_load(x + i), activation));
  if (i < n) vf_store_first(y + i, vf_activate(vf_load_first(x + i, n - i), activation), n - i);
}

static void activate_block(const void *context, int64_t task, int32_t thread) {
  (void)thread;
  const activate_call *c = context;
  const int64_t first = task * ROW_BLOCK_FLOATS;
  const int64_t n = min64(c->count - first, ROW_BLOCK_FLOATS);
  const float *x = c->x + first;
  float *y = c->y + first;
  switch (c->activation) {
  case PF_ACTIVATION_NONE:
    activate(x, y, n, PF_ACTIVATION_NONE);
    break;
  case PF_ACTIVATION_RELU:
    activate(x, y, n, PF_ACTIVATION_RELU);
    break;
  case PF_ACTIVATION_GELU_ERF:
    activate(x, y, n, PF_ACTIVATION_GELU_ERF);
    break;
  case PF_ACTIVATION_GELU_TANH:
    activate(x, y, n, PF_ACTIVATION_GELU_TANH);
    break;
  case PF_ACTIVATION_GELU_QUICK:
    activate(x, y, n, PF_ACTIVATION_GELU_QUICK);
    break;
  case PF_ACTIVATION_SILU:
    activate(x, y, n, PF_ACTIVATION_SILU);
    break;
  case PF_ACTIVATION_TANH:
    activate(x, y, n, PF_ACTIVATION_TANH);
    break;
  }
}

pf_status PF_KERNEL(activate)(pf_engine *engine, const float *x, float *y, int64_t count, pf_activation activation) {
  if (count < 0 || !is_activation(activation)) return PF_ERROR_ARGUMENT;
  if (count == 0) return PF_OK;
  if (!x || !y) return PF_ERROR_ARGUMENT;
  const activate_call call = {x, y, count, activation};
  pf_parallel_for(engine, (count - 1) / ROW_BLOCK_FLOATS + 1, activate_block, &call);
  return PF_OK;
}
