#include "kernel.h"
pf_status PF_KERNEL(paged_attention_workspace_size)(int32_t threads, int64_t head_dim, int64_t *bytes) {
  (void)threads,(void)head_dim,(void)bytes;
  return PF_ERROR_ARGUMENT;
}
pf_status PF_KERNEL(paged_attention)(pf_engine *engine, const pf_paged_attention_params *p) {
  (void)engine,(void)p;
  return PF_ERROR_ARGUMENT;
}
