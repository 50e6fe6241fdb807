# SPDX-License-Identifier: Apache-2.0
#
# Every tests/unit/test_*.c is a program and a test; every fuzz target is
# built a second time with a driver that replays its corpus.
pkg_check_modules(OA_CMOCKA REQUIRED IMPORTED_TARGET cmocka)

# Tests that start threads run under ThreadSanitizer too (`./dev tsan`).
set(OA_THREAD_TESTS
  "^test_(net_|grpc_|pipeline|writer|store|forward|admin|service|shelf|mock|receive|account|log|counters|c_data$)")
add_custom_target(oa_thread_tests)

function(oa_unit_test name source)
  # A file of a program is in no library: its test is linked with it.
  string(REGEX REPLACE "^test_" "src/cli/" program_file ${name}.c)
  if(NOT EXISTS ${CMAKE_SOURCE_DIR}/${program_file})
    set(program_file)
  endif()
  add_executable(${name} ${source} ${program_file})
  target_include_directories(${name} PRIVATE src)
  target_link_libraries(${name} PRIVATE otlp_arrow_static
    ${OA_DEPENDENCIES} PkgConfig::OA_CMOCKA)
  oa_flags(${name})
  add_test(NAME ${name} COMMAND ${name}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT 240)
  if(name MATCHES "${OA_THREAD_TESTS}")
    set_tests_properties(${name} PROPERTIES LABELS threads)
    add_dependencies(oa_thread_tests ${name})
  endif()
endfunction()

file(GLOB OA_UNIT_TESTS CONFIGURE_DEPENDS tests/unit/test_*.c)
foreach(source ${OA_UNIT_TESTS})
  get_filename_component(name ${source} NAME_WE)
  oa_unit_test(${name} ${source})
endforeach()

# The public header compiles as C++ and links with it.
if(EXISTS ${CMAKE_SOURCE_DIR}/tests/unit/test_public_header.cc)
  enable_language(CXX)
  set(CMAKE_CXX_STANDARD 11)
  set(CMAKE_CXX_STANDARD_REQUIRED ON)
  set(CMAKE_CXX_EXTENSIONS OFF)
  oa_unit_test(test_public_header_cxx tests/unit/test_public_header.cc)
endif()

# The examples compile as they stand; tests/integration runs them.
file(GLOB OA_EXAMPLES CONFIGURE_DEPENDS examples/*.c)
foreach(source ${OA_EXAMPLES})
  get_filename_component(name ${source} NAME_WE)
  add_executable(example_${name} ${source})
  target_link_libraries(example_${name} PRIVATE otlp_arrow)
  oa_flags(example_${name})
endforeach()

file(GLOB OA_FUZZ_TARGETS CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
foreach(source ${OA_FUZZ_TARGETS})
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "^fuzz_" "" target ${name})
  add_executable(replay_${target} ${source} tests/fuzz/replay_main.c)
  target_include_directories(replay_${target} PRIVATE src)
  target_link_libraries(replay_${target} PRIVATE otlp_arrow_static
    ${OA_DEPENDENCIES})
  oa_flags(replay_${target})
  add_test(NAME replay_${target} COMMAND replay_${target}
    ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${target})
  set_tests_properties(replay_${target} PROPERTIES TIMEOUT 240)
endforeach()
