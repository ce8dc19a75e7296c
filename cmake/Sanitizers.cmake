# PF_SANITIZE=address,undefined or thread instruments everything that links to `target`; a finding ends the test.
set(PF_SANITIZE "" CACHE STRING "address (with leaks) and undefined, one of them or both with a comma; thread; or empty")

function(pf_add_sanitizer target)
  if(NOT PF_SANITIZE)
    return()
  endif()
  # Instrumented code takes four times as long to compile at -O3, and variables in debug information half as long again.
  set(flags -fsanitize=${PF_SANITIZE} -fno-omit-frame-pointer -O1 -g1)
  if(PF_SANITIZE MATCHES "undefined")
    # Converting a float that is out of range is undefined too, but not part of the group.
    list(APPEND flags -fsanitize=float-cast-overflow -fno-sanitize-recover=all)
  endif()
  target_compile_options(${target} INTERFACE ${flags})
  target_compile_definitions(${target} INTERFACE PF_SANITIZED)
  target_link_options(${target} INTERFACE ${flags})
endfunction()
