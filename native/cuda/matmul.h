/*
 * Products of bfloat16 matrices by cuBLASLt, behind the little of it that linears need; in the emulation, its host
 * version. It picks another order of sums for another number of rows, and is for those who said that they do not mind.
 */
#ifndef PF_CUDA_MATMUL_H
#define PF_CUDA_MATMUL_H

#include "device.h"

struct matmul_problem {
  const void *x;         /* bfloat16 [tokens, k], rows of 64 bytes or a multiple */
  const void *weight;    /* bfloat16 [n, k] */
  const float *bias;     /* [n] or NULL */
  const float *residual; /* [tokens, n] or NULL, may be y; added before the activation */
  float *y;              /* [tokens, n] */
  int64_t tokens, n, k;
  pf_activation activation; /* one that has_epilogue */
};

/* One for each engine. */
class matmul {
public:
  /* NULL where the library cannot be loaded or used; *reason says why, in a string that stays. */
  static matmul *create(const char **reason);
  virtual ~matmul() = default;

  static bool has_epilogue(pf_activation activation) {
    return activation == PF_ACTIVATION_NONE || activation == PF_ACTIVATION_RELU || activation == PF_ACTIVATION_GELU_TANH;
  }

  static constexpr size_t WORKSPACE_BYTES = 32 << 20;
  /* Enqueues y = activation(x weight^T + bias + residual); false, with nothing done, where it cannot. */
  virtual bool multiply(const matmul_problem &problem, void *workspace, cudaStream_t stream) = 0;
};

#endif
