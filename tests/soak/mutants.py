# SPDX-License-Identifier: Apache-2.0
"""Requests with faults in them, made from whole ones by rules that know their
form.

Each function takes a random.Random and bytes and gives other bytes; the same
numbers give the same faults.
"""

import gzip
import re
import struct
import zlib

import zstandard

import wire

EXTREMES = (0, 1, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1)


# --- any bytes ---

def noise(rng, data):
    """One to four small faults anywhere."""
    for _ in range(rng.randrange(1, 5)):
        data = rng.choice((wire.flip, wire.flip, wire.cut, wire.delete, wire.insert,
                           wire.repeat))(rng, data)
    return data


def deletions(data, step=1, first=0):
    for at in range(first, len(data), step):
        yield data[:at] + data[at + 1:]


def flips(rng, data, step=1, first=0):
    for at in range(first, len(data), step):
        yield data[:at] + bytes([data[at] ^ rng.randrange(1, 256)]) + data[at + 1:]


# --- protobuf ---

def _fields(data):
    """(begin, key's end, end) of the fields of a message, None when it is
    none."""
    found, at = [], 0
    while at < len(data):
        begin = at
        key, at = wire.read_varint(data, at)
        if key is None or key >> 3 == 0 or key & 7 not in (0, 1, 2, 5):
            return None
        body = at
        if key & 7 == 0:
            value, at = wire.read_varint(data, at)
            if value is None:
                return None
        elif key & 7 == 2:
            size, at = wire.read_varint(data, at)
            if size is None:
                return None
            at += size
        else:
            at += 8 if key & 7 == 1 else 4
        if at > len(data):
            return None
        found.append((begin, body, at))
    return found


def _lie(rng, data, field):
    """Another length, without the bytes that it would need."""
    begin, body, end = field
    if data[begin] & 7 != 2:
        return data
    size, at = wire.read_varint(data, body)
    said = rng.choice((size + 1, size - 1, 0, size * 2, 2**31 - 1, 2**32, 2**63, 2**64 - 1))
    return data[:body] + wire.varint(said) + data[at:]


def _overflow(rng, data, field):
    """A number of too many or too large bytes."""
    _, body, end = field
    long = rng.choice((b"\xff" * 9 + b"\x02", b"\xff" * 10 + b"\x01", b"\x80" * 11 + b"\0",
                       b"\xff" * 9 + b"\x01", b"\x80" * 9 + b"\0"))
    return data[:body] + long + data[end:]


def _retype(rng, data, field):
    begin, body, _ = field
    key = data[begin] & 0xF8 | rng.randrange(8)
    return data[:begin] + bytes([key]) + data[begin + 1:]


def _renumber(rng, data, field):
    begin, body, end = field
    number = rng.choice((0, 1, 2, 3, 9, 15, 16, 900, 2**29 - 1, 2**29))
    return data[:begin] + wire.varint(number << 3 | data[begin] & 7) + data[body:]


def _drop(rng, data, field):
    return data[:field[0]] + data[field[2]:]


def _double(rng, data, field):
    return data[:field[2]] + data[field[0]:field[2]] * rng.choice((1, 1, 30)) + data[field[2]:]


def _swap(rng, data, field):
    return data[:field[0]] + data[field[2]:] + data[field[0]:field[2]]


_STRUCTURAL = (_lie, _lie, _overflow, _retype, _renumber, _drop, _double, _swap)


def structure(rng, data, depth=0):
    """One fault in the structure, at any depth, with true lengths around it."""
    fields = _fields(data)
    if not fields:
        return noise(rng, data)
    field = rng.choice(fields)
    begin, body, end = field
    if depth < 12 and data[begin] & 7 == 2 and rng.random() < 0.8:
        _, at = wire.read_varint(data, body)
        if at < end:
            inner = structure(rng, data[at:end], depth + 1)
            return data[:body] + wire.varint(len(inner)) + inner + data[end:]
    return rng.choice(_STRUCTURAL)(rng, data, field)


def protobuf(rng, data):
    kind = rng.random()
    if kind < 0.55:
        for _ in range(rng.randrange(1, 4)):
            data = structure(rng, data)
        return data
    return wire.mutate(rng, data) if kind < 0.8 else noise(rng, data)


# --- JSON ---

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[-+0-9.eE]+|true|false|null|[{}\[\]:,]|\s+')
_ODD = (b"null", b"true", b"0", b"-0", b"1e999", b"-1", b"18446744073709551616", b"1.5", b'""',
        b'"x"', b"[]", b"{}", b"[[[[]]]]", b'{"a":{"b":[{}]}}', b'"\\ud83d"', b'"\\u0000"',
        b'"NaN"', b"NaN", b'"\xff"', b'"' + b"a" * 300 + b'"', b"[" * 200, b'{"a":' * 70, b"'a'",
        b"//", b"\0", b"\xef\xbb\xbf", b'"kvlistValue"', b'"traceId"', b"1" * 400)


def json_text(rng, data):
    """Tokens left out, doubled, in each other's place, or odd ones."""
    if rng.random() < 0.25:
        return noise(rng, data)
    tokens = _TOKENS.findall(data)
    for _ in range(rng.randrange(1, 4)):
        at, kind = rng.randrange(len(tokens)), rng.randrange(6)
        if kind == 0:
            del tokens[at]
        elif kind == 1:
            tokens.insert(at, tokens[rng.randrange(len(tokens))])
        elif kind == 2:
            tokens.insert(at, rng.choice(_ODD))
        elif kind == 3:
            tokens[at] = rng.choice(_ODD)
        elif kind == 4:
            other = rng.randrange(len(tokens))
            tokens[at], tokens[other] = tokens[other], tokens[at]
        else:
            tokens[at] = noise(rng, tokens[at])
        if not tokens:
            return b""
    return b"".join(tokens)


# --- Arrow IPC ---

def _word(rng, data, begin, end, width):
    """A number at an aligned place of [BEGIN, END) becomes an extreme one."""
    if end - begin < width:
        return data
    at = begin + rng.randrange((end - begin) // width) * width
    old = int.from_bytes(data[at:at + width], "little")
    new = rng.choice((*EXTREMES, old + 1, old - 1, old ^ 1 << rng.randrange(8 * width)))
    return data[:at] + (new % 256**width).to_bytes(width, "little") + data[at + width:]


def words(rng, data):
    """As flatbuffers, offsets, indices and ids are laid out."""
    for _ in range(rng.randrange(1, 4)):
        data = _word(rng, data, 0, len(data), rng.choice((1, 2, 4, 4, 8)))
    return data


def ipc_stream(rng, data):
    """Faults in one message of an Arrow stream: its frame, its flatbuffer or
    its body; or messages left out, doubled and exchanged."""
    parts, at = [], 0
    while len(data) - at >= 8:
        size = int.from_bytes(data[at + 4:at + 8], "little")
        end = data.find(b"\xff\xff\xff\xff", at + 8 + size)
        end = len(data) if end < 0 else end
        parts.append(data[at:end])
        at = end
    if not parts:
        return noise(rng, data)
    i, kind = rng.randrange(len(parts)), rng.random()
    if kind < 0.06:
        del parts[i]
    elif kind < 0.12:
        parts.insert(i, rng.choice(parts))
    elif kind < 0.5:
        head = 8 + int.from_bytes(parts[i][4:8], "little")
        parts[i] = _word(rng, parts[i], 0, min(head, len(parts[i])), rng.choice((1, 2, 4)))
    elif kind < 0.85:
        head = 8 + int.from_bytes(parts[i][4:8], "little")
        parts[i] = _word(rng, parts[i], head, len(parts[i]), rng.choice((1, 2, 4, 8)))
    else:
        parts[i] = noise(rng, parts[i])
    return b"".join(parts)


def otap(rng, data):
    """A BatchArrowRecords with faults in its tables or around them."""
    fields = wire.split(data)
    if not fields or rng.random() < 0.12:
        return protobuf(rng, data)
    i, kind = rng.randrange(len(fields)), rng.random()
    if kind < 0.08:
        del fields[i]
    elif kind < 0.14:
        fields.insert(i, rng.choice(fields))
    elif fields[i][0] & 7 != 2:
        fields[i] = noise(rng, fields[i])
    else:
        _, at = wire.read_varint(fields[i], 1)
        fields[i] = wire.sub(fields[i][0] >> 3, _payload(rng, fields[i][at:]))
    return b"".join(fields)


def _payload(rng, data):
    """An ArrowPayload; its record is what matters most."""
    fields = wire.split(data)
    if not fields or rng.random() < 0.15:
        return protobuf(rng, data)
    for i, field in enumerate(fields):
        if field[0] == 3 << 3 | 2:
            _, at = wire.read_varint(field, 1)
            change = ipc_stream if rng.random() < 0.9 else words
            fields[i] = wire.sub(3, change(rng, field[at:]))
        elif field[0] == 2 << 3 and rng.random() < 0.05:
            fields[i] = wire.num(2, rng.randrange(60))
    return b"".join(fields)


def flight_data(rng, data):
    """A FlightData with faults in its flatbuffer, its body or around them."""
    fields = wire.split(data)
    if not fields or rng.random() < 0.12:
        return protobuf(rng, data)
    i = rng.randrange(len(fields))
    key, at = wire.read_varint(fields[i], 0)
    if key & 7 == 2 and key >> 3 in (2, 1000) and rng.random() < 0.9:
        _, at = wire.read_varint(fields[i], at)
        fields[i] = wire.sub(key >> 3, words(rng, fields[i][at:]))
    else:
        fields[i] = rng.choice((noise, structure))(rng, fields[i])
    return b"".join(fields)


# --- frames, compression and heads ---

def squeeze(rng, data):
    """(name of the encoding, compressed bytes)"""
    name = rng.choice(("gzip", "zstd", "deflate"))
    if name == "gzip":
        return name, gzip.compress(data, 1, mtime=0)
    return name, zstandard.compress(data, 1) if name == "zstd" else zlib.compress(data, 1)


def grpc_frame(rng, data):
    """The five bytes before a message tell lies, or it is compressed in a wrong
    way.  Gives (grpc-encoding or None, body)."""
    kind = rng.randrange(8)
    prefix = struct.pack(">BI", 0, len(data))
    if kind == 0:
        return None, bytes([rng.randrange(1, 256)]) + prefix[1:] + data
    if kind == 1:
        size = rng.choice((len(data) + 1, max(len(data) - 1, 0), 0, 2**26 + 1, 2**31, 2**32 - 1))
        return None, struct.pack(">BI", 0, size) + data
    if kind == 2:
        return None, (prefix + data)[:rng.randrange(len(data) + 5)]
    if kind == 3:
        return None, prefix + data + rng.choice((b"\0", prefix, prefix + data, b"junk junk"))
    name, packed = squeeze(rng, data)
    name = "gzip" if name == "deflate" else name
    if kind == 4:
        name = rng.choice(("identity", "br", "snappy", "GZIP", "", "gzip, zstd", "zstdarrow3"))
    elif kind == 5:
        name = "zstd" if name == "gzip" else "gzip"
    else:
        packed = noise(rng, packed)
    return name, struct.pack(">BI", 1, len(packed)) + packed


def fields(rng, pairs):
    """A list of header fields with faults."""
    pairs = list(pairs)
    for _ in range(rng.randrange(1, 3)):
        i, kind = rng.randrange(len(pairs)), rng.randrange(8)
        name, value = pairs[i]
        if kind == 0:
            del pairs[i]
        elif kind == 1:
            pairs.insert(rng.randrange(len(pairs) + 1), pairs[i])
        elif kind == 2:
            pairs[i] = name, noise(rng, value.encode("latin-1")).decode("latin-1")
        elif kind == 3:
            pairs[i] = noise(rng, name.encode("latin-1")).decode("latin-1"), value
        elif kind == 4:
            pairs.append(rng.choice((
                ("connection", "close"), ("transfer-encoding", "chunked"), ("te", "gzip"),
                ("upgrade", "h2c"), ("content-length", "5"), ("content-length", "-1"),
                ("grpc-timeout", "1x"), ("grpc-timeout", "99999999999S"), ("host", "other"),
                ("grpc-encoding", "gzip"), ("otlp-arrow-ack", "never"), (":path", "/"),
                ("content-type", "text/plain"), ("x", "y" * 17000), ("", "empty"),
                ("A", "upper"), ("expect", "100-continue"), ("content-encoding", "br"))))
        elif kind == 5:
            pairs[i] = name, value * rng.choice((2, 500))
        elif kind == 6:
            pairs[i] = name, ""
        else:
            rng.shuffle(pairs)
        if not pairs:
            return [(":method", "POST")]
    return pairs
