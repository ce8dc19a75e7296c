# pf_find_cublas(<variable>): the folder of cublasLt.h, from the toolkit, or else from the nvidia-cublas wheel, which pip
# fetches into the build folder once. Headers are all that is needed: the library is loaded when it is asked for. Empty,
# with a line that says so, where there is neither.

set(PF_CUBLAS_TIMEOUT 120 CACHE STRING "Seconds that pip may take to fetch cuBLAS")

function(pf_find_cublas variable)
  set(${variable} "" PARENT_SCOPE)
  if(EXISTS "${CUDAToolkit_INCLUDE_DIRS}/cublasLt.h")
    set(${variable} "${CUDAToolkit_INCLUDE_DIRS}" PARENT_SCOPE)
    return()
  endif()
  set(folder "${CMAKE_BINARY_DIR}/cublas")
  file(GLOB header "${folder}/nvidia/*/include/cublasLt.h")
  if(NOT header)
    find_program(PF_PIP NAMES pip3 pip)
    set(major ${CUDAToolkit_VERSION_MAJOR})
    math(EXPR next "${major} + 1")
    if(PF_PIP)
      execute_process(
        COMMAND ${PF_PIP} download --quiet --no-deps --timeout 10 --retries 0 --dest ${folder}
                "nvidia-cublas>=${major},<${next}"
        TIMEOUT ${PF_CUBLAS_TIMEOUT} RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
      file(GLOB wheel "${folder}/nvidia_cublas-*.whl")
      # Its libraries are large and for GPUs; only the headers stay.
      if(wheel)
        execute_process(COMMAND ${CMAKE_COMMAND} -E tar tf ${wheel} OUTPUT_VARIABLE files ERROR_QUIET)
        if(files MATCHES "(nvidia/[^\n]*include)/cublasLt.h")
          execute_process(COMMAND ${CMAKE_COMMAND} -E tar xf ${wheel} -- ${CMAKE_MATCH_1} WORKING_DIRECTORY ${folder})
        endif()
        file(REMOVE ${wheel})
      endif()
    endif()
    file(GLOB header "${folder}/nvidia/*/include/cublasLt.h")
  endif()
  if(header)
    list(GET header 0 header)
    get_filename_component(include "${header}" DIRECTORY)
    message(STATUS "cuBLAS: ${include}")
    set(${variable} "${include}" PARENT_SCOPE)
  else()
    message(STATUS "Skipped cuBLAS: the toolkit has no headers of it, and pip found no nvidia-cublas")
  endif()
endfunction()
