# Builds the native library for 64-bit ARM and runs its tests under qemu-user: cmake -P cmake/Aarch64Test.cmake
#
# Skipped where cross compiler or emulator is missing (Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user).

cmake_minimum_required(VERSION 3.25)

find_program(compiler aarch64-linux-gnu-gcc)
find_program(emulator qemu-aarch64)
if(NOT compiler OR NOT emulator)
  message(STATUS "Skipped the NEON tests: aarch64-linux-gnu-gcc or qemu-aarch64 is not installed")
  return()
endif()

get_filename_component(root ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
foreach(step "--preset;aarch64" "--build;--preset;aarch64;--parallel")
  execute_process(COMMAND ${CMAKE_COMMAND} ${step} WORKING_DIRECTORY ${root}/native COMMAND_ERROR_IS_FATAL ANY)
endforeach()
execute_process(COMMAND ${CMAKE_CTEST_COMMAND} --preset aarch64 WORKING_DIRECTORY ${root}/native
                COMMAND_ERROR_IS_FATAL ANY)
