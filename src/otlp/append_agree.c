/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of which a code says whether they hold a value: those of
 * attributes and bodies by their type, those of points by their metric's. */
#include <stdio.h>

#include "arrow/bits.h"
#include "otlp/append_impl.h"
#include "otlp/cbor_normalize.h"

enum { CODES = 16 };

/* Of each code that occurs: which rows have it. */
typedef struct classes {
  uint64_t *words[CODES];
  unsigned seen; /* bit: code */
} classes;

/* Bits of the eight bytes of WORD that are CODE; all are below 128. */
OA_INLINE uint64_t equal_bytes(uint64_t word, uint64_t code) {
  const uint64_t ones = UINT64_C(0x0101010101010101);
  const uint64_t other = (word ^ (code * ones)) + ones * 0x7F;
  const uint64_t equal = ~other >> 7 & ones;
  /* Brings the low bit of byte i to bit 56 + i. */
  return (equal * UINT64_C(0x0102040810204080)) >> 56;
}

static uint64_t class_word(const uint8_t *codes, unsigned count,
                           unsigned code) {
  uint64_t word = 0;
  unsigned i = 0;
  for (; i + 8 <= count; i += 8) {
    uint64_t bytes;
    memcpy(&bytes, codes + i, sizeof bytes);
    word |= equal_bytes(bytes, code) << i;
  }
  for (; i < count; i++) {
    word |= (uint64_t)(codes[i] == code) << i;
  }
  return word;
}

static oa_status find_classes(oa_appender *a, const uint8_t *codes,
                              int64_t rows, classes *out) {
  const size_t words = ((size_t)rows + OA_WORD - 1) / OA_WORD;
  *out = (classes){.seen = 0};
  for (int64_t i = 0; i < rows; i++) {
    out->seen |= 1U << codes[i];
  }
  for (unsigned code = 0; code < CODES; code++) {
    void *block = NULL;
    if ((out->seen >> code & 1) == 0) {
      continue;
    }
    OA_TRY(oa_arena_get(&a->arena, words * sizeof(uint64_t), &block));
    out->words[code] = block;
    for (int64_t i = 0; i < rows; i += OA_WORD) {
      out->words[code][i / OA_WORD] =
          class_word(codes + i, oa_word_count(rows - i), code);
    }
  }
  return OA_OK;
}

static uint64_t word_of(const classes *c, unsigned codes, size_t at) {
  uint64_t word = 0;
  for (codes &= c->seen; codes != 0; codes &= codes - 1) {
    word |= c->words[__builtin_ctz(codes)][at];
  }
  return word;
}

oa_status oa_append_revalidate(oa_appender *a, oa_source *source, int64_t rows,
                               const uint8_t *bits) {
  OA_TRY(oa_source_clean(source, rows, &a->arena));
  source->array.validity = bits;
  source->array.null_count = 1; /* the bits say which */
  return OA_OK;
}

/* Values that no code allows are dropped, and those that must be added. */
static oa_status put_right(oa_appender *a, const classes *c, oa_source *source,
                           int64_t rows, const oa_append_rule *rule,
                           bool clean) {
  void *block = NULL;
  OA_TRY(oa_arena_get_zeroed(&a->arena, (size_t)rows / 8 + 9, 1, &block));
  uint8_t *bits = block;
  for (int64_t i = 0; i < rows; i += OA_WORD) {
    const unsigned count = oa_word_count(rows - i);
    const size_t at = (size_t)(i / OA_WORD);
    const uint64_t have =
        source->absent ? 0 : oa_valid_word(&source->array, i, count);
    oa_bits_put(
        bits, i, count,
        (have & word_of(c, rule->allowed, at)) | word_of(c, rule->must, at));
  }
  if (clean) {
    return oa_append_revalidate(a, source, rows, bits);
  }
  source->array.validity = bits;
  source->array.null_count = 1;
  return OA_OK;
}

static void refuse_lacking(oa_appender *a, const oa_append_level *level,
                           const oa_source *source, const uint8_t *codes,
                           int64_t at, uint64_t lacking) {
  for (; lacking != 0; lacking &= lacking - 1) {
    const int64_t row = at + __builtin_ctzll(lacking);
    char text[64];
    snprintf(text, sizeof text, "type %u has no value here", codes[row]);
    oa_append_refuse(a, level, source->field->name, row, text);
  }
}

static oa_status agree(oa_appender *a, const oa_append_level *level,
                       oa_source *source, const uint8_t *codes, int64_t rows,
                       const oa_append_rule *rule, const classes *c) {
  bool drop = false;
  bool add = false;

  for (int64_t i = 0; i < rows; i += OA_WORD) {
    const unsigned count = oa_word_count(rows - i);
    const size_t at = (size_t)(i / OA_WORD);
    const uint64_t have =
        source->absent ? 0 : oa_valid_word(&source->array, i, count);
    const uint64_t lacking = word_of(c, rule->needed, at) & ~have;
    drop |= (have & ~word_of(c, rule->allowed, at)) != 0;
    add |= (word_of(c, rule->must, at) & ~have) != 0;
    if (lacking != 0) {
      refuse_lacking(a, level, source, codes, i, lacking);
    }
  }
  return drop || add ? put_right(a, c, source, rows, rule, add) : OA_OK;
}

oa_status oa_append_agree(oa_appender *a, const oa_append_level *level,
                          oa_source *sources, const uint8_t *codes,
                          int64_t rows, const oa_append_rule *rules,
                          size_t count) {
  classes c;
  OA_TRY(find_classes(a, codes, rows, &c));
  for (size_t i = 0; i < count; i++) {
    OA_TRY(
        agree(a, level, &sources[rules[i].column], codes, rows, &rules[i], &c));
  }
  return OA_OK;
}

oa_status oa_append_codes(oa_appender *a, const oa_append_level *level,
                          const oa_source *source, int64_t rows, uint8_t most,
                          uint8_t none, const uint8_t **out) {
  const uint8_t *values = source->absent ? NULL : source->array.values;
  bool above = values == NULL || source->array.null_count != 0;
  void *block = NULL;

  for (int64_t i = 0; i < rows && values != NULL; i++) {
    above |= values[i] > most;
  }
  if (!above) {
    *out = values;
    return OA_OK;
  }
  OA_TRY(oa_arena_get(&a->arena, (size_t)rows, &block));
  uint8_t *codes = block;
  for (int64_t i = 0; i < rows; i++) {
    codes[i] = none;
    if (values == NULL || oa_source_is_null(source, i)) {
      continue;
    }
    if (values[i] <= most) {
      codes[i] = values[i];
    } else {
      char text[64];
      snprintf(text, sizeof text, "the type %u is not known", values[i]);
      oa_append_refuse(a, level, source->field->name, i, text);
    }
  }
  *out = codes;
  return OA_OK;
}

/* --- CBOR --- */

enum { CBOR_ARRAY = 0x9F, CBOR_MAP = 0xBF };

/* Appends the value to the builder's scratch memory in our form.  Refuses its
 * row when it is none of the kind that CODE says. */
static oa_status put_cbor(oa_appender *a, const oa_append_level *level,
                          const oa_source *source, int64_t row, uint8_t code) {
  oa_buf *out = &a->builder->cbor;
  const uint8_t first = code == OA_VALUE_MAP ? CBOR_MAP : CBOR_ARRAY;
  const size_t before = out->len;
  const char *problem = "";
  char text[96];
  size_t len;

  const uint8_t *bytes = oa_source_text(source, row, &len);
  const oa_status status =
      oa_cbor_normalize(bytes, len, oa_builder_depth(a->builder), out,
                        &a->builder->tree.repaired, &problem, NULL);
  if (status == OA_ERR_NOMEM) {
    return status;
  }
  if (status == OA_OK && out->data[before] == first) {
    return out->len > INT32_MAX ? OA_ERR_LIMIT : OA_OK;
  }
  out->len = before;
  if (status == OA_OK) {
    problem = code == OA_VALUE_MAP ? "no map, as its type says"
                                   : "no array, as its type says";
  }
  snprintf(text, sizeof text, "not valid CBOR: %s", problem);
  oa_append_refuse(a, level, source->field->name, row, text);
  return OA_OK;
}

oa_status oa_append_take_cbor(oa_appender *a, const oa_append_level *level,
                              oa_source *source, const uint8_t *codes,
                              int64_t rows) {
  oa_buf *out = &a->builder->cbor;
  void *offsets = NULL;
  void *copy = NULL;

  if (source->absent) {
    return OA_OK;
  }
  OA_TRY(
      oa_arena_get(&a->arena, ((size_t)rows + 1) * sizeof(int32_t), &offsets));
  int32_t *ends = offsets;
  ends[0] = 0;
  out->len = 0;
  for (int64_t i = 0; i < rows; i++) {
    if (!oa_array_is_null(&source->array, i)) {
      OA_TRY(put_cbor(a, level, source, i, codes[i]));
    }
    ends[i + 1] = (int32_t)out->len;
  }
  OA_TRY(oa_arena_get(&a->arena, out->len, &copy));
  if (out->len > 0) {
    memcpy(copy, out->data, out->len);
  }
  source->array.offsets = offsets;
  source->array.values = copy;
  source->array.values_size = out->len;
  source->large = false;
  return OA_OK;
}

/* --- attributes --- */

#define ONLY(CODE) (uint16_t)(1U << (CODE))
#define TREES (uint16_t)(ONLY(OA_VALUE_MAP) | ONLY(OA_VALUE_SLICE))

/* Bytes may be missing when there are none, as OTAP has it. */
static const oa_append_rule attribute_rules[] = {
    {OA_ATTR_STR, ONLY(OA_VALUE_STR), 0, ONLY(OA_VALUE_STR)},
    {OA_ATTR_INT, ONLY(OA_VALUE_INT), 0, ONLY(OA_VALUE_INT)},
    {OA_ATTR_DOUBLE, ONLY(OA_VALUE_DOUBLE), 0, ONLY(OA_VALUE_DOUBLE)},
    {OA_ATTR_BOOL, ONLY(OA_VALUE_BOOL), 0, ONLY(OA_VALUE_BOOL)},
    {OA_ATTR_BYTES, ONLY(OA_VALUE_BYTES), ONLY(OA_VALUE_BYTES), 0},
    {OA_ATTR_SER, TREES, 0, TREES},
};

/* Refuses the records that have a list of too many. */
static void check_counts(oa_appender *a, const oa_append_level *level,
                         int64_t items) {
  const oa_array *list = &level->list->array;
  const int32_t *offsets = list->offsets;
  const int64_t most = a->builder->max_attributes;
  for (int64_t i = 0; items > most && i < list->length; i++) {
    if ((int64_t)offsets[i + 1] - offsets[i] > most) {
      char text[64];
      snprintf(text, sizeof text, "%d attributes; at most %u are taken",
               offsets[i + 1] - offsets[i], a->builder->max_attributes);
      oa_append_refuse(a, level, "", offsets[i], text);
    }
  }
}

oa_status oa_append_check_attributes(oa_appender *a,
                                     const oa_append_level *level,
                                     oa_source *items, int64_t rows) {
  const uint8_t *codes = NULL;
  check_counts(a, level, rows);
  OA_TRY(oa_append_codes(a, level, &items[OA_ATTR_TYPE], rows, OA_VALUE_BYTES,
                         OA_VALUE_EMPTY, &codes));
  OA_TRY(oa_append_agree(a, level, items, codes, rows, attribute_rules,
                         sizeof attribute_rules / sizeof *attribute_rules));
  return oa_append_take_cbor(a, level, &items[OA_ATTR_SER], codes, rows);
}
