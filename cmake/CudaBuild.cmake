# Builds the CUDA library for all architectures and says what each kernel takes: cmake -P cmake/CudaBuild.cmake
#
# Skipped where there is no nvcc. Compiling needs no GPU.

cmake_minimum_required(VERSION 3.25)

find_program(nvcc nvcc PATHS /usr/local/cuda/bin)
if(NOT nvcc)
  message(STATUS "Skipped the CUDA library: there is no nvcc")
  return()
endif()

get_filename_component(root ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
execute_process(COMMAND ${CMAKE_COMMAND} --preset cuda WORKING_DIRECTORY ${root}/native COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build --preset cuda WORKING_DIRECTORY ${root}/native
                OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${output}${errors}")
endif()

# ptxas says it in three lines a kernel; what was compiled before says nothing again, so the log is kept.
set(log ${root}/native/build/cuda/ptxas.log)
if("${output}${errors}" MATCHES "Compiling entry function")
  file(WRITE ${log} "${output}${errors}")
endif()
if(NOT EXISTS ${log})
  return()
endif()
file(READ ${log} text)
string(REGEX MATCHALL "Compiling entry function[^\n]*\n[^\n]*\n[^\n]*\n[^\n]*Used [^\n]*" entries "${text}")
foreach(entry IN LISTS entries)
  string(REGEX MATCH "function '([^']*)' for '([^']*)'" ignored "${entry}")
  set(kernel ${CMAKE_MATCH_1})
  set(architecture ${CMAKE_MATCH_2})
  # The name of a function in an anonymous namespace: its length and letters come after the namespace's.
  string(REGEX REPLACE "^_ZN[0-9]+_GLOBAL__N__.*_cu_[0-9a-f]+[0-9]?[0-9]" "" kernel "${kernel}")
  string(REGEX MATCH "^[a-z0-9_]+(ILi[0-9]+)?" kernel "${kernel}")
  string(REPLACE "ILi" " " kernel "${kernel}")
  string(REGEX MATCH "([0-9]+) bytes spill stores" ignored "${entry}")
  set(spills ${CMAKE_MATCH_1})
  string(REGEX MATCH "Used ([0-9]+) registers" ignored "${entry}")
  set(registers ${CMAKE_MATCH_1})
  set(shared 0)
  if(entry MATCHES "([0-9]+) bytes smem")
    set(shared ${CMAKE_MATCH_1})
  endif()
  message(STATUS "${architecture} ${kernel}: ${registers} registers, ${shared} bytes of shared memory, ${spills} spilled")
  if(spills GREATER 0)
    list(APPEND spilling "${architecture} ${kernel}")
  endif()
endforeach()
if(spilling)
  message(FATAL_ERROR "These kernels spill registers: ${spilling}")
endif()
