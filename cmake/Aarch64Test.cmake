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

set(PRESET aarch64)
set(TEST ON)
include(${CMAKE_CURRENT_LIST_DIR}/NativeBuild.cmake)
