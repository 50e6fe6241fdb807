/* SPDX-License-Identifier: Apache-2.0 */
/* tls_impl.h - a context as its sessions see it; for tls.c, which has the
 * sessions, and tls_context.c, which makes contexts.  Nobody else includes
 * this. */
#ifndef OA_NET_TLS_IMPL_H
#define OA_NET_TLS_IMPL_H

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

#include "net/tls.h"

struct oa_tls_context {
  atomic_size_t holders;
  SSL_CTX *ssl;
  BIO_METHOD *bio; /* of all its sessions */
};

/* How OpenSSL gets at the bytes of a session, which is a BIO's data; NULL
 * without memory. */
BIO_METHOD *oa_tls_bio_method(void);

#endif
