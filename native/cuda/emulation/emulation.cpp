#include "emulation.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define PF_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PF_ASAN 1
#endif
#endif
#if defined(PF_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace emulation {

thread_local place here;

void fault(const char *format, ...) {
  fprintf(stderr, "emulated CUDA, thread %u of block (%u, %u): ", here.thread.x, here.block.x, here.block.y);
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  abort();
}

namespace {

constexpr size_t STACK_BYTES = 128 * 1024;
constexpr size_t THREAD_MAIN_BYTES = 1024; /* more than its frame */

/* A place to continue at: the registers that a call keeps lie on the stack that `stack` points into. */
struct continuation {
#if defined(__x86_64__)
  void *stack;
#else
  ucontext_t context;
#endif
};

} // namespace
} // namespace emulation

#if defined(__x86_64__)
/* swapcontext without its system call for the mask of signals. */
extern "C" __attribute__((visibility("hidden"))) void pf_emulation_switch(void **from, void *to);
asm(R"(
.text
.hidden pf_emulation_switch
.globl pf_emulation_switch
.type pf_emulation_switch, @function
pf_emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size pf_emulation_switch, .-pf_emulation_switch
)");
#endif

namespace emulation {
namespace {

/* To an element of shared memory. */
struct copy {
  access *target;
  size_t index, count;
  void *to;
  const void *from;
  size_t bytes;
};

struct fiber {
  continuation at;
  char *stack = nullptr;
#if defined(PF_ASAN)
  void *fake_stack = nullptr;
#endif
  /* It runs again once *waits_for is not `seen` any more. */
  const uint32_t *waits_for = nullptr;
  uint32_t seen = 0;
  int line = 0; /* where it waits */
  bool done = false;
  std::vector<copy> copies; /* under way */
};

struct warp {
  uint32_t generation = 0;
  unsigned arrived = 0; /* lanes */
  int line = 0;
  uint64_t bits[2][WARP];
  struct {
    float a[16][16], b[8][16]; /* b transposed */
  } matrices[2];
};

/* One block at a time, on one thread of the host. */
struct block_runner {
  std::vector<fiber> fibers{MOST_THREADS};
  warp warps[MOST_THREADS / WARP];
  continuation scheduler;
#if defined(PF_ASAN)
  void *fake_stack = nullptr;
  const void *host_stack = nullptr;
  size_t host_stack_bytes = 0;
#endif
  void (*run)(const void *) = nullptr;
  const void *kernel = nullptr;
  unsigned threads = 0, arrived = 0, returned = 0, current = 0;
  int line = 0;            /* of the barrier that the first thread waits at */
  uint32_t generation = 0; /* of barriers */
  bool vote = false, result = false;
  uint32_t interval = 1, first_interval = 1;

  struct site {
    const void *key;
    size_t bytes;
    shared_block memory;
  };
  std::vector<site> sites;

  ~block_runner() {
    for (fiber &f : fibers)
      if (f.stack) munmap(f.stack, STACK_BYTES);
    for (site &s : sites) {
      free(s.memory.data);
      free(s.memory.accesses);
    }
  }
};

thread_local block_runner runner;

void switch_to(continuation &from, continuation &to) {
#if defined(__x86_64__)
  pf_emulation_switch(&from.stack, to.stack);
#else
  swapcontext(&from.context, &to.context);
#endif
}

void yield() {
  fiber &f = runner.fibers[runner.current];
#if defined(PF_ASAN)
  __sanitizer_start_switch_fiber(f.done ? nullptr : &f.fake_stack, runner.host_stack, runner.host_stack_bytes);
#endif
  switch_to(f.at, runner.scheduler);
#if defined(PF_ASAN)
  __sanitizer_finish_switch_fiber(f.fake_stack, nullptr, nullptr);
#endif
}

/* What every fiber begins with. */
void thread_main() {
  block_runner &r = runner;
#if defined(PF_ASAN)
  __sanitizer_finish_switch_fiber(nullptr, &r.host_stack, &r.host_stack_bytes);
#endif
  r.run(r.kernel);
  if (r.arrived > 0) fault("returns while others wait at the barrier of line %d", r.line);
  if (!r.fibers[r.current].copies.empty()) fault("returns without having waited for its copies");
  r.returned++;
  r.fibers[r.current].done = true;
  yield();
  abort();
}

void prepare(fiber &f) {
  if (!f.stack) {
    void *stack = mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) fault("no memory for the stack of a thread");
    f.stack = static_cast<char *>(stack);
  }
  f.done = false;
  f.waits_for = nullptr;
  f.copies.clear();
#if defined(PF_ASAN)
  /* thread_main never returns: what surrounds its variables is still marked from the last time. */
  ASAN_UNPOISON_MEMORY_REGION(f.stack + STACK_BYTES - THREAD_MAIN_BYTES, THREAD_MAIN_BYTES);
#endif
#if defined(__x86_64__)
  /* Six registers, the address to return to, and a word that keeps the stack aligned as after a call. */
  void **top = reinterpret_cast<void **>(f.stack + STACK_BYTES) - 8;
  memset(top, 0, 8 * sizeof *top);
  top[6] = reinterpret_cast<void *>(thread_main);
  f.at.stack = top;
#else
  getcontext(&f.at.context);
  f.at.context.uc_stack.ss_sp = f.stack;
  f.at.context.uc_stack.ss_size = STACK_BYTES;
  f.at.context.uc_link = nullptr;
  makecontext(&f.at.context, thread_main, 0);
#endif
}

void resume(unsigned thread) {
  block_runner &r = runner;
  r.current = thread;
  here.thread.x = thread;
  fiber &f = r.fibers[thread];
#if defined(PF_ASAN)
  __sanitizer_start_switch_fiber(&r.fake_stack, f.stack, STACK_BYTES);
#endif
  switch_to(r.scheduler, f.at);
#if defined(PF_ASAN)
  __sanitizer_finish_switch_fiber(r.fake_stack, nullptr, nullptr);
#endif
}

void run_block() {
  block_runner &r = runner;
  r.arrived = r.returned = 0;
  r.vote = false;
  r.first_interval = ++r.interval;
  for (unsigned t = 0; t < r.threads; t++) prepare(r.fibers[t]);
  for (unsigned w = 0; w < (r.threads + WARP - 1) / WARP; w++) r.warps[w].arrived = 0;
  while (r.returned < r.threads) {
    bool progress = false;
    for (unsigned t = 0; t < r.threads; t++) {
      fiber &f = r.fibers[t];
      if (f.done || (f.waits_for && *f.waits_for == f.seen)) continue;
      f.waits_for = nullptr;
      progress = true;
      resume(t);
    }
    if (progress) continue;
    for (unsigned t = 0; t < r.threads; t++) {
      here.thread.x = t;
      if (!r.fibers[t].done) fault("waits at line %d for threads that never come there", r.fibers[t].line);
    }
  }
}

void wait(const uint32_t &generation, int line) {
  fiber &f = runner.fibers[runner.current];
  f.waits_for = &generation;
  f.seen = generation;
  f.line = line;
  yield();
}

/* Returns once all lanes of the mask are here. */
void meet(warp &w, unsigned mask, int line) {
  const unsigned lane = here.thread.x % WARP, first = here.thread.x - lane;
  const unsigned lanes = runner.threads - first < WARP ? (1u << (runner.threads - first)) - 1 : 0xffffffffu;
  if (!(mask >> lane & 1)) fault("line %d: lane %u is not in its own mask", line, lane);
  if (w.arrived != 0 && w.line != line) fault("a warp's lanes meet at line %d and at line %d", w.line, line);
  w.line = line;
  w.arrived |= 1u << lane;
  if (w.arrived == (mask & lanes)) {
    w.arrived = 0;
    w.generation++;
  } else {
    wait(w.generation, line);
  }
}

warp &own_warp() { return runner.warps[here.thread.x / WARP]; }

} // namespace

uint64_t exchange(unsigned mask, uint64_t bits, unsigned from, int line) {
  warp &w = own_warp();
  /* Two sides in turn: a lane may be one exchange ahead of the last to read, but not two. */
  uint64_t *side = w.bits[w.generation % 2];
  side[here.thread.x % WARP] = bits;
  meet(w, mask, line);
  return side[from];
}

unsigned ballot(unsigned mask, bool vote, int line) {
  warp &w = own_warp();
  uint64_t *side = w.bits[w.generation % 2];
  side[here.thread.x % WARP] = vote;
  const unsigned first = here.thread.x / WARP * WARP;
  meet(w, mask, line);
  unsigned votes = 0;
  for (unsigned lane = 0; lane < WARP && first + lane < runner.threads; lane++)
    if (mask >> lane & 1 && side[lane]) votes |= 1u << lane;
  return votes;
}

namespace {

float widened_half(uint16_t half, bool bf16) {
  if (bf16) {
    const uint32_t bits = static_cast<uint32_t>(half) << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
  }
  const int exponent = half >> 10 & 31, mantissa = half & 1023;
  const float magnitude = exponent == 31 ? (mantissa ? NAN : INFINITY)
                          : exponent     ? std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25)
                                         : std::ldexp(static_cast<float>(mantissa), -24);
  return half & 0x8000 ? -magnitude : magnitude;
}

} // namespace

uint16_t rounded_half(float x, bool bf16) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  if (x != x) return 0x7fff;
  if (bf16) return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  const float magnitude = std::fabs(x);
  if (magnitude >= 65520) return sign | 0x7c00;
  int exponent;
  std::frexp(magnitude, &exponent);
  if (exponent < -13) exponent = -13; /* of subnormal numbers */
  /* In units of the last place, rounded as the host rounds. */
  const long units = std::lrint(std::ldexp(static_cast<double>(magnitude), 11 - exponent));
  return static_cast<uint16_t>(sign | (units < 1024 ? units : ((exponent + 14) << 10) + units - 1024));
}

void multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], bool bf16, int line) {
  warp &w = own_warp();
  auto &m = w.matrices[w.generation % 2];
  const unsigned lane = here.thread.x % WARP, group = lane / 4, place = lane % 4;
  for (unsigned word = 0; word < 4; word++)
    for (unsigned side = 0; side < 2; side++)
      m.a[group + word % 2 * 8][2 * place + word / 2 * 8 + side] =
          widened_half(static_cast<uint16_t>(a[word] >> 16 * side), bf16);
  for (unsigned word = 0; word < 2; word++)
    for (unsigned side = 0; side < 2; side++)
      m.b[group][2 * place + word * 8 + side] = widened_half(static_cast<uint16_t>(b[word] >> 16 * side), bf16);
  if (runner.threads % WARP != 0) fault("line %d: tensor cores take whole warps", line);
  meet(w, 0xffffffffu, line);
  for (unsigned i = 0; i < 4; i++) {
    const float *row = m.a[group + i / 2 * 8], *column = m.b[2 * place + i % 2];
    double sum = c[i];
    for (unsigned k = 0; k < 16; k++) sum += static_cast<double>(row[k]) * column[k];
    c[i] = static_cast<float>(sum);
  }
}

void require_aligned(const void *memory, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(memory) % bytes != 0) fault("%p is not aligned to %zu bytes", memory, bytes);
}

bool barrier_or(bool vote, int line) {
  block_runner &r = runner;
  if (r.returned > 0) fault("waits at the barrier of line %d after %u threads have returned", line, r.returned);
  if (r.arrived > 0 && r.line != line) fault("waits at the barrier of line %d, others at line %d", line, r.line);
  r.line = line;
  r.vote = r.vote || vote;
  if (++r.arrived < r.threads) {
    wait(r.generation, line);
  } else {
    r.arrived = 0;
    r.result = r.vote;
    r.vote = false;
    r.interval++;
    r.generation++;
  }
  return r.result;
}

void barrier(int line) { barrier_or(false, line); }

shared_block shared(const void *site, size_t count, size_t bytes) {
  for (const auto &s : runner.sites) {
    if (s.key == site && s.bytes == bytes) return s.memory;
  }
  const shared_block memory = {calloc(count, bytes / count), static_cast<access *>(calloc(count, sizeof(access)))};
  if (!memory.data || !memory.accesses) fault("no memory for %zu bytes of shared memory", bytes);
  runner.sites.push_back({site, bytes, memory});
  return memory;
}

void note_read(access &a, size_t index, size_t count) {
  const block_runner &r = runner;
  if (a.under_way && a.written >= r.first_interval)
    fault("shared[%zu of %zu] is read before its copy was waited for", index, count);
  const uint16_t reader = static_cast<uint16_t>(here.thread.x);
  if (a.written < r.first_interval) fault("shared[%zu of %zu] is read before it is written", index, count);
  if (a.written == r.interval && a.writer != reader)
    fault("shared[%zu of %zu] is read without a barrier after thread %u wrote it", index, count, a.writer);
  a.reader = a.read == r.interval && a.reader != reader ? MANY_READERS : reader;
  a.read = r.interval;
}

void note_write(access &a, size_t index, size_t count) {
  const block_runner &r = runner;
  if (a.under_way && a.written >= r.first_interval)
    fault("shared[%zu of %zu] is written before its copy was waited for", index, count);
  a.under_way = false;
  const uint16_t writer = static_cast<uint16_t>(here.thread.x);
  if (a.read == r.interval && a.reader != writer)
    fault("shared[%zu of %zu] is written without a barrier after others read it", index, count);
  if (a.written == r.interval && a.writer != writer)
    fault("shared[%zu of %zu] is written without a barrier after thread %u wrote it", index, count, a.writer);
  a.writer = writer;
  a.written = r.interval;
}

void begin_copy(access &a, size_t index, size_t count, void *to, const void *from, size_t bytes) {
  note_write(a, index, count);
  a.under_way = true;
  runner.fibers[runner.current].copies.push_back({&a, index, count, to, from, bytes});
}

void wait_async() {
  for (const copy &c : runner.fibers[runner.current].copies) {
    c.target->under_way = false;
    note_write(*c.target, c.index, c.count);
    memcpy(c.to, c.from, c.bytes);
  }
  runner.fibers[runner.current].copies.clear();
}

void launch(dim3 grid, dim3 block, void (*run)(const void *), const void *kernel) {
  if (block.x < 1 || block.x > MOST_THREADS || block.y != 1 || block.z != 1 || grid.y > 65535 || grid.z > 65535)
    fault("a launch of %u x %u x %u blocks of %u x %u x %u threads", grid.x, grid.y, grid.z, block.x, block.y, block.z);
  runner.run = run;
  runner.kernel = kernel;
  runner.threads = block.x;
  here.block_extent = block;
  here.grid_extent = grid;
  for (unsigned z = 0; z < grid.z; z++) {
    for (unsigned y = 0; y < grid.y; y++) {
      for (unsigned x = 0; x < grid.x; x++) {
        here.block = dim3(x, y, z);
        run_block();
      }
    }
  }
}

} // namespace emulation

/* ---- Runtime ---- */

namespace {

std::mutex allocations_lock;
std::map<uintptr_t, size_t> allocations; /* guarded by allocations_lock */

bool is_allocated(const void *memory) {
  const std::lock_guard<std::mutex> lock(allocations_lock);
  auto above = allocations.upper_bound(reinterpret_cast<uintptr_t>(memory));
  if (above == allocations.begin()) return false;
  const auto &[begin, bytes] = *--above;
  return reinterpret_cast<uintptr_t>(memory) - begin < bytes;
}

} // namespace

cudaError_t cudaGetDeviceCount(int *count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device) {
  if (device != 0) return cudaErrorInvalidDevice;
  *properties = {};
  snprintf(properties->name, sizeof properties->name, "emulated on the host");
  properties->totalGlobalMem = size_t{1} << 32;
  properties->multiProcessorCount = 2;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidDevice; }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
  *stream = nullptr;
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }

/* All memory is the heap's, where a sanitizer finds what is not given back. */
struct emulated_pool {};

cudaError_t cudaMemPoolCreate(cudaMemPool_t *pool, const cudaMemPoolProps *) {
  *pool = new (std::nothrow) emulated_pool;
  return *pool ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void *) { return cudaSuccess; }

cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  delete pool;
  return cudaSuccess;
}

cudaError_t cudaMallocFromPoolAsync(void **memory, size_t bytes, cudaMemPool_t, cudaStream_t) {
  const size_t rounded = (bytes + 255) / 256 * 256;
  void *allocated = aligned_alloc(256, rounded ? rounded : 256);
  if (!allocated) return cudaErrorMemoryAllocation;
  memset(allocated, 0xff, rounded);
  const std::lock_guard<std::mutex> lock(allocations_lock);
  allocations[reinterpret_cast<uintptr_t>(allocated)] = bytes;
  *memory = allocated;
  return cudaSuccess;
}

cudaError_t cudaFreeAsync(void *memory, cudaStream_t) {
  if (memory) {
    const std::lock_guard<std::mutex> lock(allocations_lock);
    if (allocations.erase(reinterpret_cast<uintptr_t>(memory)) == 0) return cudaErrorInvalidValue;
  }
  free(memory);
  return cudaSuccess;
}

/* Where the runtime locks pages, the emulation has ordinary memory. */
cudaError_t cudaMallocHost(void **memory, size_t bytes) {
  *memory = malloc(bytes);
  return *memory ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaFreeHost(void *memory) {
  free(memory);
  return cudaSuccess;
}

/* All is done when it is recorded. */
struct emulated_event {};

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) {
  *event = new (std::nothrow) emulated_event;
  return *event ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) { return event ? cudaSuccess : cudaErrorInvalidValue; }
cudaError_t cudaEventSynchronize(cudaEvent_t event) { return event ? cudaSuccess : cudaErrorInvalidValue; }

/* ---- Graphs: kernels in the order of their nodes, each with a copy of its arguments ---- */

namespace {

std::mutex signatures_lock;
std::map<const void *, emulation::signature> signatures; /* guarded by signatures_lock */
thread_local emulation::graph_counts graph_counts;

const emulation::signature *known(const void *function) {
  const std::lock_guard<std::mutex> lock(signatures_lock);
  const auto found = signatures.find(function);
  return found == signatures.end() ? nullptr : &found->second;
}

struct kernel_copy {
  const void *function;
  dim3 grid, block;
  std::vector<std::vector<char>> arguments;

  void run() const {
    std::vector<void *> pointers;
    for (const auto &argument : arguments) pointers.push_back(const_cast<char *>(argument.data()));
    known(function)->run(function, grid, block, pointers.data());
  }
};

cudaError_t copy_kernel(const cudaKernelNodeParams *params, kernel_copy *kernel) {
  const emulation::signature *of = known(params->func);
  if (!of || !params->kernelParams) return cudaErrorInvalidValue;
  *kernel = {params->func, params->grid, params->block, {}};
  for (size_t i = 0; i < of->count; i++) {
    const char *from = static_cast<const char *>(params->kernelParams[i]);
    kernel->arguments.emplace_back(from, from + of->sizes[i]);
  }
  return cudaSuccess;
}

} // namespace

struct emulated_graph_node {
  size_t index;
  kernel_copy kernel;
};

struct emulated_graph {
  std::vector<emulated_graph_node *> nodes;
  ~emulated_graph() {
    for (emulated_graph_node *node : nodes) delete node;
  }
};

struct emulated_executable {
  std::vector<kernel_copy> kernels;
};

void emulation::know(const void *function, const signature &of) {
  const std::lock_guard<std::mutex> lock(signatures_lock);
  signatures[function] = of;
}

emulation::graph_counts emulation::count_graphs() { return ::graph_counts; }

cudaError_t cudaLaunchKernel(const void *function, dim3 grid, dim3 block, void **arguments, size_t, cudaStream_t) {
  const emulation::signature *of = known(function);
  if (!of) return cudaErrorInvalidValue;
  of->run(function, grid, block, arguments);
  return cudaSuccess;
}

cudaError_t cudaGraphCreate(cudaGraph_t *graph, unsigned) {
  *graph = new (std::nothrow) emulated_graph;
  return *graph ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

/* Chains alone: a node comes behind the one that was added last. */
cudaError_t cudaGraphAddKernelNode(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *before,
                                   size_t count, const cudaKernelNodeParams *params) {
  const bool first = graph->nodes.empty();
  if (count != (first ? 0 : 1) || (!first && *before != graph->nodes.back())) return cudaErrorInvalidValue;
  *node = new (std::nothrow) emulated_graph_node{graph->nodes.size(), {}};
  if (!*node) return cudaErrorMemoryAllocation;
  graph->nodes.push_back(*node);
  return copy_kernel(params, &(*node)->kernel);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long) {
  *executable = new (std::nothrow) emulated_executable;
  if (!*executable) return cudaErrorMemoryAllocation;
  for (const emulated_graph_node *node : graph->nodes) (*executable)->kernels.push_back(node->kernel);
  graph_counts.built++;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}

cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t executable, cudaGraphNode_t node,
                                             const cudaKernelNodeParams *params) {
  graph_counts.replaced++;
  return copy_kernel(params, &executable->kernels[node->index]);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t) {
  for (const kernel_copy &kernel : executable->kernels) kernel.run();
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  if (bytes > 0) memcpy(to, from, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t) {
  memset(memory, value, bytes);
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *memory) {
  attributes->type = is_allocated(memory) ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered;
  return cudaSuccess;
}

cudaError_t cudaGetLastError(void) { return cudaSuccess; }

const char *cudaGetErrorString(cudaError_t error) {
  switch (error) {
  case cudaSuccess:
    return "no error";
  case cudaErrorMemoryAllocation:
    return "out of memory";
  case cudaErrorInvalidDevice:
    return "invalid device ordinal";
  default:
    return "invalid argument";
  }
}
