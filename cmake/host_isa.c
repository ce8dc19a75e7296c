/* Prints the name of the best instruction set of this CPU, as Isa.cmake spells it. */
#include <stdio.h>

#include "cpu.h"

int main(void) {
  static const char *const names[] = {"", "portable", "avx2", "avx512", "neon"};
  fputs(names[pf_cpu_best_isa()], stdout);
  return 0;
}
