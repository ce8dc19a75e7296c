#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "guard.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

#define MOST_BUFFERS 24
#define SENTINEL 0xc3
/* Bytes of sentinel on each side of the data, as far as the pages reach. */
#define SENTINEL_BYTES 256

typedef struct {
  unsigned char *pages; /* between two inaccessible pages */
  size_t capacity;
  unsigned char *data;
  size_t bytes;
} guarded;

static guarded buffers[MOST_BUFFERS];
static int used;
static guard_side exact;

static size_t page_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static void unmap(guarded *g) {
  if (g->pages) munmap(g->pages - page_bytes(), g->capacity + 2 * page_bytes());
  *g = (guarded){0};
}

static void map(guarded *g, size_t bytes) {
  const size_t page = page_bytes();
  unmap(g);
  g->capacity = (bytes + page - 1) / page * page;
  unsigned char *all = mmap(NULL, g->capacity + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED || mprotect(all + page, g->capacity, PROT_READ | PROT_WRITE) != 0) {
    perror("guarded buffer");
    abort();
  }
  g->pages = all + page;
}

static void sentinels(const guarded *g, size_t *before, size_t *after) {
  *before = (size_t)(g->data - g->pages);
  *after = g->capacity - *before - g->bytes;
  if (*before > SENTINEL_BYTES) *before = SENTINEL_BYTES;
  if (*after > SENTINEL_BYTES) *after = SENTINEL_BYTES;
}

static void *guard(size_t bytes, size_t alignment) {
  if (used == MOST_BUFFERS) abort();
  guarded *g = &buffers[used++];
  if (!g->pages || g->capacity < bytes) map(g, bytes ? bytes : 1);
  size_t offset = exact == EXACT_START ? 0 : g->capacity - bytes;
  offset -= offset % alignment;
  g->data = g->pages + offset;
  g->bytes = bytes;
  size_t before, after;
  sentinels(g, &before, &after);
  memset(g->data - before, SENTINEL, before);
  memset(g->data + bytes, SENTINEL, after);
  return g->data;
}

void guard_check(void) {
  for (int i = 0; i < used; i++) {
    const guarded *g = &buffers[i];
    size_t before, after, intact = 0;
    sentinels(g, &before, &after);
    for (size_t b = 0; b < before; b++) intact += g->data[-1 - (ptrdiff_t)b] == SENTINEL;
    for (size_t b = 0; b < after; b++) intact += g->data[g->bytes + b] == SENTINEL;
    EXPECT(intact == before + after);
  }
}

void guard_begin(guard_side side) {
  guard_check();
  used = 0;
  exact = side;
}

float *guarded_copy(const float *values, int64_t count) {
  if (!values) return NULL;
  return memcpy(guard((size_t)count * sizeof *values, sizeof *values), values, (size_t)count * sizeof *values);
}

int32_t *guarded_ids(const int32_t *values, int64_t count) {
  if (!values) return NULL;
  return memcpy(guard((size_t)count * sizeof *values, sizeof *values), values, (size_t)count * sizeof *values);
}

float *guarded_output(int64_t count) {
  const uint32_t poison = POISON_BITS;
  float *y = guard((size_t)count * sizeof *y, sizeof *y);
  for (int64_t i = 0; i < count; i++) memcpy(y + i, &poison, sizeof poison);
  return y;
}

void *guarded_aligned(int64_t bytes) {
  void *data = guard((size_t)bytes, PF_ALIGNMENT);
  memset(data, 0xff, (size_t)bytes); /* NaN, should anybody read before writing */
  return data;
}

void guard_release(void) {
  guard_begin(EXACT_END);
  for (int i = 0; i < MOST_BUFFERS; i++) unmap(&buffers[i]);
}
