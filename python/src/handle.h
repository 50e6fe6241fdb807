/* SPDX-License-Identifier: Apache-2.0 */
/* handle.h - a service whose end is bounded in time and comes for sure.
 *
 * Ending a service writes what is buffered, which takes as long as the disk
 * does.  So a thread of its own does that, and whoever wants the end waits for
 * it as long as he likes.  What is still open when the interpreter has been
 * finalized, after all atexit functions and with the last Python object gone,
 * is ended then: later than the SDK's own last export, however the program was
 * put together.
 *
 * A process that was forked touches no handle of its parent.
 */
#ifndef OA_PYTHON_HANDLE_H
#define OA_PYTHON_HANDLE_H

#include <otlp_arrow.h>
#include <stdbool.h>

typedef struct py_handle py_handle;

/* With the GIL; takes SERVICE also when it fails.  NULL = no memory. */
py_handle *py_handle_new(oa_service *service);

oa_service *py_handle_service(const py_handle *handle);

/* False in a process that was forked from the one that made it. */
bool py_handle_is_ours(const py_handle *handle);

/* Begins the end, unless that was done before.  Any thread. */
void py_handle_begin_end(py_handle *handle);

/* Waits until the end is over, at most TIMEOUT_MS: OA_ERR_BUSY then.  Else what
 * oa_service_shutdown() returned.  Without the GIL; any thread. */
oa_status py_handle_wait(py_handle *handle, uint32_t timeout_ms,
                         oa_error *error);

/* With the GIL, which is let go while waiting.  Ends the service within a
 * bounded time and forgets it. */
void py_handle_free(py_handle *handle);

/* Ends what is open when the interpreter ends.  0, or -1 when that cannot be
 * asked for. */
int py_handle_watch_exit(void);

#endif
