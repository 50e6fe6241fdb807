/* SPDX-License-Identifier: Apache-2.0 */
/* What the HTTP/1.1 reader must refuse, and with what status: the vectors of
 * request smuggling, each beside the good form that it resembles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http1_trial.h"

/* A vector, and the status of its refusal; 0 = accepted, 1 = more must come. */
typedef struct vector {
  const char *text;
  unsigned status;
} vector;

#define COUNT(TABLE) (sizeof(TABLE) / sizeof(TABLE)[0])

/* Whole and a byte at a time: both must come to the same verdict. */
static void judge(const char *data, size_t len, unsigned expected) {
  const unsigned verdict = trial_verdict(data, len);
  if (verdict != expected) {
    print_error("%u instead of %u for: %.*s\n", verdict, expected, (int)len,
                data);
  }
  assert_int_equal(verdict, expected);
  trial t;
  trial_open(&t);
  for (size_t i = 0; i < len; i++) {
    trial_feed(&t, data + i, 1);
  }
  assert_int_equal(t.status, expected <= 1 ? 0 : expected);
  trial_close(&t);
}

static void judge_between(const char *before, const vector *v,
                          const char *after) {
  oa_buf all = {0};
  assert_int_equal(oa_buf_printf(&all, "%s%s%s", before, v->text, after),
                   OA_OK);
  judge((const char *)all.data, all.len, v->status);
  oa_buf_free(&all);
}

static const vector request_lines[] = {
    {"GET / HTTP/1.1\r\n", 0},
    {"get / HTTP/1.1\r\n", 0},
    {"M-SEARCH /x HTTP/1.1\r\n", 0},
    {"OPTIONS * HTTP/1.1\r\n", 0},
    {"OPTIONS / HTTP/1.1\r\n", 0},
    {"GET /?a=?b HTTP/1.1\r\n", 0},
    {"GET // HTTP/1.1\r\n", 0},
    {"GET /a/../b HTTP/1.1\r\n", 0},
    {"GET /%00%0d%0a HTTP/1.1\r\n", 0},
    {"GET /\"<>\\^`{|} HTTP/1.1\r\n", 0},
    {"GET http://a HTTP/1.1\r\n", 0},
    {"GET http://a/ HTTP/1.1\r\n", 0},
    {"GET https://a:4318/b?c HTTP/1.1\r\n", 0},
    {"GET HTTPS://a/ HTTP/1.1\r\n", 0},
    {"GET http://[::1]:4318/ HTTP/1.1\r\n", 0},
    {"GET / HTTP/1.0\r\n", 0},
    {"\r\nGET / HTTP/1.1\r\n", 0},
    {"\r\n\r\nGET / HTTP/1.1\r\n", 400},
    {"\nGET / HTTP/1.1\r\n", 400},
    {"\rGET / HTTP/1.1\r\n", 400},
    {"\r\r\nGET / HTTP/1.1\r\n", 400},
    {" GET / HTTP/1.1\r\n", 400},
    {"\tGET / HTTP/1.1\r\n", 400},
    {"GET / HTTP/1.1\n", 400},
    {"GET / HTTP/1.1\r\r\n", 400},
    {"GET / HTTP/1.1 \r\n", 400},
    {"GET / HTTP/1.1\t\r\n", 400},
    {"GET  / HTTP/1.1\r\n", 400},
    {"GET /  HTTP/1.1\r\n", 400},
    {"GET\t/ HTTP/1.1\r\n", 400},
    {"GET /\tHTTP/1.1\r\n", 400},
    {"GET /\vHTTP/1.1\r\n", 400},
    {"GET / x HTTP/1.1\r\n", 400},
    {"GET / HTTP/1.1 x\r\n", 400},
    {"GET /\rX: HTTP/1.1\r\n", 400},
    {"GET /#fragment HTTP/1.1\r\n", 400},
    {"GET / http/1.1\r\n", 400},
    {"GET / Http/1.1\r\n", 400},
    {"GET / HTTP/1.\r\n", 400},
    {"GET / HTTP/1\r\n", 400},
    {"GET / HTTP/11\r\n", 400},
    {"GET / HTTP/1.10\r\n", 400},
    {"GET / HTTP/01.1\r\n", 400},
    {"GET / HTTP/1.01\r\n", 400},
    {"GET / HTTP/1,1\r\n", 400},
    {"GET / HTTP/+1.1\r\n", 400},
    {"GET / HTTP/a.1\r\n", 400},
    {"GET / HTTP/1.a\r\n", 400},
    {"GET / HTTP 1.1\r\n", 400},
    {"GET / HTTPS/1.1\r\n", 400},
    {"GET / ICE/1.0\r\n", 400},
    {"GET / RTSP/1.0\r\n", 400},
    {"GET /\r\n", 505},
    {"GET /index.html\r\n", 505},
    {"GET / HTTP/0.9\r\n", 505},
    {"GET / HTTP/1.2\r\n", 505},
    {"GET / HTTP/1.9\r\n", 505},
    {"GET / HTTP/2.0\r\n", 505},
    {"GET / HTTP/2.1\r\n", 505},
    {"GET / HTTP/3.0\r\n", 505},
    {"GET / HTTP/9.9\r\n", 505},
    {"PRI * HTTP/2.0\r\n", 505},
    {"GET\r\n", 400},
    {"GET \r\n", 400},
    {"GET x\r\n", 400},
    {"GET / \r\n", 400},
    {" \r\n", 400},
    {"/ HTTP/1.1\r\n", 400},
    {"GET HTTP/1.1\r\n", 400},
    {"GET  HTTP/1.1\r\n", 400},
    {"GET x HTTP/1.1\r\n", 400},
    {"GET x/y HTTP/1.1\r\n", 400},
    {"GET * HTTP/1.1\r\n", 400},
    {"OPTIONS ** HTTP/1.1\r\n", 400},
    {"GET ?q HTTP/1.1\r\n", 400},
    {"GET a:80 HTTP/1.1\r\n", 400},
    {"GET \\ HTTP/1.1\r\n", 400},
    {"GET http:// HTTP/1.1\r\n", 400},
    {"GET http:///x HTTP/1.1\r\n", 400},
    {"GET http:/a HTTP/1.1\r\n", 400},
    {"GET http:a HTTP/1.1\r\n", 400},
    {"GET http://?q HTTP/1.1\r\n", 400},
    {"GET http://user@a/ HTTP/1.1\r\n", 400},
    {"GET http://user:pass@a/ HTTP/1.1\r\n", 400},
    {"GET http://a,b/ HTTP/1.1\r\n", 400},
    {"GET http://a\\b/ HTTP/1.1\r\n", 400},
    {"GET ftp://a/ HTTP/1.1\r\n", 400},
    {"GET ws://a/ HTTP/1.1\r\n", 400},
    {"CONNECT a:443 HTTP/1.1\r\n", 501},
    {"CONNECT / HTTP/1.1\r\n", 501},
    {"G@T / HTTP/1.1\r\n", 400},
    {"GE:T / HTTP/1.1\r\n", 400},
    {"GET(x) / HTTP/1.1\r\n", 400},
    {"GET/ / HTTP/1.1\r\n", 400},
    {"\"GET\" / HTTP/1.1\r\n", 400},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\n", 0},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n", 501},
    {"\x16\x03\x01\x02", 400},
    {"\x80\x2e\x01", 400},
    {"{\"resourceSpans\":[]}", 400},
    {"<xml/>", 400},
    {"", 1},
    {"G", 1},
    {"GET / HTTP/1.1\r", 1},
};

static void request_lines_are_taken_by_the_letter(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(request_lines); i++) {
    const vector *v = &request_lines[i];
    judge_between("", v, v->status == 0 ? "Host: a\r\n\r\n" : "");
  }
}

/* Between "Host: a" and the empty line of a GET. */
static const vector field_lines[] = {
    {"A: b\r\n", 0},
    {"A:b\r\n", 0},
    {"A:\r\n", 0},
    {"A: \r\n", 0},
    {"A: \t b \t \r\n", 0},
    {"A: b c\r\n", 0},
    {"A: b\tc\r\n", 0},
    {"A: :\r\n", 0},
    {"A: \xC3\xBC\xFF\x80\r\n", 0},
    {"A: b\r\nA: c\r\n", 0},
    {"!#$%&'*+-.^_`|~09azAZ: b\r\n", 0},
    {"Content-Length: 0\r\n", 0},
    {"Content-Length: 00\r\n", 0},
    {"X-Content-Length: 1\r\n", 0},
    {"Content_Length: 1\r\n", 0},
    {"Content-Length-: 1\r\n", 0},
    {"Transfer_Encoding: chunked\r\n", 0},
    {"X-Transfer-Encoding: chunked\r\n", 0},
    {"Via: 1.0 a, 1.1 b\r\n", 0},
    {"Trailer: X\r\n", 0},
    {"Upgrade: h2c\r\n", 0},
    {"Connection: ,,,\r\n", 0},
    {"Connection:\r\n", 0},
    {"Connection: content-length, host\r\n", 0},
    {"Expect: 100-continue\r\n", 0},
    {"Expect: 100-CONTINUE\r\n", 0},
    /* Line ends. */
    {"A: b\n", 400},
    {"A: b\nC: d\r\n", 400},
    {"A: b\r\r\n", 400},
    {"A: b\rC: d\r\n", 400},
    {"A\r: b\r\n", 400},
    {"A: b\r\n\n", 400},
    {"\n", 400},
    {"\r\r\n", 400},
    /* Folded lines, space about the name. */
    {" A: b\r\n", 400},
    {"\tA: b\r\n", 400},
    {" \r\n", 400},
    {"\t\r\n", 400},
    {"A: b\r\n c\r\n", 400},
    {"A: b\r\n\tc\r\n", 400},
    {"A: b\r\n \r\n", 400},
    {"A:\r\n Transfer-Encoding: chunked\r\n", 400},
    {"A : b\r\n", 400},
    {"A\t: b\r\n", 400},
    {"A B: c\r\n", 400},
    {"Content-Length : 0\r\n", 400},
    {"Transfer-Encoding : chunked\r\n", 400},
    {"Transfer-Encoding\t: chunked\r\n", 400},
    {" Transfer-Encoding: chunked\r\n", 400},
    {"Content Length: 0\r\n", 400},
    /* Names and values. */
    {": b\r\n", 400},
    {":\r\n", 400},
    {"A\r\n", 400},
    {"A b\r\n", 400},
    {"\"A\": b\r\n", 400},
    {"A@: b\r\n", 400},
    {"A/: b\r\n", 400},
    {"A(: b\r\n", 400},
    {"A{: b\r\n", 400},
    {"A\xC3\xBC: b\r\n", 400},
    {"\vTransfer-Encoding: chunked\r\n", 400},
    {"Transfer-Encoding\v: chunked\r\n", 400},
    {"\x7F: b\r\n", 400},
    {"A: \x01\r\n", 400},
    {"A: b\x7F\r\n", 400},
    {"A: \vb\r\n", 400},
    {"A: \fb\r\n", 400},
    {"A: \x1B[0m\r\n", 400},
    {"A: b\x08\r\n", 400},
    /* Host. */
    {"Host: a\r\n", 400},
    {"Host: b\r\n", 400},
    {"HOST:\r\n", 400},
    /* Content-Length. */
    {"Content-Length: 0\r\nContent-Length: 0\r\n", 400},
    {"Content-Length: 0\r\ncontent-length: 5\r\n", 400},
    {"Content-Length:\r\n", 400},
    {"Content-Length: \t\r\n", 400},
    {"Content-Length: -0\r\n", 400},
    {"Content-Length: -1\r\n", 400},
    {"Content-Length: +1\r\n", 400},
    {"Content-Length: +0\r\n", 400},
    {"Content-Length: 0x1\r\n", 400},
    {"Content-Length: 0x\r\n", 400},
    {"Content-Length: a\r\n", 400},
    {"Content-Length: 1e1\r\n", 400},
    {"Content-Length: 1.0\r\n", 400},
    {"Content-Length: 0.\r\n", 400},
    {"Content-Length: 1_0\r\n", 400},
    {"Content-Length: 0,\r\n", 400},
    {"Content-Length: ,0\r\n", 400},
    {"Content-Length: 0, 0\r\n", 400},
    {"Content-Length: 0,0\r\n", 400},
    {"Content-Length: 1, 1\r\n", 400},
    {"Content-Length: 0 0\r\n", 400},
    {"Content-Length: 1 0\r\n", 400},
    {"Content-Length: \"0\"\r\n", 400},
    {"Content-Length: '0'\r\n", 400},
    {"Content-Length: 0;\r\n", 400},
    {"Content-Length: 0b0\r\n", 400},
    {"Content-Length: \xEF\xBC\x90\r\n", 400},
    {"Content-Length: 9223372036854775807\r\n", 400},
    {"Content-Length: 9223372036854775808\r\n", 400},
    {"Content-Length: 18446744073709551615\r\n", 400},
    {"Content-Length: 18446744073709551616\r\n", 400},
    {"Content-Length: 18446744073709551621\r\n", 400},
    {"Content-Length: 99999999999999999999999999999999\r\n", 400},
    {"Content-Length: 9223372036854775799\r\n", 1},
    /* Transfer-Encoding. */
    {"Transfer-Encoding: chunked\r\n", 1},
    {"transfer-encoding:CHUNKED \r\n", 1},
    {"Transfer-Encoding:\r\n", 501},
    {"Transfer-Encoding: identity\r\n", 501},
    {"Transfer-Encoding: gzip\r\n", 501},
    {"Transfer-Encoding: deflate\r\n", 501},
    {"Transfer-Encoding: gzip, chunked\r\n", 501},
    {"Transfer-Encoding: chunked, gzip\r\n", 501},
    {"Transfer-Encoding: chunked, identity\r\n", 501},
    {"Transfer-Encoding: identity, chunked\r\n", 501},
    {"Transfer-Encoding: chunked, chunked\r\n", 501},
    {"Transfer-Encoding: chunked,\r\n", 501},
    {"Transfer-Encoding: ,chunked\r\n", 501},
    {"Transfer-Encoding: chunked;q=1\r\n", 501},
    {"Transfer-Encoding: chunked;\r\n", 501},
    {"Transfer-Encoding: \"chunked\"\r\n", 501},
    {"Transfer-Encoding: 'chunked'\r\n", 501},
    {"Transfer-Encoding: xchunked\r\n", 501},
    {"Transfer-Encoding: chunkedx\r\n", 501},
    {"Transfer-Encoding: chunk\r\n", 501},
    {"Transfer-Encoding: chunked x\r\n", 501},
    {"Transfer-Encoding: x chunked\r\n", 501},
    {"Transfer-Encoding: chu\xC5\x8B"
     "ked\r\n",
     501},
    {"Transfer-Encoding: \vchunked\r\n", 400},
    {"Transfer-Encoding: chunked\v\r\n", 400},
    {"Transfer-Encoding: chunked\f\r\n", 400},
    {"Transfer-Encoding: \x01"
     "chunked\r\n",
     400},
    {"Transfer-Encoding:\n chunked\r\n", 400},
    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400},
    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400},
    {"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", 400},
    {"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", 400},
    {"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", 400},
    {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400},
    {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400},
    {"Transfer-Encoding: identity\r\nContent-Length: 5\r\n", 400},
    {"Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n", 400},
    {"Content-Length: 5\r\nA: b\r\nTransfer-Encoding:\r\n", 400},
    /* Expectations. */
    {"Expect: 200-ok\r\n", 417},
    {"Expect:\r\n", 417},
    {"Expect: 100-continue, x\r\n", 417},
    {"Expect: 100-continue\r\nExpect: x\r\n", 417},
    {"Expect: 100 continue\r\n", 417},
};

static void field_lines_are_taken_by_the_letter(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(field_lines); i++) {
    judge_between("GET / HTTP/1.1\r\nHost: a\r\n", &field_lines[i], "\r\n");
  }
}

/* Values of Host. */
static const vector hosts[] = {
    {"a", 0},          {"a:1", 0},     {"", 0},         {"127.0.0.1:4318", 0},
    {"[::1]", 0},      {"[::1]:1", 0}, {"a_b", 0},      {"a.b.", 0},
    {"%41", 0},        {"A-B~c", 0},   {"a b", 400},    {"a,b", 400},
    {"a, b", 400},     {"a/", 400},    {"a/b", 400},    {"a?b", 400},
    {"a#b", 400},      {"u@a", 400},   {"a\\b", 400},   {"\"a\"", 400},
    {"<a>", 400},      {"a\tb", 400},  {"a|b", 400},    {"{a}", 400},
    {"\xC3\xBC", 400}, {"a^", 400},    {"`a`", 400},    {"http://a", 400},
    {"a:", 0},         {"a:b", 400},   {"a:1:1", 400},  {"a:-1", 400},
    {"a:+1", 400},     {"a:1 ", 0},    {"[::1", 400},   {"::1]", 400},
    {"[]", 400},       {"[a", 400},    {"a[::1]", 400}, {"[::1]a", 400},
    {"[::1]:x", 400},  {"[::g]", 400}, {"%", 400},      {"%4", 400},
    {"%4x", 400},      {"%zz", 400},   {"a%4", 400},    {":80", 0},
    {"::1", 400},      {"[", 400},     {"]", 400},      {"%41%4a:1", 0},
};

static void hosts_are_names(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(hosts); i++) {
    judge_between("GET / HTTP/1.1\r\nHost: ", &hosts[i], "\r\n\r\n");
  }
  static const char none[] = "GET / HTTP/1.1\r\n\r\n";
  judge(none, sizeof none - 1, 400);
  static const char absolute[] = "GET http://a/ HTTP/1.1\r\n\r\n";
  judge(absolute, sizeof absolute - 1, 400);
  static const char nobody[] = "GET http://:1/ HTTP/1.1\r\nHost: a\r\n\r\n";
  judge(nobody, sizeof nobody - 1, 400);
  static const char old[] = "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n";
  judge(old, sizeof old - 1, 400);
}

/* HTTP/1.0 has neither transfer codings nor expectations. */
static const vector old_fields[] = {
    {"", 0},
    {"Content-Length: 0\r\n", 0},
    {"Expect: 200-ok\r\n", 0},
    {"Transfer-Encoding: chunked\r\n", 400},
    {"Transfer-Encoding: gzip\r\n", 400},
    {"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", 400},
    {"Content-Length: 1\r\nContent-Length: 1\r\n", 400},
};

static void old_requests_have_old_fields(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(old_fields); i++) {
    judge_between("POST / HTTP/1.0\r\n", &old_fields[i], "\r\n");
  }
}

/* Chunked bodies. */
static const vector bodies[] = {
    {"0\r\n\r\n", 0},
    {"00000\r\n\r\n", 0},
    {"1\r\na\r\n0\r\n\r\n", 0},
    {"a\r\n0123456789\r\n0\r\n\r\n", 0},
    {"A\r\n0123456789\r\n0\r\n\r\n", 0},
    {"0A\r\n0123456789\r\n0\r\n\r\n", 0},
    {"000000000000001\r\na\r\n0\r\n\r\n", 0},
    {"1;\r\na\r\n0\r\n\r\n", 0},
    {"1;a\r\na\r\n0\r\n\r\n", 0},
    {"1;a=b;c=\"d e\"\r\na\r\n0;x\r\n\r\n", 0},
    {"1 ; a = b\r\na\r\n0\r\n\r\n", 0},
    {"2\r\n\r\n\r\n0\r\n\r\n", 0},
    {"5\r\n0\r\n\r\n\r\n0\r\n\r\n", 0},
    {"0\r\nA: b\r\n\r\n", 0},
    {"0\r\nA:\r\nB: c d\r\n\r\n", 0},
    {"0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
    /* More must come. */
    {"", 1},
    {"0", 1},
    {"0\r", 1},
    {"0\r\n", 1},
    {"0\r\n\r", 1},
    {"0\r\nA: b\r\n", 1},
    {"5\r\nabcd", 1},
    {"5\r\nabcde", 1},
    {"5\r\nabcde\r\n", 1},
    {"FFFFFFFFFFFFFFF\r\na", 1},
    /* A quoted string ends with its line: here in a chunk of ten bytes. */
    {"1;a=\"\r\n\"\r\na\r\n0\r\n\r\n", 1},
    /* Sizes. */
    {"\r\n", 400},
    {"\n", 400},
    {" 1\r\n", 400},
    {"\t1\r\n", 400},
    {"1 \r\n", 400},
    {"1\t\r\n", 400},
    {"1 a\r\n", 400},
    {"1 1\r\n", 400},
    {"+1\r\n", 400},
    {"-1\r\n", 400},
    {"0x1\r\n", 400},
    {"0X1\r\n", 400},
    {"x\r\n", 400},
    {"g\r\n", 400},
    {"1g\r\n", 400},
    {"1h\r\n", 400},
    {"1_0\r\n", 400},
    {"1,\r\n", 400},
    {"1.0\r\n", 400},
    {"\"1\"\r\n", 400},
    {";a\r\n", 400},
    {"1000000000000000\r\n", 400},
    {"0000000000000001\r\n", 400},
    {"FFFFFFFFFFFFFFFF\r\n", 400},
    {"10000000000000001\r\n", 400},
    {"ffffffffffffffffffffffff\r\n", 400},
    {"\xEF\xBC\x91\r\n", 400},
    /* Line ends. */
    {"1\na\r\n0\r\n\r\n", 400},
    {"1\r\r\na\r\n", 400},
    {"1\ra\r\n", 400},
    {"1\r a\r\n", 400},
    {"1\r\na\n0\r\n\r\n", 400},
    {"1\r\na\r0\r\n\r\n", 400},
    {"1\r\nab\r\n0\r\n\r\n", 400},
    {"1\r\na0\r\n\r\n", 400},
    {"1\r\n\r\n0\r\n\r\n", 400},
    {"2\r\na\r\n0\r\n\r\n", 400},
    {"0\n\r\n", 400},
    {"0\r\n\n", 400},
    {"0\r\n\rx", 400},
    {"0\r\r\n", 400},
    {"0\r\n\r\r\n", 400},
    {"1;a\na\r\n0\r\n\r\n", 400},
    {"1;a\rb\r\na\r\n0\r\n\r\n", 400},
    {"1;a=\"\n\"\r\na\r\n0\r\n\r\n", 400},

    {"1;\x01\r\n", 400},
    {"1;\x7F\r\n", 400},
    {"1 ;\n", 400},
    {"1 \n", 400},
    /* Trailers. */
    {"0\r\nA: b\n\r\n", 400},
    {"0\r\nA: b\rC: d\r\n\r\n", 400},
    {"0\r\nA : b\r\n\r\n", 400},
    {"0\r\n A: b\r\n\r\n", 400},
    {"0\r\n\tA: b\r\n\r\n", 400},
    {"0\r\nA: b\r\n c\r\n\r\n", 400},
    {"0\r\nA\r\n\r\n", 400},
    {"0\r\n: b\r\n\r\n", 400},
    {"0\r\nA: \x01\r\n\r\n", 400},
    {"0\r\nA\xC3: b\r\n\r\n", 400},
    {"0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
};

static void chunks_are_taken_by_the_letter(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(bodies); i++) {
    judge_between(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        &bodies[i], "");
  }
}

/* For each place in a request: the bytes that may stand there. */
static const struct {
  const char *before;
  const char *allowed; /* beside letters and digits; NULL = see below */
  const char *after;
  unsigned status;
} places[] = {
    {"G", "!#$%&'*+-.^_`|~", "T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /a", "!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
     "b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX", "!#$%&'*+-.^_`|~:", "X: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: a", NULL, "b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a", "!$&'()*+-._~;=", "b\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a",
     NULL, "b\r\na\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\nX",
     "!#$%&'*+-.^_`|~:", "X: b\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\nX: a",
     NULL, "b\r\n\r\n", 400},
};

static bool allowed(const char *set, unsigned c) {
  const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                     (c >= 'A' && c <= 'Z');
  if (set == NULL) {
    return c == '\t' || (c >= ' ' && c != 0x7F);
  }
  return plain || (c != 0 && c < 0x80 && strchr(set, (int)c) != NULL);
}

static void every_byte_is_allowed_or_refused_in_every_place(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(places); i++) {
    for (unsigned c = 0; c < 256; c++) {
      oa_buf all = {0};
      const char *before = places[i].before;
      const char *after = places[i].after;
      assert_int_equal(oa_buf_put(&all, before, strlen(before)), OA_OK);
      assert_int_equal(oa_buf_put_byte(&all, (uint8_t)c), OA_OK);
      assert_int_equal(oa_buf_put(&all, after, strlen(after)), OA_OK);
      judge((const char *)all.data, all.len,
            allowed(places[i].allowed, c) ? 0 : places[i].status);
      oa_buf_free(&all);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(request_lines_are_taken_by_the_letter),
      cmocka_unit_test(field_lines_are_taken_by_the_letter),
      cmocka_unit_test(hosts_are_names),
      cmocka_unit_test(old_requests_have_old_fields),
      cmocka_unit_test(chunks_are_taken_by_the_letter),
      cmocka_unit_test(every_byte_is_allowed_or_refused_in_every_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
