/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow/type.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

size_t oa_type_width(oa_type type) {
  switch (type) {
    case OA_TYPE_INT8:
    case OA_TYPE_UINT8:
      return 1;
    case OA_TYPE_INT16:
    case OA_TYPE_UINT16:
      return 2;
    case OA_TYPE_INT32:
    case OA_TYPE_UINT32:
    case OA_TYPE_FLOAT:
      return 4;
    case OA_TYPE_INT64:
    case OA_TYPE_UINT64:
    case OA_TYPE_DOUBLE:
    case OA_TYPE_TIMESTAMP:
    case OA_TYPE_DURATION:
      return 8;
    case OA_TYPE_NULL:
    case OA_TYPE_BOOL:
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
    case OA_TYPE_FIXED_BINARY:
    case OA_TYPE_LIST:
    case OA_TYPE_STRUCT:
      break;
  }
  return 0;
}

size_t oa_field_width(const oa_field *field) {
  return field->type == OA_TYPE_FIXED_BINARY ? (size_t)field->width
                                             : oa_type_width(field->type);
}

static bool text_equal(const char *a, const char *b) {
  if (a == NULL || b == NULL) {
    return a == b;
  }
  return strcmp(a, b) == 0;
}

static bool fields_equal(const oa_field *a, const oa_field *b, size_t count);

static bool field_equal(const oa_field *a, const oa_field *b) {
  if (a->type != b->type || !text_equal(a->name, b->name) ||
      a->dictionary != b->dictionary || a->child_count != b->child_count) {
    return false;
  }
  if (a->dictionary && a->index_type != b->index_type) {
    return false;
  }
  if (a->type == OA_TYPE_FIXED_BINARY && a->width != b->width) {
    return false;
  }
  if ((a->type == OA_TYPE_TIMESTAMP || a->type == OA_TYPE_DURATION) &&
      a->unit != b->unit) {
    return false;
  }
  if (a->type == OA_TYPE_TIMESTAMP && !text_equal(a->timezone, b->timezone)) {
    return false;
  }
  return fields_equal(a->children, b->children, a->child_count);
}

static bool fields_equal(const oa_field *a, const oa_field *b, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!field_equal(&a[i], &b[i])) {
      return false;
    }
  }
  return true;
}

bool oa_schema_equal(const oa_schema *a, const oa_schema *b) {
  return a->field_count == b->field_count &&
         fields_equal(a->fields, b->fields, a->field_count);
}

/* --- names --- */

typedef struct text {
  char *out;
  size_t size;
  size_t len;
} text;

static void say(text *to, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(text *to, const char *format, ...) {
  if (to->len + 1 >= to->size) {
    return;
  }
  va_list args;
  va_start(args, format);
  int used = vsnprintf(to->out + to->len, to->size - to->len, format, args);
  va_end(args);
  if (used > 0) {
    to->len += (size_t)used;
  }
}

static const char *unit_name(oa_time_unit unit) {
  static const char *const names[] = {"s", "ms", "us", "ns"};
  return names[unit];
}

static const char *plain_name(oa_type type) {
  static const char *const names[] = {
      [OA_TYPE_NULL] = "null",
      [OA_TYPE_BOOL] = "bool",
      [OA_TYPE_INT8] = "int8",
      [OA_TYPE_INT16] = "int16",
      [OA_TYPE_INT32] = "int32",
      [OA_TYPE_INT64] = "int64",
      [OA_TYPE_UINT8] = "uint8",
      [OA_TYPE_UINT16] = "uint16",
      [OA_TYPE_UINT32] = "uint32",
      [OA_TYPE_UINT64] = "uint64",
      [OA_TYPE_FLOAT] = "float",
      [OA_TYPE_DOUBLE] = "double",
      [OA_TYPE_TIMESTAMP] = "timestamp",
      [OA_TYPE_DURATION] = "duration",
      [OA_TYPE_UTF8] = "utf8",
      [OA_TYPE_BINARY] = "binary",
      [OA_TYPE_LARGE_UTF8] = "large_utf8",
      [OA_TYPE_LARGE_BINARY] = "large_binary",
      [OA_TYPE_FIXED_BINARY] = "fixed_size_binary",
      [OA_TYPE_LIST] = "list",
      [OA_TYPE_STRUCT] = "struct",
  };
  return names[type];
}

static void say_type(text *to, const oa_field *field);

static void say_children(text *to, const oa_field *field) {
  say(to, "<");
  for (size_t i = 0; i < field->child_count; i++) {
    const oa_field *child = &field->children[i];
    say(to, "%s%s: ", i == 0 ? "" : ", ", child->name);
    /* What does not fit is not worth walking either. */
    if (to->len + 1 >= to->size) {
      return;
    }
    say_type(to, child);
  }
  say(to, ">");
}

static void say_type(text *to, const oa_field *field) {
  if (field->dictionary) {
    say(to, "dictionary<%s, ", plain_name(field->index_type));
  }
  say(to, "%s", plain_name(field->type));
  if (field->type == OA_TYPE_TIMESTAMP && field->timezone != NULL) {
    say(to, "[%s, %s]", unit_name(field->unit), field->timezone);
  } else if (field->type == OA_TYPE_TIMESTAMP ||
             field->type == OA_TYPE_DURATION) {
    say(to, "[%s]", unit_name(field->unit));
  } else if (field->type == OA_TYPE_FIXED_BINARY) {
    say(to, "[%d]", (int)field->width);
  } else if (field->type == OA_TYPE_LIST || field->type == OA_TYPE_STRUCT) {
    say_children(to, field);
  }
  if (field->dictionary) {
    say(to, ">");
  }
}

void oa_field_type_name(const oa_field *field, char *out, size_t size) {
  if (size == 0) {
    return;
  }
  text to = {.out = out, .size = size};
  out[0] = '\0';
  say_type(&to, field);
}
