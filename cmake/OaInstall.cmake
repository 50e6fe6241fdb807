# SPDX-License-Identifier: Apache-2.0
#
# Header, libraries, pkg-config file and CMake package.
include(CMakePackageConfigHelpers)

set(OA_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/OtlpArrow)

# "libuv>=1.44" is spelled "libuv >= 1.44" in a .pc file.
string(REPLACE ";" ", " OA_REQUIRES "${OA_MODULES}")
string(REPLACE ">=" " >= " OA_REQUIRES "${OA_REQUIRES}")
string(REPLACE ";" " " OA_CMAKE_MODULES "${OA_MODULES}")

# The .pc file finds its prefix from where it lies, so `cmake --install
# --prefix` may still choose another one.
file(RELATIVE_PATH OA_PC_UP
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_LIBDIR OA_PC_FIXED)
if(OA_PC_FIXED)
  set(OA_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
  set(OA_PC_LIBDIR ${CMAKE_INSTALL_LIBDIR})
else()
  set(OA_PC_PREFIX "\${pcfiledir}/${OA_PC_UP}")
  set(OA_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_INCLUDEDIR OA_PC_FIXED)
if(OA_PC_FIXED)
  set(OA_PC_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR})
else()
  set(OA_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()

configure_file(packaging/otlp-arrow.pc.in otlp-arrow.pc @ONLY)
configure_package_config_file(packaging/OtlpArrowConfig.cmake.in
  OtlpArrowConfig.cmake INSTALL_DESTINATION ${OA_CMAKE_DIR})
write_basic_package_version_file(OtlpArrowConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)

install(TARGETS otlp_arrow otlp_arrow_static EXPORT OtlpArrowTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT OtlpArrowTargets NAMESPACE OtlpArrow::
  DESTINATION ${OA_CMAKE_DIR})
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_BINARY_DIR}/otlp-arrow.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${CMAKE_BINARY_DIR}/OtlpArrowConfig.cmake
  ${CMAKE_BINARY_DIR}/OtlpArrowConfigVersion.cmake
  DESTINATION ${OA_CMAKE_DIR})
# For whoever packages or copies them: where units belong is the system's
# business.
install(FILES packaging/otlp-arrow.service packaging/otlp-arrow.socket
  packaging/otlp-arrow-flight.socket packaging/otlp-arrow-dashboard.socket
  DESTINATION ${CMAKE_INSTALL_DOCDIR}/systemd)
install(FILES LICENSE README.md CHANGELOG.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
