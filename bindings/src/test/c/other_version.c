/* A library that says it is of another version than the bindings. */
#include <stdint.h>

int32_t pf_abi_version(void) { return 1000; }
