/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/ack_line.h"

#include <stdio.h>

static oa_ack_entry *pop(oa_ack_line *line) {
  oa_ack_entry *entry = line->head;
  if (entry != NULL) {
    line->head = entry->next;
    line->tail = line->head == NULL ? NULL : line->tail;
    line->count--;
  }
  return entry;
}

bool oa_ack_line_advance(oa_ack_line *line) {
  while (line->head != NULL && line->head->settled) {
    if (!line->answer(line->context, pop(line))) {
      return false;
    }
  }
  return true;
}

static void on_done(oa_ack_wait *wait, const char *failure) {
  oa_ack_entry *entry = (oa_ack_entry *)wait; /* its first member */
  oa_ack_line *line = entry->line;
  entry->settled = true;
  entry->failed = failure != NULL;
  snprintf(entry->why, sizeof entry->why, "%s", failure == NULL ? "" : failure);
  if (line->head == entry && oa_ack_line_advance(line)) {
    line->moved(line->context);
  }
}

void oa_ack_entry_init(oa_ack_entry *entry, oa_ack_line *line) {
  *entry = (oa_ack_entry){.wait = {.done = on_done}, .line = line};
}

void oa_ack_line_add(oa_ack_line *line, oa_ack_entry *entry, bool settled) {
  entry->settled = settled;
  if (line->tail == NULL) {
    line->head = entry;
  } else {
    line->tail->next = entry;
  }
  line->tail = entry;
  line->count++;
}

oa_ack_entry *oa_ack_line_take(oa_ack_line *line) {
  oa_ack_entry *entry = pop(line);
  if (entry != NULL) {
    oa_ack_forget(&entry->wait);
  }
  return entry;
}
