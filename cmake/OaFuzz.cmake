# SPDX-License-Identifier: Apache-2.0
#
# Every tests/fuzz/fuzz_*.c as a libFuzzer program (`./dev fuzz`).  The
# library itself is built with -fsanitize=fuzzer-no-link by the preset.
file(GLOB OA_FUZZ_TARGETS CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
foreach(source ${OA_FUZZ_TARGETS})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_include_directories(${name} PRIVATE src)
  target_link_libraries(${name} PRIVATE otlp_arrow_static
    ${OA_DEPENDENCIES})
  oa_flags(${name})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endforeach()
