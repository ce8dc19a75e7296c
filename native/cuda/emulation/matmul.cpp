/* The host version of cuBLASLt: what it promises, one element after the other. */
#include "matmul.h"

#include <cmath>
#include <cstring>
#include <new>

namespace {

double widened(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float x;
  memcpy(&x, &wide, sizeof x);
  return x;
}

class host_matmul final : public matmul {
public:
  bool multiply(const matmul_problem &p, void *workspace, cudaStream_t) override {
    cudaPointerAttributes attributes;
    if (cudaPointerGetAttributes(&attributes, workspace) != cudaSuccess || attributes.type != cudaMemoryTypeDevice)
      return false;
    emulation::require_aligned(p.x, 64);
    emulation::require_aligned(p.weight, 64);
    if (p.k % 32 != 0 || !has_epilogue(p.activation)) return false;
    const auto *x = static_cast<const uint16_t *>(p.x), *weight = static_cast<const uint16_t *>(p.weight);
    for (int64_t t = 0; t < p.tokens; t++) {
      for (int64_t j = 0; j < p.n; j++) {
        double sum = 0;
        for (int64_t i = 0; i < p.k; i++) sum += widened(x[t * p.k + i]) * widened(weight[j * p.k + i]);
        if (p.residual) sum += p.residual[t * p.n + j];
        if (p.bias) sum += p.bias[j];
        p.y[t * p.n + j] = activated(static_cast<float>(sum), p.activation);
      }
    }
    return true;
  }
};

} // namespace

matmul *matmul::create(const char **reason) {
  matmul *created = new (std::nothrow) host_matmul;
  *reason = created ? nullptr : "no memory";
  return created;
}
