# SPDX-License-Identifier: Apache-2.0
#
# oa_flags(TARGET): the compiler's and the linker's options for our own code.
include(CheckCCompilerFlag)
include(CheckPIESupported)
check_pie_supported()

check_c_compiler_flag(-fcf-protection OA_HAS_CF_PROTECTION)
check_c_compiler_flag(-fstack-clash-protection OA_HAS_STACK_CLASH)

# -g1 keeps function names and lines for profilers and crash reports.
set(CMAKE_C_FLAGS_RELEASE "-O3 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g")

# An archive of LTO objects needs the compiler's own ar for its index.
if(OA_LTO AND CMAKE_C_COMPILER_AR AND CMAKE_C_COMPILER_RANLIB)
  set(CMAKE_AR ${CMAKE_C_COMPILER_AR})
  set(CMAKE_RANLIB ${CMAKE_C_COMPILER_RANLIB})
  set(CMAKE_C_ARCHIVE_CREATE "<CMAKE_AR> qc <TARGET> <OBJECTS>")
  set(CMAKE_C_ARCHIVE_FINISH "<CMAKE_RANLIB> <TARGET>")
endif()

set(OA_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  -Wsign-conversion -Wcast-qual -Wvla)
# Texts that are cut to their buffers are cut on purpose.  gcc cannot know that
# oa_error_set() never returns OA_OK and takes what a failed call left alone for
# used; `./dev lint` looks for uninitialized values with that knowledge.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  list(APPEND OA_WARNINGS -Wno-format-truncation -Wno-maybe-uninitialized)
endif()
set(OA_C_WARNINGS -Wstrict-prototypes -Wmissing-prototypes)

function(oa_flags target)
  target_compile_definitions(${target} PRIVATE
    _POSIX_C_SOURCE=200809L OA_VERSION="${PROJECT_VERSION}")
  target_compile_options(${target} PRIVATE ${OA_WARNINGS}
    "$<$<COMPILE_LANGUAGE:C>:${OA_C_WARNINGS}>"
    -fvisibility=hidden -fstack-protector-strong
    # No build path ends up in the binaries.
    -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.
    $<$<BOOL:${OA_HAS_CF_PROTECTION}>:-fcf-protection>
    $<$<BOOL:${OA_HAS_STACK_CLASH}>:-fstack-clash-protection>)
  target_link_options(${target} PRIVATE
    -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
  # Sanitizers' own code makes gcc warn of what is not there.
  if(OA_WERROR AND NOT OA_SANITIZE)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(OA_SANITIZE)
    target_compile_options(${target} PRIVATE -O1 -fno-omit-frame-pointer
      -fsanitize=${OA_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${OA_SANITIZE})
  elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_definitions(${target} PRIVATE _FORTIFY_SOURCE=2)
  endif()
  if(OA_COVERAGE)
    target_compile_options(${target} PRIVATE --coverage)
    target_link_options(${target} PRIVATE --coverage)
  endif()
  if(OA_LTO)
    # Fat objects: the installed archive also links without LTO.
    target_compile_options(${target} PRIVATE -flto=auto -ffat-lto-objects)
    # The link compiles, so it is to forget where as well.
    target_link_options(${target} PRIVATE -flto=auto
      -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
  endif()
endfunction()
