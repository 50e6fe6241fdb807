/* SPDX-License-Identifier: Apache-2.0 */
/* Dictionary columns.  The peer keeps each dictionary, so an entry is sent
 * once: the input's entries are translated to the stream's.  A dictionary that
 * outgrows its index gets a wider one; past the widest it starts anew when its
 * entries mostly come again, and is given up when they do not. */
#include "base/mem.h"
#include "otap/encode_impl.h"

/* Entries at most.  One less than the index type could count: so other
 * implementations do, and some of them compare the count with the type. */
enum { MAX_SHORT = 255, MAX_ENTRIES = 65535 };

/* Bytes at most, which both sides have to keep. */
enum { MAX_BYTES = 16 * 1024 * 1024 };

/* Fewer new entries than this share of the rows are worth a new dictionary. */
enum { WORTH_NUMERATOR = 3, WORTH_DENOMINATOR = 10 };

enum { NOT_MAPPED = -1 };

oa_status oa_send_text_new(oa_send_text **out, oa_payload_dictionary kind,
                           uint64_t seed) {
  oa_send_text *text = oa_calloc(1, sizeof *text);
  if (text == NULL) {
    return OA_ERR_NOMEM;
  }
  text->dict.seed = seed;
  text->sent = -1;
  text->index_type = kind == OA_DICTIONARY_16 ? OA_TYPE_UINT16 : OA_TYPE_UINT8;
  *out = text;
  return OA_OK;
}

void oa_send_text_free(oa_send_text *text) {
  if (text != NULL) {
    oa_dict_free(&text->dict);
    oa_free(text->map);
    oa_free(text);
  }
}

/* --- numbers --- */

static void forget_map(oa_send_text *text) {
  for (size_t i = 0; i < text->map_length; i++) {
    text->map[i] = NOT_MAPPED;
  }
}

void oa_send_text_forget(oa_send_text *text) {
  oa_dict_clear(&text->dict);
  forget_map(text);
  text->rows = 0;
}

/* Makes the map long enough for the LENGTH entries of the input. */
static oa_status extend_map(oa_otap_encoder *encoder, oa_send_text *text,
                            int64_t length) {
  /* A column that nobody filled is "" throughout and has no entries. */
  const size_t want = length == 0 ? 1 : (size_t)length;
  if (text->map_call != encoder->call) {
    text->map_call = encoder->call;
    text->map_length = 0;
  }
  if (want > text->map_capacity) {
    int32_t *map = oa_realloc(text->map, want * sizeof *map);
    if (map == NULL) {
      return OA_ERR_NOMEM;
    }
    text->map = map;
    text->map_capacity = want;
  }
  for (; text->map_length < want; text->map_length++) {
    text->map[text->map_length] = NOT_MAPPED;
  }
  return OA_OK;
}

/* Finds the number of entry I of the input's dictionary.  OA_ERR_LIMIT: the
 * stream's is full. */
static oa_status look_up(oa_send_text *text, const oa_array *entries, int32_t i,
                         uint32_t *out) {
  size_t len;
  const uint8_t *bytes = oa_array_bytes(entries, i, &len);
  const uint32_t hash = oa_dict_hash(&text->dict, bytes, len);
  int32_t number = oa_dict_find(&text->dict, bytes, len, hash);
  if (number < 0) {
    if (text->dict.count >= MAX_ENTRIES || len > MAX_BYTES ||
        text->dict.bytes.len > MAX_BYTES - len) {
      return OA_ERR_LIMIT;
    }
    number = oa_dict_add(&text->dict, bytes, len, hash);
    if (number < 0) {
      return OA_ERR_NOMEM;
    }
  }
  text->map[i] = number;
  *out = (uint32_t)number;
  return OA_OK;
}

static oa_status gather_numbers(oa_send_text *text, const oa_array *input,
                                const oa_send_rows *rows, uint32_t *numbers,
                                int64_t *done) {
  const int32_t *indices = input->values;
  for (int64_t i = 0; i < rows->count; i++) {
    const int64_t row = oa_send_row(rows, i);
    if (input->null_count != 0 && oa_array_is_null(input, row)) {
      numbers[i] = 0;
      continue;
    }
    const int32_t entry = indices == NULL ? 0 : indices[row];
    if (text->map[entry] >= 0) {
      numbers[i] = (uint32_t)text->map[entry];
      continue;
    }
    *done = i;
    OA_TRY(look_up(text, input->dictionary, entry, &numbers[i]));
  }
  return OA_OK;
}

/* The dictionary is full after DONE rows of the message. */
static bool worth_starting_anew(const oa_send_text *text, int64_t done) {
  const uint64_t rows = text->rows + (uint64_t)done;
  return text->dict.count * (uint64_t)WORTH_DENOMINATOR <
         rows * WORTH_NUMERATOR;
}

/* OA_ERR_LIMIT: not with a dictionary. */
static oa_status put_numbers(oa_otap_encoder *encoder, oa_send_column *column,
                             const oa_array *input, const oa_send_rows *rows,
                             oa_send_run run) {
  oa_send_text *text = column->text;
  int64_t done = 0;
  OA_TRY(extend_map(encoder, text, input->dictionary->length));
  OA_TRY(
      oa_send_get(encoder, run.total, sizeof *text->numbers, &text->numbers));
  memset(text->numbers, 0, (size_t)run.at * sizeof *text->numbers);
  memset(text->numbers + run.at + rows->count, 0,
         (size_t)(run.total - run.at - rows->count) * sizeof *text->numbers);

  oa_status status =
      gather_numbers(text, input, rows, text->numbers + run.at, &done);
  if (status == OA_ERR_LIMIT && worth_starting_anew(text, done)) {
    oa_send_text_forget(text);
    text->sent = text->sent < 0 ? -1 : 0;
    status = gather_numbers(text, input, rows, text->numbers + run.at, &done);
  }
  OA_TRY(status);
  text->rows += (uint64_t)rows->count;
  return OA_OK;
}

/* --- values as they are --- */

static oa_status put_plain(oa_otap_encoder *encoder, oa_send_column *column,
                           const oa_array *input, const oa_send_rows *rows,
                           oa_send_run run) {
  int32_t *offsets = NULL;
  uint8_t *bytes = NULL;
  int64_t sum = 0;
  size_t len;

  OA_TRY(oa_send_get(encoder, run.total + 1, sizeof *offsets, &offsets));
  memset(offsets, 0, ((size_t)run.at + 1) * sizeof *offsets);
  for (int64_t i = 0; i < rows->count; i++) {
    const int64_t row = oa_send_row(rows, i);
    if (!oa_array_is_null(input, row)) {
      oa_array_dict_bytes(input, row, &len);
      sum += (int64_t)len;
      if (sum > INT32_MAX) {
        return OA_ERR_LIMIT;
      }
    }
    offsets[run.at + i + 1] = (int32_t)sum;
  }
  for (int64_t i = run.at + rows->count; i < run.total; i++) {
    offsets[i + 1] = (int32_t)sum;
  }
  OA_TRY(oa_send_get(encoder, sum, 1, &bytes));
  for (int64_t i = 0; i < rows->count; i++) {
    const int32_t *offset = offsets + run.at + i;
    if (offset[0] != offset[1]) {
      memcpy(bytes + offset[0],
             oa_array_dict_bytes(input, oa_send_row(rows, i), &len),
             (size_t)(offset[1] - offset[0]));
    }
  }
  column->array.offsets = offsets;
  column->array.values = bytes;
  column->array.values_size = (size_t)sum;
  return OA_OK;
}

/* --- both --- */

static oa_status take_validity(oa_otap_encoder *encoder, const oa_array *input,
                               const oa_send_rows *rows, oa_send_run run,
                               oa_array *out) {
  uint8_t *bits = NULL;
  int64_t valid = 0;
  *out = (oa_array){.length = run.total};
  if (input->null_count == 0 && rows->count == run.total) {
    return OA_OK;
  }
  OA_TRY(oa_send_get_zeroed(encoder, run.total / 8 + 1, 1, &bits));
  if (input->null_count == 0) {
    oa_send_set_bits(bits, run.at, run.at + rows->count);
    valid = rows->count;
  } else if (input->validity != NULL) {
    for (int64_t i = 0; i < rows->count; i++) {
      if (oa_bit(input->validity, oa_send_row(rows, i))) {
        oa_send_set_bits(bits, run.at + i, run.at + i + 1);
        valid++;
      }
    }
  }
  out->null_count = run.total - valid;
  out->validity = out->null_count == 0 ? NULL : bits;
  return OA_OK;
}

static oa_status refuse_nulls(oa_otap_encoder *encoder,
                              const oa_send_table *table, size_t column,
                              const oa_array *input, const oa_send_rows *rows) {
  for (int64_t i = 0; input->null_count != 0 && i < rows->count; i++) {
    if (oa_array_is_null(input, oa_send_row(rows, i))) {
      encoder->row = oa_send_origin(rows, i);
      return oa_send_refuse(encoder, "%s without a %s", table->info->name,
                            table->info->columns[column].name);
    }
  }
  return OA_OK;
}

oa_status oa_send_put_text_run(oa_otap_encoder *encoder, oa_send_table *table,
                               size_t column, const oa_array *input,
                               const oa_send_rows *rows, oa_send_run run) {
  static const oa_array nothing = {0};
  oa_send_column *out = &table->columns[column];
  oa_send_text *text = out->text;
  oa_array source = *input;

  if (source.dictionary == NULL) {
    source.dictionary = &nothing;
  }
  OA_TRY(take_validity(encoder, input, rows, run, &out->array));
  if (table->info->columns[column].required) {
    OA_TRY(refuse_nulls(encoder, table, column, input, rows));
  } else if (out->array.null_count == run.total) {
    return OA_OK;
  }
  out->used = true;
  text->numbers = NULL;
  if (!text->plain) {
    const oa_status status = put_numbers(encoder, out, &source, rows, run);
    if (status != OA_ERR_LIMIT) {
      return status;
    }
    oa_dict_free(&text->dict);
    text->plain = true;
    text->numbers = NULL;
    table->changed = true;
  }
  return put_plain(encoder, out, &source, rows, run);
}

oa_status oa_send_put_text(oa_otap_encoder *encoder, oa_send_table *table,
                           size_t column, const oa_array *input,
                           const oa_send_rows *rows) {
  return oa_send_put_text_run(encoder, table, column, input, rows,
                              (oa_send_run){.at = 0, .total = rows->count});
}

bool oa_send_text_same(const oa_send_column *column, int64_t i, int64_t j) {
  const oa_send_text *text = column->text;
  size_t a_len;
  size_t b_len;
  if (text->numbers != NULL) {
    return text->numbers[i] == text->numbers[j];
  }
  const uint8_t *a = oa_array_bytes(&column->array, i, &a_len);
  const uint8_t *b = oa_array_bytes(&column->array, j, &b_len);
  return a_len == b_len && oa_bytes_equal(a, b, a_len);
}

oa_status oa_send_text_finish(oa_otap_encoder *encoder, oa_send_column *column,
                              int64_t rows, bool *changed) {
  oa_send_text *text = column->text;
  void *indices = NULL;

  *changed = false;
  if (text->plain) {
    return OA_OK;
  }
  if (text->index_type == OA_TYPE_UINT8 && text->dict.count > MAX_SHORT) {
    text->index_type = OA_TYPE_UINT16;
    *changed = true;
  }
  text->values = (oa_array){.length = text->dict.count,
                            .offsets = text->dict.offsets,
                            .values = text->dict.bytes.data,
                            .values_size = text->dict.bytes.len};
  column->array.dictionary = &text->values;
  if (!column->used) {
    return OA_OK;
  }
  if (text->index_type == OA_TYPE_UINT8) {
    OA_TRY(oa_send_get(encoder, rows, sizeof(uint8_t), &indices));
    for (int64_t i = 0; i < rows; i++) {
      ((uint8_t *)indices)[i] = (uint8_t)text->numbers[i];
    }
  } else {
    OA_TRY(oa_send_get(encoder, rows, sizeof(uint16_t), &indices));
    for (int64_t i = 0; i < rows; i++) {
      ((uint16_t *)indices)[i] = (uint16_t)text->numbers[i];
    }
  }
  column->array.values = indices;
  return OA_OK;
}
