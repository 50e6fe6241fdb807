/* SPDX-License-Identifier: Apache-2.0 */
/* delivery.h - rows in the form that the exporter takes: an Arrow array, or a
 * body that its codec makes.
 *
 * One thread at a time.
 */
#ifndef OA_FORWARD_DELIVERY_H
#define OA_FORWARD_DELIVERY_H

#include "arrow/c_data.h"
#include "base/buf.h"
#include "base/log.h"
#include "otlp/schema.h"

/* No body is larger: what takes more is sent in several. */
#define OA_DELIVERY_MAX_BODY ((size_t)64 << 20)

typedef struct oa_delivery {
  oa_exporter exporter; /* its codec is not used */
  oa_codec codec;       /* content_type NULL = none */
  size_t max_body;
  oa_signal signal; /* of what was made */
  struct ArrowSchema schemas[OA_SIGNAL_COUNT];
  struct ArrowArray batch; /* release NULL = none */
  oa_buf body;             /* its purse is the owner's to set */
  oa_status emitted;       /* what the codec was told last */
} oa_delivery;

/* EXPORTER and CODEC, which may be NULL, are copied. */
void oa_delivery_init(oa_delivery *delivery, const oa_exporter *exporter,
                      const oa_codec *codec);
void oa_delivery_reset(oa_delivery *delivery);

/* Makes COUNT rows of COLUMNS from row FROM on ready, which must stay until
 * oa_delivery_drop().  OA_ERR_LIMIT: fewer rows, please; OA_ERR_NOMEM,
 * OA_ERR_BUSY, OA_ERR_IO: not now; others: never. */
oa_status oa_delivery_make(oa_delivery *delivery, oa_signal signal,
                           const oa_array *columns, int64_t from, int64_t count,
                           oa_error *error);

/* Has the exporter deliver them.  What it returns; ERROR has a text then. */
oa_status oa_delivery_send(oa_delivery *delivery, uint32_t *retry_after_ms,
                           oa_error *error);

/* Forgets what was made; memory for the next is kept unless TIGHT. */
void oa_delivery_drop(oa_delivery *delivery, bool tight);

#endif
