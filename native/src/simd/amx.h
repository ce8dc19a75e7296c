/*
 * Tiles of Advanced Matrix Extensions: registers of up to 16 rows of 64 bytes. One layout for all kernels: tiles 0 to 3
 * are sums of 16 columns, 4 and 5 rows of the input, 6 and 7 weights. Assembly, so that files need no flag for what the
 * CPU is asked for at run time; a thread that is through releases its tiles, which then need not be saved.
 */
#ifndef PF_AMX_H
#define PF_AMX_H

#include <stdint.h>
#include <string.h>

#define AMX_ROWS 16
#define AMX_BYTES 64 /* of a row */
#define AMX_TILE_BYTES (AMX_ROWS * AMX_BYTES)

/* Tiles 0, 1 and 4 have `first` rows, 2, 3 and 5 have `second`. */
static inline void amx_configure(int64_t first, int64_t second) {
  struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } config;
  memset(&config, 0, sizeof config);
  config.palette = 1;
  const int64_t rows[] = {first, first, second, second, first, second, AMX_ROWS, AMX_ROWS};
  for (int tile = 0; tile < 8; tile++) {
    config.row_bytes[tile] = AMX_BYTES;
    config.rows[tile] = (uint8_t)rows[tile];
  }
  __asm__ volatile("ldtilecfg %0" ::"m"(config));
}

static inline void amx_release(void) { __asm__ volatile("tilerelease" ::: "memory"); }

#define amx_zero(tile) __asm__ volatile("tilezero %%tmm" #tile ::)
#define amx_load(tile, base, stride)                                                                                   \
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(base), "r"((int64_t)(stride)) : "memory")
#define amx_store(tile, base, stride)                                                                                  \
  __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(base), "r"((int64_t)(stride)) : "memory")
/* sums += a b, of bfloat16, and of unsigned with signed bytes. */
#define amx_dot_bf16(sums, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #sums ::)
#define amx_dot_int8(sums, a, b) __asm__ volatile("tdpbusd %%tmm" #b ", %%tmm" #a ", %%tmm" #sums ::)

#endif
