#include "kernel.h"
pf_status PF_KERNEL(linear_top_k_workspace_size)(int32_t threads, int64_t tokens, int64_t vocab, int64_t count,
                                                 int64_t *bytes) {
  (void)threads, (void)tokens, (void)vocab, (void)count, (void)bytes;
  return PF_ERROR_ARGUMENT;
}
pf_status PF_KERNEL(linear_top_k)(pf_engine *engine, const pf_linear_top_k_params *p) {
  (void)engine, (void)p;
  return PF_ERROR_ARGUMENT;
}
