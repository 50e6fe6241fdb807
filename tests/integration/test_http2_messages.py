# SPDX-License-Identifier: Apache-2.0
"""RFC 9113, section 8: what makes a request, and what makes it malformed."""

from http2conformance import (OK, QUIET, Table, either, grpc, http, in_every_way, run_table, stream)
from http2peer import (DATA, END_HEADERS, END_STREAM, HEADERS, fields, frame, message, plain, reset,
                       span)

TABLE = Table()
add, case = TABLE.add, TABLE.case

# 8.1.1: a server may answer 400 before it ends the stream.
MALFORMED = stream("PROTOCOL_ERROR") | http(400)


def body(peer):
    return message(span(peer.name))


def sent(section, title, allowed, *more, drop=(), pairs=None, **over):
    """A whole request, with the fields as they are given."""
    def send(peer):
        chosen = fields(*more, drop=drop, **over) if pairs is None else pairs
        number = peer.names(peer.open_raw(plain(chosen)))
        peer.data(number, body(peer))
        return number
    add(section, title, allowed, send)


# --- 8.1: framing ---

@case("8.1", "a request whose trailers do not end it", MALFORMED)
def _(peer):
    number = peer.open()
    peer.send(frame(DATA, 0, number, body(peer)),
              frame(HEADERS, END_HEADERS, number, plain([("x-trailer", "1")])),
              frame(DATA, END_STREAM, number))
    return number


@case("8.1", "trailers", OK)
def _(peer):
    number = peer.names(peer.open())
    peer.data(number, body(peer), end=False)
    peer.open([("x-trailer", "1"), ("grpc-status", "7")], stream=number, end=True)
    return number


@case("8.1", "trailers without a field", OK)
def _(peer):
    number = peer.names(peer.open())
    peer.data(number, body(peer), end=False)
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, number))
    return number


@case("8.1", "trailers of which two blocks come", either("STREAM_CLOSED") | QUIET)
def _(peer):
    number = peer.open()
    peer.data(number, b"\0\0", end=False)
    peer.send(*[frame(HEADERS, END_HEADERS | END_STREAM, number, plain([("x", "1")]))] * 2)
    return None


for name in (":path", ":status", ":method", ":unknown"):
    @case("8.1", f"{name} in the trailers", MALFORMED)
    def _(peer, name=name):
        number = peer.open()
        peer.data(number, body(peer), end=False)
        peer.send(frame(HEADERS, END_HEADERS | END_STREAM, number, plain([(name, "200")])))
        return number


@case("8.1", "an upper-case name in the trailers", MALFORMED)
def _(peer):
    number = peer.open()
    peer.data(number, body(peer), end=False)
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, number, plain([("X-Trailer", "1")])))
    return number


@case("8.1", "an early answer is followed by NO_ERROR, and the rest is ignored", http(415))
def _(peer):
    number = peer.open(fields(content_type="text/plain"))
    peer.finish(number)
    peer.wait(lambda: peer.streams[number].reset is not None)
    assert peer.streams[number].reset == 0
    peer.send(frame(DATA, 0, number, bytes(1000)), frame(DATA, END_STREAM, number, body(peer)))
    return number


@case("8.1", "an early answer over HTTP leaves time to end the body", http(415))
def _(peer):
    number = peer.open(fields(content_type="text/plain"))
    peer.finish(number)
    peer.data(number, bytes(1000))
    peer.barrier()
    assert peer.streams[number].reset is None
    return number


# --- 8.1.1: malformed messages ---

def counted(title, allowed, length, parts, end_on_headers=False):
    def send(peer):
        content = [part if part is not None else body(peer) for part in parts]
        total = sum(map(len, content))
        number = peer.names(peer.open(
            fields(("content-length", length(total))), end=end_on_headers))
        for at, part in enumerate(content):
            peer.data(number, part, end=at + 1 == len(content))
        return number
    add("8.1.1", title, allowed, send)


counted("content-length as it is", OK, str, [None])
counted("content-length over several frames, some empty", OK, str, [b"", None, b"", b""])
counted("content-length too small by one", MALFORMED, lambda n: str(n - 1), [None])
counted("content-length too great by one", MALFORMED, lambda n: str(n + 1), [None])
counted("content-length of 0 with a body", MALFORMED, lambda n: "0", [None])
counted("content-length of 1 without a body", MALFORMED, lambda n: "1", [], True)
counted("content-length over several frames too small", MALFORMED, lambda n: str(n - 1),
        [b"", None, b"", b""])
counted("content-length far too great", MALFORMED | grpc(8, 13), lambda n: str(1 << 62), [None])
for wrong in ("", "-1", "+5", "0x10", "1e3", "5,5", "5 5", "٣", "18446744073709551616", "1.0", "five",
              "99999999999999999999999999"):
    counted(f"content-length: {wrong!r}", MALFORMED, lambda n, wrong=wrong: wrong, [None])


@case("8.1.1", "content-length twice, the same", MALFORMED | OK)
def _(peer):
    length = str(len(body(peer)))
    return peer.call(fields(("content-length", length), ("content-length", length)))


@case("8.1.1", "content-length twice, once wrong", MALFORMED)
def _(peer):
    length = len(body(peer))
    return peer.call(fields(("content-length", str(length)), ("content-length", str(length - 1))))


@case("8.1.1", "content-length counts no padding", OK)
def _(peer):
    content = body(peer)
    number = peer.names(peer.open(fields(("content-length", str(len(content))))))
    peer.send(frame(DATA, 8 | END_STREAM, number, b"\x09" + content + bytes(9)))
    return number


@case("8.1.1", "content-length and trailers", MALFORMED)
def _(peer):
    content = body(peer)
    number = peer.open(fields(("content-length", str(len(content) + 1))))
    peer.data(number, content, end=False)
    peer.open([("x", "y")], stream=number, end=True)
    return number


# --- 8.2.1: names and values ---

for octet in (*range(0x00, 0x21), *range(0x41, 0x5B, 5), 0x5A, 0x7F, 0x80, 0xC3, 0xFF, 0x22, 0x28, 0x2C,
              0x2F, 0x3A, 0x3B, 0x40, 0x5B, 0x5D, 0x7B, 0x7D):
    for name in (b"x" + bytes([octet]) + b"y", bytes([octet]) + b"x", b"x" + bytes([octet])):
        sent("8.2.1", f"a field called {name!r}", MALFORMED, (name, b"v"))
sent("8.2.1", "a field without a name", MALFORMED, ("", "v"))
sent("8.2.1", "all characters that a name may have", OK,
     ("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz", "v"))
for value in (b"\0", b"a\0b", b"\r", b"\n", b"a\r\nb", b"a\rb", b"a\nb", b"a\r\n b", b"\0\0",
              b"GET / HTTP/1.1\r\n\r\n"):
    sent("8.2.1", f"the value {value!r}", MALFORMED, (b"x-field", value))
    sent("8.2.1", f"the value {value!r} of :authority", MALFORMED, authority=value)
    sent("8.2.1", f"the value {value!r} of user-agent", MALFORMED, (b"user-agent", value))
for value in (b" a", b"a ", b"\ta", b"a\t", b" ", b"\t"):
    sent("8.2.1", f"space around a value: {value!r}", MALFORMED, (b"x-field", value))
for value in (b"", b"a b", b"a\tb", bytes(range(0x80, 0x100)), b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"):
    sent("8.2.1", f"a good value {value[:12]!r}", OK, (b"x-field", value))

# --- 8.2.2: fields of a connection ---

for name, value in (("connection", "close"), ("connection", "keep-alive"), ("connection", "te"),
                    ("proxy-connection", "keep-alive"), ("keep-alive", "timeout=5"),
                    ("transfer-encoding", "chunked"), ("transfer-encoding", "identity"),
                    ("upgrade", "h2c"), ("upgrade", "websocket")):
    sent("8.2.2", f"{name}: {value}", MALFORMED, (name, value))
for value in ("gzip", "trailers, deflate", "trailers;q=0.5", "chunked", ""):
    sent("8.2.2", f"te: {value}", MALFORMED, te=value)
sent("8.2.2", "te: trailers", OK, te="trailers")

# --- 8.2.3: cookies ---

sent("8.2.3", "a cookie in crumbs", OK, ("cookie", "a=b"), ("cookie", "c=d"), ("cookie", "e=f; g=h"))

# --- 8.3 and 8.3.1: pseudo fields ---

for name in (":method", ":scheme", ":path"):
    sent("8.3.1", f"{name} is missing", MALFORMED, drop=(name,))
    sent("8.3", f"{name} twice", MALFORMED,
         pairs=[(name, dict(fields())[name])] + fields())
    sent("8.3", f"{name} twice, different", MALFORMED, pairs=[(name, "other")] + fields())
    sent("8.3", f"{name} behind the other fields", MALFORMED,
         pairs=fields(drop=(name,)) + [(name, dict(fields())[name])])
    sent("8.3.1", f"{name} is empty", MALFORMED | http(404, 405) | grpc(12), **{name[1:]: ""})
sent("8.3", ":authority twice", MALFORMED, pairs=[(":authority", "a")] + fields())
sent("8.3", ":authority behind the other fields", MALFORMED,
     pairs=fields(drop=(":authority",)) + [(":authority", "localhost")])
for name in (":status", ":unknown", ":", ":host", ":method ", ":Method", ":version", ":protocol"):
    sent("8.3", f"{name!r} in a request", MALFORMED, pairs=[(name, "200")] + fields())
    sent("8.3", f"{name!r} at the end of a request", MALFORMED, pairs=fields() + [(name, "200")])
sent("8.3", "no field at all", MALFORMED, pairs=[])
sent("8.3", "no pseudo field", MALFORMED, pairs=[("content-type", "application/grpc")])
sent("8.3.1", ":authority is missing, host is there", OK, ("host", "localhost"), drop=(":authority",))
sent("8.3.1", "neither :authority nor host", OK | MALFORMED, drop=(":authority",))
sent("8.3.1", ":authority and the same host", OK, ("host", "localhost"))
sent("8.3.1", ":authority and another host", MALFORMED | OK, ("host", "example.com"))
sent("8.3.1", "two hosts", MALFORMED | OK, ("host", "a"), ("host", "b"), drop=(":authority",))
sent("8.3.1", "the scheme is not known", OK | MALFORMED, scheme="ftp")
sent("8.3.1", "https over either transport", OK | MALFORMED, scheme="https")
for path in ("x", "http://localhost/x", "*", "?x", " /", "/ x", "/a#b", "//", "/../x"):
    sent("8.3.1", f":path {path!r}", MALFORMED | http(404) | grpc(12), path=path)
for path in ("/\r\nX: y", "/\0", "/\n"):
    sent("8.3.1", f":path {path!r}", MALFORMED, path=path)
sent("8.3.1", "OPTIONS of *", http(200, 204, 400, 404, 405) | grpc(12), path="*", method="OPTIONS",
     content_type="text/plain")
for method in ("GE T", "POST\r\n", "P\0ST", "", "POST ", "(", "PÖST"):
    sent("8.3.1", f":method {method!r}", MALFORMED | http(405, 501), method=method)
for method in ("GET", "PUT", "DELETE", "post", "X" * 100):
    sent("8.3.1", f"gRPC with the method {method[:9]}", http(405), method=method)

# --- 8.5: CONNECT ---

sent("8.5", "CONNECT with the fields of a request", MALFORMED | http(404, 405, 501), method="CONNECT")
sent("8.5", "CONNECT", stream("PROTOCOL_ERROR", "CONNECT_ERROR", "REFUSED_STREAM") | http(
    400, 404, 405, 501), method="CONNECT", drop=(":scheme", ":path"))
sent("8.5", "CONNECT without :authority", MALFORMED | http(405), method="CONNECT",
     drop=(":scheme", ":path", ":authority"))
sent("8.5", "extended CONNECT that we never offered", MALFORMED | http(405, 501),
     pairs=[(":protocol", "websocket")] + fields(method="CONNECT"))

# --- 8.7: whether a request has been worked on ---


@case("8.7", "a request that is reset at once is answered or not, but not twice", QUIET)
def _(peer):
    numbers = [peer.call(name=f"{peer.name} {i}") for i in range(20)]
    peer.send(*[reset(number) for number in numbers])


@in_every_way
def test_requests_and_malformed_ones(start, tmp_path, way):
    run_table(TABLE, start, tmp_path, way)
