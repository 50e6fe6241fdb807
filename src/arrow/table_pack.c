/* SPDX-License-Identifier: Apache-2.0 */
/* The large buffers of a tree in one block.
 *
 * How much each of them takes is known when a batch is full, and the next one
 * will be like it: then they are given their places, once.  One that has to
 * grow later moves out, and with the next batch all get new places.  As nothing
 * ever shrinks here, that comes to an end; the owner releases the table when
 * little of its memory is used. */
#include "arrow/table_impl.h"
#include "base/pages.h"

enum {
  SLOT_FROM = 64 * 1024,       /* smaller buffers stay where they are */
  PACK_FROM = 4 * 1024 * 1024, /* and so do all of a small batch */
  PAGE = 4096,                 /* what direct writes want */
  SPARE_PART = 8,              /* of the rows, for the batches to come */
};

/* --- buffers --- */

static bool is_in(const oa_table_pack *pack, const void *block) {
  return pack->block != NULL && block != NULL &&
         (uintptr_t)block - (uintptr_t)pack->block < pack->size;
}

bool oa_buffer_packed(const oa_table_tree *tree, const void *block) {
  return is_in(&tree->pack, block);
}

/* Frees BLOCK, which may lie in PACK, a pack of TREE. */
static void leave(oa_table_tree *tree, oa_table_pack *pack, void *block,
                  size_t size) {
  if (!is_in(pack, block)) {
    oa_pages_free(block, size);
  } else if (--pack->slots == 0) {
    oa_pages_free_whole(pack->block, pack->size);
    oa_purse_give(&tree->purse, pack->size);
    *pack = (oa_table_pack){0};
  }
}

void oa_buffer_free(oa_table_tree *tree, void *block, size_t size) {
  leave(tree, &tree->pack, block, size);
}

void *oa_buffer_resize(oa_table_tree *tree, void *block, size_t old_size,
                       size_t used, size_t size) {
  tree->pack.outgrown |= size >= SLOT_FROM;
  if (!oa_buffer_packed(tree, block)) {
    return oa_pages_resize(block, old_size, used, size);
  }
  void *bigger = oa_pages_resize(NULL, 0, 0, size);
  if (bigger != NULL) {
    memcpy(bigger, block, used);
    oa_buffer_free(tree, block, old_size);
  }
  return bigger;
}

/* --- places --- */

/* An odd number of pages: columns whose rows are equally wide, and which are
 * written side by side, do not meet in one set of the cache. */
static size_t slot_size(size_t size) {
  return size < SLOT_FROM ? 0 : ((size + PAGE - 1) / PAGE | 1) * PAGE;
}

static size_t values_size(const oa_column *column, uint32_t rows) {
  return column->values == NULL    ? 0
         : column->offsets != NULL ? oa_offsets_size(rows)
                                   : oa_values_size(column->field, rows);
}

static size_t bits_size(const oa_column *column, uint32_t rows) {
  return column->validity == NULL ? 0 : oa_bits_size(rows);
}

/* What slots for the rows of TABLE and of those below take, and some more. */
static size_t measure(oa_table *table) {
  const uint32_t rows = table->length + table->length / SPARE_PART;
  size_t size = 0;
  if (table->slots_for < rows) {
    table->slots_for = rows;
  }
  if (table->max_rows != 0 && table->slots_for > table->max_rows) {
    table->slots_for = table->max_rows;
  }
  for (size_t i = 0; i < table->column_count; i++) {
    const oa_column *column = &table->columns[i];
    size += slot_size(values_size(column, table->slots_for));
    size += slot_size(bits_size(column, table->slots_for));
    size += column->child == NULL ? 0 : measure(column->child);
  }
  return size;
}

typedef struct plan {
  oa_table_pack old;
  oa_table_pack pack;
  uint8_t *at; /* the next slot */
} plan;

/* The place for a buffer of SIZE bytes instead of BLOCK, of OLD_SIZE; NULL: it
 * stays where it is. */
static void *move(oa_table_tree *tree, plan *p, void *block, size_t old_size,
                  size_t size) {
  const size_t slot = slot_size(size);
  if (slot == 0) {
    return NULL;
  }
  void *place = p->at;
  p->at += slot;
  p->pack.slots++;
  leave(tree, &p->old, block, old_size);
  return place;
}

static void move_column(oa_table *table, oa_column *column, plan *p) {
  const uint32_t rows = table->slots_for;
  void *values =
      move(table->tree, p, column->values, values_size(column, column->room),
           values_size(column, rows));
  if (values != NULL) {
    const bool offsets = column->offsets != NULL;
    column->values = values;
    column->offsets = offsets ? values : NULL;
    column->dirty = offsets ? UINT32_MAX : 0;
    column->clean = offsets ? 0 : UINT32_MAX;
    column->room = rows;
  }
  void *bits =
      move(table->tree, p, column->validity,
           bits_size(column, column->bits_room), bits_size(column, rows));
  if (bits != NULL) {
    column->validity = bits;
    column->bits_room = rows;
  }
}

static void move_table(oa_table *table, plan *p) {
  for (size_t i = 0; i < table->column_count; i++) {
    oa_column *column = &table->columns[i];
    move_column(table, column, p);
    if (column->child != NULL) {
      move_table(column->child, p);
    }
  }
}

static bool open_table(oa_table *table) {
  bool open = table->slots_for == 0 || oa_table_open_packed(table);
  for (size_t i = 0; open && i < table->column_count; i++) {
    oa_table *child = table->columns[i].child;
    open = child == NULL || open_table(child);
  }
  return open;
}

/* Gives the buffers of ROOT, which has no rows, slots in a block of SIZE bytes.
 * The system gives no memory for it before the old one has gone. */
static void pack(oa_table *root, size_t size) {
  oa_table_tree *tree = root->tree;
  plan p = {.old = tree->pack,
            .pack = {.block = oa_pages_new_whole(size), .size = size}};
  if (p.pack.block == NULL) {
    return;
  }
  p.at = p.pack.block;
  move_table(root, &p);
  tree->pack = p.pack;
  const bool open = open_table(root);
  const bool paid = oa_purse_take(&tree->purse, size);
  if (!paid) {
    tree->purse.forced = true;
    (void)oa_purse_take(&tree->purse, size);
    tree->purse.forced = false;
  }
  if (!open || !paid) {
    oa_table_release(root); /* the rows to come will find what is left */
    tree->failed = false;
  }
}

void oa_table_pack_clear(oa_table *root) {
  const oa_table_pack *now = &root->tree->pack;
  const size_t size = measure(root);
  oa_table_clear(root);
  if (size >= PACK_FROM && (now->block == NULL || now->outgrown)) {
    pack(root, size);
  }
}
