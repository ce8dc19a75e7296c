/*
 * Panaformer on CUDA: what its library has beside the functions of panaformer.h.
 *
 * An engine of pf_cuda_engine_create serves every function of panaformer.h, of this library or of libpanaformer of the
 * same PF_ABI_VERSION. Float tensors, packed weights and caches are memory of its device, from pf_cuda_allocate. Ids,
 * positions, lengths, slots, block tables and inverse temperatures are memory of the host, where they are checked; so
 * are values, ids and log_sum_exp of the top k, the only results that a call waits for. The weight of pf_linear_pack
 * and the logits of pf_top_k may be either.
 *
 * Weights are packed in PF_PRECISION_FP32 and PF_PRECISION_BF16, in layouts of this library that are of no use elsewhere;
 * the others are PF_ERROR_UNSUPPORTED, as is pf_linear_packed_check.
 *
 * Calls on one engine run in the order in which they are made, on one stream; only those that say so wait for it.
 */
#ifndef PANAFORMER_CUDA_H
#define PANAFORMER_CUDA_H

#include "panaformer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pf_cuda_device {
  char name[256];
  int64_t memory_bytes;
  int32_t compute_capability; /* 10 * major + minor; 0 of the emulation */
  int32_t multiprocessors;
} pf_cuda_device;

/* How many devices there are. PF_ERROR_DEVICE where there is no driver; pf_cuda_error says what is missing. */
PF_API pf_status pf_cuda_device_count(int32_t *count);
PF_API pf_status pf_cuda_device_describe(int32_t device, pf_cuda_device *description);

/* What the last PF_ERROR_DEVICE on this thread was, in the driver's words. Never NULL; valid until the next one. */
PF_API const char *pf_cuda_error(void);

/* An engine on a device, with a stream and scratch memory of its own. pf_engine_destroy frees it. */
PF_API pf_status pf_cuda_engine_create(int32_t device, pf_engine **engine);

/* Memory of the engine's device, aligned to 256 bytes, with whatever it holds. */
PF_API pf_status pf_cuda_allocate(pf_engine *engine, int64_t bytes, void **memory);
/* Once everything before on the engine is done. NULL is allowed. */
PF_API pf_status pf_cuda_free(pf_engine *engine, void *memory);

/* Copies in any direction. Where the host is on either side, returns when its memory is read or written. */
PF_API pf_status pf_cuda_copy(pf_engine *engine, void *to, const void *from, int64_t bytes);

/* Sets memory of the device to zeros, in order behind all that came before. */
PF_API pf_status pf_cuda_clear(pf_engine *engine, void *memory, int64_t bytes);

/*
 * What pf_attention and pf_paged_attention round queries, keys, values and weights to, to multiply them on tensor cores
 * with sums in float32, where heads have at most 128 features: PF_DTYPE_FP16 or PF_DTYPE_BF16; PF_DTYPE_FP32, which an
 * engine begins with, for not at all. Whatever it is, no result depends on the batch, on how a prompt was cut or on
 * where its blocks lie. Values have to be finite in 16 bits, those of keys that a query does not see included.
 */
PF_API pf_status pf_cuda_set_attention(pf_engine *engine, pf_dtype dtype);

/*
 * Whether linears of PF_PRECISION_BF16 with more than 64 tokens go to cuBLASLt, with its epilogues for bias, residual,
 * ReLU and GELU's tanh: faster, and of another order of sums for another number of tokens, so that a result does depend
 * on its batch, in its last bits. An engine begins without. PF_ERROR_UNSUPPORTED where the library cannot be used;
 * pf_cuda_error says why. FP32 is never its.
 */
PF_API pf_status pf_cuda_set_library(pf_engine *engine, int32_t on);

/*
 * Between the two, kernels wait and are then launched as one graph: one launch where the next step has the same
 * kernels, whatever their arguments. Results are the same. A call that copies or returns something launches what waits
 * before it, and waits itself as it would otherwise. Steps may be nested, which makes one of them; each has to end.
 */
PF_API pf_status pf_cuda_step_begin(pf_engine *engine);
PF_API pf_status pf_cuda_step_end(pf_engine *engine);

#ifdef __cplusplus
}
#endif

#endif
