# SPDX-License-Identifier: Apache-2.0
#
# OA_DEPENDENCIES: what the library links with.  OA_MODULES: the same as
# pkg-config names them, for our own pkg-config and CMake package files.
# docs/dependencies.md gives the reasons.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

set(OA_MODULES
  libuv>=1.44
  libnghttp2>=1.52
  libmicrohttpd>=0.9.75
  libdeflate>=1.14
  libzstd>=1.5
  liblz4>=1.9
  libxxhash>=0.8
  yaml-0.1>=0.2.5
  jansson>=2.14
  openssl>=3.0)
pkg_check_modules(OA_DEPS REQUIRED IMPORTED_TARGET ${OA_MODULES})
set(OA_DEPENDENCIES PkgConfig::OA_DEPS Threads::Threads)
