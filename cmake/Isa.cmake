set(PF_ISA all CACHE STRING "all, or host: only the one that the library would choose on the CPU that builds")
set_property(CACHE PF_ISA PROPERTY STRINGS all host)

# The instruction sets of this build, one row each: name, processors (a regular expression), compiler flags. The kernels
# are compiled once per row with PF_SIMD_<NAME> defined; cpu.c asks the CPU for exactly what the row's flags use.
function(pf_add_instruction_sets)
  set(wanted "")
  if(PF_ISA STREQUAL "host")
    pf_find_host_isa(wanted)
  endif()
  # The compiler's baseline, SSE2 on x86-64: runs everywhere; products and sums are rounded apart.
  pf_add_instruction_set(portable ".*")
  # Haswell, Zen and later.
  pf_add_instruction_set(avx2 "^(x86_64|AMD64|amd64)$" -mavx2 -mfma)
  # Skylake-X, Ice Lake, Zen 4 and later: BW, DQ and VL come with F wherever F is more than a coprocessor's.
  pf_add_instruction_set(avx512 "^(x86_64|AMD64|amd64)$" -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma)
  # Part of the AArch64 baseline: needs no flag.
  pf_add_instruction_set(neon "^(aarch64|arm64)$")
endfunction()

# Asks cpu.c itself, so that the answer is the library's.
function(pf_find_host_isa variable)
  try_run(status compiled
    SOURCES ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/host_isa.c ${CMAKE_CURRENT_SOURCE_DIR}/src/cpu.c
    CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${CMAKE_CURRENT_SOURCE_DIR}/src\\;${CMAKE_CURRENT_SOURCE_DIR}/include"
    COMPILE_OUTPUT_VARIABLE errors RUN_OUTPUT_VARIABLE isa)
  if(NOT compiled OR NOT status EQUAL 0)
    message(FATAL_ERROR "cannot find out the instruction set of this CPU: ${errors}")
  endif()
  set(${variable} ${isa} PARENT_SCOPE)
endfunction()

# Compiles PF_KERNEL_SOURCES for one row and adds the name to PF_INSTRUCTION_SETS. Does nothing on other processors, and if
# another instruction set is the only one wanted.
macro(pf_add_instruction_set name processors)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "${processors}" AND (wanted STREQUAL "" OR wanted STREQUAL "${name}"))
    string(TOUPPER ${name} _upper)
    add_library(panaformer_${name} OBJECT ${PF_KERNEL_SOURCES})
    target_compile_definitions(panaformer_${name} PRIVATE PF_SIMD_${_upper})
    target_compile_options(panaformer_${name} PRIVATE ${ARGN})
    target_link_libraries(panaformer_${name} PRIVATE panaformer_flags)
    list(APPEND PF_INSTRUCTION_SETS ${name})
    set(PF_INSTRUCTION_SETS ${PF_INSTRUCTION_SETS} PARENT_SCOPE)
  endif()
endmacro()
