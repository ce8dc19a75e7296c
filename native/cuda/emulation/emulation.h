/*
 * CUDA on the host: what the .cu files use of the language and of the runtime, so that an ordinary C++ compiler makes
 * of the very same sources a library with the same ABI.
 *
 * The threads of a block are fibers of one thread of the host, switched where they wait: at a barrier, or for the other
 * lanes of their warp. Blocks run one after the other. Streams are order alone: every call is done when it returns.
 *
 * What a GPU would leave undefined ends the program, with the kernel's line: threads of one block that wait at
 * different barriers or have returned while others wait; lanes of one warp that meet in different calls; shared memory
 * that is read before it was written, read or written by two threads without a barrier between them, or indexed beyond
 * its end; asynchronous copies that nobody waited for, or that others read without a barrier. Device memory is poisoned with NaNs when it is allocated.
 */
#ifndef PF_EMULATION_H
#define PF_EMULATION_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

namespace emulation {

constexpr unsigned WARP = 32;
constexpr unsigned MOST_THREADS = 1024;

/* The thread that runs. */
struct place {
  dim3 thread, block, block_extent, grid_extent;
};
extern thread_local place here;

/* Ends the program with what a GPU would leave undefined. */
[[noreturn]] void fault(const char *format, ...) __attribute__((format(printf, 1, 2)));

void barrier(int line);
/* Every lane of `mask` gives 64 bits and gets those of lane `from`, or of all of them as `all` says. */
uint64_t exchange(unsigned mask, uint64_t bits, unsigned from, int line);
unsigned ballot(unsigned mask, bool vote, int line);
/* c += a b of the whole warp, in fragments as mma.h describes them, of bfloat16 or of IEEE halves. */
void multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], bool bf16, int line);
/* To the nearest, of two equally near to the even. */
uint16_t rounded_half(float x, bool bf16);
void require_aligned(const void *memory, size_t bytes);
/* Any of the block's; a barrier too. */
bool barrier_or(bool vote, int line);

/* How a kernel that is known by its address alone is run: its parameters' sizes, and a call of that type. */
struct signature {
  const size_t *sizes;
  size_t count;
  void (*run)(const void *function, dim3 grid, dim3 block, void *const *arguments);
};
void know(const void *function, const signature &of);
/* Graphs that were instantiated, and kernels that were replaced in one. */
struct graph_counts {
  int built, replaced;
};
graph_counts count_graphs();

/* Runs run(kernel) for every thread of every block. */
void launch(dim3 grid, dim3 block, void (*run)(const void *), const void *kernel);

/* Who wrote and read an element of shared memory last, and in which interval between two barriers. */
struct access {
  uint32_t written, read;
  uint16_t writer, reader;
  bool under_way; /* a copy that was not waited for */
};
constexpr uint16_t MANY_READERS = 0xffff;

struct shared_block {
  void *data;
  access *accesses;
};
/* The block's array of a declaration, which `site` is unique to. */
shared_block shared(const void *site, size_t count, size_t bytes);
void note_read(access &a, size_t index, size_t count);
void note_write(access &a, size_t index, size_t count);
/* Copies of this thread, which are done when it waits for them. */
void begin_copy(access &a, size_t index, size_t count, void *to, const void *from, size_t bytes);
void wait_async();

/* An array in shared memory, every access to which is checked. */
template <class T> class shared_array {
public:
  class element {
  public:
    element(const shared_array &array, size_t index) : array(array), index(index) {}
    operator T() const {
      note_read(array.accesses[index], index, array.count);
      return array.data[index];
    }
    T operator=(T value) const {
      note_write(array.accesses[index], index, array.count);
      return array.data[index] = value;
    }
    T operator=(const element &other) const { return *this = static_cast<T>(other); }
    T operator+=(T value) const { return *this = static_cast<T>(*this) + value; }

  private:
    const shared_array &array;
    size_t index;
  };

  shared_array(shared_block block, size_t count)
      : data(static_cast<T *>(block.data)), accesses(block.accesses), count(count) {}
  element operator[](size_t index) const {
    if (index >= count) fault("shared memory of %zu elements is indexed at %zu", count, index);
    return element(*this, index);
  }

  void copy_async(size_t index, const T *from, size_t elements) const {
    if (index + elements > count) fault("shared memory of %zu elements is indexed at %zu", count, index + elements - 1);
    for (size_t i = 0; i < elements; i++)
      begin_copy(accesses[index + i], index + i, count, data + index + i, from + i, sizeof(T));
  }

private:
  T *data;
  access *accesses;
  size_t count;
};

template <class T> uint64_t to_bits(T value) {
  uint64_t bits = 0;
  static_assert(sizeof value <= sizeof bits, "a shuffle moves at most 64 bits");
  memcpy(&bits, &value, sizeof value);
  return bits;
}

template <class T> T from_bits(uint64_t bits) {
  T value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

template <class Kernel> void launch(dim3 grid, dim3 block, const Kernel &kernel) {
  launch(grid, block, [](const void *k) { (*static_cast<const Kernel *>(k))(); }, &kernel);
}

template <class... P, size_t... I>
void run_with(void (*kernel)(P...), dim3 grid, dim3 block, void *const *arguments, std::index_sequence<I...>) {
  launch(grid, block, [=] { kernel(*static_cast<const P *>(arguments[I])...); });
}

template <class... P> const signature &signature_of() {
  static constexpr size_t sizes[] = {sizeof(P)..., 0};
  static const signature of = {sizes, sizeof...(P),
                               [](const void *function, dim3 grid, dim3 block, void *const *arguments) {
                                 run_with(reinterpret_cast<void (*)(P...)>(const_cast<void *>(function)), grid, block,
                                          arguments, std::index_sequence_for<P...>());
                               }};
  return of;
}

} // namespace emulation

#define threadIdx (emulation::here.thread)
#define blockIdx (emulation::here.block)
#define blockDim (emulation::here.block_extent)
#define gridDim (emulation::here.grid_extent)

#define __syncthreads() emulation::barrier(__LINE__)
#define __syncthreads_or(vote) emulation::barrier_or((vote) != 0, __LINE__)
#define __shfl_sync(mask, value, lane)                                                                                 \
  emulation::from_bits<decltype(+(value))>(                                                                            \
      emulation::exchange(mask, emulation::to_bits(+(value)), (lane) % emulation::WARP, __LINE__))
#define __shfl_xor_sync(mask, value, lanes)                                                                            \
  __shfl_sync(mask, value, (threadIdx.x % emulation::WARP) ^ static_cast<unsigned>(lanes))
#define __ballot_sync(mask, vote) emulation::ballot(mask, (vote) != 0, __LINE__)
#define __any_sync(mask, vote) (__ballot_sync(mask, vote) != 0)
#define __all_sync(mask, vote) (__ballot_sync(mask, !(vote)) == 0)

/* ---- Runtime ---- */

typedef enum cudaError {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidDevice = 101
} cudaError_t;

typedef struct emulated_stream *cudaStream_t;

enum cudaMemcpyKind { cudaMemcpyDefault = 4 };
enum cudaMemoryType { cudaMemoryTypeUnregistered = 0, cudaMemoryTypeDevice = 2 };

struct cudaPointerAttributes {
  cudaMemoryType type;
};

struct cudaDeviceProp {
  char name[256];
  size_t totalGlobalMem;
  int major, minor, multiProcessorCount;
};

enum { cudaStreamNonBlocking = 1 };

typedef struct emulated_pool *cudaMemPool_t;
enum cudaMemAllocationType { cudaMemAllocationTypePinned = 1 };
enum cudaMemLocationType { cudaMemLocationTypeDevice = 1 };
enum cudaMemPoolAttr { cudaMemPoolAttrReleaseThreshold = 4 };
struct cudaMemPoolProps {
  cudaMemAllocationType allocType;
  struct {
    cudaMemLocationType type;
    int id;
  } location;
};

typedef struct emulated_event *cudaEvent_t;
enum { cudaEventDisableTiming = 2 };

typedef struct emulated_graph *cudaGraph_t;
typedef struct emulated_graph_node *cudaGraphNode_t;
typedef struct emulated_executable *cudaGraphExec_t;
/* The runtime calls the extents gridDim and blockDim, which are macros here. */
struct cudaKernelNodeParams {
  void *func;
  dim3 grid, block;
  unsigned sharedMemBytes;
  void **kernelParams;
  void **extra;
};

cudaError_t cudaMallocHost(void **memory, size_t bytes);
cudaError_t cudaFreeHost(void *memory);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaLaunchKernel(const void *function, dim3 grid, dim3 block, void **arguments, size_t shared,
                             cudaStream_t stream);
cudaError_t cudaGraphCreate(cudaGraph_t *graph, unsigned flags);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphAddKernelNode(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *before,
                                   size_t count, const cudaKernelNodeParams *params);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable);
cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t executable, cudaGraphNode_t node,
                                             const cudaKernelNodeParams *params);
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaMemPoolCreate(cudaMemPool_t *pool, const cudaMemPoolProps *properties);
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void *value);
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool);
cudaError_t cudaMallocFromPoolAsync(void **memory, size_t bytes, cudaMemPool_t pool, cudaStream_t stream);
cudaError_t cudaFreeAsync(void *memory, cudaStream_t stream);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *memory);
cudaError_t cudaGetLastError(void);
const char *cudaGetErrorString(cudaError_t error);

#endif
