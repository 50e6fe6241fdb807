/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/builder_impl.h"
#include "otlp/value.h"

void oa_attrs_init(oa_attrs *attrs, oa_table *table) {
  *attrs = (oa_attrs){.table = table, .column = table->columns};
  oa_attrs_forget(attrs);
}

void oa_attrs_forget(oa_attrs *attrs) {
  for (size_t i = 0; i < OA_ATTR_GUESSES; i++) {
    attrs->guesses[i].prefix_len = 0;
  }
  for (size_t i = 0; i < OA_ATTR_RECENT; i++) {
    attrs->recent[i].len = UINT32_MAX;
  }
}

/* --- the fast way: a key that was guessed, a scalar value --- */

/* The first and the last eight bytes of a string, which may overlap; of a
 * shorter one all of them, and 0. */
typedef struct ends {
  uint64_t head;
  uint64_t tail;
} ends;

OA_INLINE ends ends_of(const uint8_t *text, size_t len) {
  ends e = {0};
  if (len >= sizeof e.head) {
    memcpy(&e.head, text, sizeof e.head);
    memcpy(&e.tail, text + len - sizeof e.tail, sizeof e.tail);
  } else {
    for (size_t i = 0; i < len; i++) {
      e.head = e.head << 8 | text[i];
    }
  }
  return e;
}

/* Enough to tell the few strings apart that come all the time; the place is
 * in the highest bits. */
OA_INLINE uint64_t mix(ends e, size_t len) {
  return (e.head ^ e.tail << 7 ^ (uint64_t)len << 57) *
         UINT64_C(0x9E3779B97F4A7C15);
}

OA_INLINE bool is_recent(const oa_attrs *attrs, const oa_attr_recent *recent,
                         ends e, const uint8_t *text, size_t len) {
  return recent->head == e.head && recent->tail == e.tail &&
         recent->len == len &&
         (len <= sizeof e || oa_dict_is(attrs->column[OA_ATTR_STR].dict,
                                        recent->number, text, len));
}

/* Finds the oldest text that is pending. */
static void settle_one(oa_attrs *attrs) {
  oa_column *column = &attrs->column[OA_ATTR_STR];
  const oa_attr_pending *p =
      &attrs->pending[attrs->pending_from++ % OA_ATTR_PENDING];
  const uint32_t count = column->dict->count;
  const int32_t number =
      oa_column_intern_hashed(attrs->table, column, p->text, p->len, p->hash);
  if (number < 0 || column->filled <= p->row) {
    return; /* there is no memory: the request fails */
  }
  memcpy(column->values + (size_t)p->row * sizeof number, &number,
         sizeof number);
  if ((uint32_t)number < count &&
      oa_dict_is(column->dict, (uint32_t)number, p->text, p->len)) {
    const ends e = ends_of(p->text, p->len);
    *p->recent = (oa_attr_recent){.head = e.head,
                                  .tail = e.tail,
                                  .len = (uint32_t)p->len,
                                  .number = (uint32_t)number};
  }
}

void oa_attrs_settle(oa_attrs *attrs) {
  while (attrs->pending_from != attrs->pending_to) {
    settle_one(attrs);
  }
}

OA_INLINE void put_str(oa_attrs *attrs, const uint8_t *text, size_t len) {
  oa_column *column = &attrs->column[OA_ATTR_STR];
  const ends e = ends_of(text, len);
  oa_attr_recent *recent = &attrs->recent[mix(e, len) >> 55];
  if (is_recent(attrs, recent, e, text, len)) {
    oa_put_u32(attrs->table, column, recent->number);
    return;
  }
  if (attrs->pending_to - attrs->pending_from == OA_ATTR_PENDING) {
    settle_one(attrs);
  }
  const uint32_t hash = oa_dict_hash(column->dict, text, len);
  oa_dict_prefetch(column->dict, hash);
  oa_put_u32(attrs->table, column, 0);
  attrs->pending[attrs->pending_to++ % OA_ATTR_PENDING] =
      (oa_attr_pending){.text = text,
                        .len = len,
                        .hash = hash,
                        .row = attrs->table->length,
                        .recent = recent};
}

_Static_assert(OA_ATTR_RECENT == 1 << (64 - 55), "put_str() shifts by it");

/* The row's key and type; the value stands already. */
OA_INLINE void put_row(oa_attrs *attrs, uint32_t key, uint8_t type) {
  memcpy(oa_column_dense_slot(attrs->table, &attrs->column[OA_ATTR_KEY],
                              sizeof key),
         &key, sizeof key);
  memcpy(oa_column_dense_slot(attrs->table, &attrs->column[OA_ATTR_TYPE],
                              sizeof type),
         &type, sizeof type);
  attrs->table->length++;
}

/* True when the varint at AT ends right before END. */
OA_INLINE bool whole_varint(const uint8_t *at, const uint8_t *end,
                            uint64_t *out) {
  if (end - at == 1 && *at < 0x80) {
    *out = *at;
    return true;
  }
  oa_cursor cursor = {at, end};
  return oa_cursor_varint_long(&cursor, out) == OA_OK &&
         oa_cursor_done(&cursor);
}

/* The two guesses for the KeyValue at CURSOR, by the first and last bytes of
 * its key; NULL when it does not begin with a key as senders write it. */
OA_INLINE oa_attr_guess *find_guess(oa_attrs *attrs, oa_cursor cursor) {
  const size_t left = oa_cursor_left(&cursor);
  if (left < 2 || cursor.at[0] != OA_TAG(1, OA_WIRE_BYTES)) {
    return NULL;
  }
  const size_t prefix_len = (size_t)cursor.at[1] + 3;
  if (prefix_len > OA_ATTR_PREFIX || prefix_len > left) {
    return NULL;
  }
  const ends e = ends_of(cursor.at, prefix_len);
  return &attrs->guesses[mix(e, prefix_len) >> 58 << 1];
}

_Static_assert(OA_ATTR_GUESSES == 2 << (64 - 58), "find_guess() shifts by it");

/* Puts a KeyValue that begins as GUESS says and whose value is one scalar of
 * less than 128 bytes.  False, and nothing put, when it is anything else. */
OA_INLINE bool put_guessed(oa_attrs *attrs, oa_cursor cursor,
                           oa_attr_guess *guess) {
  const size_t prefix_len = guess->prefix_len;
  uint64_t bits;

  if (prefix_len == 0 || oa_cursor_left(&cursor) < prefix_len + 3 ||
      !oa_bytes_equal(cursor.at, guess->prefix, prefix_len)) {
    return false;
  }
  const uint8_t *value = cursor.at + prefix_len + 1;
  const size_t len = (size_t)(cursor.end - value);
  if (value[-1] != len || len >= 0x80) {
    return false;
  }
  switch (value[0]) {
    case OA_ANY_STRING:
      if (value[1] != len - 2) {
        return false;
      }
      put_str(attrs, value + 2, len - 2);
      put_row(attrs, guess->key, OA_VALUE_STR);
      return true;
    case OA_ANY_INT:
      if (!whole_varint(value + 1, cursor.end, &bits)) {
        return false;
      }
      oa_put_u64(attrs->table, &attrs->column[OA_ATTR_INT], bits);
      put_row(attrs, guess->key, OA_VALUE_INT);
      return true;
    case OA_ANY_DOUBLE:
      if (len != 1 + sizeof bits) {
        return false;
      }
      memcpy(&bits, value + 1, sizeof bits);
      oa_put_u64(attrs->table, &attrs->column[OA_ATTR_DOUBLE], bits);
      put_row(attrs, guess->key, OA_VALUE_DOUBLE);
      return true;
    case OA_ANY_BOOL:
      if (!whole_varint(value + 1, cursor.end, &bits)) {
        return false;
      }
      oa_put_bool(attrs->table, &attrs->column[OA_ATTR_BOOL], bits != 0);
      put_row(attrs, guess->key, OA_VALUE_BOOL);
      return true;
    default:
      return false;
  }
}

/* --- the general way --- */

static oa_status put_nested(oa_otlp_builder *builder, oa_attrs *attrs,
                            const oa_any *any) {
  oa_buf *cbor = &builder->cbor;
  cbor->len = 0;
  const oa_status status = oa_any_put_cbor(any, builder->depth_left_out, cbor,
                                           &builder->tree.repaired);
  if (status == OA_ERR_LIMIT) {
    return oa_builder_reject(builder,
                             "an attribute's value is nested deeper than %u",
                             oa_builder_depth(builder));
  }
  OA_TRY(status);
  oa_put_bytes(attrs->table, &attrs->column[OA_ATTR_SER], cbor->data,
               cbor->len);
  return OA_OK;
}

static oa_status put_any(oa_otlp_builder *builder, oa_attrs *attrs,
                         const oa_any *any, uint8_t *type) {
  oa_table *table = attrs->table;
  oa_column *column = attrs->column;
  const size_t len = oa_cursor_left(&any->bytes);

  *type = OA_VALUE_EMPTY;
  switch (any->tag) {
    case OA_ANY_STRING:
      *type = OA_VALUE_STR;
      put_str(attrs, any->bytes.at, len);
      break;
    case OA_ANY_INT:
      *type = OA_VALUE_INT;
      oa_put_u64(table, &column[OA_ATTR_INT], any->bits);
      break;
    case OA_ANY_DOUBLE:
      *type = OA_VALUE_DOUBLE;
      oa_put_u64(table, &column[OA_ATTR_DOUBLE], any->bits);
      break;
    case OA_ANY_BOOL:
      *type = OA_VALUE_BOOL;
      oa_put_bool(table, &column[OA_ATTR_BOOL], any->bits != 0);
      break;
    case OA_ANY_BYTES:
      *type = OA_VALUE_BYTES;
      oa_put_bytes(table, &column[OA_ATTR_BYTES], any->bytes.at, len);
      break;
    case OA_ANY_ARRAY:
    case OA_ANY_MAP:
      *type = any->tag == OA_ANY_MAP ? OA_VALUE_MAP : OA_VALUE_SLICE;
      return put_nested(builder, attrs, any);
    default:
      break;
  }
  return OA_OK;
}

/* Remembers how the KeyValue at CURSOR began, up to its value's length; KEY is
 * its key, with NUMBER in the dictionary. */
static void learn(const oa_attrs *attrs, oa_cursor cursor, oa_cursor key,
                  uint32_t number, oa_attr_guess *guess) {
  const size_t len = oa_cursor_left(&key);
  /* Only the plain form: tag, one byte of length, key, tag of the value.  A
   * key that had to be repaired is looked up, so that it is counted. */
  if (len + 3 > OA_ATTR_PREFIX || oa_cursor_left(&cursor) < len + 3 ||
      key.at != cursor.at + 2 || cursor.at[0] != OA_TAG(1, OA_WIRE_BYTES) ||
      cursor.at[len + 2] != OA_TAG(2, OA_WIRE_BYTES) ||
      !oa_dict_is(attrs->column[OA_ATTR_KEY].dict, number, key.at, len)) {
    return;
  }
  for (size_t i = 0; i < 2; i++) {
    if (guess[i].prefix_len == len + 3 &&
        memcmp(guess[i].prefix, cursor.at, len + 3) == 0) {
      return; /* the key was known: it is the value that is not plain */
    }
  }
  guess[1] = guess[0];
  guess[0].key = number;
  guess[0].prefix_len = (uint32_t)len + 3;
  memcpy(guess[0].prefix, cursor.at, len + 3);
}

/* Kept out of line, as its many locals would cost the fast way time. */
__attribute__((noinline)) static oa_status put_general(oa_otlp_builder *builder,
                                                       oa_attrs *attrs,
                                                       oa_cursor cursor,
                                                       oa_attr_guess *guess) {
  oa_buf joined = {0};
  oa_cursor key;
  oa_cursor value;
  oa_any any;
  uint8_t type;

  oa_status status = oa_key_value_read(cursor, &key, &value, &joined);
  if (status == OA_ERR_LIMIT) {
    status = oa_builder_reject(builder, "an attribute's value is in pieces");
  }
  if (status == OA_OK) {
    status = oa_any_read(value, &any);
  }
  if (status == OA_OK) {
    status = put_any(builder, attrs, &any, &type);
  }
  if (status == OA_OK) {
    const int32_t number =
        oa_column_intern(attrs->table, &attrs->column[OA_ATTR_KEY], key.at,
                         oa_cursor_left(&key));
    if (number >= 0) {
      if (guess != NULL) {
        learn(attrs, cursor, key, (uint32_t)number, guess);
      }
      put_row(attrs, (uint32_t)number, type);
    }
  }
  if (joined.data != NULL) {
    oa_attrs_settle(attrs); /* a text that is pending may lie in it */
    oa_buf_free(&joined);
  }
  return status;
}

/* Seldom called: the columns are full. */
static oa_status make_room(oa_otlp_builder *builder, oa_attrs *attrs,
                           uint32_t before) {
  return attrs->table->length - before <= builder->max_attributes
             ? oa_table_grow(attrs->table)
             : oa_builder_reject(builder, "more than %u attributes",
                                 builder->max_attributes);
}

oa_status oa_attrs_put(oa_otlp_builder *builder, oa_attrs *attrs,
                       uint32_t before, oa_cursor cursor) {
  oa_attr_guess *guess = find_guess(attrs, cursor);

  if (attrs->table->length >= attrs->table->capacity) {
    OA_TRY(make_room(builder, attrs, before));
  }
  if (guess != NULL && (put_guessed(attrs, cursor, &guess[0]) ||
                        put_guessed(attrs, cursor, &guess[1]))) {
    return OA_OK;
  }
  return put_general(builder, attrs, cursor, guess);
}

oa_status oa_attrs_check(oa_otlp_builder *builder, const oa_attrs *attrs,
                         uint32_t before) {
  const uint32_t count = attrs->table->length - before;
  return count <= builder->max_attributes
             ? OA_OK
             : oa_builder_reject(builder, "%u attributes; at most %u are taken",
                                 count, builder->max_attributes);
}
