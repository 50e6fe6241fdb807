/* SPDX-License-Identifier: Apache-2.0 */
/* list.h - doubly linked lists whose links stand inside the listed things.
 *
 * Queues and time-outs of the server are lists in order of arrival: joining,
 * leaving and looking at the oldest cost the same for ten streams as for a
 * million, and none of them can fail.  Not thread-safe.
 */
#ifndef OA_NET_LIST_H
#define OA_NET_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A link is linked, or zeroed. */
typedef struct oa_link {
  struct oa_link *prev;
  struct oa_link *next;
} oa_link;

/* The ring's own link; needs oa_list_init(). */
typedef struct oa_list {
  oa_link ring;
} oa_list;

/* The thing of TYPE that has LINK as its member MEMBER. */
#define OA_LIST_ENTRY(LINK, TYPE, MEMBER) \
  ((TYPE *)(void *)((char *)(LINK)-offsetof(TYPE, MEMBER)))

static inline void oa_list_init(oa_list *list) {
  list->ring.prev = &list->ring;
  list->ring.next = &list->ring;
}

static inline bool oa_link_linked(const oa_link *link) {
  return link->next != NULL;
}

/* Takes LINK out of the list that it is in, if any. */
static inline void oa_link_remove(oa_link *link) {
  if (link->next != NULL) {
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = NULL;
    link->next = NULL;
  }
}

/* Moves LINK to the end of LIST, from wherever it was. */
static inline void oa_list_push(oa_list *list, oa_link *link) {
  oa_link_remove(link);
  link->prev = list->ring.prev;
  link->next = &list->ring;
  list->ring.prev->next = link;
  list->ring.prev = link;
}

/* The oldest link, or NULL when the list is empty. */
static inline oa_link *oa_list_first(const oa_list *list) {
  return list->ring.next == &list->ring ? NULL : list->ring.next;
}

/* The newest link, or NULL when the list is empty. */
static inline oa_link *oa_list_last(const oa_list *list) {
  return list->ring.prev == &list->ring ? NULL : list->ring.prev;
}

/* The link before LINK, or NULL at the beginning. */
static inline oa_link *oa_list_before(const oa_list *list,
                                      const oa_link *link) {
  return link->prev == &list->ring ? NULL : link->prev;
}

/* The link after LINK, or NULL at the end. */
static inline oa_link *oa_list_next(const oa_list *list, const oa_link *link) {
  return link->next == &list->ring ? NULL : link->next;
}

#endif
