# SPDX-License-Identifier: Apache-2.0
"""RFC 9113, sections 3 to 5: preface, frames, header blocks, streams."""

from http2conformance import (CLOSED, OK, QUIET, Table, connection, either, in_every_way, run_table,
                               stream)
from http2peer import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS,
                       INITIAL_WINDOW, MAX_FRAME, MAX_STREAMS, PADDED, PING, PREFACE, PRIORITY,
                       PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, WITH_PRIORITY, fields,
                       frame, goaway, literal, message, plain, reset, settings, span, window)
from wire import sub

TABLE = Table()
add, case = TABLE.add, TABLE.case

PROTOCOL = connection("PROTOCOL_ERROR")
SIZE = connection("FRAME_SIZE_ERROR")


def body(peer):
    return message(span(peer.name))


def block(peer, **over):
    return peer.encoder.encode(fields(**over))


# --- 3.4: the preface ---

for at in range(len(PREFACE)):
    wrong = PREFACE[:at] + bytes([PREFACE[at] ^ 1]) + PREFACE[at + 1:]
    # In the first bytes it may look like HTTP/1, which has its own answer.
    add("3.4", f"octet {at} of the preface is wrong", PROTOCOL | CLOSED,
        (lambda wrong: lambda peer: peer.socket.sendall(wrong + settings()))(wrong), greet=False)
for first in (frame(PING, payload=bytes(8)), frame(DATA, 0, 1, b"x"), window(0, 1), goaway(),
              frame(PRIORITY, 0, 1, bytes(5)), frame(HEADERS, 5, 1, plain(fields())), reset(1),
              frame(SETTINGS, ACK), frame(0x42, 0, 0, b"x"), frame(CONTINUATION, 4, 1)):
    add("3.4", f"frame type {first[3]} flags {first[4]} instead of SETTINGS", PROTOCOL,
        (lambda first: lambda peer: peer.send(PREFACE, first))(first), greet=False)
add("3.4", "a second preface", SIZE | PROTOCOL, lambda peer: peer.send(PREFACE))


@case("3.4", "the preface octet by octet", OK, greet=False)
def _(peer):
    peer.unacked.append(())
    for octet in PREFACE + settings():
        peer.send(bytes([octet]))
    return peer.call()


@case("3.4", "preface, SETTINGS and a request at once", OK, greet=False)
def _(peer):
    peer.unacked.append(())
    number = peer.names(peer.number())
    peer.send(PREFACE, settings(), frame(HEADERS, END_HEADERS, number, block(peer)),
              frame(DATA, END_STREAM, number, body(peer)))
    return number


# --- 4.1: frame format ---

for kind in (0x0A, 0x0B, 0x0C, 0x10, 0x16, 0x42, 0xFF):
    for where in (0, 1, 2, 99):
        add("4.1", f"unknown type {kind:#x} on stream {where}", QUIET,
            (lambda kind, where: lambda peer: peer.send(frame(kind, 0xFF, where, b"any")))(
                kind, where))


@case("4.1", "unknown types around a request", OK)
def _(peer):
    odd = frame(0x77, 0xFF, 1, bytes(100))
    number = peer.names(peer.open())
    peer.send(odd, frame(DATA, 0, number, body(peer)), odd, frame(DATA, END_STREAM, number), odd)
    return number


@case("4.1", "an unknown type as long as allowed", QUIET)
def _(peer):
    peer.barrier()
    peer.send(frame(0x77, 0, 0, bytes(peer.server[MAX_FRAME])))


@case("4.1", "undefined flags are ignored", OK)
def _(peer):
    number = peer.names(peer.number())
    peer.send(frame(PING, 0xFE, 0, b"ignored!"), frame(SETTINGS, 0xFE), window(0, 1))
    peer.unacked.append(())
    peer.send(frame(HEADERS, END_HEADERS | 0xD2 & ~PADDED & ~WITH_PRIORITY, number, block(peer)),
              frame(WINDOW_UPDATE, 0xFF, number, b"\0\0\0\1"), frame(PRIORITY, 0xFF, 7, bytes(5)),
              frame(DATA, END_STREAM | 0xF6, number, body(peer)))
    return number


@case("4.1", "the reserved bit is ignored", OK)
def _(peer):
    number = peer.names(peer.number())
    high = 1 << 31
    peer.send(frame(HEADERS, END_HEADERS, number | high, block(peer)),
              frame(WINDOW_UPDATE, 0, number | high, b"\x80\0\0\1"),
              frame(PING, 0, high, b"reserved"), frame(WINDOW_UPDATE, 0, high, b"\x80\0\0\1"),
              frame(DATA, END_STREAM, number | high, body(peer)))
    return number


# --- 4.2: frame size ---

@case("4.2", "DATA of 2^14 octets", OK)
def _(peer):
    peer.barrier()
    assert peer.server[INITIAL_WINDOW] >= 16384
    number = peer.names(peer.open())
    known = span(peer.name)
    rest = 16384 - 5 - len(known)
    content = message(known + sub(1000, bytes(rest - 4)))  # a field that nobody knows
    assert len(content) == 16384
    peer.send(frame(DATA, 0, number, content), frame(DATA, END_STREAM, number))
    return number


def too_long(kind, flags, on):
    def send(peer):
        peer.barrier()
        number = peer.open() if on == "open" else on
        peer.send(frame(kind, flags, number, bytes(peer.server[MAX_FRAME] + 1)))
        return None
    return send


for kind, flags, on in ((DATA, 0, "open"), (HEADERS, 4, 1), (SETTINGS, 0, 0), (PING, 0, 0),
                        (PRIORITY, 0, 1), (RST_STREAM, 0, "open"), (GOAWAY, 0, 0),
                        (WINDOW_UPDATE, 0, 0), (CONTINUATION, 4, 1), (0x77, 0, 0)):
    add("4.2", f"type {kind} longer than SETTINGS_MAX_FRAME_SIZE", SIZE, too_long(kind, flags, on))
add("4.2", "the longest length there is", SIZE,
    lambda peer: peer.send(frame(DATA, 0, 1, b"", length=0xFFFFFF)))


# --- 4.3: header blocks ---

for title, fragment in (("an index of 0", b"\x80"), ("no such index", b"\xfe"),
                        ("cut inside a literal", b"\x00\x05abc"), ("an endless integer", b"\xff" * 9)):
    add("4.3", f"HEADERS that do not decode: {title}", connection("COMPRESSION_ERROR"),
        (lambda fragment: lambda peer: peer.open_raw(fragment, end=True))(fragment))


@case("4.3", "trailers that do not decode", connection("COMPRESSION_ERROR"))
def _(peer):
    number = peer.open()
    peer.send(frame(DATA, 0, number, body(peer)), frame(HEADERS, 5, number, b"\x80"))
    return number


@case("4.3", "the rest in CONTINUATION does not decode", connection("COMPRESSION_ERROR"))
def _(peer):
    number = peer.number()
    peer.send(frame(HEADERS, END_STREAM, number, plain(fields())),
              frame(CONTINUATION, END_HEADERS, number, b"\x80"))
    return number


for kind, flags, on in ((DATA, 0, 1), (DATA, 0, 3), (HEADERS, 4, 1), (HEADERS, 4, 3), (PRIORITY, 0, 1),
                        (RST_STREAM, 0, 1), (SETTINGS, 0, 0), (SETTINGS, 1, 0), (PING, 0, 0),
                        (GOAWAY, 0, 0), (WINDOW_UPDATE, 0, 0), (WINDOW_UPDATE, 0, 1),
                        (CONTINUATION, 4, 3), (0x77, 0, 0), (0x77, 0, 1), (PUSH_PROMISE, 4, 1)):
    content = {PRIORITY: bytes(5), RST_STREAM: bytes(4), PING: bytes(8), GOAWAY: bytes(8),
               WINDOW_UPDATE: b"\0\0\0\1", SETTINGS: b""}.get(kind, plain(fields()))
    add("4.3", f"type {kind} flags {flags} on stream {on} inside a header block", PROTOCOL,
        (lambda kind, flags, on, content: lambda peer: peer.send(
            frame(HEADERS, END_STREAM, peer.number(), plain(fields())),
            frame(kind, flags, on, content)))(kind, flags, on, content))


@case("4.3", "a header block cut at any octet", OK)
def _(peer):
    block_ = peer.encoder.encode(fields())
    for at in range(len(block_)):
        number = peer.know(peer.next)
        peer.names(number)
        peer.send(frame(HEADERS, 0, number, block_[:at]),
                  frame(CONTINUATION, END_HEADERS, number, block_[at:]),
                  frame(DATA, END_STREAM, number, body(peer)))
        assert peer.finish(number).field("grpc-status") == "0", at
        block_ = peer.encoder.encode(fields(("n", str(at)))) if at == 3 else peer.encoder.encode(
            fields())
        if at + 1 >= len(block_):
            break
    return number


@case("4.3", "blocks of refused streams count for the table", OK)
def _(peer):
    # A malformed request and one that we gave up leave their fields behind.
    bad = peer.open([("x-kept", "by a malformed request")] + fields(drop=(":method",)))
    assert peer.finish(bad).reset == 1
    gone = peer.open(fields(("x-second", "by a canceled one")))
    peer.send(reset(gone))
    return peer.call(fields(("x-kept", "by a malformed request"), ("x-second", "by a canceled one")))


@case("4.3", "trailers count for the table", OK)
def _(peer):
    number = peer.names(peer.open())
    peer.send(frame(DATA, 0, number, body(peer)))
    peer.open([("x-trailer", "kept")], end=True, stream=number)
    peer.finish(number)
    return peer.call(fields(("x-trailer", "kept")))


# --- 5.1: stream states ---

IDLE = (("DATA", frame(DATA, 0, 1, b"x")), ("RST_STREAM", reset(1)), ("WINDOW_UPDATE", window(1, 5)),
        ("CONTINUATION", frame(CONTINUATION, 4, 1, plain(fields()))))
for title, raw in IDLE:
    add("5.1", f"idle: {title}", PROTOCOL, (lambda raw: lambda peer: peer.send(raw))(raw))
add("5.1", "idle: PRIORITY", QUIET, lambda peer: peer.send(frame(PRIORITY, 0, 1, bytes(5))))
for title, raw in (("DATA", frame(DATA, 0, 9, b"x")), ("RST_STREAM", reset(9)),
                   ("WINDOW_UPDATE", window(9, 5))):
    @case("5.1", f"idle above an open stream: {title}", PROTOCOL)
    def _(peer, raw=raw):
        peer.open()
        peer.send(raw)
    @case("5.1", f"idle between closed streams, skipped: {title}",
          connection("STREAM_CLOSED", "PROTOCOL_ERROR") | QUIET)
    def _(peer, raw=raw):
        peer.names(peer.know(21))
        peer.open(stream=21)
        peer.data(21, body(peer))
        peer.finish(21)
        peer.send(raw)


def half_closed(raw):
    """The request is whole and its answer waits for window."""
    def send(peer):
        number = peer.call()
        peer.wait(lambda: peer.streams[number].head is not None)
        peer.send(raw(number))
        return number
    return send


NO_WINDOW = {"pairs": ((INITIAL_WINDOW, 0),)}


def on_closed(how):
    return {
        "DATA": lambda n: frame(DATA, END_STREAM, n, message(span("never"))),
        "HEADERS": lambda n: frame(HEADERS, END_STREAM | END_HEADERS, n, plain(fields())),
        "CONTINUATION": lambda n: frame(CONTINUATION, END_HEADERS, n, plain(fields())),
    }[how]


add("5.1", "half-closed: DATA", either("STREAM_CLOSED"), half_closed(on_closed("DATA")),
    options=NO_WINDOW)
add("5.1", "half-closed: HEADERS", either("STREAM_CLOSED"), half_closed(on_closed("HEADERS")),
    options=NO_WINDOW)
add("5.1", "half-closed: CONTINUATION", PROTOCOL, half_closed(on_closed("CONTINUATION")),
    options=NO_WINDOW)
add("5.1", "half-closed: WINDOW_UPDATE lets the answer out", OK,
    lambda peer: (half_closed(lambda n: b"")(peer), peer.grant(1, 100))[0] or 1, options=NO_WINDOW)
add("5.1", "half-closed: PRIORITY", OK, lambda peer: (
    half_closed(lambda n: frame(PRIORITY, 0, n, bytes(5)))(peer), peer.grant(1, 100), 1)[2],
    options=NO_WINDOW)
add("5.1", "half-closed: RST_STREAM", QUIET, half_closed(reset), options=NO_WINDOW)


def after_reset(raw):
    def send(peer):
        number = peer.open()
        peer.send(reset(number), raw(number))
        return number
    return send


def after_answer(raw):
    def send(peer):
        number = peer.call()
        peer.finish(number)
        peer.settle()
        peer.named.clear()
        peer.send(raw(number))
        return None
    return send


# Section 5.1 lets an endpoint ignore, or end the connection for, what comes on
# a closed stream; what it must not do is to work on it.
LATE = either("STREAM_CLOSED", "PROTOCOL_ERROR") | QUIET
for how, begin in (("after our RST_STREAM", after_reset), ("after both ends", after_answer)):
    add("5.1", f"closed {how}: DATA", LATE, begin(on_closed("DATA")))
    add("5.1", f"closed {how}: HEADERS", LATE, begin(on_closed("HEADERS")))
    add("5.1", f"closed {how}: CONTINUATION", PROTOCOL, begin(on_closed("CONTINUATION")))
    add("5.1", f"closed {how}: PRIORITY", QUIET, begin(lambda n: frame(PRIORITY, 0, n, bytes(5))))
    add("5.1", f"closed {how}: WINDOW_UPDATE", QUIET, begin(lambda n: window(n, 5)))
    add("5.1", f"closed {how}: RST_STREAM", QUIET, begin(reset))


@case("5.1", "what comes behind our own RST_STREAM is ignored", QUIET)
def _(peer):
    number = peer.number()
    peer.send(frame(HEADERS, END_HEADERS, number, plain([("x", "y")])))  # malformed
    peer.finish(number)
    peer.send(frame(DATA, 0, number, b"late"), window(number, 5), reset(number),
              frame(PRIORITY, 0, number, bytes(5)))


# --- 5.1.1: stream identifiers ---

for number in (2, 4, 0x7FFFFFFE):
    add("5.1.1", f"HEADERS on stream {number}, an even one", PROTOCOL,
        (lambda number: lambda peer: peer.send(frame(HEADERS, 5, number, plain(fields()))))(number))


# A server that has forgotten its closed streams cannot tell such a one from the
# trailers of a stream that it has reset, and may drop it.
@case("5.1.1", "a new stream below an older one is never worked on",
      connection("PROTOCOL_ERROR", "STREAM_CLOSED") | QUIET)
def _(peer):
    peer.open(stream=5)
    peer.send(frame(HEADERS, END_HEADERS, 3, block(peer)),
              frame(DATA, END_STREAM, 3, body(peer)))


@case("5.1.1", "numbers may be skipped", OK)
def _(peer):
    for number in (1, 7, 1001, 0x10001):
        peer.open(stream=number)
        peer.names(number, f"{peer.name} {number}")
        peer.data(number, message(span(f"{peer.name} {number}")))
        peer.finish(number)
    return number


@case("5.1.1", "the highest number", OK, last=True)
def _(peer):
    peer.open(stream=0x7FFFFFFF)
    peer.data(0x7FFFFFFF, body(peer))
    return peer.names(0x7FFFFFFF)


# --- 5.1.2: how many at once ---

# Who has acknowledged the limit and passes it nevertheless may lose all.
@case("5.1.2", "one stream more than was agreed on", either("REFUSED_STREAM", "PROTOCOL_ERROR"))
def _(peer):
    peer.barrier()
    numbers = [peer.open() for _ in range(peer.server[MAX_STREAMS])]
    over = peer.open()
    peer.wait(lambda: peer.streams[over].over)
    peer.send(*[reset(number) for number in numbers])
    return over


@case("5.1.2", "one stream too many before the limit is known harms no other",
      stream("REFUSED_STREAM"), options={"acks": False})
def _(peer):
    peer.barrier()
    numbers = [peer.open() for _ in range(peer.server[MAX_STREAMS])]
    over = peer.open()
    peer.finish(over)
    for number in numbers:
        peer.names(number, f"{peer.name} {number}")
        peer.data(number, message(span(f"{peer.name} {number}")))
    for number in numbers:
        assert peer.finish(number).field("grpc-status") == "0"
    return over


@case("5.1.2", "one that has ended makes room", OK)
def _(peer):
    peer.barrier()
    numbers = [peer.open() for _ in range(peer.server[MAX_STREAMS])]
    peer.send(reset(numbers[0]))
    number = peer.call()
    peer.finish(number)
    for other in numbers[1:]:
        peer.send(reset(other))
    return number


# --- 5.3: what is left of priorities ---

def with_priority(dependency, weight=15):
    def send(peer):
        number = peer.names(peer.number())
        peer.send(frame(HEADERS, END_HEADERS | WITH_PRIORITY, number,
                        dependency.to_bytes(4, "big") + bytes([weight]) + block(peer)),
                  frame(DATA, END_STREAM, number, body(peer)))
        return number
    return send


add("5.3", "HEADERS with a priority", OK, with_priority(0))
add("5.3", "an exclusive dependency on an idle stream", OK, with_priority(0x80000063, 255))
add("5.3", "a stream that depends on itself", OK | either("PROTOCOL_ERROR"), with_priority(1))
add("5.3", "PRIORITY that depends on itself", QUIET | either("PROTOCOL_ERROR"),
    lambda peer: peer.send(frame(PRIORITY, 0, 5, b"\0\0\0\5\0")))
add("5.3", "the field `priority`", OK, lambda peer: peer.call(fields(("priority", "u=9, i, x=("))))


@case("5.3", "a circle of dependencies", OK)
def _(peer):
    for a, b in ((1, 3), (3, 5), (5, 1), (1, 5), (7, 1)):
        peer.send(frame(PRIORITY, 0, a, (1 << 31 | b).to_bytes(4, "big") + b"\x07"))
    return peer.call()


# --- 5.4: errors ---

@case("5.4.1", "GOAWAY names the last stream that was worked on", PROTOCOL,
      check=lambda peer, _: check_last(peer))
def _(peer):
    numbers = [peer.names(peer.request(f"{peer.name} {i}"), f"{peer.name} {i}") for i in range(3)]
    for number in numbers:
        peer.finish(number)
    peer.send(frame(DATA, 0, 0, b"x"))


def check_last(peer):
    assert peer.goaway == (5, 1), peer.goaway


@case("5.4.1", "nothing behind a connection error is worked on", PROTOCOL)
def _(peer):
    number = peer.number()
    peer.send(frame(DATA, 0, 0, b"x"), frame(HEADERS, END_HEADERS, number, block(peer)),
              frame(DATA, END_STREAM, number, body(peer)))


@case("5.4.2", "RST_STREAM is not answered with RST_STREAM", QUIET)
def _(peer):
    number = peer.open()
    peer.send(reset(number), reset(number, 0), reset(number, 0xFFFFFFFF))
    return number


@case("5.4.2", "a stream error leaves other streams alone", OK)
def _(peer):
    first = peer.open()
    bad = peer.open(fields(connection="close"))
    assert peer.finish(bad).reset == 1
    peer.data(first, body(peer))
    return peer.names(first)


# --- 5.5: extensions ---

@case("5.5", "unknown settings are ignored", OK)
def _(peer):
    peer.settings(*[(key, 0xFFFFFFFF) for key in (0, 7, 10, 0x0A0A, 0xFFFF)])
    return peer.call()


@case("5.5", "ALTSVC, ORIGIN and PRIORITY_UPDATE say nothing to a server", OK)
def _(peer):
    peer.send(frame(0x0A, 0, 0, b"\0\1ax"), frame(0x0C, 0, 0, b"\0\1a"),
              frame(0x10, 0, 0, b"\0\0\0\1u=0"))
    return peer.call(fields(("x", "y")))


add("5.5", "an unknown frame inside a header block", PROTOCOL, lambda peer: peer.send(
    frame(HEADERS, 0, peer.number(), plain(fields())), frame(0xEE, 0, 1), frame(CONTINUATION, 4, 1,
                                                                    literal("a", "b"))))


@in_every_way
def test_preface_frames_and_streams(start, tmp_path, way):
    run_table(TABLE, start, tmp_path, way)
