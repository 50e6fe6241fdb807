# SPDX-License-Identifier: Apache-2.0
"""Requests as bytes, many at a time, over HTTP/2 and HTTP/1.1.

Client libraries spend most of their time on what a test that sends hundreds of
thousands of requests does not need.  Here a request is a header block and a
body, both made beforehand; what comes back is looked at as far as its codes.
"""

import socket
import struct

from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman import HuffmanEncoder
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
MAX_FRAME = 16384

_HUFFMAN = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
_STATIC = [(name.decode(), value.decode()) for name, value in HeaderTable.STATIC_TABLE]


class Broken(Exception):
    """The server has ended a connection that it should have kept."""


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


# --- header blocks ---

def _text(raw):
    if len(raw) < 127:
        return bytes([len(raw)]) + raw
    rest, out = len(raw) - 127, bytearray(b"\x7f")
    while rest >= 128:
        out.append(rest & 127 | 128)
        rest >>= 7
    return bytes(out) + bytes([rest]) + raw


def block(fields):
    """A header block of literals; names and values are text or bytes."""
    def raw(text):
        return text if isinstance(text, bytes) else text.encode()
    return b"".join(b"\0" + _text(raw(name)) + _text(raw(value)) for name, value in fields)


_names = {}


def _name(raw, packed):
    key = (raw, packed)
    if key not in _names:
        _names[key] = (decode_huffman(raw) if packed else raw).decode("latin-1")
    return _names[key]


def _integer(data, at, bits):
    most = (1 << bits) - 1
    value = data[at] & most
    at += 1
    if value < most:
        return value, at
    shift = 0
    while True:
        byte = data[at]
        at += 1
        value += (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


WANTED = {":status", "grpc-status", "connection"}


def read_block(data, out):
    """Puts the wanted fields of a block from a table of size 0 into OUT."""
    at = 0
    while at < len(data):
        first = data[at]
        if first & 0x80:
            index, at = _integer(data, at, 7)
            name, value = _STATIC[index - 1]
            if name in WANTED:
                out[name] = value
            continue
        if first & 0x20 and not first & 0x40:
            _, at = _integer(data, at, 5)
            continue
        index, at = _integer(data, at, 6 if first & 0x40 else 4)
        if index:
            name = _STATIC[index - 1][0]
        else:
            packed = data[at] & 0x80
            size, at = _integer(data, at, 7)
            name = _name(data[at:at + size], packed)
            at += size
        packed = data[at] & 0x80
        size, at = _integer(data, at, 7)
        if name in WANTED:
            out[name] = _name(data[at:at + size], packed)
        at += size


# --- HTTP/2 ---

class Stream:
    __slots__ = ("case", "fields", "data", "rest", "window", "reset")

    def __init__(self, case, window):
        self.case = case
        self.fields = {}
        self.data = b""
        self.rest = b""
        self.window = window
        self.reset = None


class Http2:
    """One connection with many requests at once; TOLD gets each Stream that is
    over."""

    HELLO = (PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HIHIHI", 1, 0, 2, 0, 4, 2**31 - 1))
             + frame(WINDOW, 0, 0, struct.pack(">I", 2**30)))

    def __init__(self, port, told, at_once=48):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=90)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.told = told
        self.at_once = at_once
        self.next = 1
        self.open = {}
        self.initial = 65535
        self.window = 65535
        self.seen = 0  # DATA since our last grant
        self.have = b""
        self.out = [self.HELLO]
        self.goaway = None

    def send(self, head, body, case):
        """Queues a request; head is a header block."""
        while len(self.open) >= self.at_once or self.window < len(body):
            self.turn()
        number = self.next
        self.next += 2
        stream = self.open[number] = Stream(case, self.initial)
        self.out.append(frame(HEADERS, END_HEADERS | (0 if body else END_STREAM), number, head))
        stream.rest = body
        if body:
            self._write(number, stream)
        if len(self.out) > 24:
            self.flush()

    def _write(self, number, stream):
        while stream.rest and stream.window > 0:
            part = stream.rest[:min(MAX_FRAME, stream.window)]
            stream.rest = stream.rest[len(part):]
            stream.window -= len(part)
            self.window -= len(part)
            self.out.append(frame(DATA, 0 if stream.rest else END_STREAM, number, part))

    def flush(self):
        if self.out:
            data, self.out = b"".join(self.out), []
            try:
                self.socket.sendall(data)
            except OSError as error:
                raise Broken(f"the connection was closed: {error}, GOAWAY {self.goaway}") from None

    def finish(self):
        while self.open:
            self.turn()

    def close(self):
        self.socket.close()

    def turn(self):
        """Sends what is to be sent and takes what has come."""
        self.flush()
        try:
            got = self.socket.recv(262144)
        except OSError as error:
            raise Broken(f"no answer: {error}; {len(self.open)} requests wait") from None
        if not got:
            raise Broken(f"the connection was closed with {len(self.open)} requests waiting; "
                         f"GOAWAY {self.goaway}")
        data, at = self.have + got, 0
        while len(data) - at >= 9:
            size = int.from_bytes(data[at:at + 3], "big")
            if len(data) - at < 9 + size:
                break
            kind, flags, number = struct.unpack_from(">BBI", data, at + 3)
            self._take(kind, flags, number & 0x7FFFFFFF, data[at + 9:at + 9 + size])
            at += 9 + size
        self.have = data[at:]

    def _take(self, kind, flags, number, payload):
        stream = self.open.get(number)
        if kind == HEADERS and stream is not None:
            read_block(payload, stream.fields)
        elif kind == DATA:
            self.seen += len(payload)
            if self.seen > 2**24:
                self.out.append(frame(WINDOW, 0, 0, struct.pack(">I", self.seen)))
                self.seen = 0
            if stream is not None:
                stream.data += payload
        elif kind == WINDOW:
            step = int.from_bytes(payload, "big")
            if number == 0:
                self.window += step
            elif stream is not None:
                stream.window += step
                self._write(number, stream)
        elif kind == SETTINGS and not flags & ACK:
            self._settings(payload)
        elif kind == PING and not flags & ACK:
            self.out.append(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big"), payload[8:]
        if stream is not None and kind == RESET:
            # After a whole answer it only says that the rest is not wanted.
            if int.from_bytes(payload, "big") != 0 or ":status" not in stream.fields:
                stream.reset = int.from_bytes(payload, "big")
            self._over(number)
        elif stream is not None and kind in (DATA, HEADERS) and flags & END_STREAM:
            self._over(number)

    def _settings(self, payload):
        for at in range(0, len(payload), 6):
            key, value = struct.unpack_from(">HI", payload, at)
            if key == 4:
                for stream in self.open.values():
                    stream.window += value - self.initial
                self.initial = value
            elif key == 3:
                self.at_once = min(self.at_once, value)
        self.out.append(frame(SETTINGS, ACK, 0))
        for number, stream in self.open.items():
            self._write(number, stream)

    def _over(self, number):
        stream = self.open.pop(number)
        if stream.rest:
            # Refused before it was whole: say that no more comes.
            self.out.append(frame(RESET, 0, number, struct.pack(">I", 8)))
        self.told(stream)


# --- HTTP/1.1 ---

class Http1:
    """One connection on which requests stand behind each other; TOLD gets the
    case, status and body of each."""

    def __init__(self, port, told, ahead=16):
        self.port = port
        self.told = told
        self.ahead = ahead
        self.waiting = []
        self.socket = None
        self.connections = 0

    def send(self, head, body, case):
        self.waiting.append((head + b"content-length: %d\r\n\r\n" % len(body) + body, case))
        if len(self.waiting) >= self.ahead:
            self.finish()

    def _connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=90)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections += 1

    def finish(self):
        fruitless = 0
        while self.waiting:
            before = len(self.waiting)
            if self.socket is None:
                self._connect()
            self._exchange()
            fruitless = fruitless + 1 if len(self.waiting) == before else 0
            if fruitless > 2:
                raise Broken("the connection is closed without an answer, three times")

    def _exchange(self):
        """Sends all that waits; a connection that ends leaves the rest for the
        next one."""
        have = b""
        try:
            self.socket.sendall(b"".join(data for data, _ in self.waiting))
            while self.waiting:
                at = have.find(b"\r\n\r\n")
                size = self._length(have[:at]) if at >= 0 else 0
                if at < 0 or len(have) < at + 4 + size:
                    got = self.socket.recv(262144)
                    if not got:
                        raise ConnectionError
                    have += got
                    continue
                head, body = have[:at], have[at + 4:at + 4 + size]
                have = have[at + 4 + size:]
                _, case = self.waiting.pop(0)
                self.told(case, int(head[9:12]), body)
                if b"connection: close" in head.lower():
                    raise ConnectionError
        except TimeoutError:
            raise Broken("no answer in 90 s") from None
        except OSError:
            self.close()

    @staticmethod
    def _length(head):
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return int(line[15:])
        return 0

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None


# --- whole connections ---

def visit(port, data):
    """Sends DATA, then the end, and gives all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        answer = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has had enough; what it said still comes
        try:
            while got := connection.recv(65536):
                answer += got
        except ConnectionError:
            pass
        return answer


def statuses(answer):
    """The statuses in an answer of HTTP/1.1 or of HTTP/2 (pairs with those of
    gRPC), None for what is neither."""
    if answer.startswith(b"HTTP/1.1 "):
        return [int(answer[9:12])]
    found, fields, at = [], {}, 0
    while len(answer) - at >= 9:
        size = int.from_bytes(answer[at:at + 3], "big")
        kind, flags, _ = struct.unpack_from(">BBI", answer, at + 3)
        if at == 0 and kind != SETTINGS:
            return None
        payload = answer[at + 9:at + 9 + size]
        if kind == HEADERS and len(payload) == size:
            fields = {}
            read_block(payload, fields)
            if ":status" in fields:
                found.append(int(fields[":status"]))
            if "grpc-status" in fields:
                found.append(("grpc", int(fields["grpc-status"])))
        at += 9 + size
    return found
