# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 frames by hand, and the bodies that attackers put into them."""

import gzip
import socket
import struct
from collections import Counter

import hpack
import zstandard

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
CODES = ["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
         "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
         "CONNECT_ERROR", "ENHANCE_YOUR_CALM"]
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    """A header field that no table keeps; NAME is text or an index below 15."""
    field = bytes([name]) if isinstance(name, int) else bytes([0, len(name)]) + name.encode()
    return field + bytes([len(value)]) + value.encode()


def head(path=TRACES, more=b"", kind="application/grpc"):
    """A header block: POST, http, PATH."""
    return (b"\x83\x86" + literal(4, path) + literal(1, "t") + literal("content-type", kind)
            + literal("te", "trailers") + more)


HEAD = head()
HELLO = PREFACE + frame(SETTINGS, 0, 0)


def streams(first, count, make):
    """MAKE(stream) for COUNT streams of a client from the FIRSTth on."""
    return b"".join(make(2 * i + 1) for i in range(first, first + count))


def message(body, compressed=False):
    return struct.pack(">BI", 1 if compressed else 0, len(body)) + body


def gzip_bomb(size):
    """SIZE zeros, about 1000:1."""
    return gzip.compress(bytes(size), 9)


def zstd_bomb(size):
    return zstandard.ZstdCompressor(level=3).compress(bytes(size))


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def nested_logs(depth):
    """A log record whose body is DEPTH arrays inside each other."""
    parts, size = [b"\x10\x01"], 2
    for _ in range(depth):  # from the inside: AnyValue.array_value { values
        for mark in (b"\x0a", b"\x2a"):
            prefix = mark + varint(size)
            parts.append(prefix)
            size += len(prefix)
    value = b"".join(reversed(parts))
    return field(1, field(2, field(2, field(5, value))))


def nested_json(depth):
    """The same as OTLP/JSON."""
    opening, closing = '{"arrayValue":{"values":[', "]}}"
    value = opening * depth + '{"boolValue":true}' + closing * depth
    return ('{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":' + value
            + "}]}]}]}").encode()


class Raw:
    """One connection whose every byte is ours; it takes note of the answers."""

    def __init__(self, port, hello=HELLO, timeout=20):
        self.socket = socket.socket()
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        self.initial = 16384  # what a new stream may send
        self.unread = 0  # bytes of content that the peer may not send again yet
        self.seen = Counter()
        self.windows = {}
        self.decoder = hpack.Decoder()
        self.ended = 0
        self.done = set()
        self.over = False
        self.rest = b""
        if hello:
            self.send(hello)

    def close(self):
        self.socket.close()

    def send(self, data):
        """False when the peer has hung up."""
        try:
            self.socket.sendall(data)
        except (ConnectionError, TimeoutError, OSError):
            self.over = True
        return not self.over

    def note(self, kind, flags, stream, payload):
        if kind == GOAWAY:
            code = struct.unpack(">I", payload[4:8])[0]
            self.seen["GOAWAY " + (CODES[code] if code < len(CODES) else str(code))] += 1
        elif kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                key, value = struct.unpack_from(">HI", payload, at)
                self.initial = value if key == 4 else self.initial
            self.socket.settimeout(20)
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == RST_STREAM:
            code = struct.unpack(">I", payload)[0]
            self.seen["RST_STREAM " + (CODES[code] if code < len(CODES) else str(code))] += 1
        elif kind == WINDOW_UPDATE:
            more = struct.unpack(">I", payload)[0]
            self.windows[stream] = self.windows.get(stream, 0) + more
        elif kind == HEADERS:
            fields = dict(self.decoder.decode(payload))
            if flags & END_STREAM:
                self.ended += 1
                self.done.add(stream)
                self.seen["grpc-status " + fields.get("grpc-status", "?")] += 1
        elif kind == DATA:
            self.ended += flags & END_STREAM
            self.unread += len(payload)
            if self.unread > 16384:
                self.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", self.unread)))
                self.unread = 0

    def take(self, wait=0.0):
        """Reads what has come; False when the peer has hung up."""
        self.socket.settimeout(wait or 0.000001)
        try:
            while True:
                data = self.socket.recv(1 << 18)
                if not data:
                    self.over = True
                    break
                self.rest += data
                self.split()
                self.socket.settimeout(0.000001)
        except (TimeoutError, BlockingIOError):
            pass
        except OSError:
            self.over = True
        self.socket.settimeout(20)
        return not self.over

    def split(self):
        at, data = 0, self.rest
        while len(data) - at >= 9:
            size = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
            if len(data) - at - 9 < size:
                break
            stream = struct.unpack_from(">I", data, at + 5)[0] & 0x7FFFFFFF
            self.note(data[at + 3], data[at + 4], stream, data[at + 9:at + 9 + size])
            at += 9 + size
        self.rest = data[at:]

    def drain(self, seconds=3.0):
        """Reads to the end of the connection, or for so long."""
        if not self.over:
            self.take(seconds)
            while not self.over and self.take(0.2):
                if not self.rest:
                    break
