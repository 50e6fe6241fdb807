# SPDX-License-Identifier: Apache-2.0
#
# Man pages: those of the programs are in packaging/man, those of the C API are
# made from the public headers where there is a Python.  A package that has
# only what the library needs, without tools/, builds without them.
install(DIRECTORY packaging/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
  FILES_MATCHING PATTERN "*.1")

set(OA_MAKE_MAN ${PROJECT_SOURCE_DIR}/tools/make_man.py)
if(EXISTS ${OA_MAKE_MAN})
  find_package(Python3 3.9 QUIET COMPONENTS Interpreter)
endif()
if(NOT Python3_Interpreter_FOUND)
  return()
endif()

set(OA_MAN_DIR ${PROJECT_BINARY_DIR}/man/man3)
file(GLOB OA_HEADERS CONFIGURE_DEPENDS include/*.h)
# The page that is named here is the last that is written.
add_custom_command(OUTPUT ${OA_MAN_DIR}/otlp_arrow.3
  COMMAND Python3::Interpreter ${OA_MAKE_MAN} --version ${PROJECT_VERSION}
    ${PROJECT_SOURCE_DIR}/include ${OA_MAN_DIR}
  DEPENDS ${OA_MAKE_MAN} ${OA_HEADERS}
  COMMENT "Making man pages of the public headers"
  VERBATIM)
add_custom_target(oa_man ALL DEPENDS ${OA_MAN_DIR}/otlp_arrow.3)
# Optional: whoever builds some targets only installs what there is.
install(DIRECTORY ${OA_MAN_DIR} DESTINATION ${CMAKE_INSTALL_MANDIR} OPTIONAL)
