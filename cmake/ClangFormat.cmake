# Checks the layout of the C sources:      cmake -P cmake/ClangFormat.cmake
# and with -DFIX=ON before -P rewrites it: cmake -DFIX=ON -P cmake/ClangFormat.cmake
#
# clang-format is taken from PATH, or from npm, whose package carries the same LLVM release. Without either the check
# is skipped, since a formatter is no reason to keep anyone from building.

cmake_minimum_required(VERSION 3.20)

set(CLANG_FORMAT_MAJOR 22)
set(CLANG_FORMAT_NPM clang-format-node@3.0.7)

set(clang_format "")
foreach(candidate clang-format-${CLANG_FORMAT_MAJOR} clang-format "npx;--yes;${CLANG_FORMAT_NPM}")
  execute_process(COMMAND ${candidate} --version OUTPUT_VARIABLE version ERROR_QUIET RESULT_VARIABLE status)
  if(status EQUAL 0 AND version MATCHES "version ${CLANG_FORMAT_MAJOR}\\.")
    set(clang_format ${candidate})
    break()
  endif()
endforeach()
if(NOT clang_format)
  message(STATUS "Skipped the format check of C sources: neither clang-format ${CLANG_FORMAT_MAJOR} nor npx is usable")
  return()
endif()

get_filename_component(root ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
file(GLOB_RECURSE sources ${root}/native/include/*.h ${root}/native/src/*.[ch] ${root}/native/test/*.[ch])
list(LENGTH sources count)

if(FIX)
  execute_process(COMMAND ${clang_format} -i ${sources} COMMAND_ERROR_IS_FATAL ANY)
  message(STATUS "Formatted ${count} C sources")
  return()
endif()

execute_process(COMMAND ${clang_format} --dry-run --Werror ${sources} RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "C sources are not formatted. To format them: cmake -DFIX=ON -P cmake/ClangFormat.cmake")
endif()
message(STATUS "Format of ${count} C sources checked")
