/* The emulation itself: what it computes, and that it ends a program that a GPU would run into undefined behaviour. */
#include "device.h"

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

} // namespace

int main() {
  std::vector<int> x(192), y(192);
  std::vector<float> sums(2), out(64);
  for (int i = 0; i < 192; i++) x[static_cast<size_t>(i)] = i;
  const int *from = x.data();
  int *to = y.data();
  float *totals = sums.data(), *floats = out.data();
  cudaStream_t stream = nullptr;
  LAUNCH(reverse_and_sum, 2, 96, stream, from, to, totals);
  expect(y[0] == 95 && y[95] == 0 && y[96] == 191 && y[191] == 96, "threads exchange through shared memory");
  expect(sums[0] == 4560 && sums[1] == 13776, "blocks sum");

  unsigned ballots = 0;
  bool any = false, all = true;
  unsigned *ballots_at = &ballots;
  bool *any_at = &any, *all_at = &all;
  LAUNCH(vote, 1, 32, stream, ballots_at, any_at, all_at);
  expect(ballots == 0x49249249u && any && !all, "lanes vote");

  expect_fault("others at line", [=] { LAUNCH(diverge, 1, 64, stream); });
  expect_fault("returns while others wait", [=] { LAUNCH(leave, 1, 64, stream); });
  expect_fault("never come there", [=] { LAUNCH(leave_a_warp, 1, 32, stream); });
  expect_fault("read before it is written", [=] { LAUNCH(read_unwritten, 1, 64, stream, floats); });
  expect_fault("read before it is written", [=] { LAUNCH(read_of_the_block_before, 2, 64, stream, floats); });
  expect_fault("read without a barrier", [=] { LAUNCH(read_too_early, 1, 64, stream, floats); });
  expect_fault("without a barrier", [=] { LAUNCH(write_too_early, 1, 64, stream, floats); });
  expect_fault("is indexed at 64", [=] { LAUNCH(write_beyond, 1, 64, stream); });
  return failures > 0;
}
