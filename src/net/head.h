/* SPDX-License-Identifier: Apache-2.0 */
/* head.h - the head of a request: its fields as they came, and what they mean
 * for the body that follows.
 *
 * All fields are kept, so that handlers may ask for any of them until the call
 * has its reply; their sum is bounded by the server's max_header_bytes.
 */
#ifndef OA_NET_HEAD_H
#define OA_NET_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "codec/codec.h"

enum {
  OA_HEAD_METHOD_SIZE = 16,
  OA_HEAD_PATH_SIZE = 128, /* longer than any path that is served */
};

typedef struct oa_head {
  oa_buf fields; /* each: two 32-bit lengths, name, NUL, value, NUL */
  size_t bytes;  /* as HTTP/2 counts a header list */
  char method[OA_HEAD_METHOD_SIZE];
  char path[OA_HEAD_PATH_SIZE];
  /* From here on what oa_head_finish() has found. */
  bool grpc;
  bool encoding_unknown;
  bool timeout_malformed;
  bool length_known;
  oa_coding codec;
  uint64_t content_length;
  uint64_t timeout_ns; /* 0 = none */
} oa_head;

/* Takes one field; pseudo-fields of HTTP/2 too.  Names are lower-case.  What
 * passes MOST bytes in sum is counted but not kept.  OA_ERR_NOMEM. */
oa_status oa_head_put(oa_head *head, const uint8_t *name, size_t name_len,
                      const uint8_t *value, size_t value_len, size_t most);

/* The list is complete: finds out what it says of the body. */
void oa_head_finish(oa_head *head);

/* The first field called NAME, terminated, or NULL. */
const char *oa_head_find(const oa_head *head, const char *name, size_t *len);

/* Forgets all fields; memory is kept when it is little. */
void oa_head_clear(oa_head *head);

#endif
