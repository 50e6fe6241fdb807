/* SPDX-License-Identifier: Apache-2.0 */
/* Items under their resources and scopes.
 *
 * The SDK gives one list in which every item points to its resource and scope.
 * Almost always these are the same objects all along, so items are told apart
 * by identity; only a pair that was not seen before is compared by value with
 * those that were.  Order: as the first item of each comes. */
#include "walk.h"

/* As many are compared by value; further ones stand for themselves, which costs
 * some room and nothing else. */
enum { MAX_COMPARED = 64, NONE = -1 };

typedef struct owner {
  PyObject *resource;
  Py_ssize_t first; /* its scopes, linked */
  Py_ssize_t last;
} owner;

typedef struct group {
  PyObject *scope;
  Py_ssize_t next;  /* of the same resource */
  Py_ssize_t first; /* its items, linked by groups.next */
  Py_ssize_t last;
} group;

/* A pair of objects, and the group that stands for it. */
typedef struct pair {
  PyObject *resource; /* references of our own: no address comes twice */
  PyObject *scope;
  Py_ssize_t group;
} pair;

typedef struct groups {
  owner *owners;
  group *items;
  pair *pairs;
  Py_ssize_t *slots; /* hash table of pairs */
  Py_ssize_t *next;
  Py_ssize_t owner_count, item_count, pair_count;
  Py_ssize_t capacity; /* of all three */
  Py_ssize_t recent;   /* the pair of the item before */
} groups;

static void free_groups(groups *all) {
  for (Py_ssize_t i = 0; i < all->pair_count; i++) {
    Py_DECREF(all->pairs[i].resource);
    Py_DECREF(all->pairs[i].scope);
  }
  PyMem_Free(all->owners);
  PyMem_Free(all->items);
  PyMem_Free(all->pairs);
  PyMem_Free(all->slots);
  PyMem_Free(all->next);
}

/* The slot of the pair, or the empty one where it belongs. */
static size_t find_slot(const groups *all, const PyObject *resource,
                        const PyObject *scope) {
  const size_t mask = 2 * (size_t)all->capacity - 1;
  /* Objects lie at multiples of 16. */
  const uint64_t mixed = ((uint64_t)(uintptr_t)resource >> 4) * 31 +
                         ((uint64_t)(uintptr_t)scope >> 4);
  size_t slot = (size_t)((mixed * 0x9e3779b97f4a7c15U) >> 32) & mask;
  while (all->slots[slot] != NONE) {
    const pair *there = &all->pairs[all->slots[slot]];
    if (there->resource == resource && there->scope == scope) {
      break;
    }
    slot = (slot + 1) & mask;
  }
  return slot;
}

/* *ARRAY with room for COUNT members of SIZE bytes. */
static int resize(void *array, Py_ssize_t count, size_t size) {
  void **at = array;
  void *moved = PyMem_Realloc(*at, (size_t)count * size);
  if (moved == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  *at = moved;
  return 0;
}

/* Room for twice as many of everything; the table is half full at most. */
static int grow(groups *all) {
  const Py_ssize_t capacity = all->capacity == 0 ? 4 : all->capacity * 2;
  if (resize(&all->owners, capacity, sizeof *all->owners) != 0 ||
      resize(&all->items, capacity, sizeof *all->items) != 0 ||
      resize(&all->pairs, capacity, sizeof *all->pairs) != 0 ||
      resize(&all->slots, 2 * capacity, sizeof *all->slots) != 0) {
    return -1;
  }
  all->capacity = capacity;
  for (Py_ssize_t i = 0; i < 2 * capacity; i++) {
    all->slots[i] = NONE;
  }
  for (Py_ssize_t i = 0; i < all->pair_count; i++) {
    const pair *old = &all->pairs[i];
    all->slots[find_slot(all, old->resource, old->scope)] = i;
  }
  return 0;
}

/* As in a dict: hashes tell what == does not, such as 1 and True. */
static int is_equal(PyObject *a, PyObject *b) {
  if (a == b) {
    return 1;
  }
  const Py_hash_t hash_a = PyObject_Hash(a);
  const Py_hash_t hash_b = PyObject_Hash(b);
  if (hash_a == -1 || hash_b == -1) {
    PyErr_Clear();
    return 0;
  }
  return hash_a == hash_b ? PyObject_RichCompareBool(a, b, Py_EQ) : 0;
}

/* The owner of RESOURCE, made when there is none; < 0 with an exception. */
static Py_ssize_t find_owner(groups *all, PyObject *resource) {
  for (Py_ssize_t i = 0; i < all->owner_count && i < MAX_COMPARED; i++) {
    const int equal = is_equal(all->owners[i].resource, resource);
    if (equal != 0) {
      return equal > 0 ? i : -1;
    }
  }
  all->owners[all->owner_count] =
      (owner){.resource = resource, .first = NONE, .last = NONE};
  return all->owner_count++;
}

/* The group of SCOPE under OWNER, made when there is none. */
static Py_ssize_t find_group(groups *all, Py_ssize_t owner_number,
                             PyObject *scope) {
  owner *above = &all->owners[owner_number];
  int compared = 0;
  for (Py_ssize_t i = above->first; i != NONE && compared < MAX_COMPARED;
       i = all->items[i].next) {
    const int equal = is_equal(all->items[i].scope, scope);
    if (equal != 0) {
      return equal > 0 ? i : -1;
    }
    compared++;
  }
  const Py_ssize_t made = all->item_count++;
  all->items[made] =
      (group){.scope = scope, .next = NONE, .first = NONE, .last = NONE};
  if (above->last == NONE) {
    above->first = made;
  } else {
    all->items[above->last].next = made;
  }
  above->last = made;
  return made;
}

/* Takes the references on success. */
static int add_pair(groups *all, PyObject *resource, PyObject *scope) {
  if (all->pair_count == all->capacity && grow(all) != 0) {
    return -1;
  }
  const Py_ssize_t above = find_owner(all, resource);
  const Py_ssize_t number = above < 0 ? -1 : find_group(all, above, scope);
  if (number < 0) {
    return -1;
  }
  all->pairs[all->pair_count] = (pair){resource, scope, number};
  all->slots[find_slot(all, resource, scope)] = all->pair_count;
  all->recent = all->pair_count++;
  return 0;
}

/* Sets all->recent to the pair of ITEM. */
static int find_pair(py_walk *walk, groups *all, PyObject *item) {
  PyObject *resource =
      py_walk_get(walk, item, PY_NAME__resource, PY_NAME_resource);
  PyObject *scope =
      resource == NULL ? NULL
                       : py_walk_get(walk, item, PY_NAME__instrumentation_scope,
                                     PY_NAME_instrumentation_scope);
  if (scope == NULL) {
    Py_XDECREF(resource);
    return -1;
  }
  if (all->pair_count > 0) {
    const pair *recent = &all->pairs[all->recent];
    Py_ssize_t found = all->recent;
    if (recent->resource != resource || recent->scope != scope) {
      found = all->slots[find_slot(all, resource, scope)];
    }
    if (found != NONE) {
      all->recent = found;
      Py_DECREF(resource);
      Py_DECREF(scope);
      return 0;
    }
  }
  if (add_pair(all, resource, scope) != 0) {
    Py_DECREF(resource);
    Py_DECREF(scope);
    return -1;
  }
  return 0;
}

static void append(groups *all, Py_ssize_t item) {
  group *to = &all->items[all->pairs[all->recent].group];
  all->next[item] = NONE;
  if (to->last == NONE) {
    to->first = item;
  } else {
    all->next[to->last] = item;
  }
  to->last = item;
}

static int sort_items(py_walk *walk, groups *all, PyObject *items,
                      const char *list) {
  const Py_ssize_t count = PyTuple_Size(items);
  if (resize(&all->next, count + 1, sizeof *all->next) != 0) {
    return -1;
  }
  for (Py_ssize_t i = 0; i < count; i++) {
    if (find_pair(walk, all, PyTuple_GetItem(items, i)) == 0) {
      append(all, i);
    } else if (py_walk_leave_out(walk, &walk->left_out, list, i) != 0) {
      return -1;
    }
  }
  return 0;
}

static int put_group(py_walk *walk, const groups *all, const group *from,
                     PyObject *items, const char *list, py_walk_item put) {
  if (py_walk_scope(walk, from->scope) != 0) {
    return -1;
  }
  for (Py_ssize_t i = from->first; i != NONE; i = all->next[i]) {
    if (put(walk, PyTuple_GetItem(items, i)) != 0 &&
        py_walk_leave_out(walk, &walk->left_out, list, i) != 0) {
      return -1;
    }
  }
  return 0;
}

static int put_groups(py_walk *walk, const groups *all, PyObject *items,
                      const char *list, py_walk_item put) {
  for (Py_ssize_t i = 0; i < all->owner_count; i++) {
    const owner *above = &all->owners[i];
    if (py_walk_resource(walk, above->resource) != 0) {
      return -1;
    }
    for (Py_ssize_t g = above->first; g != NONE; g = all->items[g].next) {
      if (put_group(walk, all, &all->items[g], items, list, put) != 0) {
        return -1;
      }
    }
  }
  return 0;
}

int py_walk_groups(py_walk *walk, PyObject *items, const char *list,
                   py_walk_item put) {
  groups all = {0};
  int status = sort_items(walk, &all, items, list);
  if (status == 0) {
    status = put_groups(walk, &all, items, list, put);
  }
  free_groups(&all);
  return status;
}
