/* SPDX-License-Identifier: Apache-2.0 */
#include "flight/form.h"
#include "receive/flight_impl.h"

const char *oa_flight_extension(const oa_receiver *r) {
  return r->options.extension;
}

static oa_status unknown(oa_error *error) {
  return oa_error_set(error, OA_ERR_NOT_FOUND,
                      "no such flight here; ask for the path [\"traces\"], "
                      "[\"metrics\"] or [\"logs\"], with a file's name behind "
                      "it for one file");
}

static oa_status resolve_path(const oa_receiver *r,
                              const oa_flight_descriptor *descriptor,
                              oa_flight_filter *filter, oa_name *name,
                              bool *has_name, oa_error *error) {
  const oa_cursor *path = descriptor->path;
  size_t count = descriptor->path_count;
  oa_signal signal;
  if (count > 1 && oa_flight_is(path[0], "otlp")) {
    path++;
    count--;
  }
  if (count > 2 || !oa_flight_signal_named(path[0], &signal)) {
    return unknown(error);
  }
  filter->signal = (int)signal;
  *has_name = count == 2;
  if (count == 2 &&
      !oa_flight_name_read(path[1], signal, oa_flight_extension(r), name)) {
    return oa_error_set(error, OA_ERR_NOT_FOUND,
                        "the second part of the path is not the name of a "
                        "stored file; ListFlights tells them");
  }
  return OA_OK;
}

oa_status oa_flight_resolve(const oa_receiver *r,
                            const oa_flight_descriptor *descriptor,
                            oa_flight_filter *filter, oa_name *name,
                            bool *has_name, oa_error *error) {
  oa_signal signal;
  *filter = (oa_flight_filter){.signal = -1, .to = UINT64_MAX};
  *has_name = false;
  if (descriptor->path_count > 0) {
    return resolve_path(r, descriptor, filter, name, has_name, error);
  }
  if (oa_cursor_done(&descriptor->cmd)) {
    return unknown(error);
  }
  if (oa_flight_signal_named(descriptor->cmd, &signal)) {
    filter->signal = (int)signal;
    return OA_OK;
  }
  OA_TRY(oa_flight_filter_read(descriptor->cmd, filter, error));
  if (filter->signal < 0) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "the filter must say a signal: traces, metrics or "
                        "logs");
  }
  return OA_OK;
}
