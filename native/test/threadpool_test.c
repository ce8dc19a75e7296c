/* The pool: that it computes in parallel, survives many callers, leaves nothing behind, and sleeps. */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "test.h"

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void sleep_milliseconds(long ms) {
  const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

/* Threads of this process, or -1 where /proc is missing. Joined threads may still be listed for a moment. */
static int threads_alive(int expected) {
  int count = -1;
  for (int attempt = 0; attempt < 200 && count != expected; attempt++) {
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks) return -1;
    count = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) count += entry->d_name[0] != '.';
    closedir(tasks);
    if (count != expected) sleep_milliseconds(1);
  }
  return count;
}

/* A task that ends only when as many threads as the engine has are inside of it: one thread alone cannot run it. */
typedef struct {
  int32_t threads;
  atomic_int inside;
  atomic_int slots[PF_MAX_THREADS]; /* tasks seen by thread number */
  atomic_int late;
} meeting;

static void meet(const void *context, int64_t task, int32_t thread) {
  (void)task;
  meeting *m = (meeting *)(uintptr_t)context;
  atomic_fetch_add(&m->slots[thread], 1);
  atomic_fetch_add(&m->inside, 1);
  const double end = seconds(CLOCK_MONOTONIC) + 20;
  while (atomic_load(&m->inside) < m->threads) {
    if (seconds(CLOCK_MONOTONIC) > end) {
      atomic_fetch_add(&m->late, 1);
      return;
    }
  }
}

static void runs_on_all_threads_at_once(void) {
  for (int32_t threads = 2; threads <= MOST_THREADS; threads++) {
    for (int round = 0; round < 10; round++) {
      begin_case("threads=%d round=%d", (int)threads, round);
      meeting m = {.threads = threads};
      pf_parallel_for(tested_engine(threads), threads, meet, &m);
      EXPECT(m.late == 0);
      for (int32_t t = 0; t < threads; t++) EXPECT(m.slots[t] == 1);
      /* Long enough for the workers to park: they have to be woken again. */
      if (round % 2) sleep_milliseconds(5);
    }
  }
}

typedef struct {
  int32_t threads;
  atomic_int *runs;    /* by task */
  atomic_int *running; /* by thread number: 1 while a task of this job runs there */
  atomic_int collisions;
} tally;

static void count_run(const void *context, int64_t task, int32_t thread) {
  tally *t = (tally *)(uintptr_t)context;
  if (thread < 0 || thread >= t->threads || atomic_exchange(&t->running[thread], 1))
    atomic_fetch_add(&t->collisions, 1);
  atomic_fetch_add(&t->runs[task], 1);
  if (thread >= 0 && thread < t->threads) atomic_store(&t->running[thread], 0);
}

static int runs_each_task_once(pf_engine *engine, int64_t tasks) {
  atomic_int runs[300], running[MOST_THREADS];
  for (int64_t i = 0; i < tasks; i++) atomic_init(&runs[i], 0);
  for (int i = 0; i < MOST_THREADS; i++) atomic_init(&running[i], 0);
  tally t = {.threads = pf_engine_threads(engine), .runs = runs, .running = running};
  pf_parallel_for(engine, tasks, count_run, &t);
  int64_t once = 0;
  for (int64_t i = 0; i < tasks; i++) once += runs[i] == 1;
  return once == tasks && t.collisions == 0;
}

static void runs_each_task_exactly_once(void) {
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    for (int64_t tasks = 0; tasks <= 300; tasks += tasks < 20 ? 1 : 35) {
      begin_case("threads=%d tasks=%d", (int)threads, (int)tasks);
      for (int round = 0; round < 20; round++) EXPECT(runs_each_task_once(tested_engine(threads), tasks));
    }
  }
}

typedef struct {
  pf_engine *engine;
  int jobs, failures;
} caller;

static void *call_often(void *argument) {
  caller *c = argument;
  for (int job = 0; job < c->jobs; job++) c->failures += !runs_each_task_once(c->engine, 1 + job % 37);
  return NULL;
}

static void serves_many_callers_at_once(void) {
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    begin_case("threads=%d", (int)threads);
    caller callers[4];
    pthread_t handles[COUNT(callers)];
    for (int i = 0; i < COUNT(callers); i++) {
      callers[i] = (caller){.engine = tested_engine(threads), .jobs = 5000 / PF_TEST_STRIDE};
      pthread_create(&handles[i], NULL, call_often, &callers[i]);
    }
    for (int i = 0; i < COUNT(callers); i++) {
      pthread_join(handles[i], NULL);
      EXPECT(callers[i].failures == 0);
    }
  }
}

static void call_again(const void *context, int64_t task, int32_t thread) {
  (void)task, (void)thread;
  caller *c = (caller *)(uintptr_t)context;
  if (!runs_each_task_once(c->engine, 10)) c->failures++;
}

/* A job inside of a job finds the pool busy. */
static void runs_nested_jobs_on_the_same_thread(void) {
  caller c = {.engine = tested_engine(2)};
  pf_parallel_for(tested_engine(2), 1, call_again, &c);
  EXPECT(c.failures == 0);
}

static void leaves_no_threads_behind(void) {
  /* Some sanitizers start a thread of their own with the first. */
  pf_engine *first = NULL;
  EXPECT_STATUS(PF_OK, pf_engine_create(tested_isa(), 2, &first));
  pf_engine_destroy(first);
  const int before = threads_alive(1);
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    begin_case("threads=%d", (int)threads);
    for (int cycle = 0; cycle < 100 / PF_TEST_STRIDE; cycle++) {
      pf_engine *engine = NULL;
      EXPECT_STATUS(PF_OK, pf_engine_create(tested_isa(), threads, &engine));
      if (cycle == 0 && before > 0) EXPECT(threads_alive(before + threads - 1) == before + threads - 1);
      if (cycle % 2) EXPECT(runs_each_task_once(engine, 20));
      pf_engine_destroy(engine);
    }
    if (before > 0) EXPECT(threads_alive(before) == before);
  }
}

/* Two files of /proc/self/task/<id>: the name, and the mask of blocked signals as hexadecimal. */
static int read_thread(const char *id, char *name, size_t name_bytes, unsigned long long *blocked) {
  char path[300], line[256];
  snprintf(path, sizeof path, "/proc/self/task/%s/comm", id);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  const int named = fgets(name, (int)name_bytes, file) != NULL;
  fclose(file);
  snprintf(path, sizeof path, "/proc/self/task/%s/status", id);
  if (!(file = fopen(path, "r"))) return 0;
  int masked = 0;
  while (fgets(line, sizeof line, file)) masked |= sscanf(line, "SigBlk: %llx", blocked) == 1;
  fclose(file);
  return named && masked;
}

static void names_its_threads_and_blocks_their_signals(void) {
  pf_engine *engine = NULL;
  EXPECT_STATUS(PF_OK, pf_engine_create(tested_isa(), 3, &engine));
  meeting m = {.threads = 3};
  pf_parallel_for(engine, 3, meet, &m); /* by now each has set its name */
  DIR *tasks = opendir("/proc/self/task");
  int found = 0;
  for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
    char name[64];
    unsigned long long blocked = 0;
    if (!read_thread(entry->d_name, name, sizeof name, &blocked)) continue;
    if (strcmp(name, "panaformer-1\n") != 0 && strcmp(name, "panaformer-2\n") != 0) continue;
    found++;
    static const int process[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};
    for (int i = 0; i < COUNT(process); i++) EXPECT(blocked >> (process[i] - 1) & 1);
    EXPECT(!(blocked >> (SIGSEGV - 1) & 1));
  }
  if (tasks) {
    EXPECT(found == 2);
    closedir(tasks);
  }
  pf_engine_destroy(engine);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  EXPECT(!sigismember(&mask, SIGTERM));
}

static void sleeps_when_idle(void) {
  pf_engine *engine = tested_engine(MOST_THREADS);
  EXPECT(runs_each_task_once(engine, 100));
  const double before = seconds(CLOCK_PROCESS_CPUTIME_ID);
  sleep_milliseconds(200);
  const double used = seconds(CLOCK_PROCESS_CPUTIME_ID) - before;
  begin_case("used %.1f ms of CPU in 200 ms", 1e3 * used);
  /* Three workers that never parked would use 400 ms on two cores. */
  EXPECT(used < 0.020);
}

#if !defined(PF_SANITIZED) && !defined(PF_EMULATED)
/* In a process whose address space has no room for another 255 stacks; sanitizers and emulators need that room. */
static void reports_threads_that_cannot_start(void) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    const struct rlimit limit = {64 << 20, 64 << 20};
    setrlimit(RLIMIT_AS, &limit);
    pf_engine *engine = (pf_engine *)&limit;
    const pf_status status = pf_engine_create(tested_isa(), PF_MAX_THREADS, &engine);
    _exit(status == PF_ERROR_THREAD && !engine && threads_alive(1) <= 1 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
#endif

int main(void) {
  static const test tests[] = {
      /* First, while there are no other threads. */
      TEST(leaves_no_threads_behind),
      TEST(names_its_threads_and_blocks_their_signals),
      TEST(runs_on_all_threads_at_once),
      TEST(runs_each_task_exactly_once),
      TEST(serves_many_callers_at_once),
      TEST(runs_nested_jobs_on_the_same_thread),
      TEST(sleeps_when_idle),
#if !defined(PF_SANITIZED) && !defined(PF_EMULATED)
      TEST(reports_threads_that_cannot_start),
#endif
  };
  return run_tests(tests, COUNT(tests));
}
