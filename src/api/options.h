/* SPDX-License-Identifier: Apache-2.0 */
/* options.h - which field of oa_options stands for which key, as data.
 *
 * For options.c and its test alone.  All constants.
 */
#ifndef OA_API_OPTIONS_H
#define OA_API_OPTIONS_H

#include <stdbool.h>

#include "otlp_arrow.h"

typedef enum oa_option_kind {
  OA_OPTION_TEXT,   /* const char * */
  OA_OPTION_COUNT,  /* uint64_t: a number or bytes */
  OA_OPTION_MS,     /* uint64_t */
  OA_OPTION_INT,    /* int */
  OA_OPTION_SWITCH, /* oa_switch */
  OA_OPTION_CHOICE, /* an enum, 1 being the first of the key's choices */
} oa_option_kind;

typedef struct oa_option {
  const char *key;
  size_t offset;
  oa_option_kind kind;
  bool has_zero; /* a value that stands for 0: */
  uint64_t zero;
} oa_option;

extern const oa_option oa_option_table[];
extern const size_t oa_option_count;

/* Bytes that a field of KIND takes. */
size_t oa_option_width(oa_option_kind kind);

/* A size beyond it is nonsense, and not looked at. */
enum { OA_OPTIONS_MAX_SIZE = 4096 };

#endif
