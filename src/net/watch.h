/* SPDX-License-Identifier: Apache-2.0 */
/* watch.h - room in a loop's table of descriptors.
 *
 * libuv has a table with a place for each number of a descriptor, and ends the
 * process (abort) when it cannot grow.  A library may not do that to its host,
 * so the table is given at start all the room that connections need, and who
 * comes with a higher number is served only when there is memory for more.
 */
#ifndef OA_NET_WATCH_H
#define OA_NET_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/status.h"

typedef struct oa_watch {
  uv_poll_t poll;
  int pipe[2];
  size_t room; /* numbers below this one have a place */
} oa_watch;

/* Makes room in LOOP for COUNT descriptors more than are open now, as far as
 * the process may open so many.  WATCH lives as long as LOOP. */
oa_status oa_watch_reserve(oa_watch *watch, uv_loop_t *loop, size_t count);

/* True when FD can be given to the loop. */
bool oa_watch_fits(oa_watch *watch, int fd);

#endif
