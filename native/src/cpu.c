#include "cpu.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <stdint.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

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
/* Leaf 7.0, ECX and EDX. */
#define AVX512VBMI (1u << 1)
#define AVX512VNNI (1u << 11)
#define AMX (1u << 22 | 1u << 24 | 1u << 25) /* BF16, TILE, INT8 */
/* Leaf 7.1, EAX. */
#define AVXVNNI (1u << 4)
#define AVX512BF16 (1u << 5)
/* XCR0: the registers that the operating system saves when it switches threads. */
#define STATE_AVX 0x06u    /* XMM, YMM */
#define STATE_AVX512 0xE6u /* those, the masks, ZMM 0-15 and ZMM 16-31 */
#define STATE_AMX 0x60000u /* the tiles' configuration and data */

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

/* Linux gives a process its tiles' eight kilobytes of state only when asked. */
static int may_use_tiles(void) {
#if defined(__linux__) && defined(SYS_arch_prctl)
  const long request_permission = 0x1023, tile_data = 18;
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return 0;
#endif
}

uint32_t pf_cpu_extensions(pf_isa isa) {
  uint32_t eax, ebx, ecx, edx, eax1, ebx1, ecx1, edx1;
  if (isa < PF_ISA_AVX2 || !pf_cpu_supports(isa)) return 0;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return 0;
  if (eax == 0 || !__get_cpuid_count(7, 1, &eax1, &ebx1, &ecx1, &edx1)) eax1 = 0;
  if (isa == PF_ISA_AVX2) return has(eax1, AVXVNNI) ? PF_EXTENSION_VNNI : 0;
  uint32_t extensions = 0;
  if (has(ecx, AVX512VNNI)) extensions |= PF_EXTENSION_VNNI;
  if (has(ecx, AVX512VBMI)) extensions |= PF_EXTENSION_VBMI;
  if (has(eax1, AVX512BF16)) extensions |= PF_EXTENSION_BF16;
  if (has(edx, AMX) && has(saved_state(), STATE_AMX) && may_use_tiles()) extensions |= PF_EXTENSION_AMX;
  return extensions;
}

#elif defined(__aarch64__)

uint32_t pf_cpu_extensions(pf_isa isa) {
  (void)isa;
  return 0;
}

int pf_cpu_supports(pf_isa isa) { return isa == PF_ISA_PORTABLE || isa == PF_ISA_NEON; }

pf_isa pf_cpu_best_isa(void) { return PF_ISA_NEON; }

#else

uint32_t pf_cpu_extensions(pf_isa isa) {
  (void)isa;
  return 0;
}

int pf_cpu_supports(pf_isa isa) { return isa == PF_ISA_PORTABLE; }

pf_isa pf_cpu_best_isa(void) { return PF_ISA_PORTABLE; }

#endif
