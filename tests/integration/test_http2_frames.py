# SPDX-License-Identifier: Apache-2.0
"""RFC 9113, sections 5.2, 6 and 7: each type of frame, windows, error codes."""

import struct
import time

from http2conformance import (OK, QUIET, Table, connection, either, in_every_way, run_table)
from http2peer import (ACK, CONTINUATION, DATA, ENABLE_PUSH, END_HEADERS, END_STREAM, GOAWAY,
                       HEADER_TABLE_SIZE, HEADERS, INITIAL_WINDOW, MAX_FRAME, MAX_HEADER_LIST,
                       MAX_STREAMS, PADDED, PING, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS,
                       WINDOW_UPDATE, WITH_PRIORITY, fields, frame, goaway, message, plain, reset,
                       settings, span, window)

TABLE = Table()
add, case = TABLE.add, TABLE.case

PROTOCOL = connection("PROTOCOL_ERROR")
SIZE = connection("FRAME_SIZE_ERROR")
FLOW = connection("FLOW_CONTROL_ERROR")


def body(peer, more=""):
    return message(span(peer.name + more))


def raw(section, title, allowed, *frames):
    """Sends FRAMES on a connection that has done nothing."""
    add(section, title, allowed, lambda peer: peer.send(*frames))


def opened(section, title, allowed, send, **more):
    """SEND gives frames for a stream whose request is not whole yet."""
    def begin(peer):
        number = peer.open()
        peer.send(send(number))
        return number
    add(section, title, allowed, begin, **more)


# --- 6.1: DATA ---

raw("6.1", "DATA on stream 0", PROTOCOL, frame(DATA, 0, 0, b"x"))
raw("6.1", "empty DATA on stream 0", PROTOCOL, frame(DATA, END_STREAM, 0))
for pad, rest in ((1, 0), (5, 4), (255, 254), (255, 0), (6, 5)):
    opened("6.1", f"padding of {pad} in a payload of {1 + rest}", PROTOCOL,
           lambda n, pad=pad, rest=rest: frame(DATA, PADDED, n, bytes([pad]) + bytes(rest)))
opened("6.1", "PADDED without a pad length", PROTOCOL | SIZE, lambda n: frame(DATA, PADDED, n))


@case("6.1", "padding of every kind", OK)
def _(peer):
    number = peer.names(peer.open())
    content = body(peer)
    for octet in content:
        peer.send(frame(DATA, PADDED, number, bytes([3, octet]) + bytes(3)))
    peer.send(frame(DATA, PADDED, number, b"\0"),
              frame(DATA, PADDED | END_STREAM, number, b"\xff" + bytes(255)))
    return number


@case("6.1", "padding counts, and its window is given back", OK)
def _(peer):
    peer.barrier()
    number = peer.names(peer.open())
    room = peer.server[INITIAL_WINDOW]
    for _ in range(2 * room // 256 + 1):
        peer.wait(lambda: room + peer.granted.get(number, 0) >= 256)
        peer.send(frame(DATA, PADDED, number, b"\xff" + bytes(255)))
        room -= 256
    peer.data(number, body(peer))
    return number


@case("6.1", "many empty DATA frames", OK)
def _(peer):
    number = peer.names(peer.open())
    peer.send(frame(DATA, 0, number) * 100)
    peer.data(number, body(peer), end=False)
    peer.send(frame(DATA, 0, number) * 10, frame(DATA, END_STREAM, number))
    return number


# --- 6.2: HEADERS ---

raw("6.2", "HEADERS on stream 0", PROTOCOL, frame(HEADERS, 5, 0, plain(fields())))
for pad, rest in ((1, 0), (255, 100), (60, 59)):
    raw("6.2", f"padding of {pad} in a payload of {1 + rest}", PROTOCOL,
        frame(HEADERS, 5 | PADDED, 1, bytes([pad]) + bytes(rest)))
raw("6.2", "PADDED without a pad length", PROTOCOL | SIZE, frame(HEADERS, 5 | PADDED, 1))
raw("6.2", "a priority of four octets", PROTOCOL | SIZE, frame(HEADERS, 5 | WITH_PRIORITY, 1, bytes(4)))
raw("6.2", "padding over the priority", PROTOCOL | SIZE,
    frame(HEADERS, 5 | WITH_PRIORITY | PADDED, 1, b"\4" + bytes(8)))


@case("6.2", "padded HEADERS with a priority", OK)
def _(peer):
    number = peer.names(peer.number())
    block = peer.encoder.encode(fields())
    peer.send(frame(HEADERS, END_HEADERS | PADDED | WITH_PRIORITY, number,
                    b"\x21" + bytes(5) + block + bytes(0x21)))
    peer.data(number, body(peer))
    return number


@case("6.2", "END_STREAM on HEADERS, then CONTINUATION", QUIET)
def _(peer):
    number = peer.number()
    block = peer.encoder.encode(fields(path="/", method="GET", content_type=None))
    peer.send(frame(HEADERS, END_STREAM, number, block[:9]),
              frame(CONTINUATION, END_HEADERS, number, block[9:]))
    assert peer.finish(number).field(":status")[0] == "4"


# --- 6.3: PRIORITY ---

raw("6.3", "PRIORITY on stream 0", PROTOCOL, frame(PRIORITY, 0, 0, bytes(5)))
for size in (0, 4, 6, 9):
    opened("6.3", f"PRIORITY of {size} octets", either("FRAME_SIZE_ERROR"),
           lambda n, size=size: frame(PRIORITY, 0, n, bytes(size)))
raw("6.3", "PRIORITY on a high idle stream opens nothing", QUIET, frame(PRIORITY, 0, 1001, bytes(5)))


# --- 6.4: RST_STREAM ---

raw("6.4", "RST_STREAM on stream 0", PROTOCOL, reset(0))
raw("6.4", "RST_STREAM on an idle stream", PROTOCOL, reset(1))
for size in (0, 3, 5, 8):
    opened("6.4", f"RST_STREAM of {size} octets", SIZE,
           lambda n, size=size: frame(RST_STREAM, 0, n, bytes(size)))
for code in (*range(14), 0x7777, 0xFFFFFFFF):
    opened("7", f"RST_STREAM with the code {code:#x}", QUIET, lambda n, code=code: reset(n, code))


@case("6.4", "a call that is reset in the middle of its body", QUIET)
def _(peer):
    number = peer.open()
    content = body(peer)
    peer.data(number, content[:-1], end=False)
    peer.send(reset(number), frame(DATA, END_STREAM, number, content[-1:]))


# --- 6.5: SETTINGS ---

raw("6.5", "an acknowledgment with content", SIZE, frame(SETTINGS, ACK, 0, bytes(6)))
raw("6.5", "an acknowledgment with one octet", SIZE, frame(SETTINGS, ACK, 0, b"\0"))
for number in (1, 2, 0x7FFFFFFF):
    raw("6.5", f"SETTINGS on stream {number}", PROTOCOL, frame(SETTINGS, 0, number))
for size in (1, 5, 7, 17):
    raw("6.5", f"SETTINGS of {size} octets", SIZE, frame(SETTINGS, 0, 0, bytes(size)))
for value in (2, 0x7FFFFFFF, 0xFFFFFFFF):
    raw("6.5.2", f"ENABLE_PUSH of {value:#x}", PROTOCOL, settings((ENABLE_PUSH, value)))
for value in (1 << 31, 0xFFFFFFFF):
    raw("6.5.2", f"INITIAL_WINDOW_SIZE of {value:#x}", FLOW, settings((INITIAL_WINDOW, value)))
for value in (0, 1, 16383, 1 << 24, 0xFFFFFFFF):
    raw("6.5.2", f"MAX_FRAME_SIZE of {value:#x}", PROTOCOL, settings((MAX_FRAME, value)))
for value in (2, 0xFFFFFFFF):  # RFC 9218, 2.1
    raw("6.5.2", f"NO_RFC7540_PRIORITIES of {value:#x}", PROTOCOL, settings((9, value)))
for pairs in (((ENABLE_PUSH, 0),), ((ENABLE_PUSH, 1),), ((INITIAL_WINDOW, 0x7FFFFFFF),),
              ((MAX_FRAME, 16384),), ((MAX_FRAME, (1 << 24) - 1),), ((MAX_STREAMS, 0),),
              ((MAX_STREAMS, 0xFFFFFFFF),), ((HEADER_TABLE_SIZE, 0),), ((HEADER_TABLE_SIZE, 1),),
              ((HEADER_TABLE_SIZE, 0xFFFFFFFF),), ((MAX_HEADER_LIST, 0xFFFFFFFF),), ((9, 0),),
              ((INITIAL_WINDOW, 0), (INITIAL_WINDOW, 100)), ((8, 1),), ()):
    @case("6.5.2", f"allowed: {pairs}", OK)
    def _(peer, pairs=pairs):
        peer.settings(*pairs)
        return peer.call()
add("6.5.2", "NO_RFC7540_PRIORITIES of 1 from the beginning", OK, lambda peer: peer.call(),
    options={"pairs": ((9, 1),)})


@case("6.5.3", "every SETTINGS is acknowledged", QUIET)
def _(peer):
    for _ in range(20):
        peer.settings((INITIAL_WINDOW, 65535))
    peer.barrier()
    assert peer.unacked == []


add("6.5.3", "an acknowledgment of nothing", PROTOCOL | QUIET,
    lambda peer: (peer.barrier(), peer.send(frame(SETTINGS, ACK)))[0])


@case("6.5.3", "a table that shrinks and grows", OK)
def _(peer):
    for size in (0, 4096, 0, 100, 65536):
        peer.settings((HEADER_TABLE_SIZE, size))
        number = peer.call(name=f"{peer.name} {size}")
        assert peer.finish(number).field("grpc-status") == "0"
    return number


# --- 6.6 and 8.4: PUSH_PROMISE ---

raw("6.6", "PUSH_PROMISE on an idle stream", PROTOCOL,
    frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + plain(fields())))
raw("6.6", "PUSH_PROMISE on stream 0", PROTOCOL,
    frame(PUSH_PROMISE, END_HEADERS, 0, b"\0\0\0\2" + plain(fields())))
opened("8.4", "a client that pushes", PROTOCOL,
       lambda n: frame(PUSH_PROMISE, END_HEADERS, n, b"\0\0\0\2" + plain(fields())))


# --- 6.7: PING ---

@case("6.7", "PING comes back with what it carried", QUIET)
def _(peer):
    for octets in (bytes(8), b"\xff" * 8, b"\0\1\2\3\4\5\6\7"):
        peer.send(frame(PING, 0, 0, octets))
        peer.wait(lambda octets=octets: octets in peer.pings)


@case("6.7", "PING with ACK is not answered", QUIET)
def _(peer):
    peer.send(frame(PING, ACK, 0, b"unasked!"))
    peer.barrier()
    assert b"unasked!" not in peer.pings


for number in (1, 2, 99):
    raw("6.7", f"PING on stream {number}", PROTOCOL, frame(PING, 0, number, bytes(8)))
for size in (0, 7, 9, 16):
    raw("6.7", f"PING of {size} octets", SIZE, frame(PING, 0, 0, bytes(size)))
    raw("6.7", f"PING with ACK of {size} octets", SIZE, frame(PING, ACK, 0, bytes(size)))


@case("6.7", "PING in the middle of a request", OK)
def _(peer):
    number = peer.names(peer.open())
    content = body(peer)
    for at, octet in enumerate(content):
        peer.send(frame(DATA, 0, number, bytes([octet])), frame(PING, 0, 0, struct.pack(">Q", at)))
    peer.send(frame(DATA, END_STREAM, number))
    peer.wait(lambda: len(peer.pings) == len(content))
    return number


# --- 6.8: GOAWAY ---

for number in (1, 3):
    raw("6.8", f"GOAWAY on stream {number}", PROTOCOL, frame(GOAWAY, 0, number, bytes(8)))
for size in (0, 4, 7):
    raw("6.8", f"GOAWAY of {size} octets", SIZE, frame(GOAWAY, 0, 0, bytes(size)))


@case("6.8", "a client that goes away still gets its answer", OK, last=True)
def _(peer):
    number = peer.names(peer.open())
    peer.send(goaway(0, 0, b"bye" * 100))
    peer.data(number, body(peer))
    return number


for code in (*range(14), 0x7777, 0xFFFFFFFF):
    @case("7", f"GOAWAY with the code {code:#x}", OK, last=True)
    def _(peer, code=code):
        number = peer.names(peer.open())
        peer.send(goaway(0, code))
        peer.data(number, body(peer))
        return number


# --- 6.9 and 5.2: windows ---

raw("6.9", "an increment of 0 on the connection", PROTOCOL, window(0, 0))
opened("6.9", "an increment of 0 on a stream", either("PROTOCOL_ERROR"), lambda n: window(n, 0))
for size in (0, 3, 5):
    raw("6.9", f"WINDOW_UPDATE of {size} octets", SIZE, frame(WINDOW_UPDATE, 0, 0, bytes(size)))
    opened("6.9", f"WINDOW_UPDATE of {size} octets on a stream", SIZE,
           lambda n, size=size: frame(WINDOW_UPDATE, 0, n, b"\1" * size))
raw("6.9.1", "the connection's window over 2^31-1", FLOW, window(0, 0x7FFFFFFF))
raw("6.9.1", "the same in two steps", FLOW, window(0, 0x40000000), window(0, 0x40000000))
opened("6.9.1", "a stream's window over 2^31-1", either("FLOW_CONTROL_ERROR"),
       lambda n: window(n, 0x7FFFFFFF))
opened("6.9.1", "the same in two steps", either("FLOW_CONTROL_ERROR"),
       lambda n: window(n, 0x40000000) + window(n, 0x40000000))
raw("6.9.1", "the connection's window at 2^31-1", QUIET, window(0, 0x7FFFFFFF - 65535))
opened("6.9.1", "a stream's window at 2^31-1", QUIET, lambda n: window(n, 0x7FFFFFFF - 65535))


# The section asks for a connection error; libnghttp2 ends the streams whose
# windows are concerned, which is as safe and harms fewer calls.
@case("6.9.2", "SETTINGS carry an open stream over 2^31-1", either("FLOW_CONTROL_ERROR"))
def _(peer):
    number = peer.open()
    peer.send(window(number, 0x7FFFFFFF - 65535))
    peer.settings((INITIAL_WINDOW, 65536))
    return number


@case("6.9.1", "more DATA than the stream's window", either("FLOW_CONTROL_ERROR"))
def _(peer):
    peer.barrier()
    number = peer.open()
    room = peer.server[INITIAL_WINDOW]
    peer.send(frame(DATA, 0, number, message(bytes(100), length=room * 40)))
    peer.barrier()
    room += peer.granted.get(number, 0) - 105
    while room >= 0:
        part = min(16384, room + 1)
        peer.send(frame(DATA, 0, number, bytes(part)))
        room -= part
        if room == 0:
            peer.send(frame(DATA, 0, number, b"x"))
            break
    return number


@case("5.2", "no octet of an answer without window", OK, options={"pairs": ((INITIAL_WINDOW, 0),)})
def _(peer):
    peer.give_window = False
    number = peer.call()
    peer.wait(lambda: peer.streams[number].head is not None)
    for have in range(5):
        peer.barrier()
        assert len(peer.streams[number].data) == have and not peer.streams[number].over
        peer.grant(number, 1)
        peer.wait(lambda have=have: len(peer.streams[number].data) == have + 1)
    return number


@case("6.9.2", "a window below zero", OK, options={"pairs": ((INITIAL_WINDOW, 3),)})
def _(peer):
    peer.give_window = False
    number = peer.call()
    peer.wait(lambda: len(peer.streams[number].data) == 3)
    peer.settings((INITIAL_WINDOW, 0))  # the stream has -3 now
    peer.grant(number, 3)
    peer.barrier()
    assert len(peer.streams[number].data) == 3
    peer.grant(number, 1)
    peer.wait(lambda: len(peer.streams[number].data) == 4)
    peer.settings((INITIAL_WINDOW, 10))
    return number


@case("6.9.2", "SETTINGS open the window of streams that wait", OK,
      options={"pairs": ((INITIAL_WINDOW, 0),)})
def _(peer):
    numbers = [peer.call(name=f"{peer.name} {i}") for i in range(5)]
    peer.barrier()
    assert all(peer.streams[n].data == b"" for n in numbers)
    peer.settings((INITIAL_WINDOW, 50))
    for number in numbers:
        peer.finish(number)
    return number


@case("5.2.2", "answers stop at the connection's window and go on with it", OK)
def _(peer):
    peer.give_window = False
    longest = 0
    while peer.window > longest:  # each answer of this kind has a text
        number = peer.open(fields(content_type="text/plain"), end=True)
        longest = max(longest, len(peer.finish(number).data))
        assert longest > 20
    while peer.window > 0:  # five octets each
        number = peer.call(name=f"{peer.name} {peer.next}")
        peer.wait(lambda: peer.streams[number].over or peer.window == 0)
    number = peer.call()
    peer.barrier()
    assert not peer.streams[number].over and peer.streams[number].data == b""
    peer.grant(0, 100000)
    peer.give_window = True
    return number


# --- 6.10: CONTINUATION ---

raw("6.10", "CONTINUATION on stream 0", PROTOCOL, frame(CONTINUATION, END_HEADERS, 0, plain(fields())))
raw("6.10", "CONTINUATION of nothing", PROTOCOL, frame(CONTINUATION, END_HEADERS, 1, plain(fields())))
opened("6.10", "CONTINUATION behind END_HEADERS", PROTOCOL,
       lambda n: frame(CONTINUATION, END_HEADERS, n, plain([("a", "b")])))
opened("6.10", "CONTINUATION behind DATA", PROTOCOL,
       lambda n: frame(DATA, 0, n, b"\0") + frame(CONTINUATION, END_HEADERS, n, plain([("a", "b")])))


@case("6.10", "a block of four frames, one of them empty", OK)
def _(peer):
    number = peer.names(peer.number())
    block = peer.encoder.encode(fields())
    peer.send(frame(HEADERS, 0, number, block[:1]), frame(CONTINUATION, 0, number, block[1:5]),
              frame(CONTINUATION, 0, number), frame(CONTINUATION, END_HEADERS, number, block[5:]))
    peer.data(number, body(peer))
    return number


@case("6.10", "frames that come octet by octet", OK)
def _(peer):
    for _ in range(3):
        number = peer.names(peer.number(), f"{peer.name} {peer.next}")
        block = peer.encoder.encode(fields())
        content = message(span(f"{peer.name} {peer.next}"))
        whole = frame(HEADERS, 0, number, block[:2]) + b"".join(
            frame(CONTINUATION, 0, number, block[i:i + 1]) for i in (2, 3)) + \
            frame(CONTINUATION, END_HEADERS, number, block[4:]) + \
            frame(DATA, END_STREAM, number, content)
        for octet in whole:
            peer.send(bytes([octet]))
            time.sleep(0.0002)  # so that it is read alone
        peer.finish(number)
    return number


@case("6.10", "HEADERS with nothing in them, all in CONTINUATION", OK)
def _(peer):
    number = peer.names(peer.number())
    peer.send(frame(HEADERS, 0, number),
              frame(CONTINUATION, END_HEADERS, number, peer.encoder.encode(fields())))
    peer.data(number, body(peer))
    return number


@case("6.10", "trailers in CONTINUATION", OK)
def _(peer):
    number = peer.names(peer.open())
    block = peer.encoder.encode([("x-one", "1"), ("x-two", "2")])
    peer.send(frame(DATA, 0, number, body(peer)), frame(HEADERS, END_STREAM, number, block[:3]),
              frame(CONTINUATION, END_HEADERS, number, block[3:]))
    return number


@in_every_way
def test_types_of_frames(start, tmp_path, way):
    run_table(TABLE, start, tmp_path, way)
