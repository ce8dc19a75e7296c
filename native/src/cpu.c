#include "cpu.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <stdint.h>

/* Leaf 1, ECX. */
#define FMA (1u << 12)
#define OSXSAVE (1u << 27)
#define AVX (1u << 28)
/* Leaf 7.0, EBX. */
#define AVX2 (1u << 5)
#define AVX512F (1u << 16)
#define AVX512DQ (1u << 17)
#define AVX512BW (1u << 30)
#define AVX512VL (1u << 31)
/* XCR0: the registers that the operating system saves when it switches threads. */
#define STATE_AVX 0x06u    /* XMM, YMM */
#define STATE_AVX512 0xE6u /* those, the masks, ZMM 0-15 and ZMM 16-31 */

static int has(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

static uint32_t saved_state(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  (void)high;
  return low;
}

static pf_isa best_x86(void) {
  uint32_t eax, ebx, ecx, edx;
  /* xgetbv faults unless the operating system has set OSXSAVE, so this order matters. */
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !has(ecx, FMA | OSXSAVE | AVX)) return PF_ISA_PORTABLE;
  const uint32_t saved = saved_state();
  if (!has(saved, STATE_AVX)) return PF_ISA_PORTABLE;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !has(ebx, AVX2)) return PF_ISA_PORTABLE;
  if (!has(saved, STATE_AVX512) || !has(ebx, AVX512F | AVX512DQ | AVX512BW | AVX512VL)) return PF_ISA_AVX2;
  return PF_ISA_AVX512;
}

int pf_cpu_supports(pf_isa isa) {
  /* The x86 instruction sets of the enumeration contain one another in its order. */
  return isa >= PF_ISA_PORTABLE && isa <= PF_ISA_AVX512 && isa <= best_x86();
}

pf_isa pf_cpu_best_isa(void) { return best_x86(); }

#elif defined(__aarch64__)

int pf_cpu_supports(pf_isa isa) { return isa == PF_ISA_PORTABLE || isa == PF_ISA_NEON; }

pf_isa pf_cpu_best_isa(void) { return PF_ISA_NEON; }

#else

int pf_cpu_supports(pf_isa isa) { return isa == PF_ISA_PORTABLE; }

pf_isa pf_cpu_best_isa(void) { return PF_ISA_PORTABLE; }

#endif
