/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.h - the texts of gRPC over HTTP/2: header values in, trailers out.
 *
 * Pure functions over bytes (grpc/doc/PROTOCOL-HTTP2.md); any thread may call
 * them.
 */
#ifndef OA_NET_GRPC_H
#define OA_NET_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/codec.h"
#include "net/server.h"

/* grpc-accept-encoding: what requests may be compressed with.  The names of
 * OTAP exporters are spelled out, as they ask for them by name. */
#define OA_ANSWER_ENCODINGS                                         \
  "identity,gzip,zstd,zstdarrow1,zstdarrow2,zstdarrow3,zstdarrow4," \
  "zstdarrow5,zstdarrow6,zstdarrow7,zstdarrow8,zstdarrow9,zstdarrow10"

enum {
  /* Before each message: a compressed flag and a 32-bit length. */
  OA_GRPC_PREFIX_SIZE = 5,
  /* Longest text of an error that goes out.  Clients bound their headers to
   * 8 KiB, and percent-encoding may triple it. */
  OA_GRPC_MAX_TEXT = 1024,
  OA_GRPC_MESSAGE_SIZE = 3 * OA_GRPC_MAX_TEXT + 1,
  /* Base64 of a status with the text and one RetryInfo. */
  OA_GRPC_DETAILS_SIZE = (OA_GRPC_MAX_TEXT + 128) * 4 / 3 + 4,
};

/* "application/grpc", alone or with +proto or ;parameters. */
bool oa_grpc_content_type_ok(const uint8_t *value, size_t len);

/* grpc-timeout, 1 to 8 digits and a unit of HMSmun, as nanoseconds.
 * OA_ERR_MALFORMED otherwise. */
oa_status oa_grpc_timeout_parse(const uint8_t *value, size_t len,
                                uint64_t *out);

/* grpc-encoding: identity, gzip, zstd, and zstdarrow1 to zstdarrow10, under
 * which OTAP exporters send ordinary zstd.  OA_ERR_UNSUPPORTED otherwise. */
oa_status oa_grpc_encoding_parse(const uint8_t *value, size_t len,
                                 oa_coding *out);

/* Writes the bytes in front of an uncompressed message of LEN bytes. */
void oa_grpc_prefix_encode(uint8_t out[OA_GRPC_PREFIX_SIZE], size_t len);

/* Bytes of TEXT that go out: at most OA_GRPC_MAX_TEXT, cut between UTF-8
 * characters. */
size_t oa_grpc_text_length(const char *text);

/* Writes TEXT percent-encoded, without a terminator, and returns how long it
 * became. */
size_t oa_grpc_message_encode(char out[OA_GRPC_MESSAGE_SIZE], const char *text);

/* Writes the base64 form, unpadded, of a google.rpc.Status with one RetryInfo
 * of RETRY_AFTER_MS, and returns its length. */
size_t oa_grpc_details_encode(char out[OA_GRPC_DETAILS_SIZE], oa_grpc_code code,
                              const char *text, uint32_t retry_after_ms);

#endif
