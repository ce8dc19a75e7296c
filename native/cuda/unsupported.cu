/*
 * The kernels that CUDA does not have: a call of one is PF_ERROR_UNSUPPORTED. A kernel that gets a CUDA version moves
 * from here into a file of its own.
 */
#include "cuda_engine.h"

/* Layouts here are of no use to another process, so that no weight comes from elsewhere. */
pf_status cuda::linear_packed_check(const pf_engine *, const void *, int64_t, int64_t, int64_t, pf_precision) {
  return PF_ERROR_UNSUPPORTED;
}

pf_status cuda::screen_size(const pf_engine *, int64_t, int64_t, int64_t *) { return PF_ERROR_UNSUPPORTED; }
pf_status cuda::screen_pack(pf_engine *, const void *, void *, int64_t, int64_t) { return PF_ERROR_UNSUPPORTED; }
