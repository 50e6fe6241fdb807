// SPDX-License-Identifier: Apache-2.0
// The public header in C++: it compiles alone, and its names link as C.
#include "otlp_arrow.h"

#include <cstdio>
#include <cstring>

int main() {
  oa_error error{};
  oa_config *config = nullptr;

  if (oa_config_new(&config, &error) != OA_OK) {
    std::fprintf(stderr, "%s\n", error.text);
    return 1;
  }
  const oa_status status = oa_config_set(config, "ack", "never", &error);
  oa_config_free(config);
  if (status != OA_ERR_CONFIG || std::strstr(error.text, "ack") == nullptr) {
    std::fprintf(stderr, "a bad value was taken: %s\n", error.text);
    return 1;
  }
  return std::strlen(oa_version()) > 0 && oa_service_stop(nullptr, &error) == 0
             ? 0
             : 1;
}
