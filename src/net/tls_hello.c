/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a ClientHello is there, without OpenSSL's memory for it. */
#include "net/tls.h"

enum {
  RECORD_HEADER = 5,
  MESSAGE_HEADER = 4,
  HANDSHAKE_RECORD = 22,
  CLIENT_HELLO = 1,
};

/* The handshake message that the records bring. */
typedef struct message {
  uint8_t head[MESSAGE_HEADER];
  size_t have; /* bytes of it, with its head */
} message;

/* Adds a record's LEN bytes of handshake. */
static void add(message *m, const uint8_t *data, size_t len) {
  for (size_t i = 0; i < len && m->have + i < MESSAGE_HEADER; i++) {
    m->head[m->have + i] = data[i];
  }
  m->have += len;
}

/* True when nothing is missing of the message, or it is none that is taken. */
static bool is_whole(const message *m) {
  if (m->have > 0 && m->head[0] != CLIENT_HELLO) {
    return true;
  }
  if (m->have < MESSAGE_HEADER) {
    return false;
  }
  const size_t len =
      (size_t)m->head[1] << 16 | (size_t)m->head[2] << 8 | (size_t)m->head[3];
  return len > OA_TLS_MAX_HELLO || m->have - MESSAGE_HEADER >= len;
}

bool oa_tls_hello_is_whole(const uint8_t *data, size_t len) {
  message m = {.have = 0};
  size_t at = 0;
  while (at < len) {
    if (data[at] != HANDSHAKE_RECORD) {
      return true;
    }
    if (len - at < RECORD_HEADER) {
      return false;
    }
    const size_t record = (size_t)data[at + 3] << 8 | data[at + 4];
    const size_t left = len - at - RECORD_HEADER;
    if (record == 0) {
      return true;
    }
    add(&m, data + at + RECORD_HEADER, record < left ? record : left);
    if (is_whole(&m)) {
      return true;
    }
    if (record > left) {
      return false;
    }
    at += RECORD_HEADER + record;
  }
  return false;
}
