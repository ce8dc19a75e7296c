/* Devices, their memory, and what the host hands over to kernels. */
#include "cuda_engine.h"

#include <cstdio>
#include <cstring>
#include <new>

#include "panaformer_cuda.h"

namespace {

thread_local char last_error[256] = "no error";

pf_status failed(cudaError_t error) {
  snprintf(last_error, sizeof last_error, "%s", cudaGetErrorString(error));
  cudaGetLastError(); /* an error of a launch would be reported again by the next */
  return error == cudaErrorMemoryAllocation ? PF_ERROR_OUT_OF_MEMORY : PF_ERROR_DEVICE;
}

/* Makes room for `bytes`; what was there before is lost once the stream has come here. */
cudaError_t ensure(device_buffer &buffer, size_t bytes, cudaMemPool_t pool, cudaStream_t stream) {
  if (bytes <= buffer.bytes) return cudaSuccess;
  if (buffer.memory) {
    const cudaError_t error = cudaFreeAsync(buffer.memory, stream);
    buffer = {nullptr, 0};
    if (error != cudaSuccess) return error;
  }
  size_t grown = 4096;
  while (grown < bytes) grown *= 2;
  void *memory = nullptr;
  const cudaError_t error = cudaMallocFromPoolAsync(&memory, grown, pool, stream);
  if (error == cudaSuccess) buffer = {memory, grown};
  return error;
}

cudaError_t create_staging(staging_memory *staging) {
  void *memory = nullptr;
  cudaError_t error = cudaMallocHost(&memory, 2 * staging_memory::HALF_BYTES);
  staging->memory = static_cast<char *>(memory);
  for (cudaEvent_t &event : staging->read)
    if (error == cudaSuccess) error = cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  return error;
}

void destroy_staging(const staging_memory &staging) {
  cudaFreeHost(staging.memory);
  for (const cudaEvent_t event : staging.read)
    if (event) cudaEventDestroy(event);
}

void destroy(const step_graph &g) {
  if (g.executable) cudaGraphExecDestroy(g.executable);
  if (g.graph) cudaGraphDestroy(g.graph);
}

void destroy(pf_engine *base) {
  cuda_engine *engine = reinterpret_cast<cuda_engine *>(base);
  cudaSetDevice(engine->device);
  cudaStreamSynchronize(engine->stream);
  if (engine->scratch.memory) cudaFreeAsync(engine->scratch.memory, engine->stream);
  for (const device_buffer &buffer : {engine->converted, engine->library_workspace})
    if (buffer.memory) cudaFreeAsync(buffer.memory, engine->stream);
  for (const step_graph &g : engine->graphs) destroy(g);
  destroy_staging(engine->staging);
  cudaFreeHost(engine->results);
  for (const uploaded &u : engine->uploads)
    if (u.on_device.memory) cudaFreeAsync(u.on_device.memory, engine->stream);
  cudaStreamSynchronize(engine->stream);
  cudaMemPoolDestroy(engine->pool);
  cudaStreamDestroy(engine->stream);
  delete engine;
}

cudaError_t create_pool(int device, cudaMemPool_t *pool) {
  cudaMemPoolProps properties = {};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location.type = cudaMemLocationTypeDevice;
  properties.location.id = device;
  const cudaError_t error = cudaMemPoolCreate(pool, &properties);
  if (error != cudaSuccess) return error;
  uint64_t kept = UINT64_MAX;
  return cudaMemPoolSetAttribute(*pool, cudaMemPoolAttrReleaseThreshold, &kept);
}

const pf_kernels kernels = {
    PF_ISA_CUDA,
    1, /* a thread computes one float at a time */
    destroy,
#define KERNEL(name, parameters, arguments, given) cuda::name,
#include "kernels.def"
};

} // namespace

/* ---- A call ---- */

cuda_call::cuda_call(pf_engine *base)
    : engine(reinterpret_cast<cuda_engine *>(base)), lock(engine->lock), failure(PF_OK) {
  note(cudaSetDevice(engine->device));
  engine->calls++;
}

pf_status cuda_call::note(cudaError_t error) {
  if (error != cudaSuccess && failure == PF_OK) failure = failed(error);
  return failure;
}

void *cuda_call::scratch(size_t bytes) { return grown(engine->scratch, bytes); }
void *cuda_call::converted(size_t bytes) { return grown(engine->converted, bytes); }

void *cuda_call::grown(device_buffer &buffer, size_t bytes) {
  if (bytes > buffer.bytes) flush(); /* kernels that wait have the smaller one */
  return note(ensure(buffer, bytes, engine->pool, engine->stream)) == PF_OK ? buffer.memory : nullptr;
}

const void *cuda_call::stage(const void *bytes, size_t count) {
  staging_memory &s = engine->staging;
  const size_t room = (count + 15) / 16 * 16;
  if (room > s.HALF_BYTES) return bytes;
  if (s.used + room > s.HALF_BYTES) {
    note(cudaEventRecord(s.read[s.half], engine->stream));
    s.half = 1 - s.half;
    s.used = 0;
    note(cudaEventSynchronize(s.read[s.half]));
  }
  char *staged = s.memory + static_cast<size_t>(s.half) * s.HALF_BYTES + s.used;
  s.used += room;
  memcpy(staged, bytes, count);
  return staged;
}

const void *cuda_call::upload_bytes(const void *bytes, size_t count) {
  uploaded *oldest = nullptr;
  for (uploaded &u : engine->uploads) {
    if (u.bytes.size() == count && memcmp(u.bytes.data(), bytes, count) == 0) {
      u.used = engine->calls;
      return u.on_device.memory;
    }
    if (!oldest || u.used < oldest->used) oldest = &u;
  }
  /* Kernels that wait may read what would be replaced. */
  if (oldest && engine->uploads.size() == UPLOADS && oldest->used > engine->step_began) flush();
  if (engine->uploads.size() < UPLOADS) {
    engine->uploads.push_back({});
    oldest = &engine->uploads.back();
  }
  oldest->used = engine->calls;
  const char *begin = static_cast<const char *>(bytes);
  oldest->bytes.assign(begin, begin + count);
  if (note(ensure(oldest->on_device, count, engine->pool, engine->stream)) != PF_OK ||
      note(cudaMemcpyAsync(oldest->on_device.memory, stage(bytes, count), count, cudaMemcpyDefault, engine->stream)) !=
          PF_OK) {
    oldest->bytes.clear();
    return nullptr;
  }
  return oldest->on_device.memory;
}

const int32_t *cuda_call::upload(const int32_t *ids, int64_t count) {
  return static_cast<const int32_t *>(upload_bytes(ids, static_cast<size_t>(count) * sizeof *ids));
}

const float *cuda_call::upload(const float *values, int64_t count) {
  return static_cast<const float *>(upload_bytes(values, static_cast<size_t>(count) * sizeof *values));
}

const packed_weight *cuda_call::find_packed(const void *packed) const {
  const auto found = engine->packed.find(packed);
  return found == engine->packed.end() ? nullptr : &found->second;
}

pf_status cuda_call::status() { return note(cudaGetLastError()); }

pf_status cuda_call::wait() {
  flush();
  note(cudaGetLastError());
  return note(cudaStreamSynchronize(engine->stream));
}

const char *cuda_call::fetch(const void *from, size_t bytes) {
  if (bytes > engine->results_bytes) {
    cudaFreeHost(engine->results);
    engine->results = nullptr;
    engine->results_bytes = 0;
    if (note(cudaMallocHost(&engine->results, bytes)) != PF_OK) return nullptr;
    engine->results_bytes = bytes;
  }
  copy(engine->results, from, bytes);
  return wait() == PF_OK ? static_cast<const char *>(engine->results) : nullptr;
}

/* ---- The library ---- */

pf_status cuda_call::set_library(bool on) {
  flush();
  if (!on) {
    note(cudaStreamSynchronize(engine->stream));
    engine->library.reset();
    return status();
  }
  if (engine->library) return PF_OK;
  const char *reason;
  engine->library.reset(matmul::create(&reason));
  if (engine->library) return PF_OK;
  snprintf(last_error, sizeof last_error, "%s", reason);
  return PF_ERROR_UNSUPPORTED;
}

bool cuda_call::multiply(const matmul_problem &problem) {
  void *workspace = grown(engine->library_workspace, matmul::WORKSPACE_BYTES);
  return workspace && engine->library->multiply(problem, workspace, stream());
}

/* ---- Steps ---- */

void cuda_call::begin_step() {
  if (engine->steps++ == 0) engine->step_began = engine->calls;
}

pf_status cuda_call::end_step() {
  if (engine->steps == 0) return PF_ERROR_ARGUMENT;
  if (engine->steps == 1) flush();
  engine->steps--;
  return status();
}

void cuda_call::enqueue(const void *function, unsigned grid, unsigned block, const void *const *arguments,
                        const size_t *sizes, size_t count) {
  if (engine->waiting_count == engine->waiting.size()) engine->waiting.emplace_back();
  step_kernel &k = engine->waiting[engine->waiting_count++];
  k.function = function;
  k.grid = grid;
  k.block = block;
  k.sizes.assign(sizes, sizes + count);
  k.arguments.clear();
  for (size_t i = 0; i < count; i++) {
    const char *from = static_cast<const char *>(arguments[i]);
    k.arguments.insert(k.arguments.end(), from, from + sizes[i]);
    const size_t aligned = (k.arguments.size() + k.ARGUMENT_BYTES - 1) / k.ARGUMENT_BYTES * k.ARGUMENT_BYTES;
    k.arguments.resize(aligned);
  }
}

namespace {

/* Graphs of so few kernels save nothing. */
constexpr size_t LEAST_KERNELS = 4;
constexpr size_t MOST_GRAPHS = 8;

/* The arguments of a kernel as the runtime takes them. */
struct kernel_node {
  cudaKernelNodeParams params;
  void *arguments[step_kernel::MOST_ARGUMENTS];

  explicit kernel_node(step_kernel &k) : params() {
    char *at = k.arguments.data();
    for (size_t i = 0; i < k.sizes.size(); i++) {
      arguments[i] = at;
      at += (k.sizes[i] + k.ARGUMENT_BYTES - 1) / k.ARGUMENT_BYTES * k.ARGUMENT_BYTES;
    }
    params = {const_cast<void *>(k.function), dim3(k.grid), dim3(k.block), 0, arguments, nullptr};
  }
};

} // namespace

bool cuda_call::build(step_graph &g) {
  if (cudaGraphCreate(&g.graph, 0) != cudaSuccess) return false;
  const cudaGraphNode_t *before = nullptr;
  for (step_kernel &k : g.kernels) {
    const kernel_node node(k);
    if (cudaGraphAddKernelNode(&k.node, g.graph, before, before ? 1 : 0, &node.params) != cudaSuccess) return false;
    before = &k.node;
  }
  return cudaGraphInstantiate(&g.executable, g.graph, 0) == cudaSuccess;
}

/* Makes the graph what waits now: of as many kernels, mostly the same but for an argument or two. */
bool cuda_call::update(step_graph &g) {
  for (size_t i = 0; i < g.kernels.size(); i++) {
    step_kernel &now = engine->waiting[i];
    if (now == g.kernels[i]) continue;
    const kernel_node node(now);
    now.node = g.kernels[i].node;
    if (cudaGraphExecKernelNodeSetParams(g.executable, now.node, &node.params) != cudaSuccess) return false;
  }
  for (size_t i = 0; i < g.kernels.size(); i++)
    if (!(engine->waiting[i] == g.kernels[i])) std::swap(engine->waiting[i], g.kernels[i]); /* and their memory */
  return true;
}

void cuda_call::run_waiting() {
  for (size_t i = 0; i < engine->waiting_count; i++) {
    step_kernel &k = engine->waiting[i];
    kernel_node node(k);
    note(cudaLaunchKernel(k.function, dim3(k.grid), dim3(k.block), node.arguments, 0, engine->stream));
  }
}

void cuda_call::flush() {
  const size_t count = engine->waiting_count;
  if (count == 0) return;
  if (count < LEAST_KERNELS) {
    run_waiting();
    engine->waiting_count = 0;
    return;
  }
  std::vector<step_graph> &graphs = engine->graphs;
  size_t at = 0;
  while (at < graphs.size() && graphs[at].kernels.size() != count) at++;
  if (at < graphs.size() && !update(graphs[at])) {
    cudaGetLastError();
    destroy(graphs[at]);
    graphs.erase(graphs.begin() + static_cast<std::ptrdiff_t>(at));
    at = graphs.size();
  }
  if (at == graphs.size()) {
    if (graphs.size() == MOST_GRAPHS) {
      destroy(graphs.front());
      graphs.erase(graphs.begin());
    }
    step_graph fresh = {};
    fresh.kernels.assign(engine->waiting.begin(), engine->waiting.begin() + static_cast<std::ptrdiff_t>(count));
    if (!build(fresh)) {
      cudaGetLastError();
      destroy(fresh);
      run_waiting();
      engine->waiting_count = 0;
      return;
    }
    graphs.push_back(std::move(fresh));
    at = graphs.size() - 1;
  }
  note(cudaGraphLaunch(graphs[at].executable, engine->stream));
  engine->waiting_count = 0;
}

pf_status cuda_call::copy(void *to, const void *from, size_t bytes) {
  flush();
  return note(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, engine->stream));
}

bool is_on_device(const void *memory) {
  cudaPointerAttributes attributes;
  if (cudaPointerGetAttributes(&attributes, memory) == cudaSuccess) return attributes.type == cudaMemoryTypeDevice;
  cudaGetLastError();
  return false;
}

/* ---- The public functions ---- */

extern "C" {

pf_status pf_cuda_device_count(int32_t *count) {
  if (!count) return PF_ERROR_ARGUMENT;
  *count = 0;
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess) return failed(error);
  *count = devices;
  return PF_OK;
}

pf_status pf_cuda_device_describe(int32_t device, pf_cuda_device *description) {
  if (!description) return PF_ERROR_ARGUMENT;
  cudaDeviceProp properties;
  const cudaError_t error = cudaGetDeviceProperties(&properties, device);
  if (error != cudaSuccess) return failed(error);
  *description = {};
  snprintf(description->name, sizeof description->name, "%s", properties.name);
  description->memory_bytes = static_cast<int64_t>(properties.totalGlobalMem);
  description->compute_capability = 10 * properties.major + properties.minor;
  description->multiprocessors = properties.multiProcessorCount;
  return PF_OK;
}

const char *pf_cuda_error(void) { return last_error; }

pf_status pf_cuda_engine_create(int32_t device, pf_engine **engine) {
  if (!engine) return PF_ERROR_ARGUMENT;
  *engine = nullptr;
  pf_cuda_device description;
  const pf_status status = pf_cuda_device_describe(device, &description);
  if (status != PF_OK) return status;
  cudaError_t error = cudaSetDevice(device);
  if (error != cudaSuccess) return failed(error);
  cuda_engine *created = new (std::nothrow) cuda_engine{};
  if (!created) return PF_ERROR_OUT_OF_MEMORY;
  created->base = {&kernels, 1};
  created->device = device;
  created->multiprocessors = description.multiprocessors;
  created->uploads.reserve(cuda_call::UPLOADS);
  error = cudaStreamCreateWithFlags(&created->stream, cudaStreamNonBlocking);
  if (error == cudaSuccess) error = create_pool(device, &created->pool);
  if (error == cudaSuccess) error = create_staging(&created->staging);
  if (error != cudaSuccess) {
    destroy_staging(created->staging);
    if (created->pool) cudaMemPoolDestroy(created->pool);
    if (created->stream) cudaStreamDestroy(created->stream);
    delete created;
    return failed(error);
  }
  *engine = &created->base;
  return PF_OK;
}

/* The way of those who know panaformer.h alone: device 0. `threads` is of no consequence. */
pf_status pf_engine_create(pf_isa isa, int32_t threads, pf_engine **engine) {
  if (!engine) return PF_ERROR_ARGUMENT;
  *engine = nullptr;
  if (isa < PF_ISA_AUTO || isa > PF_ISA_CUDA || threads < 1 || threads > PF_MAX_THREADS) return PF_ERROR_ARGUMENT;
  if (isa != PF_ISA_AUTO && isa != PF_ISA_CUDA) return PF_ERROR_ISA_UNAVAILABLE;
  return pf_cuda_engine_create(0, engine);
}

pf_status pf_cuda_allocate(pf_engine *engine, int64_t bytes, void **memory) {
  if (!engine || !memory || bytes < 0) return PF_ERROR_ARGUMENT;
  *memory = nullptr;
  cuda_call call(engine);
  const size_t size = bytes > 0 ? static_cast<size_t>(bytes) : 1;
  const cudaError_t error = cudaMallocFromPoolAsync(memory, size, call.pool(), call.stream());
  return error == cudaSuccess ? call.status() : failed(error);
}

pf_status pf_cuda_free(pf_engine *engine, void *memory) {
  if (!engine) return PF_ERROR_ARGUMENT;
  if (!memory) return PF_OK;
  cuda_call call(engine);
  const cudaError_t error = cudaFreeAsync(memory, call.stream());
  return error == cudaSuccess ? call.status() : failed(error);
}

pf_status pf_cuda_copy(pf_engine *engine, void *to, const void *from, int64_t bytes) {
  if (!engine || bytes < 0) return PF_ERROR_ARGUMENT;
  if (bytes == 0) return PF_OK;
  if (!to || !from) return PF_ERROR_ARGUMENT;
  cuda_call call(engine);
  const size_t size = static_cast<size_t>(bytes);
  if (is_on_device(to)) {
    const bool from_host = !is_on_device(from);
    const void *source = from_host ? call.stage(from, size) : from;
    call.copy(to, source, size);
    return from_host && source == from ? call.wait() : call.status();
  }
  call.copy(to, from, size);
  return call.wait();
}

pf_status pf_cuda_clear(pf_engine *engine, void *memory, int64_t bytes) {
  if (!engine || bytes < 0 || (bytes > 0 && !memory)) return PF_ERROR_ARGUMENT;
  if (bytes == 0) return PF_OK;
  cuda_call call(engine);
  const cudaError_t error = cudaMemsetAsync(memory, 0, static_cast<size_t>(bytes), call.stream());
  return error == cudaSuccess ? call.status() : failed(error);
}

pf_status pf_cuda_set_attention(pf_engine *engine, pf_dtype dtype) {
  if (!engine || dtype < PF_DTYPE_FP32 || dtype > PF_DTYPE_BF16) return PF_ERROR_ARGUMENT;
  cuda_call(engine).set_attention(dtype);
  return PF_OK;
}

pf_status pf_cuda_set_library(pf_engine *engine, int32_t on) {
  return engine ? cuda_call(engine).set_library(on != 0) : PF_ERROR_ARGUMENT;
}

pf_status pf_cuda_step_begin(pf_engine *engine) {
  if (!engine) return PF_ERROR_ARGUMENT;
  cuda_call(engine).begin_step();
  return PF_OK;
}

pf_status pf_cuda_step_end(pf_engine *engine) { return engine ? cuda_call(engine).end_step() : PF_ERROR_ARGUMENT; }

} // extern "C"
