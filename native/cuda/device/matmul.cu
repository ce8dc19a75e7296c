/* cuBLASLt, which is loaded when it is first asked for: a library of kernels that most who compute never need. */
#include "matmul.h"

#if __has_include(<cublasLt.h>)
#include <cublasLt.h>

#include <dlfcn.h>
#include <map>
#include <new>
#include <string>
#include <tuple>

namespace {

/* The functions in use, by the types of the header. */
struct functions {
#define PF_FUNCTION(name) decltype(&cublasLt##name) name
  PF_FUNCTION(Create);
  PF_FUNCTION(Destroy);
  PF_FUNCTION(Matmul);
  PF_FUNCTION(MatmulAlgoGetHeuristic);
  PF_FUNCTION(MatmulDescCreate);
  PF_FUNCTION(MatmulDescDestroy);
  PF_FUNCTION(MatmulDescSetAttribute);
  PF_FUNCTION(MatmulPreferenceCreate);
  PF_FUNCTION(MatmulPreferenceDestroy);
  PF_FUNCTION(MatmulPreferenceSetAttribute);
  PF_FUNCTION(MatrixLayoutCreate);
  PF_FUNCTION(MatrixLayoutDestroy);
#undef PF_FUNCTION
};

#define PF_TEXT(x) #x
#define PF_LIBRARY(major) "libcublasLt.so." PF_TEXT(major)

template <class Function> bool find(void *library, const char *name, Function &function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

const char *load(functions &f) {
  void *library = dlopen(PF_LIBRARY(CUBLAS_VER_MAJOR), RTLD_NOW | RTLD_LOCAL);
  if (!library) return PF_LIBRARY(CUBLAS_VER_MAJOR) " cannot be loaded: it is part of NVIDIA's CUDA toolkit";
#define PF_FIND(name) find(library, "cublasLt" #name, f.name)
  const bool found = PF_FIND(Create) && PF_FIND(Destroy) && PF_FIND(Matmul) && PF_FIND(MatmulAlgoGetHeuristic) &&
                     PF_FIND(MatmulDescCreate) && PF_FIND(MatmulDescDestroy) && PF_FIND(MatmulDescSetAttribute) &&
                     PF_FIND(MatmulPreferenceCreate) && PF_FIND(MatmulPreferenceDestroy) &&
                     PF_FIND(MatmulPreferenceSetAttribute) && PF_FIND(MatrixLayoutCreate) &&
                     PF_FIND(MatrixLayoutDestroy);
#undef PF_FIND
  return found ? nullptr : PF_LIBRARY(CUBLAS_VER_MAJOR) " has not the functions of its version";
}

/* NULL if all is well. Loaded once, and never unloaded. */
const char *loaded(const functions **f) {
  static functions table;
  static const char *const reason = load(table);
  *f = &table;
  return reason;
}

cublasLtEpilogue_t epilogue_of(const matmul_problem &p) {
  switch (p.activation) {
  case PF_ACTIVATION_RELU:
    return p.bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
  case PF_ACTIVATION_GELU_TANH:
    return p.bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
  default:
    return p.bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
  }
}

/* How a product of one shape is computed. */
struct plan {
  cublasLtMatmulDesc_t product = nullptr;
  cublasLtMatrixLayout_t weight = nullptr, x = nullptr, y = nullptr;
  cublasLtMatmulAlgo_t algorithm = {};
  bool usable = false;
};

using shape = std::tuple<int64_t, int64_t, int64_t, cublasLtEpilogue_t, bool, uint32_t>;

class cublaslt final : public matmul {
public:
  cublaslt(const functions &f, cublasLtHandle_t handle) : f(f), handle(handle) {}

  ~cublaslt() override {
    forget();
    f.Destroy(handle);
  }

  bool multiply(const matmul_problem &p, void *workspace, cudaStream_t stream) override {
    const auto address = reinterpret_cast<uintptr_t>(p.y) | reinterpret_cast<uintptr_t>(p.residual);
    const uint32_t alignment = address % 16 == 0 && p.n % 4 == 0 ? 16 : 4;
    const shape key(p.tokens, p.n, p.k, epilogue_of(p), p.residual != nullptr, alignment);
    auto found = plans.find(key);
    if (found == plans.end()) {
      /* Prompts have all lengths, and each its plan. */
      if (plans.size() == MOST_PLANS) forget();
      found = plans.emplace(key, make(p, alignment)).first;
    }
    const plan &known = found->second;
    if (!known.usable || !set_bias(known.product, p.bias)) return false;
    const float one = 1, beta = p.residual ? 1 : 0;
    return f.Matmul(handle, known.product, &one, p.weight, known.weight, p.x, known.x, &beta,
                    p.residual ? p.residual : p.y, known.y, p.y, known.y, &known.algorithm, workspace, WORKSPACE_BYTES,
                    stream) == CUBLAS_STATUS_SUCCESS;
  }

private:
  static constexpr size_t MOST_PLANS = 512;

  template <class Value>
  bool set(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t attribute, const Value &value) const {
    return f.MatmulDescSetAttribute(product, attribute, &value, sizeof value) == CUBLAS_STATUS_SUCCESS;
  }

  template <class Value>
  bool prefer(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute,
              const Value &value) const {
    return f.MatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value) == CUBLAS_STATUS_SUCCESS;
  }

  bool set_bias(cublasLtMatmulDesc_t product, const float *bias) const {
    return !bias || set(product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  }

  /* Its matrices are columns after columns: what is [tokens, n] here is n x tokens there. */
  plan make(const matmul_problem &p, uint32_t alignment) const {
    plan made;
    const auto k = static_cast<uint64_t>(p.k), n = static_cast<uint64_t>(p.n), tokens = static_cast<uint64_t>(p.tokens);
    cublasLtMatmulPreference_t preference = nullptr;
    cublasLtMatmulHeuristicResult_t result = {};
    int found = 0;
    made.usable =
        f.MatmulDescCreate(&made.product, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS &&
        set(made.product, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T) &&
        set(made.product, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(p)) && set_bias(made.product, p.bias) &&
        f.MatrixLayoutCreate(&made.weight, CUDA_R_16BF, k, n, p.k) == CUBLAS_STATUS_SUCCESS &&
        f.MatrixLayoutCreate(&made.x, CUDA_R_16BF, k, tokens, p.k) == CUBLAS_STATUS_SUCCESS &&
        f.MatrixLayoutCreate(&made.y, CUDA_R_32F, n, tokens, p.n) == CUBLAS_STATUS_SUCCESS &&
        f.MatmulPreferenceCreate(&preference) == CUBLAS_STATUS_SUCCESS &&
        prefer(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<uint64_t>(WORKSPACE_BYTES)) &&
        prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, uint32_t{64}) &&
        prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, uint32_t{64}) &&
        prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment) &&
        prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment) &&
        f.MatmulAlgoGetHeuristic(handle, made.product, made.weight, made.x, made.y, made.y, preference, 1, &result,
                                 &found) == CUBLAS_STATUS_SUCCESS &&
        found > 0;
    made.algorithm = result.algo;
    if (preference) f.MatmulPreferenceDestroy(preference);
    return made;
  }

  void forget() {
    for (const auto &[key, known] : plans) {
      if (known.product) f.MatmulDescDestroy(known.product);
      for (const cublasLtMatrixLayout_t layout : {known.weight, known.x, known.y})
        if (layout) f.MatrixLayoutDestroy(layout);
    }
    plans.clear();
  }

  const functions &f;
  cublasLtHandle_t handle;
  std::map<shape, plan> plans;
};

} // namespace

matmul *matmul::create(const char **reason) {
  const functions *f;
  *reason = loaded(&f);
  if (*reason) return nullptr;
  cublasLtHandle_t handle;
  if (f->Create(&handle) != CUBLAS_STATUS_SUCCESS) {
    *reason = "cuBLASLt does not start on this device";
    return nullptr;
  }
  matmul *created = new (std::nothrow) cublaslt(*f, handle);
  if (!created) {
    f->Destroy(handle);
    *reason = "no memory";
  }
  return created;
}

#else

matmul *matmul::create(const char **reason) {
  *reason = "this build was made without the headers of cuBLAS";
  return nullptr;
}

#endif
