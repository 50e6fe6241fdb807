# SPDX-License-Identifier: Apache-2.0
"""Requests as they are smuggled: families of byte strings, each with a marked
request behind it.

The body of the first request mostly is a request itself (hidden), which must
be taken only where every reader sees it.
"""

import dataclasses
import itertools

from wire import sub

TYPE = b"Content-Type: application/x-protobuf\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@dataclasses.dataclass
class Vector:
    family: str
    title: str
    data: bytes
    good: bool  # must be understood


def span(name):
    return sub(1, sub(2, sub(2, sub(5, name))))


def request(body, target=b"/v1/traces", line=None):
    """A request that nobody reads in two ways."""
    return (line or b"POST " + target + b" HTTP/1.1\r\n") + b"Host: localhost\r\n" + TYPE + \
        b"Content-Length: %d\r\n\r\n" % len(body) + body


def head(fields, line=b"POST /v1/traces HTTP/1.1\r\n", host=b"Host: localhost\r\n"):
    return line + host + TYPE + fields + b"\r\n"


def chunk(data, extension=b""):
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


LAST = b"0\r\n\r\n"


class Vectors:
    def __init__(self):
        self.all = []

    def add(self, family, title, make, good=False, marked=True):
        """MAKE gets the name of a span that hides and gives bytes."""
        number = len(self.all)
        data = make(f"hidden {number}")
        if marked:
            data += request(span(f"second {number}"))
        self.all.append(Vector(family, title, data, good))

    def both(self, family, title, fields, good=False):
        """FIELDS before a body that reads as Content-Length, as chunked and as
        a request of its own."""
        def by_length(name):
            hidden = request(span(name))
            return head(fields.replace(b"{n}", b"%d" % len(hidden))) + hidden

        def by_chunks(name):
            body = chunk(span(name)) + LAST
            return head(fields.replace(b"{n}", b"%d" % len(body))) + body

        def chunked_end_first(name):
            body = LAST + request(span(name))
            return head(fields.replace(b"{n}", b"%d" % len(body))) + body

        self.add(family, f"{title}, a request as body", by_length, good)
        self.add(family, f"{title}, chunks as body", by_chunks, good)
        self.add(family, f"{title}, an end of chunks and a request", chunked_end_first, good)


CODINGS = (
    b"chunked", b"Chunked", b"CHUNKED", b" chunked", b"chunked ", b"\tchunked", b"chunked\t",
    b"xchunked", b"chunkedx", b"chunke", b"x-chunked", b"identity", b"identity, chunked",
    b"chunked, identity", b"chunked,chunked", b"chunked, chunked", b"gzip", b"gzip, chunked",
    b"chunked, gzip", b"chunked;q=1", b"chunked; a=b", b"chunked,", b",chunked", b", chunked ,",
    b"", b",", b"\"chunked\"", b"'chunked'", b"chunked\x0b", b"\x0bchunked", b"\x0cchunked", b"chunked\0",
    b"\0chunked", b"chun\0ked", b"chunked\x80", b"\xa0chunked", b"chunked\xa0", b"chunked chunked",
    b"chunked\r", b"\rchunked", b"chunked\x7f", b"c hunked", b"chunked-", b"=chunked", b":chunked",
    b"chunked\\", b"chun%6bed", b"\xefchunked", b"chunked#", b"chunked/1", b"br", b"deflate, gzip",
    b"trailers, chunked", b"\xc2\xadchunked", b"\xc5\xbfchunked", b"chun\xe2\x84\xaaed",
)


def transfer_codings(v):
    for value in CODINGS:
        v.both("transfer-encoding", f"{value!r}", b"Transfer-Encoding:" + value + b"\r\n")
    for first, second in itertools.product((b"chunked", b"identity", b"", b"x"), repeat=2):
        v.both("transfer-encoding", f"{first!r} and {second!r}",
               b"Transfer-Encoding: %s\r\nTransfer-Encoding: %s\r\n" % (first, second))
    for ends in (b"\n", b"\r", b"\r\n ", b"\r\n\t", b"\n\r", b"\r\r\n"):
        v.both("transfer-encoding", f"a line that ends in {ends!r}", b"Transfer-Encoding: chunked" +
               ends + b"X: y\r\n")
        v.both("transfer-encoding", f"a value behind {ends!r}", b"Transfer-Encoding:" + ends +
               b"chunked\r\n")
        v.both("transfer-encoding", f"a field hidden behind {ends!r}", b"X: y" + ends + CHUNKED)


def lengths_beside_codings(v):
    length = b"Content-Length: {n}\r\n"
    for value in (b"chunked", b"identity", b"xchunked", b"", b"Chunked", b"\x0bchunked", b"gzip, chunked"):
        coding = b"Transfer-Encoding: " + value + b"\r\n"
        for title, fields in (("CL, TE", length + coding), ("TE, CL", coding + length),
                              ("CL, X, TE", length + b"X: y\r\n" + coding),
                              ("CL 0, TE", b"Content-Length: 0\r\n" + coding),
                              ("TE, CL 4", coding + b"Content-Length: 4\r\n"),
                              ("CL, TE, CL", length + coding + length)):
            v.both("cl+te", f"{title}, {value!r}", fields)


LENGTHS = (
    b"+{n}", b"-{n}", b"-1", b"-0", b"+0", b"0x{n}", b"0x0", b"{n}.0", b"{n},{n}", b"{n}, {n}", b"{n},", b",{n}",
    b"{n} {n}", b"{n}\t{n}", b"{n};", b"{n}; x", b"\"{n}\"", b"'{n}'", b"{n}\0", b"\0{n}", b"{n}\x0b", b"\x0b{n}",
    b"\x0c{n}", b"{n}\x0c", b"\xa0{n}", b"{n}\x80", b"{n}h", b"{n}_", b"1_0", b"{n}e0", b"1e1", b"1E2", b"",
    b" ", b"\t", b"none", b"inf", b"NaN", b"{n}\r", b"\r{n}", b"0,{n}", b"{n},0", b"0, 0", b"#{n}", b"{n}#",
    b"18446744073709551616", b"18446744073709551615", b"9223372036854775808", b"4294967296{n}",
    b"99999999999999999999999999999999", b"340282366920938463463374607431768211456", b"\xd9\xa3",
    b"\xef\xbc\x95", b"{n}%20", b"%30", b"0b1", b"0o7", b"1 0", b"=5", b":5", b"{n}\x7f",
)


def content_lengths(v):
    for value in (b"{n}", b" {n}", b"{n} ", b"\t{n}\t", b"0{n}", b"0000000000{n}"):
        v.add("content-length", f"{value!r}", lambda name, value=value: head(
            b"Content-Length:" + value.replace(b"{n}", b"%d" % len(span(name))) + b"\r\n") +
            span(name), good=True)
    for value in LENGTHS:
        v.both("content-length", f"{value!r}", b"Content-Length: " + value + b"\r\n")
    for first, second in (("{n}", "{n}"), ("{n}", "0"), ("0", "{n}"), ("0", "0"), ("{n}", "+{n}"),
                          ("", "{n}"), ("{n}", ""), ("5", "6"), ("{n}", "0{n}")):
        for between in ("", "X: y\r\n"):
            v.both("content-length", f"{first!r} and {second!r} {'apart' if between else ''}", (
                f"Content-Length: {first}\r\n{between}Content-Length: {second}\r\n").encode())
    for ends in (b"\n", b"\r", b"\r\n ", b"\r\n\t", b"\n\r", b"\r\r\n", b"\x0b", b"\x0c", b"\x85"):
        v.both("content-length", f"hidden behind {ends!r}", b"X: y" + ends + b"Content-Length: {n}\r\n")
        v.both("content-length", f"a line that ends in {ends!r}", b"Content-Length: {n}" + ends +
               b"X: y\r\n")
    v.add("content-length", "is missing", lambda name: head(b"") + request(span(name)), good=True)
    v.add("content-length", "is 0", lambda name: head(b"Content-Length: 0\r\n") + request(span(name)),
          good=True)


NAME_SPOILERS = (b" ", b"\t", b"\0", b"\x0b", b"\x0c", b"\r", b"\n", b"\x7f", b"\x80", b"\xa0", b"\xff", b"\"", b"(",
                 b",", b"/", b";", b"=", b"@", b"[", b"\\", b"{", b"\xef\xbb\xbf", b"\xc2\xad", b":")


def field_names(v):
    for field, value in ((b"Content-Length", b"{n}"), (b"Transfer-Encoding", b"chunked")):
        for odd in NAME_SPOILERS:
            v.both("name", f"{odd!r} before {field!r}", odd + field + b": " + value + b"\r\n")
            v.both("name", f"{odd!r} behind {field!r}", field + odd + b": " + value + b"\r\n")
        middle = field.replace(b"-", b" ")
        for name in (middle, field.replace(b"-", b"_"), field.replace(b"-", b"\xad"), field + field):
            v.both("name", f"{name!r}", name + b": " + value + b"\r\n")
        v.both("name", f"{field!r} without a colon", field + b" " + value + b"\r\n")
        v.both("name", f"{field!r} alone", field + b"\r\n")
        v.both("name", f"{field!r} folded before the colon", field + b"\r\n : " + value + b"\r\n")
        v.both("name", f"{field!r} as the first line, indented",
               b"\r\n".join((b" " + field + b": " + value, b"")))
    v.both("name", "a field without a name", b": x\r\n")
    v.both("name", "an empty line that is not empty", b" \r\nContent-Length: {n}\r\n")
    v.both("name", "upper and lower case", b"cOnTeNt-LeNgTh: {n}\r\n")
    v.both("name", "upper and lower case of the other", b"tRaNsFeR-eNcOdInG: chunked\r\n")


def spoiled(v):
    """Octets that belong nowhere, in each place of a chunked request."""
    def build(name, places):
        got = {key: places.get(key, b"") for key in (
            "method", "target", "version", "name", "value", "size", "extension", "tname", "tvalue")}
        return (b"PO%(method)bST /v1/tra%(target)bces HTTP/1%(version)b.1\r\nHost: localhost\r\n" % {
            k.encode(): x for k, x in got.items()} + TYPE +
            b"X-Na" + got["name"] + b"me: a val" + got["value"] + b" in it\r\n" + CHUNKED + b"\r\n" +
            b"%x" % len(span(name)) + got["size"] + b";ext=" + got["extension"] + b"1\r\n" + span(name) +
            b"\r\n0\r\nX-Trai" + got["tname"] + b"ler: v" + got["tvalue"] + b"v\r\n\r\n")

    v.add("octets", "none of them", lambda name: build(name, {}), good=True)
    odd = [bytes([c]) for c in (*range(0x00, 0x20), 0x7F, 0x80, 0xA0, 0xFF)] + [b"\r\n", b"\r\n\r\n", b"\r\n "]
    for place in ("method", "target", "version", "name", "value", "size", "extension", "tname", "tvalue"):
        for octets in odd:
            v.add("octets", f"{octets!r} in the {place}",
                  lambda name, place=place, octets=octets: build(name, {place: octets}))


def line_ends(v):
    lines = [b"POST /v1/traces HTTP/1.1", b"Host: localhost",
             b"Content-Type: application/x-protobuf", b"Transfer-Encoding: chunked", b"", b"{size}",
             b"{body}", b"0", b"X-Trailer: 1", b""]
    for at in range(len(lines)):
        for ends in (b"\n", b"\r", b"\r\r\n", b"\n\r", b" \r\n", b"\t\r\n", b"\0\r\n", b"", b"\r\n\r\n", b"\n\n",
                     b"\r\n ", b"\x0b\r\n", b"\x85", b"\xe2\x80\xa8"):
            def make(name, at=at, ends=ends):
                body = span(name)
                filled = [line.replace(b"{size}", b"%x" % len(body)).replace(b"{body}", body)
                          for line in lines]
                return b"".join(line + (ends if i == at else b"\r\n") for i, line in enumerate(filled))
            v.add("line ends", f"{ends!r} behind line {at}", make)
    for before in (b"\n", b"\r", b"\r\n", b"\r\n\r\n", b" ", b"\t", b"\0", b"\r\n ", b" \r\n", b"\xef\xbb\xbf", b"x"):
        v.add("line ends", f"{before!r} before the request line",
              lambda name, before=before: before + request(span(name)))
        v.add("line ends", f"{before!r} between two requests",
              lambda name, before=before: request(span(name)) + before)


SIZES = ("+{n}", "-{n}", "0x{n}", "0X{n}", " {n}", "\t{n}", "{n} ", "{n}\t", "{n}g", "g{n}", "{n}.0", "{n},{n}",
         "{n} {n}", "\"{n}\"", "", ";", "{n};", "{n};;", "{n} ;x", "{n};x ", "{n};x=y", "{n};x=\"y\"", "{n};x=\"y",
         "{n};x\r", "{n}\r", "{n}\r;x", "{n}\0", "\0{n}", "{n};\0", "{n};x\n", "{n}\n", "{n};x=\"\r\n\"", "-0", "+0",
         "0x0", "0 ", " 0", "00", "000000000000000", "0000000000000000", "00000000000000000000{n}", "0{n}",
         "10000000000000000", "ffffffffffffffff", "fffffffffffffffff", "8000000000000000",
         "7fffffffffffffff", "100000000", "ffffffff", "1_0", "1e1", "0b1", "\u0663", "{n}h", "{n}=x", "{n}:",
         "{n}&x", "{n}/", "#{n}", "{N}", "{n};" + "x" * 200, "{n};" + "x" * 5000, "{n}" + " " * 100 + ";x",
         "{n};a=b;c=d;e", "{n};\x7f", "{n};\xff", "{n};Content-Length: 5", "0;x=y")


def chunk_sizes(v):
    for size in SIZES:
        def make(name, size=size):
            body = request(span(name))
            shown = size.replace("{n}", f"{len(body):x}").replace("{N}", f"{len(body):X}")
            return head(CHUNKED) + shown.encode("utf-8") + b"\r\n" + body + b"\r\n" + LAST
        v.add("chunk size", f"{size[:20]!r}", make)
        v.add("chunk size", f"{size[:20]!r} at the end",
              lambda name, size=size: head(CHUNKED) + chunk(span(name)) +
              size.replace("{n}", "0").replace("{N}", "0").encode("utf-8") + b"\r\n\r\n")


def chunk_data(v):
    for ends in (b"", b"\n", b"\r", b"\r\r\n", b"\n\r", b"x\r\n", b"\r\nx", b" \r\n", b"\0\r\n", b"\r\n\r\n", b"\r\n\n",
                 b"xx", b"0\r\n\r\n", b"\r\x0b\n"):
        v.add("chunk data", f"ends in {ends!r}", lambda name, ends=ends: head(CHUNKED) +
              b"%x\r\n" % len(span(name)) + span(name) + ends + LAST)
    for more in (-2, -1, 1, 2, 16):
        v.add("chunk data", f"is longer by {-more} than its size" if more < 0 else
              f"is shorter by {more} than its size", lambda name, more=more: head(CHUNKED) +
              b"%x\r\n" % (len(span(name)) + more) + span(name) + b"\r\n" + LAST)
    for parts in (1, 2, 7):
        v.add("chunk data", f"in chunks of {parts}", lambda name, parts=parts: head(CHUNKED) + b"".join(
            chunk(span(name)[i:i + parts]) for i in range(0, len(span(name)), parts)) + LAST, good=True)
    for last in (b"0\r\n", b"0", b"0\r\nX: y\r\n", b"", b"00\r\n\r\n", b"0\n\n", b"0\r\n\n", b"0\n\r\n", b"0\r\n\r",
                 b"0\r\n \r\n", b"0;x\r\n\r\n", b"0\r\n\r\n\r\n", b"0\r\n\r\n\r\n\r\n", b"0\r\n\r\n0\r\n\r\n", b"\r\n"):
        v.add("chunk data", f"the end is {last!r}",
              lambda name, last=last: head(CHUNKED) + chunk(span(name)) + last)


def trailers(v):
    for good, text in ((True, b"X-Trailer: 1"), (True, b"Content-Length: 5"), (True, b"Transfer-Encoding: chunked"),
                       (True, b"Host: evil"), (True, b"Connection: close"), (True, b"Expect: 100-continue"),
                       (True, b"Authorization: Bearer x"), (True, b"Content-Encoding: gzip"),
                       (True, b"Upgrade: h2c"), (True, b"X:"), (False, b"X : y"), (False, b" X: y"),
                       (False, b"X"), (False, b": y"), (False, b"X: y\r\n folded"), (False, b"X: \0"),
                       (False, b"X: y\nZ: w"), (False, b"X\0: y"), (False, b"X y: z"), (False, b"X: \x7f"),
                       (False, b"GET / HTTP/1.1"), (False, b"X: " + b"y" * 9000), (False, b"X: y\r\n" * 2000)):
        v.add("trailers", f"{text[:30]!r}", lambda name, text=text: head(CHUNKED) + chunk(span(name)) +
              b"0\r\n" + text + b"\r\n\r\n", good=good)


TARGETS = (b"/v1/traces", b"/v1/traces?x=y", b"http://localhost/v1/traces", b"HTTP://localhost/v1/traces",
           b"https://localhost/v1/traces", b"http://other:80/v1/traces?x", b"http://localhost", b"http://",
           b"http:///v1/traces", b"http://a b/v1/traces", b"http://user@localhost/v1/traces",
           b"http://localhost\\/v1/traces", b"http:/v1/traces", b"//localhost/v1/traces", b"/v1/traces#x",
           b"/v1/traces HTTP/1.1", b"*", b"localhost:80", b"v1/traces", b"", b"?x", b"/v1/../v1/traces", b"/v1//traces",
           b"/v1/%74races", b"/v1/traces%00", b"/v1/traces%0d%0aX:%20y", b"/v1/traces;x", b"/v1\\traces",
           b"ftp://localhost/v1/traces", b"file:///etc/passwd", b"http://[::1]/v1/traces",
           b"http://[::1/v1/traces", b"http://:80/v1/traces", b"http://localhost:x/v1/traces", b"http://localhost:/v1/traces",
           b"/" + b"a" * 7000, b"/" + b"a" * 9000, b"/v1/traces\t", b"\t/v1/traces", b"/v1/ traces", b"/\xff", b"/\"<>^`{|}",
           b"http://localhost,other/v1/traces", b"http://%zz/v1/traces", b"javascript:0", b"/v1/traces/",
           b"data:,x", b"urn:x", b"http:v1/traces", b"http://localhost?/v1/traces")


def targets(v):
    for target in TARGETS:
        v.add("target", f"{target[:40]!r}", lambda name, target=target: request(span(name), target))
    for method, target in ((b"CONNECT", b"localhost:80"), (b"CONNECT", b"/v1/traces"), (b"CONNECT", b"*"),
                           (b"OPTIONS", b"*"), (b"OPTIONS", b"/v1/traces"), (b"OPTIONS", b"**"), (b"GET", b"*"),
                           (b"GET", b"localhost:80"), (b"HEAD", b"/v1/traces"), (b"TRACE", b"/")):
        v.add("target", f"{method!r} {target!r}", lambda name, method=method, target=target: head(
            b"", method + b" " + target + b" HTTP/1.1\r\n") + request(span(name)))


VERSIONS = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/2", b"HTTP/3.0",
            b"HTTP/1", b"HTTP/1.", b"HTTP/.1", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1.01", b"HTTP/11.1", b"HTTP/ 1.1",
            b"HTTP /1.1", b"http/1.1", b"Http/1.1", b"HTTP1.1", b"HTTP\\1.1", b"HTTP/1,1", b"HTTP/1.1x", b"HTTP/1.1 x",
            b"HTTPS/1.1", b"XHTTP/1.1", b"HTTP/A.B", b"HTTP/-1.1", b"HTTP/1.-1", b"HTTP/1.1\t", b"HTTP/1.1 ", b"",
            b"HTTP/\xb1.1", b"HTTP/9.9", b"HTTP/1.1HTTP/1.1", b"ICY/1.1", b"RTSP/1.0")


def versions(v):
    for version in VERSIONS:
        v.add("version", f"{version!r}", lambda name, version=version: request(
            span(name), line=b"POST /v1/traces " + version + b"\r\n"))
        v.add("version", f"{version!r} and chunks", lambda name, version=version: head(
            CHUNKED, b"POST /v1/traces " + version + b"\r\n") + chunk(span(name)) + LAST)
    for line in (b"GET /\r\n", b"GET /v1/traces\r\n", b"POST /v1/traces\r\n", b"GET\r\n", b"\r\n", b" \r\n", b"GET  / HTTP/1.1\r\n",
                 b"GET /  HTTP/1.1\r\n", b" GET / HTTP/1.1\r\n", b"GET\t/\tHTTP/1.1\r\n", b"GET / HTTP/1.1 \r\n",
                 b"GET/ HTTP/1.1\r\n", b"GET /HTTP/1.1\r\n", b"/ GET HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n"):
        v.add("version", f"the line {line!r}", lambda name, line=line: request(span(name), line=line))


def old_clients(v):
    line = b"POST /v1/traces HTTP/1.0\r\n"
    for option in (b"", b"Connection: keep-alive\r\n", b"Connection: Keep-Alive\r\n", b"Connection: close\r\n",
                   b"Connection: keep-alive, close\r\n", b"Connection: close\r\nConnection: keep-alive\r\n",
                   b"Keep-Alive: timeout=5\r\n", b"Proxy-Connection: keep-alive\r\n"):
        for host in (b"Host: localhost\r\n", b""):
            for title, fields in (("a length", True), ("chunks", False)):
                def make(name, option=option, host=host, fields=fields):
                    body = span(name)
                    if fields:
                        return head(option + b"Content-Length: %d\r\n" % len(body), line, host) + body
                    return head(option + CHUNKED, line, host) + chunk(body) + LAST
                v.add("http/1.0", f"{option!r} {host[:4]!r} {title}", make, good=fields)


def connections(v):
    for value, good in ((b"close", True), (b"Close", True), (b"keep-alive", True), (b"x, close", True),
                        (b"close, x", True), (b",close,", True), (b"closed", True), (b"close2", True), (b"", True),
                        (b"\"close\"", True), (b"close;x", True), (b"close\0", False), (b"content-length", True),
                        (b"transfer-encoding", True), (b"host, close", True), (b"upgrade", True)):
        v.add("connection", f"{value!r}", lambda name, value=value: head(
            b"Connection: " + value + b"\r\nContent-Length: %d\r\n" % len(span(name))) + span(name), good)
    for value in (b"h2c", b"websocket", b"TLS/1.0", b"h2c, websocket", b"HTTP/2.0", b"", b"h2"):
        upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nUpgrade: " + \
            value + b"\r\n"
        v.add("upgrade", f"{value!r} with a body", lambda name, upgrade=upgrade: head(
            upgrade + b"Content-Length: %d\r\n" % len(span(name))) + span(name), True)
        v.add("upgrade", f"{value!r} and a preface", lambda name, upgrade=upgrade: head(
            upgrade + b"Content-Length: 0\r\n") + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
        v.add("upgrade", f"{value!r} and chunks", lambda name, upgrade=upgrade: head(
            upgrade + CHUNKED) + chunk(span(name)) + LAST, True)
        v.add("upgrade", f"{value!r} and a request that nobody framed", lambda name, upgrade=upgrade: head(
            upgrade) + request(span(name)))
    for value, good in ((b"100-continue", True), (b"100-Continue", True), (b"100-continue, x", False), (b"200-ok", False),
                        (b"", False), (b"x", False), (b"100-continue;x", False), (b"100 continue", False),
                        (b"100-continue\0", False), (b"100-continue\x0b", False), (b",100-continue", False)):
        v.add("expect", f"{value!r} with a body", lambda name, value=value: head(
            b"Expect: " + value + b"\r\nContent-Length: %d\r\n" % len(span(name))) + span(name), good)
        v.add("expect", f"{value!r} and chunks", lambda name, value=value: head(
            b"Expect: " + value + b"\r\n" + CHUNKED) + chunk(span(name)) + LAST, good)
        v.add("expect", f"{value!r} without a body", lambda name, value=value: head(
            b"Expect: " + value + b"\r\nContent-Length: 0\r\n") + request(span(name)), good)
        # Refused by its type, perhaps before the body: what the client does
        # then must not be taken for a request.
        v.add("expect", f"{value!r} where it is refused", lambda name, value=value:
              b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nExpect: " + value +
              b"\r\nContent-Length: %d\r\n\r\n" % len(request(span(name))) + request(span(name)))


HOSTS = (b"localhost", b"localhost:80", b"", b"[::1]", b"[::1]:4318", b"a,b", b"a b", b"a\tb", b"a/b", b"a@b", b"a?b", b"a#b",
         b"a\0", b"\x0ba", b"localhost:x", b"localhost:80:80", b"[::1", b"::1]", b"a\\b", b"a\"", b"<a>", b"a\xff", b"%zz",
         b"%61", b"http://localhost", b"localhost:-1", b"localhost:+1", b"[]", b"a[b]")


def hosts(v):
    for value in HOSTS:
        v.add("host", f"{value!r}", lambda name, value=value: head(
            b"Content-Length: %d\r\n" % len(span(name)), host=b"Host: " + value + b"\r\n") + span(name))
    for title, host in (("is missing", b""), ("twice", b"Host: a\r\nHost: a\r\n"), ("twice, different", b"Host: a\r\nHost: b\r\n"),
                        ("with a space before the colon", b"Host : a\r\n"), ("folded", b"Host: a\r\n b\r\n"),
                        ("indented behind another", b"Host: a\r\n Host: b\r\n"), ("once and as X", b"Host: a\r\nX-Host: b\r\n"),
                        ("in an odd case", b"hOsT: a\r\n")):
        v.add("host", title, lambda name, host=host: head(
            b"Content-Length: %d\r\n" % len(span(name)), host=host) + span(name))


def methods(v):
    for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"TRACE", b"PUT", b"PATCH", b"post", b"X", b"!#$%&'*+-.^_`|~",
                   b"M-SEARCH", b"A" * 32):
        line = method + b" /v1/traces HTTP/1.1\r\n"
        v.add("method", f"{method!r} with a body of a request", lambda name, line=line: request(
            request(span(name)), line=line), good=method[:1].isalpha())
        v.add("method", f"{method!r} with chunks of a request", lambda name, line=line: head(
            CHUNKED, line) + chunk(request(span(name))) + LAST, good=method[:1].isalpha())
        v.add("method", f"{method!r} and a request behind", lambda name, line=line: head(
            b"", line) + request(span(name)), good=method[:1].isalpha())
    for method in (b"G(T", b"G,T", b"G/T", b"G:T", b"G;T", b"G=T", b"G@T", b"\"GET\"", b"G[T", b"G\\T", b"{GET}", b"A" * 33, b"A" * 9000):
        v.add("method", f"{method[:20]!r}", lambda name, method=method: request(
            span(name), line=method + b" /v1/traces HTTP/1.1\r\n"))


def sizes(v):
    for count in (1, 90, 101, 500):
        v.add("size", f"{count} fields", lambda name, count=count: head(
            b"X: y\r\n" * count + b"Content-Length: %d\r\n" % len(span(name))) + span(name), count == 1)
    for count in (100, 8000, 17000, 70000):
        v.add("size", f"a value of {count}", lambda name, count=count: head(
            b"X: " + b"y" * count + b"\r\nContent-Length: %d\r\n" % len(span(name))) + span(name), count == 100)
        v.add("size", f"a name of {count}", lambda name, count=count: head(
            b"X" * count + b": y\r\nContent-Length: %d\r\n" % len(span(name))) + span(name), count == 100)
        v.add("size", f"a query of {count}", lambda name, count=count: request(
            span(name), b"/v1/traces?" + b"q" * count), count == 100)
        v.add("size", f"spaces before a value, {count}", lambda name, count=count: head(
            b"Content-Length:" + b" " * count + b"%d\r\n" % len(span(name))) + span(name), count == 100)


def pipelines(v):
    for count in (1, 2, 10, 100):
        v.add("pipeline", f"{count} requests", lambda name, count=count: b"".join(
            request(span(f"{name} {i}")) for i in range(count)), good=True)
        v.add("pipeline", f"{count} bad bodies that hold requests", lambda name, count=count: b"".join(
            request(request(span(f"{name} {i}"))) for i in range(count)), good=True)
        v.add("pipeline", f"{count} of every kind", lambda name, count=count: b"".join(
            request(span(f"{name} {i}")) + head(CHUNKED) + chunk(span(f"{name} c{i}")) + LAST + b"\r\n" +
            head(b"", b"GET /nowhere HTTP/1.1\r\n") for i in range(count)), good=True)
    v.add("pipeline", "a request behind close", lambda name: head(
        b"Connection: close\r\nContent-Length: 0\r\n") + request(span(name)), good=True)
    for path in (b"/nowhere", b"/v1/logs", b"/opentelemetry.proto.collector.trace.v1.TraceService/Export"):
        v.add("pipeline", f"a request in a body for {path[:10]!r}", lambda name, path=path: request(
            request(span(name)), path), good=True)
    v.add("pipeline", "a body that ends in half a request", lambda name: request(
        b"POST /v1/traces HTTP/1.1\r\nX: "), good=True)
    v.add("pipeline", "a length that swallows what follows", lambda name: head(
        b"Content-Length: 100000\r\n") + request(span(name)))
    v.add("pipeline", "a request that never ends", lambda name: head(
        b"Content-Length: 10\r\n")[:-2], marked=False)
    v.add("pipeline", "HTTP/2 behind a request", lambda name: request(span(name)) +
          b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


def all_vectors():
    v = Vectors()
    for family in (transfer_codings, lengths_beside_codings, content_lengths, field_names, spoiled, line_ends,
                   chunk_sizes, chunk_data, trailers, targets, versions, old_clients, connections, hosts,
                   methods, sizes, pipelines):
        family(v)
    return v.all
