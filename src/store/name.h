/* SPDX-License-Identifier: Apache-2.0 */
/* name.h - what the files of one stream are called.
 *
 *   {prefix}_{stream}_{UTC yyyymmdd_hhmmss}_{seq}.{extension}
 *
 * Names come from configuration, clock and counter alone.  The counter rises
 * for the life of a directory, so order and uniqueness do not hang on the
 * clock.  Whatever does not match the pattern exactly is somebody else's file
 * and is never touched.
 */
#ifndef OA_STORE_NAME_H
#define OA_STORE_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Parts are bounded so that every name fits a buffer on the stack and, with
 * room to spare, the 255 bytes that file systems allow. */
enum {
  OA_NAME_MAX_PART = 48,
  OA_NAME_MAX_EXTENSION = 16,
  OA_NAME_STAMP = 15,  /* yyyymmdd_hhmmss */
  OA_NAME_DIGITS = 12, /* a file a microsecond for eleven days */
  OA_NAME_SIZE = 160,  /* the longest name and its terminator */
};

typedef struct oa_name_rule {
  const char *prefix;
  const char *stream;
  const char *extension;
} oa_name_rule;

typedef enum oa_name_kind {
  OA_NAME_CONFIGURED, /* the extension in use */
  OA_NAME_ARROW,      /* ".arrow", when another one is configured */
  OA_NAME_ARROWS,     /* ".arrows" likewise: the older program's */
} oa_name_kind;

/* One name without the parts that all files of a stream share. */
typedef struct oa_name {
  uint64_t seq;
  char stamp[OA_NAME_STAMP + 1];
  char digits[OA_NAME_DIGITS + 1]; /* seq as it is written */
  uint8_t kind;                    /* oa_name_kind */
} oa_name;

/* OA_ERR_CONFIG when a part is empty, too long, or has bytes that do not
 * belong in a file name. */
oa_status oa_name_rule_check(const oa_name_rule *rule, oa_error *error);

/* The name of a file made at WALL_NS (nanoseconds since 1970 UTC). */
void oa_name_make(oa_name *out, uint64_t wall_ns, uint64_t seq);

/* False when TEXT is not a name of this stream. */
bool oa_name_parse(const oa_name_rule *rule, const char *text, oa_name *out);

void oa_name_text(const oa_name_rule *rule, const oa_name *name,
                  char out[OA_NAME_SIZE]);

bool oa_name_equal(const oa_name *a, const oa_name *b);

#endif
