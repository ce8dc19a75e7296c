# The instruction sets of this build, one row each: name, processors (a regular expression), compiler flags. The kernels
# are compiled once per row with PF_SIMD_<NAME> defined; cpu.c asks the CPU for exactly what the row's flags use.
function(pf_add_instruction_sets)
  # The compiler's baseline, SSE2 on x86-64: runs everywhere; products and sums are rounded apart.
  pf_add_instruction_set(portable ".*")
  # Haswell, Zen and later.
  pf_add_instruction_set(avx2 "^(x86_64|AMD64|amd64)$" -mavx2 -mfma)
  # Skylake-X, Ice Lake, Zen 4 and later: BW, DQ and VL come with F wherever F is more than a coprocessor's.
  pf_add_instruction_set(avx512 "^(x86_64|AMD64|amd64)$" -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma)
  # Part of the AArch64 baseline: needs no flag.
  pf_add_instruction_set(neon "^(aarch64|arm64)$")
endfunction()

# Compiles PF_KERNEL_SOURCES for one row and adds the name to PF_INSTRUCTION_SETS, or does nothing on other processors.
macro(pf_add_instruction_set name processors)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "${processors}")
    string(TOUPPER ${name} _upper)
    add_library(panaformer_${name} OBJECT ${PF_KERNEL_SOURCES})
    target_compile_definitions(panaformer_${name} PRIVATE PF_SIMD_${_upper})
    target_compile_options(panaformer_${name} PRIVATE ${ARGN})
    target_link_libraries(panaformer_${name} PRIVATE panaformer_flags)
    list(APPEND PF_INSTRUCTION_SETS ${name})
    set(PF_INSTRUCTION_SETS ${PF_INSTRUCTION_SETS} PARENT_SCOPE)
  endif()
endmacro()
