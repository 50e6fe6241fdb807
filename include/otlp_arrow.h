/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_arrow.h - the C API of otlp-arrow: run the receiver inside a program,
 * export the program's own telemetry, and read the files that are written.
 *
 *   oa_error error;
 *   oa_config *config;
 *   oa_service *service;
 *   if (oa_config_new(&config, &error) != OA_OK ||
 *       oa_config_set(config, "output_dir", "otlp", &error) != OA_OK ||
 *       oa_service_start(&service, config, &error) != OA_OK) {
 *     fprintf(stderr, "%s\n", error.text);
 *     exit(1);
 *   }
 *   ...
 *   oa_service_stop(service, &error);
 *   oa_config_free(config);
 *
 * Errors.  A function that can fail returns an oa_status, OA_OK being 0, and
 * describes a failure in ERROR, which may be NULL.  Results come through the
 * first parameter and are written on success only; a call that fails leaves
 * its object as it was.
 *
 * Ownership.  What a _new or _start function gives is the caller's until the
 * matching _free or _stop.  Strings and structs that are passed in are
 * borrowed during the call and not kept.
 *
 * Threads.  An object is used by one thread at a time unless its functions
 * say otherwise; different objects are independent, and several services can
 * live in one process.  The library keeps no global state, installs no signal
 * handlers, never writes to standard output and never ends the process.  No
 * thread of ours runs before oa_service_start() or after oa_service_stop().
 *
 * The header is C99 and C++.
 */
#ifndef OTLP_ARROW_H
#define OTLP_ARROW_H

#include <stddef.h>
#include <stdint.h>

#include "otlp_arrow_base.h"
#include "otlp_arrow_extend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library, such as "0.1.0"; a static text. */
OA_API const char *oa_version(void);

/* Has ALLOCATOR give the memory that the library asks for, in the whole
 * process; the libraries that it stands on keep to malloc(3), and the columns
 * of large batches to mmap(2).  The one thing that is global: call it before
 * every other function, when no other thread runs.  NULL goes back to
 * malloc(3).  The struct is copied.  OA_ERR_CONFIG when a function is missing.
 */
OA_API oa_status oa_set_allocator(const oa_allocator *allocator);

/* Receives LEN bytes of TEXT, which has no terminator; anything but OA_OK
 * ends the printing and is returned by it. */
typedef oa_status (*oa_text_sink)(void *context, const char *text, size_t len);

/* --- Configuration -------------------------------------------------------
 *
 * A set of keys with values.  Keys are dotted paths as in the YAML file,
 * "protocols.protobuf_port"; values are texts as in the file: "4317", "5s",
 * "64MiB", "true".  Whatever the order of the calls, a value that was set
 * counts more than one from the environment, that more than one from the
 * file, and that more than the default.
 */
typedef struct oa_config oa_config;

/* A configuration that holds the defaults.  OA_ERR_NOMEM. */
OA_API oa_status oa_config_new(oa_config **out, oa_error *error);

/* The same for telemetry of this very program (otlp_arrow_export.h): no port is
 * open unless it is switched on. */
OA_API oa_status oa_config_new_embedded(oa_config **out, oa_error *error);

/* NULL is allowed. */
OA_API void oa_config_free(oa_config *config);

/* Reads the YAML file PATH, at most one for a configuration.  OA_ERR_NOT_FOUND
 * and OA_ERR_IO when it cannot be read, OA_ERR_LIMIT when it is larger than
 * 1 MiB, OA_ERR_CONFIG when something in it is wrong: the text has file, line,
 * column and key, and the key that was probably meant. */
OA_API oa_status oa_config_load_file(oa_config *config, const char *path,
                                     oa_error *error);

/* Takes the variables OTLP_... of the process's environment, which must not
 * change meanwhile.  OA_ERR_CONFIG when a value is wrong or when no key has
 * such a variable. */
OA_API oa_status oa_config_load_env(oa_config *config, oa_error *error);

/* OA_ERR_CONFIG when the key is unknown, the value is wrong, or the feature is
 * not in this version. */
OA_API oa_status oa_config_set(oa_config *config, const char *key,
                               const char *value, oa_error *error);

/* Has AUTHENTICATOR decide who may send, in place of the keys of
 * protocols.authentication; NULL goes back to these.  The struct is copied. */
OA_API oa_status oa_config_set_authenticator(
    oa_config *config, const oa_authenticator *authenticator, oa_error *error);

/* Has SINK keep what comes in, in place of files; NULL goes back to these.  One
 * thread of the service calls it.  The struct is copied. */
OA_API oa_status oa_config_set_sink(oa_config *config, const oa_sink *sink,
                                    oa_error *error);

/* Has the service take requests of CODEC's content type by HTTP POST to
 * /v1/traces, /v1/metrics and /v1/logs; at most OA_MAX_CODECS of them.  The
 * struct and its content type are copied.  One without decode() takes nothing.
 * OA_ERR_CONFIG: both functions are missing, or the content type is none,
 * OTLP's own or already there; OA_ERR_LIMIT, OA_ERR_NOMEM. */
OA_API oa_status oa_config_add_codec(oa_config *config, const oa_codec *codec,
                                     oa_error *error);

/* Has EXPORTER send on what is stored; NULL: nobody does.  The struct is
 * copied.  Not together with a sink: oa_service_start() says so. */
OA_API oa_status oa_config_set_exporter(oa_config *config,
                                        const oa_exporter *exporter,
                                        oa_error *error);

/* Has BREAKER say when the exporter may try, in place of
 * forwarding.circuit_breaker; NULL goes back to that.  The struct is copied. */
OA_API oa_status oa_config_set_breaker(oa_config *config,
                                       const oa_breaker *breaker,
                                       oa_error *error);

/* Has SINK take the log lines of log.level and above, in place of standard
 * error; NULL goes back to that.  The struct is copied. */
OA_API oa_status oa_config_set_log(oa_config *config, const oa_log_sink *sink,
                                   oa_error *error);

/* Whether the values fit together, such as two ports that must differ, and
 * whether the certificates and keys that they name can be used.
 * oa_service_start() asks this too.  OA_ERR_CONFIG, OA_ERR_NOMEM. */
OA_API oa_status oa_config_check(const oa_config *config, oa_error *error);

/* Prints the values as YAML, each with the place where it comes from as a
 * comment; secrets are masked.  Else what is printed loads to the same values.
 * OA_ERR_NOMEM, or what SINK returned. */
OA_API oa_status oa_config_print(const oa_config *config, oa_text_sink sink,
                                 void *context);

/* Prints every key with its variable, default, bounds and meaning.
 * OA_ERR_NOMEM, or what SINK returned. */
OA_API oa_status oa_config_describe(oa_text_sink sink, void *context);

/* --- Service -------------------------------------------------------------
 *
 * Receives telemetry on its ports and keeps it in files, with threads of its
 * own.  Log lines go to standard error, or where oa_config_set_log() says.
 */
typedef struct oa_service oa_service;

typedef enum oa_listener {
  OA_LISTENER_PROTOBUF,     /* protocols.protobuf_port */
  OA_LISTENER_ARROW_FLIGHT, /* protocols.arrow_flight_port */
  OA_LISTENER_DASHBOARD     /* dashboard.port: health and metrics */
} oa_listener;

/* Has LISTENER take connections from SOCKET, a TCP socket that listens already,
 * in place of its address and port: one from a service manager, whose early
 * connections are served too.  The service copies the descriptor when it
 * starts; until then it must stay open.  OA_ERR_CONFIG when it is none such. */
OA_API oa_status oa_config_set_socket(oa_config *config, oa_listener listener,
                                      int socket, oa_error *error);

/* Starts a service that listens when this returns.  CONFIG may change or be
 * freed afterwards.  OA_ERR_CONFIG; OA_ERR_IO when a port is taken or the
 * directory cannot be used or belongs to another service; OA_ERR_NOMEM.
 * After a failure nothing is left running. */
OA_API oa_status oa_service_start(oa_service **out, const oa_config *config,
                                  oa_error *error);

/* The port that LISTENER really has, or 0 when it is off.  Any thread. */
OA_API uint16_t oa_service_port(const oa_service *service,
                                oa_listener listener);

/* Writes to files what has come in so far and waits for that, at most
 * TIMEOUT_MS.  OA_ERR_BUSY when the time was not enough.  Any thread. */
OA_API oa_status oa_service_flush(oa_service *service, uint32_t timeout_ms,
                                  oa_error *error);

/* Puts CONFIG in force as far as a running service can: certificates and keys,
 * log.level and log.format, the intervals of writing and of keeping, the
 * buffers' sizes, the storage's sizes, age and compression (for the next
 * files).  Other settings that differ need a new service; one log line names
 * them, and one what has changed.  Files of certificates and keys are read
 * again in any case, CONFIG may be NULL for that alone.  OA_ERR_CONFIG when
 * something in it is wrong or a file cannot be used, OA_ERR_NOMEM: then nothing
 * has changed. */
OA_API oa_status oa_service_reload(oa_service *service, const oa_config *config,
                                   oa_error *error);

/* Whether each of the service's threads has made progress within the last
 * SILENCE_MS, for watchdogs; threads look up several times a second unless a
 * disk stops them.  OA_ERR_BUSY names one that has not.  Any thread. */
OA_API oa_status oa_service_check(oa_service *service, uint32_t silence_ms,
                                  oa_error *error);

/* Stops listening, lets requests end for at most shutdown_timeout, writes
 * everything, ends the files and frees SERVICE, also when it returns a
 * failure: OA_ERR_IO when something could not be written.  No other call may
 * be under way.  NULL is allowed. */
OA_API oa_status oa_service_stop(oa_service *service, oa_error *error);

#ifdef __cplusplus
}
#endif

#include "otlp_arrow_builder.h"
#include "otlp_arrow_export.h"
#include "otlp_arrow_mock.h"
#include "otlp_arrow_options.h"
#include "otlp_arrow_reader.h"
#include "otlp_arrow_stored.h"
#include "otlp_arrow_verify.h"

#endif
