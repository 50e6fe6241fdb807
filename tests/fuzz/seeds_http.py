# SPDX-License-Identifier: Apache-2.0
"""Connections of HTTP/1.1 and HTTP/2, and gRPC in them."""
import gzip
import struct

import hpack
import zstandard


def join(*parts):
    """Bytes, and numbers that stand for words."""
    return b"".join(bytes([part]) if isinstance(part, int) else part for part in parts)


def http1():
    """Requests of HTTP/1.1, and the smuggler's."""
    def request(line, *fields, body=b""):
        lines = (line,) + fields + ("", "")
        return "\r\n".join(lines).encode() + body

    host, chunked = "Host: a", "Transfer-Encoding: chunked"
    get, post = "GET / HTTP/1.1", "POST /v1/logs HTTP/1.1"
    return [request(get, host),
            request("GET /a?b HTTP/1.0", "Connection: keep-alive"),
            request("GET http://a:1/b?c HTTP/1.1", host, "Connection: close"),
            request("OPTIONS * HTTP/1.1", "Host: [::1]:4318", "Origin: x"),
            request(post, host, "Content-Length: 5", "Expect: 100-continue",
                    body=b"hello"),
            request(post, host, chunked,
                    body=b"5;a=\"b\"\r\nhello\r\n0\r\nA: b\r\n\r\n"),
            request(post, host, "Content-Length: 2", body=b"ab")
            + request(get, host),
            request(get, host, "Upgrade: h2c", "HTTP2-Settings: AAMAAABk",
                    "Connection: Upgrade, HTTP2-Settings"),
            request(post, host, chunked, "Content-Length: 5", body=b"0\r\n\r\n"),
            request(get, host, "A:b", " folded"),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            request(get, host, *("a:b",) * 16),
            request(get, host, "A: " + "x" * 2100)]


def http1_sessions():
    """Connections of HTTP/1.1; bytes below 15 are words (see the target)."""
    get, post, kept, length, chunked, zipped, zstd, close = range(1, 9)
    expect, body, last = 11, 12, 14

    packed = gzip.compress(b"hello " * 20, mtime=0)
    tight = zstandard.compress(b"hello " * 20)
    yield join(get, b"\r\n") * 3
    yield join(post, length, b"5", body, b"hello") * 2
    yield join(post, chunked, b"\r\n5\r\nhello\r\n3;a=b\r\nabc\r\n", last)
    yield join(post, zipped, length, str(len(packed)).encode(), body) + packed
    yield join(post, zstd, length, str(len(tight)).encode(), body) + tight
    yield join(kept, length, b"2", body, b"ab", get, close, b"\r\n")
    yield join(post, expect, length, b"3", body, b"abc")
    yield join(post, length, b"70000", body) + b"y" * 2000
    yield join(post, length, b"9999999", body, b"x")
    yield join(b"GET /no HTTP/1.0\r\n\r\n")
    yield join(post, chunked, length, b"5", body, last)
    yield join(post, zipped, chunked, b"\r\n5\r\nhello\r\n", last, get, b"\r\n")
    yield join(b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n\r\n")


def admin():
    """Connections to the port of health and metrics; bytes below 16 are words
    (see fuzz_admin.c)."""
    metrics, ready, live, root, post, json, length, chunked = range(1, 9)
    close, end, alive, last = 11, 12, 14, 15

    line = b"\r\n"
    yield join(metrics, line)
    yield join(ready, json, line, live, line, metrics, close, line)
    yield join(root, line)
    yield join(root, alive, line, root, line)
    yield join(post, length, end, b"hello")
    yield join(post, chunked, b"\r\n5\r\nhello\r\n", last)
    yield join(ready, length, end, b"hello")
    yield join(b"GET /nothing?a=b&c=%20 HTTP/1.1\r\nHost: a\r\n", line)
    yield join(b"GET /%6detrics HTTP/1.1\r\nHost: [::1]\r\n", json, json, line)
    yield join(live, b"A: " + b"x" * 900 + b"\r\n b\r\n", line)
    yield join(b"GET / HTTP/1.1", end)


def http2_frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def http2():
    """Connections of HTTP/2, behind the preface, which the target adds."""
    data, head, rst, settings, ping, goaway, window, more = 0, 1, 3, 4, 6, 7, 8, 9
    hello = http2_frame(settings, 0, 0)

    def fields(path, grpc=True, **extra):
        pairs = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "a")]
        if grpc:
            pairs += [("te", "trailers"), ("content-type", "application/grpc")]
        return pairs + [(name.replace("_", "-"), value) for name, value in extra.items()]

    def block(pairs, huffman=True):
        return hpack.Encoder().encode(pairs, huffman=huffman)

    message = b"\0\0\0\0\x05hello"
    unary = http2_frame(head, 4, 1, block(fields("/a/U"))) + http2_frame(data, 1, 1, message)
    yield hello + unary
    yield hello + http2_frame(settings, 1, 0) + http2_frame(head, 4, 1, block(
        fields("/a/S"), huffman=False)) + http2_frame(data, 0, 1, message * 3) + http2_frame(
            data, 0, 1, message[:7]) + http2_frame(data, 1, 1, message[7:])
    packed = gzip.compress(b"hello" * 40, mtime=0)
    yield hello + http2_frame(head, 4, 1, block(fields("/a/U", grpc_encoding="gzip"))) + \
        http2_frame(data, 1, 1, b"\x01" + struct.pack(">I", len(packed)) + packed)
    yield hello + http2_frame(head, 4, 1, block(fields("/k", False, content_length="5"))) + \
        http2_frame(data, 1, 1, b"hello")
    yield hello + http2_frame(head, 5, 1, block(fields("/no")))
    yield hello + http2_frame(head, 5, 1, block(fields("/no", False)))
    yield hello + http2_frame(head, 4, 1, block(fields("/k", False))) + http2_frame(
        data, 9, 1, b"\x02hello\0\0") + http2_frame(rst, 0, 1, b"\0\0\0\x08")
    encoder = hpack.Encoder()
    yield hello + b"".join(
        http2_frame(head, 4, 2 * i + 1, encoder.encode(fields("/a/U", x=str(i)))) +
        http2_frame(data, 1, 2 * i + 1, message) for i in range(12))
    whole = block(fields("/a/U", x="y" * 50), huffman=False)
    yield hello + http2_frame(head, 0, 1, whole[:20]) + http2_frame(more, 0, 1, whole[20:40]) + \
        http2_frame(more, 4, 1, whole[40:]) + http2_frame(data, 1, 1, message)
    yield hello + http2_frame(head, 0x2C, 1, b"\x01\0\0\0\0\x10" + block(fields("/a/S")) +
                              b"\0") + http2_frame(data, 0, 1, message) + http2_frame(
                                  head, 5, 1, block([("trailer", "x")]))
    yield http2_frame(settings, 0, 0, struct.pack(">HIHIHI", 4, 1, 1, 0, 5, 16384)) + unary + \
        http2_frame(window, 0, 1, b"\0\0\0\x10") + http2_frame(window, 0, 0, b"\0\0\1\0")
    yield hello + http2_frame(ping, 0, 0, b"01234567") + http2_frame(ping, 1, 0, b"01234567") + \
        http2_frame(2, 0, 3, b"\0\0\0\x01\x10") + unary + http2_frame(
            goaway, 0, 0, b"\0\0\0\0\0\0\0\0bye")
    long = struct.pack(">BI", 0, 40000) + b"x" * 16000
    yield hello + http2_frame(head, 4, 1, block(fields("/a/U"))) + http2_frame(
        data, 0, 1, long) + http2_frame(head, 4, 3, block(fields("/a/U"))) + http2_frame(
            data, 1, 3, message)
    yield hello + http2_frame(head, 4, 1, b"\x20\x3f\xe1\x1f" + block(fields("/a/U"))) + \
        http2_frame(data, 1, 1, message)
    yield hello + http2_frame(head, 5, 1, block(fields("/a/U", grpc_timeout="1n")))


def grpc():
    """Header values, and texts of errors."""
    return [b"1S", b"99999999H", b"12345678n", b"0m", b"identity", b"gzip",
            b"zstd", b"zstdarrow1", b"zstdarrow10", b"application/grpc",
            b"application/grpc+proto", b"application/grpc;charset=utf-8",
            "50 % of \u00fc\n\u20ac".encode(),
            b"traces: resource_spans[0]: field 2 at offset 17 ends too early",
            ("x" * 1023 + "\U0001f4a9").encode(), b"%" * 1100]


def grpc_frames():
    """Messages and what is done to them (see fuzz_grpc_frames.c)."""
    flagged, packed, longer, shorter, damaged, repeated = 1, 2, 4, 8, 16, 32
    text = b"hello, hello, hello"

    def message(what, payload=text):
        return bytes([what, len(payload)]) + payload

    honest = flagged | packed
    for encoding in range(4):
        yield bytes([encoding]) + message(honest if encoding else 0)
        yield bytes([encoding | 4]) + (message(0) + message(honest) + message(0, b"")) * 2
    yield bytes([1 | 4 | 1 << 5]) + message(honest) + message(honest, b"")
    yield bytes([2 | 4 | 2 << 5 | 8]) + message(honest | repeated) + message(0)
    for lie in (longer, shorter, damaged, 64):
        yield bytes([1 | 4]) + message(honest) + message(honest | lie) + message(0)
    yield bytes([1]) + message(flagged)
    yield bytes([2 | 16]) + message(honest | repeated)
    yield bytes([3 | 4 | 3 << 5]) + message(0, b"") * 20
