/* The emulation itself: what it computes, and that it ends a program that a GPU would run into undefined behaviour. */
#include "mma.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace {

int failures = 0;

void expect(bool condition, const char *what) {
  if (!condition) failures++;
  printf("%s %s\n", condition ? "ok  " : "FAIL", what);
}

/* Runs a kernel in a process of its own; returns what it printed, or "" if it ended well. */
template <class Run> std::string message_of(Run run) {
  int ends[2];
  if (pipe(ends) != 0) abort();
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    run();
    _exit(0);
  }
  close(ends[1]);
  std::string message;
  char part[256];
  for (ssize_t n; (n = read(ends[0], part, sizeof part)) > 0;) message.append(part, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? message : "ended otherwise";
}

template <class Run> void expect_fault(const char *expected, Run run) {
  const std::string message = message_of(run);
  expect(message.find(expected) != std::string::npos, expected);
  if (message.find(expected) == std::string::npos) printf("     instead: %s\n", message.c_str());
}

__global__ void reverse_and_sum(const int *x, int *y, float *sums) {
  SHARED(int, tile, 96);
  SHARED(float, scratch, 3);
  tile[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  const int mine = tile[blockDim.x - 1 - threadIdx.x];
  y[blockIdx.x * blockDim.x + threadIdx.x] = mine;
  const float sum = block_sum<3>(static_cast<float>(mine), scratch);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void vote(unsigned *ballots, bool *any, bool *all) {
  const unsigned ballot = __ballot_sync(ALL_LANES, threadIdx.x % 3 == 0);
  if (threadIdx.x == 0) {
    *ballots = ballot;
  }
  const bool some = __any_sync(ALL_LANES, threadIdx.x == 31), every = __all_sync(ALL_LANES, threadIdx.x < 31);
  if (threadIdx.x == 7) {
    *any = some;
    *all = every;
  }
}

__global__ void diverge() {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
}

__global__ void leave() {
  if (threadIdx.x == 5) return;
  __syncthreads();
}

__global__ void leave_a_warp() {
  if (threadIdx.x == 5) return;
  __shfl_sync(ALL_LANES, 1, 0);
}

__global__ void read_unwritten(float *y) {
  SHARED(float, tile, 64);
  if (threadIdx.x < 32) tile[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x];
}

__global__ void read_of_the_block_before(float *y) {
  SHARED(float, tile, 64);
  if (blockIdx.x == 0) tile[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x];
}

__global__ void read_too_early(float *y) {
  SHARED(float, tile, 64);
  tile[threadIdx.x] = 1;
  y[threadIdx.x] = tile[threadIdx.x / 2 * 2];
}

__global__ void write_too_early(float *y) {
  SHARED(float, tile, 64);
  tile[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x / 2 * 2];
  tile[threadIdx.x] = 2;
}

__global__ void write_beyond() {
  SHARED(float, tile, 64);
  tile[threadIdx.x + 1] = 1;
}

template <half_format format> __global__ void multiply(const float *a, const float *b, float *c) {
  const int group = threadIdx.x / 4, place = threadIdx.x % 4;
  uint32_t as[4], bs[2];
  float sums[4];
  for (int i = 0; i < 4; i++) {
    const float *from = a + (group + i % 2 * 8) * 16 + 2 * place + i / 2 * 8;
    as[i] = rounded_pair<format>(from[0], from[1]);
  }
  for (int i = 0; i < 2; i++) {
    const float *from = b + (2 * place + i * 8) * 8 + group;
    bs[i] = rounded_pair<format>(from[0], from[8]);
  }
  for (int i = 0; i < 4; i++) sums[i] = c[(group + i / 2 * 8) * 8 + 2 * place + i % 2];
  multiply_add<format>(sums, as, bs);
  for (int i = 0; i < 4; i++) c[(group + i / 2 * 8) * 8 + 2 * place + i % 2] = sums[i];
}

__global__ void copy_words(const uint32_t *x, uint32_t *y) {
  SHARED(uint32_t, tile, 128);
  copy_async(tile, static_cast<int>(threadIdx.x) * 4, x + threadIdx.x * 4);
  commit_async();
  wait_async();
  __syncthreads();
  for (int i = 0; i < 4; i++) y[threadIdx.x * 4 + i] = tile[127 - (threadIdx.x * 4 + i)];
}

__global__ void read_before_waiting(const uint32_t *x, uint32_t *y) {
  SHARED(uint32_t, tile, 4);
  copy_async(tile, 0, x);
  commit_async();
  *y = tile[0];
}

__global__ void never_wait(const uint32_t *x) {
  SHARED(uint32_t, tile, 4);
  copy_async(tile, 0, x);
}

/* Small integers, whose products and sums every format holds. */
void tensor_cores_multiply() {
  float a[256], b[128], c[128], expected[128];
  for (int i = 0; i < 256; i++) a[i] = static_cast<float>(i * 7 % 13 - 6);
  for (int i = 0; i < 128; i++) b[i] = static_cast<float>(i * 5 % 11 - 5);
  for (int format = 0; format < 2; format++) {
    for (int i = 0; i < 128; i++) {
      c[i] = expected[i] = static_cast<float>(i % 9);
      for (int k = 0; k < 16; k++) expected[i] += a[i / 8 * 16 + k] * b[k * 8 + i % 8];
    }
    if (format == 0)
      run_kernel<const float *, const float *, float *>(multiply<half_format::bf16>, 1, 32, nullptr, a, b, c);
    else
      run_kernel<const float *, const float *, float *>(multiply<half_format::fp16>, 1, 32, nullptr, a, b, c);
    expect(memcmp(c, expected, sizeof c) == 0, format == 0 ? "tensor cores multiply bfloat16" : "and halves");
  }
}

void halves_round() {
  const float values[] = {1, -2, 65504, 65519.996f, 65520, 0x1p-24f, 0x1.8p-25f, 0x1p-25f, 0x1.ff8p-15f, 0x1.ffcp-15f,
                          1.00048828125f, 1.00146484375f, -0.0f, INFINITY};
  const uint16_t halves[] = {0x3c00, 0xc000, 0x7bff, 0x7bff, 0x7c00, 1, 1, 0, 0x3ff, 0x400, 0x3c00, 0x3c02, 0x8000,
                             0x7c00};
  bool right = true;
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    right = right && emulation::rounded_half(values[i], false) == halves[i];
  expect(right, "halves round to the nearest, and to even");
  expect(emulation::rounded_half(0x1.01p0f, true) == 0x3f80 && emulation::rounded_half(0x1.03p0f, true) == 0x3f82 &&
             emulation::rounded_half(NAN, true) == 0x7fff,
         "and so does bfloat16");
}

} // namespace

int main() {
  std::vector<int> x(192), y(192);
  std::vector<float> sums(2), out(64);
  for (int i = 0; i < 192; i++) x[static_cast<size_t>(i)] = i;
  const int *from = x.data();
  int *to = y.data();
  float *totals = sums.data(), *floats = out.data();
  cudaStream_t stream = nullptr;
  run_kernel(reverse_and_sum, 2, 96, stream, from, to, totals);
  expect(y[0] == 95 && y[95] == 0 && y[96] == 191 && y[191] == 96, "threads exchange through shared memory");
  expect(sums[0] == 4560 && sums[1] == 13776, "blocks sum");

  unsigned ballots = 0;
  bool any = false, all = true;
  unsigned *ballots_at = &ballots;
  bool *any_at = &any, *all_at = &all;
  run_kernel(vote, 1, 32, stream, ballots_at, any_at, all_at);
  expect(ballots == 0x49249249u && any && !all, "lanes vote");

  tensor_cores_multiply();
  halves_round();
  alignas(16) uint32_t words[128], turned[128];
  for (uint32_t i = 0; i < 128; i++) words[i] = i;
  const uint32_t *words_at = words;
  uint32_t *turned_at = turned;
  run_kernel(copy_words, 1, 32, stream, words_at, turned_at);
  expect(turned[0] == 127 && turned[127] == 0, "copies arrive");

  expect_fault("read before its copy was waited for",
               [=] { run_kernel(read_before_waiting, 1, 1, stream, words_at, turned_at); });
  expect_fault("without having waited", [=] { run_kernel(never_wait, 1, 1, stream, words_at); });
  expect_fault("not aligned to 16", [=] { run_kernel(never_wait, 1, 1, stream, words_at + 1); });
  expect_fault("others at line", [=] { run_kernel(diverge, 1, 64, stream); });
  expect_fault("returns while others wait", [=] { run_kernel(leave, 1, 64, stream); });
  expect_fault("never come there", [=] { run_kernel(leave_a_warp, 1, 32, stream); });
  expect_fault("read before it is written", [=] { run_kernel(read_unwritten, 1, 64, stream, floats); });
  expect_fault("read before it is written", [=] { run_kernel(read_of_the_block_before, 2, 64, stream, floats); });
  expect_fault("read without a barrier", [=] { run_kernel(read_too_early, 1, 64, stream, floats); });
  expect_fault("without a barrier", [=] { run_kernel(write_too_early, 1, 64, stream, floats); });
  expect_fault("is indexed at 64", [=] { run_kernel(write_beyond, 1, 64, stream); });
  return failures > 0;
}
