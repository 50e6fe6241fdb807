/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *oa_status_text(oa_status status) {
  switch (status) {
    case OA_OK:
      return "success";
    case OA_ERR_NOMEM:
      return "out of memory";
    case OA_ERR_TRUNCATED:
      return "input ends too early";
    case OA_ERR_MALFORMED:
      return "malformed input";
    case OA_ERR_LIMIT:
      return "a limit would be passed";
    case OA_ERR_BUSY:
      return "busy, try again later";
    case OA_ERR_IO:
      return "input or output failed";
    case OA_ERR_CONFIG:
      return "bad configuration";
    case OA_ERR_UNSUPPORTED:
      return "not supported";
    case OA_ERR_NOT_FOUND:
      return "not found";
    case OA_END:
      return "end";
    case OA_ERR_CLOSED:
      return "shut down already";
  }
  return "unknown status";
}

oa_status oa_error_set(oa_error *error, oa_status code, const char *format,
                       ...) {
  if (error != NULL) {
    va_list args;
    va_start(args, format);
    error->code = code;
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
  }
  return code;
}

void oa_error_prefix(oa_error *error, const char *format, ...) {
  if (error == NULL) {
    return;
  }
  char old[OA_ERROR_TEXT_SIZE];
  memcpy(old, error->text, sizeof old);

  va_list args;
  va_start(args, format);
  int used = vsnprintf(error->text, sizeof error->text, format, args);
  va_end(args);
  if (used >= 0 && (size_t)used < sizeof error->text - 2) {
    char *at = error->text + used;
    const size_t room = sizeof error->text - (size_t)used - 2;
    memcpy(at, ": ", 2);
    memcpy(at + 2, old, room);
    error->text[sizeof error->text - 1] = '\0';
  }
}
