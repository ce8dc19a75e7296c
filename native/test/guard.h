/*
 * Buffers between inaccessible pages: a read or write beyond one end ends the program. Which end is exact is chosen per
 * run; the other one has sentinels. An end that is exact for an odd number of floats is also aligned to no more than a
 * float.
 */
#ifndef PF_GUARD_H
#define PF_GUARD_H

#include <stdint.h>

/* What guarded_output leaves: a NaN that no kernel computes. */
#define POISON_BITS 0x7fa5a5a5u

typedef enum { EXACT_END, EXACT_START } guard_side;

/* Gives all buffers back, after a look at their sentinels, and chooses the side for those that follow. */
void guard_begin(guard_side side);
/* The sentinels of all buffers are intact. */
void guard_check(void);

/* NULL for NULL, so that optional arguments pass through. */
float *guarded_copy(const float *values, int64_t count);
int32_t *guarded_ids(const int32_t *values, int64_t count);
float *guarded_output(int64_t count);
/* Aligned to PF_ALIGNMENT, its end exact as far as that allows. */
void *guarded_aligned(int64_t bytes);

void guard_release(void);

#endif
