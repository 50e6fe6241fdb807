/* SPDX-License-Identifier: Apache-2.0 */
#include "otap/texts.h"

#include "base/mem.h"

enum {
  /* Searches under way: as long as memory takes to come near. */
  AHEAD = 32,
  /* What a place of numbers or OUT holds that has no number yet. */
  UNKNOWN = -1, /* and what a null has */
  WANTED = -2,  /* it is on its way */
  REPEATED = -3 /* that of the row before */
};

/* Makes MAP hold for the dictionaries as they are now. */
static oa_status update(oa_otap_map *map, size_t count, uint64_t generation,
                        uint64_t replacements) {
  if (map->generation != generation || map->replacements != replacements) {
    map->known = 0;
    map->missing = 0;
    map->repaired = false;
    map->generation = generation;
    map->replacements = replacements;
  }
  if (count > map->capacity) {
    const size_t capacity = count + count / 2;
    const size_t more = (capacity - map->capacity) * sizeof *map->numbers;
    if (!oa_purse_take(map->purse, more)) {
      return OA_ERR_NOMEM;
    }
    int32_t *numbers = oa_realloc(map->numbers, capacity * sizeof *numbers);
    if (numbers == NULL) {
      oa_purse_give(map->purse, more);
      return OA_ERR_NOMEM;
    }
    map->numbers = numbers;
    map->capacity = capacity;
  }
  if (count > map->known) {
    memset(map->numbers + map->known, 0xFF,
           (count - map->known) * sizeof *map->numbers);
    map->missing += count - map->known;
    map->known = count;
  }
  return OA_OK;
}

oa_status oa_otap_texts_open(oa_otap_texts *out, const oa_otap_table *table,
                             const oa_otap_column *column,
                             oa_otlp_builder *builder, oa_table *into,
                             oa_column *to) {
  *out = (oa_otap_texts){.column = column,
                         .builder = builder,
                         .into = into,
                         .to = to,
                         .repaired = builder->tree.repaired};
  if (column->index_width == 0) {
    return OA_OK;
  }
  OA_TRY(update(column->map, (size_t)column->array->dictionary->length,
                builder->generation, table->replacements));
  out->numbers = column->map->numbers;
  return OA_OK;
}

/* --- searches --- */

/* A text whose number goes to PLACE. */
typedef struct search {
  const uint8_t *text;
  size_t len;
  int32_t *place;
} search;

typedef struct queue {
  const oa_otap_texts *texts;
  uint32_t count;
  search searches[AHEAD];
} queue;

/* Ends all that are under way. */
__attribute__((noinline)) static void end_all(queue *q) {
  const oa_otap_texts *t = q->texts;
  const oa_dict *dict = t->to->dict;
  uint32_t hashes[AHEAD];
  uint32_t found = 0;
  for (uint32_t i = 0; i < q->count; i++) {
    const search *s = &q->searches[i];
    hashes[i] = oa_dict_hash(dict, s->text, s->len);
    oa_dict_prefetch(dict, hashes[i]);
  }
  for (uint32_t i = 0; i < q->count; i++) {
    const search *s = &q->searches[i];
    const int32_t number =
        oa_column_intern_hashed(t->into, t->to, s->text, s->len, hashes[i]);
    /* Without memory it stays unknown, and the message fails. */
    *s->place = number;
    found += number >= 0;
  }
  if (t->numbers != NULL) {
    t->column->map->missing -= found;
  }
  q->count = 0;
}

/* Begins to search for the text at AT of VALUES. */
OA_INLINE void begin_one(queue *q, const oa_array *values, size_t at,
                         int32_t *place) {
  if (q->count == AHEAD) {
    end_all(q);
  }
  search *s = &q->searches[q->count++];
  s->text = oa_array_bytes(values, (int64_t)at, &s->len);
  s->place = place;
  *place = WANTED;
}

/* --- columns with a dictionary --- */

/* INDICES of WIDTH bytes. */
OA_INLINE size_t index_at(const void *indices, size_t width, uint32_t i) {
  return width == 1   ? ((const uint8_t *)indices)[i]
         : width == 2 ? ((const uint16_t *)indices)[i]
         : width == 4 ? ((const uint32_t *)indices)[i]
                      : (size_t)((const uint64_t *)indices)[i];
}

OA_INLINE void find_indices(queue *q, uint32_t begin, uint32_t end,
                            size_t width, bool nulls) {
  const oa_otap_column column = *q->texts->column;
  const void *indices = column.array->values;
  int32_t *numbers = q->texts->numbers;
  size_t missing = column.map->missing;
  for (uint32_t i = begin; missing > 0 && i < end; i++) {
    if (nulls && oa_otap_is_null(&column, i)) {
      continue;
    }
    const size_t at = index_at(indices, width, i);
    if (numbers[at] == UNKNOWN) {
      begin_one(q, column.array->dictionary, at, &numbers[at]);
      missing--;
    }
  }
  end_all(q);
}

void oa_otap_texts_find(const oa_otap_texts *texts, uint32_t begin,
                        uint32_t end) {
  const oa_otap_column *column = texts->column;
  const size_t width = column->index_width;
  queue q;
  q.texts = texts;
  q.count = 0;
  if (column->map->missing == 0) {
    return;
  }
  if (oa_otap_has_nulls(column) && !oa_otap_all_set(column, begin, end)) {
    find_indices(&q, begin, end, width, true);
  } else if (width == 1) {
    find_indices(&q, begin, end, 1, false);
  } else if (width == 2) {
    find_indices(&q, begin, end, 2, false);
  } else {
    find_indices(&q, begin, end, width, false);
  }
}

OA_INLINE void read_indices(const oa_otap_texts *texts, uint32_t begin,
                            uint32_t end, size_t width, bool nulls,
                            int32_t *out) {
  const oa_otap_column column = *texts->column;
  const void *indices = column.array->values;
  const int32_t *numbers = texts->numbers;
  for (uint32_t i = begin; i < end; i++) {
    out[i] = nulls && oa_otap_is_null(&column, i)
                 ? UNKNOWN
                 : numbers[index_at(indices, width, i)];
    /* Not to be made a loop of vectors: they would be put together number by
     * number. */
    __asm__ volatile("");
  }
}

static void read_encoded(const oa_otap_texts *texts, uint32_t begin,
                         uint32_t end, bool nulls, int32_t *out) {
  const size_t width = texts->column->index_width;
  oa_otap_texts_find(texts, begin, end);
  if (nulls) {
    read_indices(texts, begin, end, width, true, out);
  } else if (width == 1) {
    read_indices(texts, begin, end, 1, false, out);
  } else if (width == 2) {
    read_indices(texts, begin, end, 2, false, out);
  } else {
    read_indices(texts, begin, end, width, false, out);
  }
}

/* --- columns without --- */

/* Senders sort their rows, so that equal texts often follow each other. */
static void read_plain(const oa_otap_texts *texts, uint32_t begin, uint32_t end,
                       bool nulls, int32_t *out) {
  const oa_otap_column column = *texts->column;
  queue q;
  q.texts = texts;
  q.count = 0;
  for (uint32_t i = begin; i < end; i++) {
    if (nulls && oa_otap_is_null(&column, i)) {
      out[i] = UNKNOWN;
    } else if (i > begin && oa_otap_same_bytes(&column, i, i - 1)) {
      out[i] = REPEATED;
    } else {
      begin_one(&q, column.array, i, &out[i]);
    }
  }
  end_all(&q);
  for (uint32_t i = begin; i < end; i++) {
    out[i] = out[i] == REPEATED ? out[i - 1] : out[i];
  }
}

void oa_otap_texts_read(const oa_otap_texts *texts, uint32_t begin,
                        uint32_t end, int32_t *out) {
  const oa_otap_column *column = texts->column;
  const bool nulls =
      oa_otap_has_nulls(column) && !oa_otap_all_set(column, begin, end);
  if (!oa_otap_has(column)) {
    memset(out + begin, 0xFF, (end - begin) * sizeof *out);
  } else if (texts->numbers != NULL) {
    read_encoded(texts, begin, end, nulls, out);
  } else {
    read_plain(texts, begin, end, nulls, out);
  }
}

oa_status oa_otap_texts_close(const oa_otap_texts *texts, bool *repaired) {
  bool here = texts->builder->tree.repaired != texts->repaired;
  if (texts->column->index_width > 0) {
    texts->column->map->repaired |= here;
    here = texts->column->map->repaired;
  }
  if (repaired != NULL) {
    *repaired = here;
  }
  return texts->builder->tree.failed ? OA_ERR_NOMEM : OA_OK;
}
