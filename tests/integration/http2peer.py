# SPDX-License-Identifier: Apache-2.0
"""One side of an HTTP/2 connection, frame by frame (RFC 9113, RFC 7541).

Frames and header blocks are read with hyperframe and hpack, so that nothing
here shares code with the server's library.  A peer sends whatever it is told
to, however wrong, and is strict with what it receives: frames out of order,
windows overrun, fields that HTTP/2 does not allow, and the like raise
Violation.
"""

import socket
import ssl
import struct

import hpack
import hyperframe.exceptions
import hyperframe.frame

import harness
from wire import sub

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
 CONTINUATION) = range(10)

END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 32

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_STREAMS, INITIAL_WINDOW, MAX_FRAME, MAX_HEADER_LIST = range(1, 7)

ERRORS = ("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
          "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
          "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED")

# Fields that belong to a connection and have no place in HTTP/2 (8.2.2).
HOP_BY_HOP = {b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"}

SECONDS = 15


class Violation(AssertionError):
    """The server broke a rule of HTTP/2."""


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """Any frame; LENGTH may lie."""
    size = len(payload) if length is None else length
    return struct.pack(">BHBBI", size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def settings(*pairs):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *pair) for pair in pairs))


def window(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def reset(stream, code=8):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def goaway(last=0, code=0, text=b""):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + text)


def span(name):
    """An OTLP request with one span."""
    return sub(1, sub(2, sub(2, sub(5, name))))


def message(body, flag=0, length=None):
    """BODY behind gRPC's five bytes; LENGTH may lie."""
    return struct.pack(">BI", flag, len(body) if length is None else length) + body


def fields(*more, drop=(), **over):
    """The fields of an Export call; pseudo fields are named without colon."""
    own = {":method": "POST", ":scheme": "http", ":path": harness.EXPORT_PATH["traces"],
           ":authority": "localhost", "content-type": "application/grpc", "te": "trailers"}
    for name, value in over.items():
        name = name.replace("_", "-")
        own[":" + name if ":" + name in own else name] = value
    return [pair for pair in own.items() if pair[0] not in drop and pair[1] is not None] + list(more)


def integer(value, bits, first=0):
    """RFC 7541, 5.1: VALUE with a prefix of BITS in a byte that begins as FIRST."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out = bytearray([first | most])
    value -= most
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def octets(value):
    value = value if isinstance(value, bytes) else value.encode()
    return integer(len(value), 7) + value


def literal(name, value, first=0):
    """A field with a literal name; FIRST is 0x40 (indexed), 0 or 0x10 (never)."""
    return bytes([first]) + octets(name) + octets(value)


def plain(pairs):
    """A header block without any table: what is in PAIRS, byte for byte."""
    return b"".join(literal(name, value) for name, value in pairs)


class Stream:
    """What the server has said on a stream."""

    def __init__(self, window_size):
        self.head = None
        self.data = b""
        self.trailers = None
        self.ended = False
        self.reset = None
        self.window = window_size

    @property
    def over(self):
        return self.ended or self.reset is not None

    def field(self, name):
        """The field NAME of head or trailers, or None."""
        for pairs in (self.trailers or []), (self.head or []):
            for key, value in pairs:
                if key == name.encode():
                    return value.decode()
        return None


class Peer:
    """A connection as a client has it."""

    def __init__(self, port, context=None, pairs=(), greet=True, give_window=True,
                 acks=True, rng=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.give_window = give_window
        self.acks = acks
        self.rng = rng  # where to cut what is sent, None = nowhere
        self.buffer = b""
        self.streams = {}
        self.next = 1
        self.closed = False
        self.http1 = False  # it took us for an HTTP/1 client
        self.goaway = None  # (last stream, code)
        self.server = {MAX_FRAME: 16384, INITIAL_WINDOW: 65535}
        self.frames = 0
        self.unacked = []  # settings that we have sent
        self.window = 65535
        self.initial = 65535
        self.max_frame = 16384
        self.granted = {}  # by the server: stream -> bytes, 0 = the connection
        self.pings = []
        self.block = None  # (stream, flags, bytes) of unfinished HEADERS
        if greet:
            self.send(PREFACE)
            self.settings(*pairs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # --- sending ---

    def send(self, *parts):
        """Bytes as they are.  What the server does with them is seen when
        reading, so an error here is none."""
        try:
            for piece in self._pieces(b"".join(parts)):
                self.socket.sendall(piece)
        except (OSError, ssl.SSLError):
            pass

    def _pieces(self, data):
        if self.rng is None or len(data) < 2:
            return [data]
        places = sorted(self.rng.sample(range(1, len(data)), min(3, len(data) - 1)))
        return [data[a:b] for a, b in zip([0, *places], [*places, len(data)])]

    def settings(self, *pairs):
        self.unacked.append(pairs)
        self.send(settings(*pairs))

    def number(self):
        """A new stream."""
        taken = self.next
        self.next += 2
        return self.know(taken)

    def know(self, stream):
        """Makes STREAM one on which answers may come."""
        self.streams.setdefault(stream, Stream(self.initial))
        self.next = max(self.next, stream + 2)
        return stream

    def open(self, pairs=None, end=False, stream=None, flags=END_HEADERS):
        """HEADERS of a new stream, in one frame."""
        stream = self.number() if stream is None else self.know(stream)
        block = self.encoder.encode(pairs if pairs is not None else fields())
        self.send(frame(HEADERS, flags | (END_STREAM if end else 0), stream, block))
        return stream

    def open_raw(self, block, end=False):
        """HEADERS of a new stream with BLOCK as it is."""
        stream = self.number()
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block))
        return stream

    def data(self, stream, content, end=True):
        self.send(frame(DATA, END_STREAM if end else 0, stream, content))

    def request(self, name, pairs=None):
        """A whole Export call with a span of NAME."""
        stream = self.open(pairs)
        self.data(stream, message(span(name)))
        return stream

    # --- receiving ---

    def read(self):
        """One frame, or the end."""
        while not self.closed:
            if self.frames == 0 and self.buffer.startswith(b"HTTP/1.1 "):
                self.buffer = b""
                self.http1 = True
            if len(self.buffer) >= 9 and not self.http1:
                got, length = hyperframe.frame.Frame.parse_frame_header(
                    memoryview(self.buffer[:9]))
                if length > self.max_frame:
                    raise Violation(f"a frame of {length} bytes")
                if len(self.buffer) >= 9 + length:
                    body = self.buffer[9:9 + length]
                    self.buffer = self.buffer[9 + length:]
                    self._take(got, body)
                    return
            try:
                more = self.socket.recv(65536)
            except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                more = b""
            if not more:
                self.closed = True
                if self.buffer and not self.http1:
                    raise Violation(f"the connection ended inside a frame: {self.buffer!r}")
            self.buffer += more

    def wait(self, done):
        while not self.closed and not done():
            self.read()

    def barrier(self):
        """Comes back when the server has worked on all that was sent, and what
        it says to that has come; or when the connection has ended."""
        for _ in range(2):
            mark = struct.pack(">Q", len(self.pings) + 0x5049)
            self.send(frame(PING, payload=mark))
            self.wait(lambda mark=mark: mark in self.pings)

    def finish(self, stream):
        self.wait(lambda: self.streams[stream].over)
        return self.streams[stream]

    def _take(self, got, body):
        try:
            got.parse_body(memoryview(body))
        except (hyperframe.exceptions.HyperframeError, ValueError) as error:
            raise Violation(f"malformed frame {got!r}: {error}") from error
        self.frames += 1
        if self.frames == 1 and (got.type != SETTINGS or "ACK" in got.flags):
            raise Violation(f"the first frame is {got!r}, not SETTINGS")
        if self.block is not None and got.type != CONTINUATION:
            raise Violation(f"{got!r} inside a header block")
        handlers = {DATA: self._data, HEADERS: self._headers, RST_STREAM: self._reset,
                    SETTINGS: self._settings, PING: self._ping, GOAWAY: self._goaway,
                    WINDOW_UPDATE: self._window, CONTINUATION: self._headers}
        if got.type not in handlers:
            raise Violation(f"a server does not send {got!r}")
        handlers[got.type](got)

    def _stream(self, got):
        stream = self.streams.get(got.stream_id)
        if stream is None:
            raise Violation(f"{got!r} on a stream that nobody opened")
        return stream

    def _data(self, got):
        stream = self._stream(got)
        if stream.head is None or stream.over or stream.trailers is not None:
            raise Violation(f"{got!r} out of order")
        size = got.flow_controlled_length
        self.window -= size
        stream.window -= size
        if size > 0 and (self.window < 0 or stream.window < 0):
            raise Violation(f"{got!r} overran a window: {self.window}, {stream.window}")
        stream.data += got.data
        stream.ended = "END_STREAM" in got.flags
        if self.give_window and size > 0:
            self.grant(0, size)
            if not stream.ended:
                self.grant(got.stream_id, size)

    def grant(self, stream, size):
        if stream == 0:
            self.window += size
        else:
            self.streams[stream].window += size
        self.send(window(stream, size))

    def _headers(self, got):
        if got.type == HEADERS:
            self.block = (got.stream_id, set(got.flags), b"")
        if self.block is None or self.block[0] != got.stream_id:
            raise Violation(f"{got!r} continues nothing")
        number, flags, data = self.block
        self.block = (number, flags, data + got.data)
        if "END_HEADERS" in got.flags:
            self.block = None
            self._fields(got, flags, data + got.data)

    def _fields(self, got, flags, block):
        stream = self._stream(got)
        pairs = [tuple(pair) for pair in self.decoder.decode(block, raw=True)]
        first = stream.head is None
        if stream.over or stream.trailers is not None:
            raise Violation(f"{got!r} behind the end of its stream")
        if first:
            stream.head = pairs
        else:
            stream.trailers = pairs
        check_fields(pairs, first)
        stream.ended = "END_STREAM" in flags
        if not first and not stream.ended:
            raise Violation("trailers that do not end the stream")

    def _reset(self, got):
        stream = self._stream(got)
        if stream.reset is not None:
            raise Violation(f"{got!r}: reset before")
        if stream.ended and got.error_code != 0:
            raise Violation(f"{got!r} after a whole answer")
        stream.reset = got.error_code

    def _settings(self, got):
        if "ACK" in got.flags:
            if not self.unacked:
                raise Violation("an acknowledgment of no settings")
            self._acknowledged(self.unacked.pop(0))
            return
        for key, value in got.settings.items():
            if key == ENABLE_PUSH and value != 0:
                raise Violation("a server must not set ENABLE_PUSH")
            self.server[key] = value
        if self.acks:
            self.send(frame(SETTINGS, ACK))

    def _acknowledged(self, pairs):
        for key, value in pairs:
            if key == INITIAL_WINDOW:
                for stream in self.streams.values():
                    stream.window += value - self.initial
                self.initial = value
            elif key == MAX_FRAME:
                self.max_frame = value
            elif key == HEADER_TABLE_SIZE:
                self.decoder.max_allowed_table_size = value

    def _ping(self, got):
        if "ACK" not in got.flags:
            self.send(frame(PING, ACK, 0, got.opaque_data))
        else:
            self.pings.append(bytes(got.opaque_data))

    def _goaway(self, got):
        if self.goaway is not None and got.last_stream_id > self.goaway[0]:
            raise Violation("a GOAWAY with a higher stream than the one before")
        self.goaway = (got.last_stream_id, got.error_code)

    def _window(self, got):
        if got.window_increment == 0:
            raise Violation("a window increment of 0")
        if got.stream_id != 0:
            self._stream(got)
        self.granted[got.stream_id] = self.granted.get(got.stream_id, 0) + got.window_increment


def check_fields(pairs, first):
    """What section 8 asks of the fields of a response."""
    names = [name for name, _ in pairs]
    for name, value in pairs:
        bad = name != name.lower() or name in HOP_BY_HOP or value != value.strip(b" \t")
        if bad or any(c in value for c in b"\0\r\n") or not name:
            raise Violation(f"the field {name!r}: {value!r}")
    pseudo = [name for name in names if name.startswith(b":")]
    if pseudo != ([b":status"] if first else []) or (first and names[0] != b":status"):
        raise Violation(f"pseudo fields {pseudo}")
