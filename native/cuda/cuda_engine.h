/* An engine on a CUDA device, as its kernels see it. */
#ifndef PF_CUDA_CUDA_ENGINE_H
#define PF_CUDA_CUDA_ENGINE_H

#include <cstddef>
#include <memory>
#include <mutex>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "device.h"
#include "matmul.h"

extern "C" {
#include "checks.h"
#include "engine.h"
}

/* Device memory that grows to the largest size it was asked for, so that a warm engine allocates nothing. */
struct device_buffer {
  void *memory;
  size_t bytes;
};

/* What a packed weight is. The engine remembers it: to read a header from the device, the host would have to wait. */
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

/* A kernel that waits for the end of its step, with a copy of its arguments. */
struct step_kernel {
  const void *function;
  unsigned grid, block;
  std::vector<size_t> sizes;
  std::vector<char> arguments; /* each aligned to ARGUMENT_BYTES */
  cudaGraphNode_t node;        /* once it is one of a graph */

  static constexpr size_t ARGUMENT_BYTES = 16, MOST_ARGUMENTS = 16;
  bool operator==(const step_kernel &other) const {
    return function == other.function && grid == other.grid && block == other.block && arguments == other.arguments;
  }
};

/* Kernels that run one after the other and are launched as one. Arguments that differ the next time are replaced. */
struct step_graph {
  std::vector<step_kernel> kernels;
  cudaGraph_t graph;
  cudaGraphExec_t executable;
};

/* Memory of the host, from which copies to the device start. One half is written while the device reads the other. */
struct staging_memory {
  char *memory;
  size_t used; /* of the current half */
  int half;
  cudaEvent_t read[2];
  static constexpr size_t HALF_BYTES = 256 << 10;
};

struct cuda_engine {
  pf_engine base;
  int device;
  int multiprocessors;
  cudaStream_t stream;
  cudaMemPool_t pool; /* keeps what is given back to it, so that only growth asks the driver */
  std::mutex lock; /* of a call */
  device_buffer scratch, converted;
  std::vector<uploaded> uploads;
  uint64_t calls;
  staging_memory staging;
  void *results; /* of the host, pinned */
  size_t results_bytes;

  pf_dtype attention; /* what it is computed in */
  std::unique_ptr<matmul> library; /* for products of bfloat16; or NULL */
  device_buffer library_workspace;

  int steps;                      /* begun and not ended */
  uint64_t step_began;            /* in calls */
  std::vector<step_kernel> waiting; /* of this step: the first waiting_count */
  size_t waiting_count;
  std::vector<step_graph> graphs;

  std::unordered_map<const void *, packed_weight> packed;
};

/* Holds the engine for the length of a call and makes its device the thread's. */
class cuda_call {
public:
  explicit cuda_call(pf_engine *engine);
  cuda_call(const cuda_call &) = delete;

  /* For what is enqueued at once: kernels of a step that wait go before it. */
  cudaStream_t stream() {
    flush();
    return engine->stream;
  }
  cudaMemPool_t pool() const { return engine->pool; }
  int multiprocessors() const { return engine->multiprocessors; }

  pf_dtype attention_dtype() const { return engine->attention; }

  /* Device memory for this call alone; NULL if there is not so much. Asking again ends the earlier piece. */
  void *scratch(size_t bytes);
  /* The same beside it, for what one kernel leaves to the next. */
  void *converted(size_t bytes);
  /* `count` ids of the host, on the device; NULL if there is no room. Up to UPLOADS arrays stay while the call lasts. */
  const int32_t *upload(const int32_t *ids, int64_t count);
  const float *upload(const float *values, int64_t count);
  template <class T> const T *upload_all(const T *values, int64_t count) {
    static_assert(std::is_trivially_copyable_v<T>, "its bytes are all of it");
    return static_cast<const T *>(upload_bytes(values, static_cast<size_t>(count) * sizeof *values));
  }
  static constexpr size_t UPLOADS = 16;

  void remember(const void *packed, packed_weight weight) { engine->packed[packed] = weight; }
  /* NULL for what was never packed here. */
  const packed_weight *find_packed(const void *packed) const;

  /* Runs a kernel, in order behind all that came before on this engine, or lets it wait for the end of its step. */
  template <class... P, class... A> void launch(void (*kernel)(P...), unsigned grid, unsigned block, A... arguments) {
    if (engine->steps == 0) {
      run_kernel(kernel, grid, block, engine->stream, static_cast<P>(arguments)...);
      return;
    }
    std::tuple<P...> exact(static_cast<P>(arguments)...);
    const size_t sizes[] = {sizeof(P)...};
    static_assert(sizeof...(P) <= step_kernel::MOST_ARGUMENTS, "a graph's node has room for so many");
    std::apply(
        [&](auto &...argument) {
          const void *pointers[] = {&argument...};
          enqueue(function_of(kernel), grid, block, pointers, sizes, sizeof...(P));
        },
        exact);
  }

  /* What the call returns: PF_OK, or what the launches and copies since its beginning came to. */
  pf_status status();
  /* The same, once everything is done. */
  pf_status wait();
  pf_status copy(void *to, const void *from, size_t bytes);
  /* Bytes of the host where a copy can read them after the call has returned; too many stay where they are. */
  const void *stage(const void *bytes, size_t count);
  /* Waits for bytes of the device; they stay until the next ones. NULL on failure. */
  const char *fetch(const void *from, size_t bytes);

  void begin_step();
  pf_status end_step();
  void set_attention(pf_dtype dtype) { engine->attention = dtype; }
  pf_status set_library(bool on);
  bool has_library() const { return engine->library != nullptr; }
  /* False, with nothing done, where the library cannot. */
  bool multiply(const matmul_problem &problem);

private:
  void enqueue(const void *function, unsigned grid, unsigned block, const void *const *arguments, const size_t *sizes,
               size_t count);
  /* Launches what waits. */
  void flush();
  void run_waiting();
  bool update(step_graph &graph);
  bool build(step_graph &graph);
  void *grown(device_buffer &buffer, size_t bytes);
  const void *upload_bytes(const void *bytes, size_t count);
  pf_status note(cudaError_t error);

  cuda_engine *engine;
  std::unique_lock<std::mutex> lock;
  pf_status failure;
};

/* Whether memory is a device's. */
bool is_on_device(const void *memory);

/* Blocks of a launch over `work` items that take `per_block` each; items beyond the largest grid are looped over. */
inline unsigned grid_of(int64_t work, int64_t per_block) {
  return static_cast<unsigned>(min64(ceil_div(work, per_block), 1 << 20));
}

/*
 * All kernels, with the parameters of their rows. Each is defined in a .cu file of its family's folder, or, if CUDA does
 * not have it, in unsupported.cu; one that is in neither does not link.
 */
namespace cuda {
#define KERNEL(name, parameters, arguments, given) pf_status name parameters;
#include "kernels.def"

/* The top k of logits that are on the device, into results on the host (top_k.cu). */
pf_status top_k_run(cuda_call &call, const float *logits, const float *inverse_temperature, float *values,
                    int32_t *ids, float *log_sum_exp, int64_t rows, int64_t columns, int64_t count, void *scratch);
size_t top_k_scratch_bytes(int64_t rows, int64_t count);
} // namespace cuda

#endif
