/* SPDX-License-Identifier: Apache-2.0 */
/* control.h - how a tester tells a shim which calls fail.
 *
 * OA_FAULT_FILE names a file of eight 64-bit numbers that the tester maps too
 * (Faults in tests/soak/shim.py).
 */
#ifndef OA_TESTS_FAULTS_CONTROL_H
#define OA_TESTS_FAULTS_CONTROL_H

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct control {
  _Atomic int64_t mask;
  _Atomic int64_t code;
  _Atomic int64_t first;
  _Atomic int64_t last;
  _Atomic int64_t calls;
  _Atomic int64_t hits;
  _Atomic int64_t part;
  _Atomic int64_t armed;
} control;

/* NULL when there is no such file. */
static control *map_control(void) {
  const char *path = getenv("OA_FAULT_FILE");
  const int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    return NULL;
  }
  void *map =
      mmap(NULL, sizeof(control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return map == MAP_FAILED ? NULL : map;
}

#endif
