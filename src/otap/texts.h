/* SPDX-License-Identifier: Apache-2.0 */
/* texts.h - the texts of a received column become numbers in a builder's
 * dictionary.
 *
 * A text of a dictionary is searched for once, for as long as both
 * dictionaries only grow.  Searches wait for memory most of their time, so
 * they are not done one after the other: those of some texts are all begun
 * before the first one is ended.
 *
 * Private to otap/.  One thread at a time.
 */
#ifndef OA_OTAP_TEXTS_H
#define OA_OTAP_TEXTS_H

#include "otap/column.h"

typedef struct oa_otap_texts {
  const oa_otap_column *column;
  int32_t *numbers; /* of the column's dictionary; NULL: there is none */
  oa_otlp_builder *builder;
  oa_table *into;
  oa_column *to;
  uint64_t repaired; /* the builder's count before */
} oa_otap_texts;

/* The texts of COLUMN, of TABLE, get numbers in the dictionary of TO, which is
 * a column of INTO, a table of BUILDER.  OA_ERR_NOMEM. */
oa_status oa_otap_texts_open(oa_otap_texts *out, const oa_otap_table *table,
                             const oa_otap_column *column,
                             oa_otlp_builder *builder, oa_table *into,
                             oa_column *to);

/* The numbers of the rows [BEGIN, END) go to their places in OUT; null is
 * -1. */
void oa_otap_texts_read(const oa_otap_texts *texts, uint32_t begin,
                        uint32_t end, int32_t *out);

/* Only finds them, in a column with a dictionary: they are in TEXTS->numbers
 * then, at the rows' indices. */
void oa_otap_texts_find(const oa_otap_texts *texts, uint32_t begin,
                        uint32_t end);

/* *REPAIRED (may be NULL) says whether equal numbers may mean different texts.
 * OA_ERR_NOMEM: a search before had no memory. */
oa_status oa_otap_texts_close(const oa_otap_texts *texts, bool *repaired);

#endif
