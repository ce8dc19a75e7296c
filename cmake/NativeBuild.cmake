# Builds a preset of native/ and, on request, runs its tests:
#   cmake -DPRESET=release [-DOPTIONS=-DPF_ISA=host] [-DTARGETS=panaformer] [-DTEST=ON] -P cmake/NativeBuild.cmake
#
# There are as many compilers and tests at a time as the machine has cores, or as CMAKE_BUILD_PARALLEL_LEVEL says.
# Tests that pass are one line together. The output of a test that fails is printed.

cmake_minimum_required(VERSION 3.25)

get_filename_component(native ${CMAKE_CURRENT_LIST_DIR}/../native ABSOLUTE)
set(build ${native}/build/${PRESET})

set(jobs "$ENV{CMAKE_BUILD_PARALLEL_LEVEL}")
if(NOT jobs)
  cmake_host_system_information(RESULT jobs QUERY NUMBER_OF_LOGICAL_CORES)
endif()

set(target_arguments "")
if(TARGETS)
  set(target_arguments --target ${TARGETS})
endif()
execute_process(COMMAND ${CMAKE_COMMAND} --preset ${PRESET} ${OPTIONS} WORKING_DIRECTORY ${native}
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${build} --parallel ${jobs} ${target_arguments}
                COMMAND_ERROR_IS_FATAL ANY)
if(NOT TEST)
  return()
endif()

message(STATUS "${PRESET}: running the tests")
execute_process(COMMAND ${CMAKE_CTEST_COMMAND} --test-dir ${build} --output-on-failure --no-tests=error --parallel ${jobs}
                OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  # What failing tests printed, and the list of them, without the lines of those that passed.
  string(REGEX REPLACE "\n *Start +[0-9]+: [^\n]*" "" output "${output}")
  string(REGEX REPLACE "\n *[0-9]+/[0-9]+ Test +#[0-9]+: [^\n]* Passed [^\n]*" "" output "${output}")
  message(FATAL_ERROR "${output}")
endif()
string(REGEX MATCH "[^\n]*tests passed[^\n]*" passed "${output}")
string(REGEX MATCH "Total Test time[^\n]*" time "${output}")
message(STATUS "${PRESET}: ${passed}. ${time}")
