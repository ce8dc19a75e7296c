/*
 * Tasks are dealt out in equal, contiguous ranges, one a thread, and a thread that has finished its own takes from the
 * others'. So a thread meets the same rows, or the same weights, in each of the jobs of a forward pass and finds them
 * in its own cache, while no thread waits for a slower one.
 *
 * One job at a time. The caller's thread opens an epoch, works, closes it, and waits for those workers alone that have
 * registered in between: a worker that is parked, or that the scheduler has taken off its core, delays nobody.
 *
 * A worker registers (active++) and only then looks whether the epoch is open; the caller closes the epoch and only
 * then looks whether somebody is registered. All four are sequentially consistent, so that at least one sees the other:
 * the worker goes away again, or the caller waits for it. Parking is the same handshake with `parked` in the place of
 * `active`.
 */
#define _GNU_SOURCE /* pthread_setname_np */
#include "threadpool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CACHE_LINE 64
#define STACK_BYTES (512 * 1024)

/*
 * How long a worker spins after its last job before it parks. The kernels of a forward pass follow one another within
 * a few microseconds, whereas waking a parked thread costs 5 to 50, more in a virtual machine: 50 microseconds bridge
 * a forward pass and cost a worker that is not needed again at most what one wake-up would have.
 */
#define SPIN_NANOSECONDS 50000
/* Pauses between two looks at the clock; a pause takes 3 to 50 ns, depending on the CPU. */
#define PAUSES_PER_LOOK 32
/* Looks at the registered workers before the caller yields its core, which one of them may be waiting for. */
#define LOOKS_BEFORE_YIELD 1000

/* The tasks of one thread that nobody has taken yet. */
typedef struct {
  alignas(CACHE_LINE) atomic_int_fast64_t next;
  int64_t end;
} range;

typedef struct {
  pf_threadpool *pool;
  pthread_t handle;
  int32_t thread; /* the number that its tasks see */
} worker;

struct pf_threadpool {
  /* Written once a job by the caller, polled by the workers. */
  alignas(CACHE_LINE) atomic_uint_fast64_t epoch; /* odd: a job is open */
  atomic_int stopping;
  pf_task task;
  const void *context;
  range *ranges; /* [workers + 1], behind the workers */
  /* Written twice a job by every worker that takes part. */
  alignas(CACHE_LINE) atomic_int active;
  /* Written once a job by every caller. */
  alignas(CACHE_LINE) atomic_int busy;
  /* Touched only around sleep. */
  alignas(CACHE_LINE) atomic_int parked;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  int32_t workers;
  worker worker[];
};

static inline void pause_cpu(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory"); /* yield does nothing on most cores; isb stalls for a dozen cycles */
#endif
}

static int64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void draw_tasks(pf_threadpool *pool, pf_task task, const void *context, int32_t thread) {
  const int32_t threads = pool->workers + 1;
  for (int32_t k = 0, owner = thread; k < threads; k++, owner = owner + 1 < threads ? owner + 1 : 0) {
    range *r = &pool->ranges[owner];
    for (;;) {
      const int64_t i = atomic_fetch_add_explicit(&r->next, 1, memory_order_relaxed);
      if (i >= r->end) break;
      task(context, i, thread);
    }
  }
}

/* True if there is something to do: a job that this worker has not had, or the end. */
static inline int is_news(pf_threadpool *pool, uint64_t seen) {
  const uint64_t epoch = atomic_load(&pool->epoch);
  return ((epoch & 1) && epoch != seen) || atomic_load_explicit(&pool->stopping, memory_order_relaxed);
}

static void park(pf_threadpool *pool, uint64_t seen) {
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add(&pool->parked, 1);
  while (!is_news(pool, seen)) pthread_cond_wait(&pool->wake, &pool->mutex);
  atomic_fetch_sub(&pool->parked, 1);
  pthread_mutex_unlock(&pool->mutex);
}

static void wait_for_news(pf_threadpool *pool, uint64_t seen) {
  const int64_t end = nanoseconds() + SPIN_NANOSECONDS;
  do {
    for (int i = 0; i < PAUSES_PER_LOOK; i++) {
      if (is_news(pool, seen)) return;
      pause_cpu();
    }
  } while (nanoseconds() < end);
  park(pool, seen);
}

static void unpark(pf_threadpool *pool, int64_t wanted) {
  if (atomic_load(&pool->parked) == 0) return;
  /* Whoever has counted itself is waiting once the mutex is free; signalling after that spares it a second wait. */
  pthread_mutex_lock(&pool->mutex);
  pthread_mutex_unlock(&pool->mutex);
  if (wanted >= pool->workers) {
    pthread_cond_broadcast(&pool->wake);
  } else {
    for (int64_t i = 0; i < wanted; i++) pthread_cond_signal(&pool->wake);
  }
}

static void *work(void *argument) {
  worker *self = argument;
  pf_threadpool *pool = self->pool;
#if defined(__linux__)
  char name[16];
  snprintf(name, sizeof name, "panaformer-%d", (int)self->thread);
  pthread_setname_np(pthread_self(), name);
#endif
  uint64_t seen = 0;
  for (;;) {
    wait_for_news(pool, seen);
    if (atomic_load(&pool->stopping)) return NULL;
    atomic_fetch_add(&pool->active, 1);
    const uint64_t epoch = atomic_load(&pool->epoch);
    if (epoch & 1) {
      seen = epoch;
      draw_tasks(pool, pool->task, pool->context, self->thread);
    }
    atomic_fetch_sub(&pool->active, 1);
  }
}

/* Workers inherit the mask: signals meant for the process go to its other threads, faults are still their own. */
static void block_signals(sigset_t *previous) {
  sigset_t blocked;
  sigfillset(&blocked);
  sigdelset(&blocked, SIGSEGV);
  sigdelset(&blocked, SIGBUS);
  sigdelset(&blocked, SIGFPE);
  sigdelset(&blocked, SIGILL);
  pthread_sigmask(SIG_SETMASK, &blocked, previous);
}

static pf_status start_workers(pf_threadpool *pool, int32_t workers) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return PF_ERROR_OUT_OF_MEMORY;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigset_t previous;
  block_signals(&previous);
  pf_status status = PF_OK;
  for (int32_t i = 0; i < workers; i++) {
    worker *w = &pool->worker[i];
    *w = (worker){.pool = pool, .thread = i + 1};
    if (pthread_create(&w->handle, &attributes, work, w) != 0) {
      status = PF_ERROR_THREAD;
      break;
    }
    pool->workers++;
  }
  pthread_sigmask(SIG_SETMASK, &previous, NULL);
  pthread_attr_destroy(&attributes);
  return status;
}

pf_status pf_threadpool_create(int32_t threads, pf_threadpool **pool) {
  *pool = NULL;
  const int32_t workers = threads - 1;
  size_t bytes = sizeof(pf_threadpool) + (size_t)workers * sizeof(worker);
  bytes = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
  pf_threadpool *created = aligned_alloc(CACHE_LINE, bytes + (size_t)threads * sizeof(range));
  if (!created) return PF_ERROR_OUT_OF_MEMORY;
  created->ranges = (range *)((char *)created + bytes);
  for (int32_t i = 0; i < threads; i++) atomic_init(&created->ranges[i].next, 0);
  atomic_init(&created->epoch, 0);
  atomic_init(&created->stopping, 0);
  atomic_init(&created->active, 0);
  atomic_init(&created->busy, 0);
  atomic_init(&created->parked, 0);
  created->workers = 0;
  if (pthread_mutex_init(&created->mutex, NULL) != 0) {
    free(created);
    return PF_ERROR_OUT_OF_MEMORY;
  }
  if (pthread_cond_init(&created->wake, NULL) != 0) {
    pthread_mutex_destroy(&created->mutex);
    free(created);
    return PF_ERROR_OUT_OF_MEMORY;
  }
  const pf_status status = start_workers(created, workers);
  if (status != PF_OK) {
    pf_threadpool_destroy(created);
    return status;
  }
  *pool = created;
  return PF_OK;
}

void pf_threadpool_destroy(pf_threadpool *pool) {
  atomic_store(&pool->stopping, 1);
  unpark(pool, pool->workers);
  for (int32_t i = 0; i < pool->workers; i++) pthread_join(pool->worker[i].handle, NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  free(pool);
}

int pf_threadpool_run(pf_threadpool *pool, int64_t tasks, pf_task task, const void *context) {
  int idle = 0;
  if (!atomic_compare_exchange_strong(&pool->busy, &idle, 1)) return 0;
  pool->task = task;
  pool->context = context;
  const int32_t threads = pool->workers + 1;
  for (int32_t i = 0; i < threads; i++) {
    atomic_store_explicit(&pool->ranges[i].next, tasks * i / threads, memory_order_relaxed);
    pool->ranges[i].end = tasks * (i + 1) / threads;
  }
  atomic_fetch_add(&pool->epoch, 1);
  unpark(pool, tasks - 1);

  draw_tasks(pool, task, context, 0);

  atomic_fetch_add(&pool->epoch, 1);
  for (int looks = 0; atomic_load(&pool->active) != 0; looks++) {
    if (looks < LOOKS_BEFORE_YIELD) {
      pause_cpu();
    } else {
      sched_yield();
    }
  }
  atomic_store_explicit(&pool->busy, 0, memory_order_release);
  return 1;
}
