/* SPDX-License-Identifier: Apache-2.0 */
/* encode_impl.h - what the files of the OTAP encoder share.
 *
 * encode.c cuts rows into messages; encode_traces.c, encode_logs.c and
 * encode_metrics.c fill the tables of one message from the columns, with
 * encode_root.c (what roots begin with), encode_points.c, encode_attrs.c
 * (sorted by encode_sort.c) and encode_owner.c (resources and scopes).  Values
 * come into a table by encode_values.c (plain columns: pointed at where that
 * can be) and encode_text.c (dictionary columns).  encode_table.c turns a
 * filled table into its part of the message.  Nobody else may include this.
 *
 * Everything that lives as long as one message lies in the arena.
 */
#ifndef OA_OTAP_ENCODE_IMPL_H
#define OA_OTAP_ENCODE_IMPL_H

#include "arrow/ipc_write.h"
#include "arrow/table.h"
#include "base/arena.h"
#include "base/dict.h"
#include "otap/encode.h"
#include "otap/payload.h"

/* A dictionary that its peer follows: entries are only added, until it is
 * replaced as a whole or given up. */
typedef struct oa_send_text {
  oa_dict dict;
  bool plain;         /* it grew too large: values are sent as they are */
  oa_type index_type; /* UINT8 or UINT16 */
  int64_t sent;       /* entries that the stream has; -1 = no dictionary yet */
  uint64_t rows;      /* since it was last empty */
  int32_t *map; /* number of each entry of the input's dictionary, or -1 */
  size_t map_length;
  size_t map_capacity;
  uint64_t map_call; /* the call whose input the map is for */
  uint32_t *numbers; /* of the message's rows; arena */
  oa_array values;   /* the dictionary as an array */
} oa_send_text;

/* A column of a table; see oa_payload_column. */
typedef struct oa_send_column {
  bool seen;          /* the schema has it; it then stays */
  bool used;          /* this message has values for it: */
  oa_array array;     /* those; without the children of structs */
  oa_send_text *text; /* columns that are dictionaries at first */
} oa_send_column;

/* Fields of a schema: columns, and items of lists with their members. */
enum { OA_SEND_MAX_FIELDS = OA_PAYLOAD_MAX_COLUMNS + 8 };

/* One payload type of the stream. */
typedef struct oa_send_table {
  const oa_payload_info *info;
  oa_payload_type type;
  bool begun;   /* the peer has its schema, or gets it with this message */
  bool changed; /* the schema is no longer what columns and texts want */
  bool written; /* in this message */
  int64_t rows; /* in this message */
  uint64_t schema_id;
  oa_send_column columns[OA_PAYLOAD_MAX_COLUMNS];
  oa_ipc_writer *writer;
  oa_schema schema;
  oa_field fields[OA_SEND_MAX_FIELDS];
  uint8_t column_of[OA_SEND_MAX_FIELDS];       /* of fields that are columns */
  size_t placed;                               /* fields that are columns */
  oa_send_text *texts[OA_PAYLOAD_MAX_COLUMNS]; /* by dictionary id */
  size_t text_count;
  oa_buf head; /* the Schema message */
} oa_send_table;

/* What is known of a resource or scope of the input's dictionary. */
typedef struct oa_send_owner {
  uint32_t begin; /* its attributes in the table of all of them */
  uint32_t end;
  uint32_t dropped;
  bool read;
} oa_send_owner;

typedef struct oa_send_owners {
  oa_buf entries; /* oa_send_owner, by index in the input's dictionary */
  oa_table_tree tree;
  oa_table attrs;
  int32_t *ids; /* index of each id of the message, -1 = none; arena */
  int64_t id_count;
} oa_send_owners;

enum { OA_SEND_MAX_TABLES = 18 };

struct oa_otap_encoder {
  oa_signal signal;
  oa_otap_encoder_options options;
  uint64_t seed;
  uint64_t call; /* of oa_otap_encode() */
  uint64_t next_schema_id;
  int64_t next_batch_id;
  int64_t chunk; /* rows of a message, after one was too large */
  oa_deflater *deflater;
  oa_send_table *tables; /* in the order of the message: the root first */
  size_t table_count;
  oa_send_owners resources;
  oa_send_owners scopes;
  oa_arena arena;
  oa_buf message;
  oa_buf scratch;
  const oa_array *columns; /* of this call */
  int64_t row;             /* that is being read, for the error's text */
  oa_error *error;
};

/* Which rows of the input become rows of a table. */
typedef struct oa_send_rows {
  const uint32_t *index; /* their numbers; NULL: those from FIRST on */
  int64_t first;
  int64_t count;
  const uint32_t *origin; /* items of lists: the input's row of each */
} oa_send_rows;

OA_INLINE int64_t oa_send_row(const oa_send_rows *rows, int64_t i) {
  return rows->index == NULL ? rows->first + i : rows->index[i];
}

/* The row of the input, for errors. */
OA_INLINE int64_t oa_send_origin(const oa_send_rows *rows, int64_t i) {
  return rows->origin == NULL ? oa_send_row(rows, i) : rows->origin[i];
}

/* Where a run of rows goes to, when a table has others too. */
typedef struct oa_send_run {
  int64_t at;
  int64_t total;
} oa_send_run;

/* --- helpers (encode.c) --- */

/* "row 7: <format>" and OA_ERR_MALFORMED. */
oa_status oa_send_refuse(const oa_otap_encoder *encoder, const char *format,
                         ...) __attribute__((format(printf, 2, 3)));

/* COUNT times SIZE bytes that live as long as the message. */
oa_status oa_send_get(oa_otap_encoder *encoder, int64_t count, size_t size,
                      void *out);
oa_status oa_send_get_zeroed(oa_otap_encoder *encoder, int64_t count,
                             size_t size, void *out);

oa_send_table *oa_send_table_of(oa_otap_encoder *encoder, oa_payload_type type);

/* --- plain columns (encode_values.c) --- */

/* Values of fixed width, that of the table's column.  A required column gets 0
 * for null; another one that is null in all rows is not used. */
oa_status oa_send_put_values(oa_otap_encoder *encoder, oa_send_table *table,
                             size_t column, const oa_array *input,
                             const oa_send_rows *rows);

/* The same with 0 for null though the column is not required. */
oa_status oa_send_put_dense(oa_otap_encoder *encoder, oa_send_table *table,
                            size_t column, const oa_array *input,
                            const oa_send_rows *rows);

/* The same for numbers whose 0 is as good as none. */
oa_status oa_send_put_counts(oa_otap_encoder *encoder, oa_send_table *table,
                             size_t column, const oa_array *input,
                             const oa_send_rows *rows);

oa_status oa_send_put_bools(oa_otap_encoder *encoder, oa_send_table *table,
                            size_t column, const oa_array *input,
                            const oa_send_rows *rows);

/* Plain UTF8 and BINARY. */
oa_status oa_send_put_bytes(oa_otap_encoder *encoder, oa_send_table *table,
                            size_t column, const oa_array *input,
                            const oa_send_rows *rows);

/* Lists of 8-byte values, or of structs of such. */
oa_status oa_send_put_list(oa_otap_encoder *encoder, oa_send_table *table,
                           size_t column, const oa_array *input,
                           const oa_send_rows *rows);

/* A struct that is null where INPUT is; false when it is so everywhere. */
oa_status oa_send_put_struct(oa_otap_encoder *encoder, oa_send_table *table,
                             size_t column, const oa_array *input,
                             const oa_send_rows *rows);

/* A finished array whose rows are all there, of VALUES. */
void oa_send_put_whole(oa_send_table *table, size_t column, const void *values);

/* Bits of the rows [begin, end) as valid: bits are zero before. */
void oa_send_set_bits(uint8_t *bits, int64_t begin, int64_t end);

/* --- dictionary columns (encode_text.c) --- */

oa_status oa_send_text_new(oa_send_text **out, oa_payload_dictionary kind,
                           uint64_t seed);
void oa_send_text_free(oa_send_text *text);

/* Empties the dictionary. */
void oa_send_text_forget(oa_send_text *text);

oa_status oa_send_put_text(oa_otap_encoder *encoder, oa_send_table *table,
                           size_t column, const oa_array *input,
                           const oa_send_rows *rows);

/* The same where the rows are only a RUN of the table's; others are null. */
oa_status oa_send_put_text_run(oa_otap_encoder *encoder, oa_send_table *table,
                               size_t column, const oa_array *input,
                               const oa_send_rows *rows, oa_send_run run);

/* True when the rows I and J, both not null, have the same text. */
bool oa_send_text_same(const oa_send_column *column, int64_t i, int64_t j);

/* Makes the numbers indices of the dictionary's width; *CHANGED when that is
 * another width than before. */
oa_status oa_send_text_finish(oa_otap_encoder *encoder, oa_send_column *column,
                              int64_t rows, bool *changed);

/* --- tables (encode_table.c) --- */

oa_status oa_send_table_init(oa_send_table *table, oa_payload_type type,
                             uint64_t seed);
void oa_send_table_free(oa_send_table *table);

/* Says how many rows the columns that are put have. */
void oa_send_table_begin(oa_send_table *table, int64_t rows);

/* Appends the table to the message, when it has rows. */
oa_status oa_send_table_write(oa_otap_encoder *encoder, oa_send_table *table);

/* The message was taken, or it was not. */
void oa_send_table_commit(oa_send_table *table);
void oa_send_table_abandon(oa_send_table *table);

/* --- attributes (encode_attrs.c) --- */

typedef struct oa_send_attr {
  uint32_t index; /* in the columns */
  uint32_t parent;
  uint32_t group; /* type and key */
  uint32_t rank;  /* same for the same value */
} oa_send_attr;

typedef struct oa_send_attrs {
  const oa_array *fields; /* OA_ATTR_* */
  oa_send_attr *items;
  int64_t count;
} oa_send_attrs;

/* Adds the attributes [begin, end) of attrs->fields for PARENT; there is room.
 * OA_ERR_MALFORMED when one is not valid. */
oa_status oa_send_attrs_add(oa_otap_encoder *encoder, oa_send_attrs *attrs,
                            int64_t begin, int64_t end, uint32_t parent);

/* The table TYPE from the attributes that LIST has for ROWS; PARENTS are the
 * ids of the rows. */
oa_status oa_send_put_attr_list(oa_otap_encoder *encoder, oa_payload_type type,
                                const oa_array *list, const oa_send_rows *rows,
                                const uint32_t *parents);

/* The table TYPE from ATTRS. */
oa_status oa_send_put_attrs(oa_otap_encoder *encoder, oa_payload_type type,
                            const oa_send_attrs *attrs);

/* Sorts ITEMS by group and rank, those with both alike as they are. */
oa_status oa_send_sort_attrs(oa_otap_encoder *encoder, oa_send_attr **items,
                             int64_t count);

/* --- resources and scopes (encode_owner.c) --- */

oa_status oa_send_owners_init(oa_send_owners *owners, uint64_t seed);
void oa_send_owners_free(oa_send_owners *owners);

/* Forgets what was read; a new call has new dictionaries. */
oa_status oa_send_owners_begin(oa_send_owners *owners, const oa_array *column);

/* What the row's resource or scope holds; NULL in *OUT when there is none. */
oa_status oa_send_owner_at(oa_otap_encoder *encoder, bool resource, int64_t row,
                           const oa_send_owner **out);

/* RESOURCE_ATTRS or SCOPE_ATTRS of the message. */
oa_status oa_send_put_owner_attrs(oa_otap_encoder *encoder, bool resource);

/* --- rows with ids --- */

/* Ids for those of COUNT rows that NEEDS is true for: *IDS, one a row, and the
 * delta-encoded column ID of 2 or 4 bytes when there is any. */
oa_status oa_send_put_ids(oa_otap_encoder *encoder, oa_send_table *table,
                          size_t column, const bool *needs, uint32_t **ids);

/* The columns that every root begins with, but `id` (encode_root.c). */
oa_status oa_send_put_root(oa_otap_encoder *encoder, oa_send_table *table,
                           const oa_send_rows *rows);

/* Marks in NEEDS the rows whose LIST is not empty; gives their items' rows. */
void oa_send_need_lists(bool *needs, const oa_array *list,
                        const oa_send_rows *rows);

/* All items of LIST for ROWS, and the parents' ids repeated for each. */
oa_status oa_send_items(oa_otap_encoder *encoder, const oa_array *list,
                        const oa_send_rows *rows, const uint32_t *ids,
                        oa_send_rows *items, uint32_t **parents);

/* --- signals: the tables of one message from ROWS of the input --- */

oa_status oa_send_put_spans(oa_otap_encoder *encoder, const oa_send_rows *rows);
oa_status oa_send_put_logs(oa_otap_encoder *encoder, const oa_send_rows *rows);
oa_status oa_send_put_metrics(oa_otap_encoder *encoder,
                              const oa_send_rows *rows);

/* True when ROW is of another metric than the row before. */
bool oa_send_metric_begins(const oa_array *columns, int64_t row);

/* The data points among ROWS; METRICS is the id of each row's metric
 * (encode_points.c). */
oa_status oa_send_put_points(oa_otap_encoder *encoder, const oa_send_rows *rows,
                             const uint32_t *metrics);

#endif
