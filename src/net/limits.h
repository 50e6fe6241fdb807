/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h - what a peer may have a server hold, or do, and why so much.
 *
 * Most of them are the defaults of oa_server_options, and of the `limits`
 * section of the service's configuration; the rest need no setting.  Whoever
 * changes one of the defaults here changes it there, too.
 */
#ifndef OA_NET_LIMITS_H
#define OA_NET_LIMITS_H

enum {
  /* Connections at once, over all threads.  An idle one costs some 12 KiB in
   * the clear and some 40 KiB under TLS, so that this many still leave most
   * of a small machine's memory; a fleet that needs more has a load balancer
   * or more memory. */
  OA_LIMIT_CONNECTIONS = 10000,
  /* Descriptors that connections leave to files, sockets and whatever else
   * the process has. */
  OA_LIMIT_SPARE_DESCRIPTORS = 128,
  /* Requests at once on one HTTP/2 connection.  RFC 9113 section 6.5.2 asks
   * for no fewer; clients queue what is beyond. */
  OA_LIMIT_STREAMS = 100,
  /* Names and values of a request's header list.  Tokens and baggage fit; it
   * is what most servers and proxies take. */
  OA_LIMIT_HEADER_BYTES = 16 * 1024,
  /* For TLS and the first request's head, in milliseconds: some round trips
   * and lost packets over the worst networks.  The rest of an HTTP/1.1 body
   * that was answered early has as long. */
  OA_LIMIT_HANDSHAKE_MS = 10 * 1000,
  /* TLS handshakes under way at once, over all threads and at least a thread:
   * some 50 KiB each, for a ClientHello of some hundred bytes. */
  OA_LIMIT_HANDSHAKES = 192,
  OA_LIMIT_THREAD_HANDSHAKES = 32,
  /* When they are that many and others wait, one that has been under way for
   * so long, in milliseconds, makes room: a round trip around the world. */
  OA_LIMIT_HANDSHAKE_GRACE_MS = 250,
  /* And those who wait are sent away after so long: to try again is better
   * than to stand behind all that came later. */
  OA_LIMIT_HANDSHAKE_WAIT_MS = 3 * 1000,
  /* Bytes of ClientHellos that are not whole or wait for their turn. */
  OA_LIMIT_HELLO_BYTES = 2 * 1024 * 1024,
  OA_LIMIT_THREAD_HELLO_BYTES = 256 * 1024,
  /* A connection without requests, in milliseconds.  Exporters send every
   * few seconds or every minute and must not have to connect each time. */
  OA_LIMIT_IDLE_MS = 5 * 60 * 1000,
  /* From a request's head to its last byte, in milliseconds.  No exporter
   * that we know waits longer for its answer. */
  OA_LIMIT_BODY_MS = 30 * 1000,
  /* Bytes a second that a body brings at least.  A tenth of the slowest
   * mobile network, and what makes a thousand held bodies cost their sender
   * something. */
  OA_LIMIT_BODY_RATE = 1024,
  /* It is looked at this often, in milliseconds, so a short standstill of a
   * network is no offence.  Who brings its share at first and then nothing is
   * found out by the second look; a head that takes all of its time, two looks
   * and our last words together stay below 30 seconds. */
  OA_LIMIT_PACE_MS = 8 * 1000,
  /* Requests a second that one connection begins and cancels (rapid reset,
   * CVE-2023-44487), or has us cancel by errors in them (CVE-2025-8671).
   * Clients cancel when their deadline passes, thus rarely, but then perhaps
   * all at once; hence the burst, in seconds. */
  OA_LIMIT_RESETS = 100,
  OA_LIMIT_RESET_BURST_SECONDS = 5,
  /* Answers to PING and SETTINGS that wait to be sent (CVE-2019-9512, -9515).
   * Clients wait for each before they send the next. */
  OA_LIMIT_CONTROL_FRAMES = 1000,
};

#endif
