# SPDX-License-Identifier: Apache-2.0
"""gRPC over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md) as a server has to keep it, and
well-behaved clients of every kind."""

import gzip
import struct

from http2conformance import (OK, QUIET, Table, grpc, http, in_every_way, run_table, stream)
from http2peer import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS,
                       PADDED, PING, PRIORITY, WITH_PRIORITY, fields, frame, goaway, message, reset,
                       settings, span, window)

TABLE = Table()
add, case = TABLE.add, TABLE.case

MALFORMED = stream("PROTOCOL_ERROR") | http(400)
ENCODINGS = ("identity", "gzip", "zstd")
BAD = grpc(3, 13)  # INVALID_ARGUMENT or INTERNAL
NOWHERE = grpc(12)


def body(peer):
    return message(span(peer.name))


def sent(section, title, allowed, *more, content=body, check=None, drop=(), **over):
    add(section, title, allowed,
        lambda peer: peer.call(fields(*more, drop=drop, **over), body=content(peer)), check=check)


# --- the shape of answers ---


def one_block(peer, answer):
    """Trailers-Only: an error that needs no message is one block."""
    del peer
    assert answer.trailers is None and answer.data == b"" and answer.ended
    names = [name for name, _ in answer.head]
    assert names.count(b"grpc-status") == 1 and names.count(b"content-type") == 1
    assert answer.field(":status") == "200"
    assert answer.field("content-type").startswith("application/grpc")


def message_and_trailers(peer, answer):
    del peer
    assert answer.field(":status") == "200"
    assert answer.field("content-type").startswith("application/grpc")
    assert b"grpc-status" not in dict(answer.head)
    assert [name for name, _ in answer.trailers].count(b"grpc-status") == 1
    flag, length = struct.unpack(">BI", answer.data[:5])
    assert flag == 0 and length == len(answer.data) - 5


def accepted(peer, answer):
    one_block(peer, answer)
    named = [word.strip() for word in answer.field("grpc-accept-encoding").split(",")]
    assert set(ENCODINGS) <= set(named), named


def readable(peer, answer):
    """grpc-message: printable ASCII, percent-encoded."""
    one_block(peer, answer)
    text = answer.field("grpc-message")
    assert text and all(" " <= c <= "~" for c in text), text


sent("answer", "an answer with a message", OK, check=message_and_trailers)
sent("answer", "an error is one block", NOWHERE, path="/no.such.Service/Method", check=one_block)
sent("answer", "a path with odd characters in the text", NOWHERE,
     path="/caf%C3%A9%/\"\\~", check=readable)

# --- requests: method, path, te ---

for path in ("/opentelemetry.proto.collector.trace.v1.TraceService/Import",
             "/opentelemetry.proto.collector.trace.v1.TraceService/",
             "/opentelemetry.proto.collector.trace.v1.TraceService",
             "/opentelemetry.proto.collector.trace.v1.TraceService/Export/",
             "/opentelemetry.proto.collector.trace.v1.TraceService/export",
             "//opentelemetry.proto.collector.trace.v1.TraceService/Export",
             "/Opentelemetry.proto.collector.trace.v1.TraceService/Export",
             "/opentelemetry.proto.collector.trace.v1.TraceService%2FExport", "/", "/a", "/" * 1000):
    sent("path", f"unknown: {path[-30:]}", NOWHERE, path=path, check=one_block)
sent("te", "trailers", OK)
sent("te", "is missing", OK | grpc(13) | http(400), drop=("te",))

# --- content-type ---

for kind in ("application/grpc", "application/grpc+proto", "application/grpc; charset=utf-8",
             "application/grpc;a=b", "application/grpc+proto; x"):
    sent("content-type", kind, OK, content_type=kind)
for kind in ("application/grpcx", "application/grpc-web", "application/grpc-web+proto",
             "application/grpc-web-text", "text/plain", "text/html", "application/octet-stream",
             "application", "application/", "grpc", "", "application/grp", "application/grpc/proto"):
    sent("content-type", f"{kind!r} is not gRPC", http(415), content_type=kind)
sent("content-type", "a codec that we do not have", http(415) | grpc(12, 13),
     content_type="application/grpc+json")
sent("content-type", "is missing", http(415), drop=("content-type",))

# --- grpc-timeout ---

for value in ("1H", "99999999H", "1M", "5S", "10000m", "10000000u", "99999999n", "00000010S"):
    sent("grpc-timeout", f"{value}", OK, grpc_timeout=value)
for value in ("", "S", "5", "5s", "5h", "-5S", "+5S", "0x5S", "5.5S", "123456789S", "5 S", "5SS", "S5", "5,S",
              "five", "5ms", "infinite", "\u0665S"):
    sent("grpc-timeout", f"malformed: {value!r}", grpc(3, 13) | http(400), grpc_timeout=value,
         check=lambda peer, answer: one_block(peer, answer))
sent("grpc-timeout", "has run out", OK | grpc(4), grpc_timeout="1n")
sent("grpc-timeout", "of nothing", OK | grpc(3, 4, 13), grpc_timeout="0S")

# --- grpc-encoding ---

for name in ("br", "deflate", "snappy", "GZIP", "gzip,identity", "x", "zstdarrow0", "zstdarrow11"):
    sent("grpc-encoding", f"{name} is not known", NOWHERE, grpc_encoding=name, check=accepted)
    sent("grpc-encoding", f"{name} is not known, whatever the flag", NOWHERE, grpc_encoding=name,
         content=lambda peer: message(span(peer.name), flag=1), check=accepted)
sent("grpc-encoding", "gzip", OK, grpc_encoding="gzip",
     content=lambda peer: message(gzip.compress(span(peer.name)), flag=1))


@case("grpc-encoding", "gzip of nothing", OK)
def _(peer):
    number = peer.open(fields(grpc_encoding="gzip"))
    peer.data(number, message(gzip.compress(b""), flag=1))
    return number


for name in ENCODINGS:
    sent("grpc-encoding", f"{name}, but this message is not compressed", OK, grpc_encoding=name)
for name in ("gzip", "zstd"):
    sent("grpc-encoding", f"{name} that is none", BAD, grpc_encoding=name,
         content=lambda peer: message(span(peer.name), flag=1), check=one_block)
sent("grpc-encoding", "gzip that is cut", BAD, grpc_encoding="gzip",
     content=lambda peer: message(gzip.compress(span(peer.name))[:-3], flag=1))
sent("grpc-encoding", "gzip with something behind", BAD, grpc_encoding="gzip",
     content=lambda peer: message(gzip.compress(span(peer.name)) + b"more", flag=1))
sent("grpc-encoding", "compressed without saying how", grpc(12, 13),
     content=lambda peer: message(gzip.compress(span(peer.name)), flag=1))
sent("grpc-encoding", "compressed as identity", grpc(12, 13), grpc_encoding="identity",
     content=lambda peer: message(span(peer.name), flag=1))
for value in ("identity", "gzip", "", "br;q=1", "x" * 500):
    sent("grpc-accept-encoding", f"{value[:9]!r}", OK, grpc_accept_encoding=value)

# --- messages ---

for flag in (2, 3, 0x7F, 0x80, 0xFF):
    sent("message", f"the flag {flag}", BAD, content=lambda peer, flag=flag: message(
        span(peer.name), flag=flag), check=one_block)


def lies(title, allowed, make):
    sent("message", title, allowed, content=lambda peer: make(span(peer.name)))


lies("a length one too small", grpc(3, 12, 13), lambda s: message(s, length=len(s) - 1))
lies("a length one too great", grpc(3, 13), lambda s: message(s, length=len(s) + 1))
lies("a length of nothing before a body", grpc(3, 12, 13), lambda s: message(s, length=0))
lies("a length of 2^32-1", grpc(8), lambda s: message(s, length=0xFFFFFFFF))
lies("a length of 2^31", grpc(8), lambda s: message(s, length=1 << 31))
lies("a length within the limit that never comes", grpc(3, 13), lambda s: message(s, length=1 << 20))
lies("no message at all", grpc(3, 12, 13), lambda s: b"")
lies("two messages", grpc(12, 13), lambda s: message(s) * 2)
lies("a message and an empty one", grpc(12, 13), lambda s: message(s) + message(b""))
lies("an empty message and another", grpc(12, 13), lambda s: message(b"") + message(s))
lies("a message and one octet", grpc(12, 13), lambda s: message(s) + b"\0")
for size in range(1, 5):
    lies(f"{size} octets of the five", grpc(3, 13), lambda s, size=size: message(s)[:size])
lies("the five octets alone", grpc(3, 13), lambda s: message(s)[:5])


@case("message", "an empty message", OK, check=message_and_trailers)
def _(peer):
    number = peer.open()
    peer.data(number, message(b""))
    return number


@case("message", "no DATA at all", grpc(3, 12, 13), check=one_block)
def _(peer):
    return peer.open(end=True)


@case("message", "cut at any octet", OK)
def _(peer):
    content = body(peer)
    for at in range(len(content) + 1):
        number = peer.names(peer.open())
        peer.data(number, content[:at], end=False)
        peer.barrier()
        peer.data(number, content[at:])
        assert peer.finish(number).field("grpc-status") == "0", at
    return number


@case("message", "END_STREAM at any octet before the last", grpc(3, 12, 13))
def _(peer):
    content = body(peer)
    for at in range(len(content)):
        number = peer.names(peer.open())
        peer.data(number, content[:at])
        assert peer.finish(number).field("grpc-status") not in (None, "0"), at
    return number


@case("message", "END_STREAM in a frame of its own", OK)
def _(peer):
    number = peer.names(peer.open())
    peer.data(number, body(peer), end=False)
    peer.barrier()
    peer.data(number, b"")
    return number


@case("message", "END_STREAM on trailers before the message is whole", grpc(3, 13))
def _(peer):
    number = peer.names(peer.open())
    peer.data(number, body(peer)[:-1], end=False)
    peer.open([("grpc-status", "0")], stream=number, end=True)
    return number


# --- metadata ---

for name, value in (("x-bin", "AAEC"), ("x-bin", "AAE"), ("x-bin", "AAE="), ("x-bin", "AA,BB"),
                    ("x-bin", "!not base64!"), ("x-bin", ""), ("grpc-tags-bin", "AA"),
                    ("grpc-trace-bin", "A" * 500), ("grpc-future", "1"), ("grpc-status", "5"),
                    ("grpc-message", "%zz"), ("grpc-message-type", "opentelemetry.X"),
                    ("user-agent", ""), ("user-agent", "grpc-c/1 (x; y)"), ("authorization", "Bearer x")):
    sent("metadata", f"{name}: {value[:12]}", OK, (name, value))
sent("metadata", "the same name many times", OK, *[("x-many", str(i)) for i in range(80)])

# --- clients that go away ---


@case("cancel", "RST_STREAM before the message is whole", QUIET)
def _(peer):
    content = body(peer)
    for at in range(len(content)):
        number = peer.open()
        peer.data(number, content[:at], end=False)
        peer.send(reset(number))
    return None


@case("cancel", "RST_STREAM between HEADERS and DATA of others", OK)
def _(peer):
    numbers = [peer.open() for _ in range(9)]
    for number in numbers[::2]:
        peer.send(reset(number))
    for number in numbers[1::2]:
        peer.data(number, message(span(f"{peer.name} {number}")))
        peer.names(number, f"{peer.name} {number}")
    for number in numbers[1::2]:
        peer.finish(number)
    return numbers[1]


# --- every frame in every state that allows it ---

def polite(number):
    """Frames that may come at any time."""
    return (frame(PING, 0, 0, b"in state"), frame(PRIORITY, 0, number, b"\0\0\0\0\x0f"), settings(),
            window(0, 1), frame(0x33, 0x5A, number, b"extension"))


def in_every_state(section, title, block_parts, padded):
    @case(section, title, OK)
    def _(peer):
        peer.barrier()

        def all_frames(number, *more):
            peer.unacked.append(())
            peer.send(*polite(number), *more)

        for _ in range(3):
            number = peer.number()
            all_frames(number)  # idle
            block = peer.encoder.encode(fields())
            if padded:
                block = b"\x05" + b"\0\0\0\0\x10" + block + bytes(5)
            flags = PADDED | WITH_PRIORITY if padded else 0
            cuts = block_parts - 1
            pieces = [*(block[i:i + 1] for i in range(cuts)), block[cuts:]]
            for at, piece in enumerate(pieces):
                last = END_HEADERS if at + 1 == len(pieces) else 0
                peer.send(frame(CONTINUATION if at else HEADERS, last | (0 if at else flags),
                                number, piece))
            all_frames(number, window(number, 100))  # open
            content = message(span(f"{peer.name} {number}"))
            peer.names(number, f"{peer.name} {number}")
            for octet in content[:10]:
                peer.send(frame(DATA, 0, number, bytes([octet])))
                all_frames(number, window(number, 1))
            peer.send(frame(DATA, PADDED, number, b"\7" + content[10:] + bytes(7)))
            peer.open([("x-trailer", "1")], stream=number, end=True)
            all_frames(number, window(number, 1))  # half-closed (remote)
            peer.finish(number)
            all_frames(number, window(number, 1), reset(number, 0))  # closed
        return number


for parts in (1, 2, 4):
    in_every_state("generic", f"requests whose HEADERS come in {parts} frames", parts, False)
in_every_state("generic", "requests padded and with priorities", 1, True)


@case("generic", "a hundred calls at once, their frames mixed", OK)
def _(peer):
    numbers = [peer.open() for _ in range(100)]
    contents = {n: message(span(f"{peer.name} {n}")) for n in numbers}
    for start in range(0, 40, 8):
        for number in numbers:
            part = contents[number][start:start + 8]
            if part:
                peer.data(number, part, end=start + 8 >= len(contents[number]))
    for number in numbers:
        peer.names(number, f"{peer.name} {number}")
        peer.finish(number)
    return number


@case("generic", "a thousand calls one behind the other", OK)
def _(peer):
    for at in range(1000):
        number = peer.call(name=f"{peer.name} {at}")
        if at % 50 == 49:
            peer.finish(number)
    return number


@case("generic", "all of it in one write", OK)
def _(peer):
    parts, numbers = [], []
    for at in range(50):
        number = peer.names(peer.number(), f"{peer.name} {at}")
        numbers.append(number)
        parts += [frame(HEADERS, END_HEADERS, number, peer.encoder.encode(fields())),
                  frame(DATA, END_STREAM, number, message(span(f"{peer.name} {at}")))]
    peer.send(*parts)
    for number in numbers:
        assert peer.finish(number).field("grpc-status") == "0"
    return number


@case("generic", "a client that leaves as it should", OK, last=True)
def _(peer):
    number = peer.call()
    peer.finish(number)
    peer.send(goaway(0, 0))
    peer.wait(lambda: False)
    assert peer.closed
    return number


@case("generic", "a client that acknowledges PING and SETTINGS of nobody", QUIET)
def _(peer):
    peer.send(frame(PING, ACK, 0, bytes(8)) * 5)


@case("generic", "OTLP over HTTP on the same connection", OK)
def _(peer):
    number = peer.open(fields(path="/v1/traces", content_type="application/x-protobuf",
                              drop=("te",)))
    peer.data(number, span(f"{peer.name} http"))
    answer = peer.finish(number)
    assert answer.field(":status") == "200", answer.__dict__
    assert int(answer.field("content-length")) == len(answer.data)
    peer.run.stored[f"{peer.name} http"] += 1
    return peer.call()


@case("generic", "HEAD and GET answer with the same length", http(404, 405))
def _(peer):
    lengths = []
    for method in ("GET", "HEAD"):
        number = peer.open(fields(path="/v1/traces", method=method, drop=("content-type", "te")),
                           end=True)
        answer = peer.finish(number)
        lengths.append(answer.field("content-length"))
        assert len(answer.data) == (int(lengths[0]) if method == "GET" else 0)
    assert lengths[0] == lengths[1]
    return number


@in_every_way
def test_grpc_and_polite_clients(start, tmp_path, way):
    run_table(TABLE, start, tmp_path, way)
