/* An engine on a CUDA device, as its kernels see it. */
#ifndef PF_CUDA_CUDA_ENGINE_H
#define PF_CUDA_CUDA_ENGINE_H

#include <cstddef>
#include <mutex>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "device.h"

extern "C" {
#include "engine.h"
}

/* Device memory that grows to the largest size it was asked for, so that a warm engine allocates nothing. */
struct device_buffer {
  void *memory;
  size_t bytes;
};

/* What a packed weight is. It is kept here, since to read a header from the device would wait for it. */
struct packed_weight {
  int64_t n, k;
  pf_precision precision;
};

/*
 * A copy on the device of what a call read from the host. Layers ask for the same lengths and positions over and over:
 * equal bytes are not copied twice.
 */
struct uploaded {
  std::vector<char> bytes;
  device_buffer on_device;
  uint64_t used; /* when, in calls */
};

struct cuda_engine {
  pf_engine base;
  int device;
  int multiprocessors;
  cudaStream_t stream;
  cudaMemPool_t pool; /* keeps what is given back to it, so that only growth asks the driver */
  std::mutex lock; /* of a call */
  device_buffer scratch;
  std::vector<uploaded> uploads;
  uint64_t calls;
  std::unordered_map<const void *, packed_weight> packed;
};

/* Holds the engine for the length of a call and makes its device the thread's. */
class cuda_call {
public:
  explicit cuda_call(pf_engine *engine);
  cuda_call(const cuda_call &) = delete;

  cudaStream_t stream() const { return engine->stream; }
  cudaMemPool_t pool() const { return engine->pool; }
  int multiprocessors() const { return engine->multiprocessors; }

  /* Device memory for this call alone; NULL if there is not so much. Asking again ends the earlier piece. */
  void *scratch(size_t bytes);
  /* `count` ids of the host, on the device; NULL if there is no room. Up to UPLOADS arrays stay while the call lasts. */
  const int32_t *upload(const int32_t *ids, int64_t count);
  const float *upload(const float *values, int64_t count);
  static constexpr size_t UPLOADS = 16;

  void remember(const void *packed, packed_weight weight) { engine->packed[packed] = weight; }
  /* NULL for what was never packed here. */
  const packed_weight *find_packed(const void *packed) const;

  /* Runs a kernel, in order behind all that came before on this engine. */
  template <class... P, class... A> void launch(void (*kernel)(P...), unsigned grid, unsigned block, A... arguments) {
    run_kernel(kernel, grid, block, engine->stream, static_cast<P>(arguments)...);
  }

  /* What the call returns: PF_OK, or what the launches and copies since its beginning came to. */
  pf_status status();
  /* The same, once everything is done. */
  pf_status wait();
  pf_status copy(void *to, const void *from, size_t bytes);

private:
  const void *upload_bytes(const void *bytes, size_t count);
  pf_status note(cudaError_t error);

  cuda_engine *engine;
  std::unique_lock<std::mutex> lock;
  pf_status failure;
};

/* Whether memory is a device's. */
bool is_on_device(const void *memory);

/* A count that may be zero, and an extent that may not. Two of them multiply without overflow. */
inline bool is_count(int64_t n) { return n >= 0 && n <= PF_MAX_DIMENSION; }
inline bool is_extent(int64_t n) { return n >= 1 && n <= PF_MAX_DIMENSION; }
inline bool is_workspace(const void *workspace, int64_t bytes, int64_t needed) {
  return workspace && reinterpret_cast<uintptr_t>(workspace) % PF_ALIGNMENT == 0 && bytes >= needed;
}
inline bool are_within(const int32_t *ids, int64_t count, int64_t rows) {
  for (int64_t i = 0; i < count; i++)
    if (ids[i] < 0 || ids[i] >= rows) return false;
  return true;
}
/* Cumulative lengths that begin at 0, do not fall and end on `tokens`; *longest is the largest difference. */
inline bool are_lengths(const int32_t *cu_seqlens, int64_t sequences, int64_t tokens, int64_t *longest) {
  *longest = 0;
  if (cu_seqlens[0] != 0 || cu_seqlens[sequences] != tokens) return false;
  for (int64_t s = 0; s < sequences; s++) {
    const int64_t length = static_cast<int64_t>(cu_seqlens[s + 1]) - cu_seqlens[s];
    if (length < 0) return false;
    if (length > *longest) *longest = length;
  }
  return true;
}
/* A paged cache (pf_kv_store_params) whose slots fit an int32_t and whose bytes fit an int64_t. */
inline bool is_cache(int64_t blocks, int64_t kv_heads, int64_t block_tokens, int64_t head_dim) {
  return is_extent(blocks) && is_extent(block_tokens) && blocks <= PF_MAX_DIMENSION / block_tokens &&
         is_extent(kv_heads) && head_dim >= 1 && head_dim <= PF_MAX_HEAD_DIM &&
         kv_heads <= INT64_MAX / static_cast<int64_t>(2 * sizeof(float)) / head_dim / (blocks * block_tokens);
}

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }

/* Blocks of a launch over `work` items that take `per_block` each; items beyond the largest grid are looped over. */
inline unsigned grid_of(int64_t work, int64_t per_block) {
  return static_cast<unsigned>(min_of(ceil_div(work, per_block), 1 << 20));
}

/* The kernels, declared with the types of the table, so that a definition cannot differ from its row. */
namespace cuda {
#define PF_DECLARE_KERNEL(name) std::remove_pointer_t<decltype(pf_kernels::name)> name
PF_DECLARE_KERNEL(embedding);
PF_DECLARE_KERNEL(patch_embedding_workspace_size);
PF_DECLARE_KERNEL(patch_embedding);
PF_DECLARE_KERNEL(depthwise_conv);
PF_DECLARE_KERNEL(interpolate);
PF_DECLARE_KERNEL(linear_packed_size);
PF_DECLARE_KERNEL(linear_pack);
PF_DECLARE_KERNEL(linear_workspace_size);
PF_DECLARE_KERNEL(linear);
PF_DECLARE_KERNEL(ffn_workspace_size);
PF_DECLARE_KERNEL(ffn);
PF_DECLARE_KERNEL(attention_workspace_size);
PF_DECLARE_KERNEL(attention);
PF_DECLARE_KERNEL(rope);
PF_DECLARE_KERNEL(kv_store);
PF_DECLARE_KERNEL(paged_attention_workspace_size);
PF_DECLARE_KERNEL(paged_attention);
PF_DECLARE_KERNEL(linear_top_k_workspace_size);
PF_DECLARE_KERNEL(linear_top_k);
PF_DECLARE_KERNEL(top_k);
PF_DECLARE_KERNEL(layer_norm);
PF_DECLARE_KERNEL(rms_norm);
PF_DECLARE_KERNEL(softmax);
PF_DECLARE_KERNEL(activate);
PF_DECLARE_KERNEL(pool);
#undef PF_DECLARE_KERNEL

/* The top k of logits that are on the device, into results on the host (top_k.cu). */
pf_status top_k_run(cuda_call &call, const float *logits, const float *inverse_temperature, float *values,
                    int32_t *ids, float *log_sum_exp, int64_t rows, int64_t columns, int64_t count, void *scratch);
size_t top_k_scratch_bytes(int64_t rows, int64_t count);
bool are_inverse_temperatures(const float *inverse_temperature, int64_t count);
} // namespace cuda

#endif
