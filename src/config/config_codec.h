/* SPDX-License-Identifier: Apache-2.0 */
/* config_codec.h - the codecs that a program has brought: how many there are,
 * what each is for, and how one is put to work.
 *
 * A codec builds with functions of the public API, which lies above everything
 * that receives; so the function that runs one comes down from there together
 * with the codecs.  One thread at a time, but for RUN.
 */
#ifndef OA_CONFIG_CONFIG_CODEC_H
#define OA_CONFIG_CONFIG_CODEC_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "otlp_arrow_extend.h"

/* One body that a codec is to decode. */
typedef struct oa_codec_input {
  oa_signal signal;
  const void *bytes; /* never NULL */
  size_t len;
  size_t max; /* bytes of what it may build */
} oa_codec_input;

/* Has CODEC decode IN, and makes OUT the request of OTLP, as protobuf, that it
 * built.  OA_ERR_CONFIG: the codec has used its builder wrongly.  Else what
 * kept it from building, or what the codec said; ERROR may hold any bytes then.
 * OUT is empty after a failure.  Any thread. */
typedef oa_status (*oa_codec_run)(const oa_codec *codec,
                                  const oa_codec_input *in, oa_buf *out,
                                  oa_error *error);

/* The bound of RFC 6838, section 4.2, is 127 for each half; nothing that is in
 * use comes near to this, and lists of them stay short. */
enum { OA_CODEC_MAX_TYPE = 127 };

/* A zeroed one has none. */
typedef struct oa_config_codecs {
  oa_codec items[OA_MAX_CODECS];
  char *types[OA_MAX_CODECS]; /* owned; the items' content types, lower-case */
  size_t count;
  oa_codec_run run;
} oa_config_codecs;

/* Adds a copy of CODEC.  OA_ERR_CONFIG: its content type is none, OTLP's own,
 * or there already; OA_ERR_LIMIT, OA_ERR_NOMEM. */
oa_status oa_config_codecs_add(oa_config_codecs *codecs, const oa_codec *codec,
                               oa_error *error);

/* OUT is uninitialized memory and may be reset, whatever this returns.
 * OA_ERR_NOMEM. */
oa_status oa_config_codecs_copy(oa_config_codecs *out,
                                const oa_config_codecs *codecs);
void oa_config_codecs_reset(oa_config_codecs *codecs);

#endif
