/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/ack.h"

#include <string.h>

bool oa_ack_raise(oa_ack *level, const char *text, size_t len) {
  static const char *const names[] = {
      [OA_ACK_MEMORY] = "memory",
      [OA_ACK_WRITE] = "write",
      [OA_ACK_FSYNC] = "fsync",
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (len == strlen(names[i]) && memcmp(text, names[i], len) == 0) {
      *level = (oa_ack)i > *level ? (oa_ack)i : *level;
      return true;
    }
  }
  return false;
}

void oa_ack_forget(oa_ack_wait *wait) {
  if (wait->link == NULL) {
    return;
  }
  *wait->link = wait->next;
  if (wait->next != NULL) {
    wait->next->link = wait->link;
  }
  wait->link = NULL;
}
