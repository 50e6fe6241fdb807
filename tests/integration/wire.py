# SPDX-License-Identifier: Apache-2.0
"""Protobuf bytes by hand, and mutations of valid ones."""

import struct

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import otlpgen


def varint(value, width=0):
    """VALUE as a varint, stretched to at least WIDTH bytes."""
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F or len(out) + 1 < width:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number, kind):
    return varint(number << 3 | kind)


def num(number, value, width=0):
    return tag(number, 0) + varint(value, width)


def fixed64(number, value):
    return tag(number, 1) + struct.pack("<Q", value & (2**64 - 1))


def double(number, value):
    return tag(number, 1) + struct.pack("<d", value)


def fixed32(number, value):
    return tag(number, 5) + struct.pack("<I", value)


def sub(number, *parts):
    body = b"".join(p if isinstance(p, bytes) else p.encode() for p in parts)
    return tag(number, 2) + varint(len(body)) + body


def group(number, *parts):
    return tag(number, 3) + b"".join(parts) + tag(number, 4)


def pair(key, *value, number=1):
    """An attribute; VALUE are the fields of its AnyValue."""
    return sub(number, sub(1, key), sub(2, *value))


# Fields that no message of OTLP has, of every wire type.
UNKNOWN = (num(900, 7), fixed64(901, 1), sub(902, b"\xff\xfe"), fixed32(903, 2),
           group(904, num(1, 1), group(905, sub(2, "x"), group(906)), fixed32(3, 3)),
           num(2**29 - 1, 2**64 - 1))


def split(data):
    """The top-level fields of DATA as byte strings, or None."""
    fields, at = [], 0
    while at < len(data):
        begin = at
        key, at = read_varint(data, at)
        if key is None or key >> 3 == 0:
            return None
        kind = key & 7
        if kind == 0:
            value, at = read_varint(data, at)
            if value is None:
                return None
        elif kind == 1:
            at += 8
        elif kind == 2:
            size, at = read_varint(data, at)
            if size is None:
                return None
            at += size
        elif kind == 5:
            at += 4
        else:
            return None
        if at > len(data):
            return None
        fields.append(data[begin:at])
    return fields


def read_varint(data, at):
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            return None, at
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    return None, at


def mutate(rng, data):
    """DATA with one to three faults or harmless changes of form."""
    for _ in range(rng.randrange(1, 4)):
        data = rng.choice((flip, flip, cut, delete, insert, repeat, descend, descend,
                           descend, descend))(rng, data)
    return data


def flip(rng, data):
    if not data:
        return b"\x0a"
    out = bytearray(data)
    out[rng.randrange(len(out))] ^= rng.choice((1, 2, 4, 8, 16, 32, 64, 128, 255))
    return bytes(out)


def cut(rng, data):
    return data[:rng.randrange(len(data) + 1)]


def delete(rng, data):
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice((1, 1, 2, 9)):]


def insert(rng, data):
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice((1, 1, 2, 10))) + data[at:]


def repeat(rng, data):
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at:at + rng.randrange(1, 12)] + data[at:]


def descend(rng, data):
    """Changes the order, number or content of the fields of a message and
    keeps all lengths around it right."""
    fields = split(data)
    if not fields:
        return flip(rng, data)
    at = rng.randrange(len(fields))
    kind = rng.randrange(7)
    if kind == 0:
        rng.shuffle(fields)
    elif kind == 1:
        fields.insert(rng.randrange(len(fields) + 1), fields[at])
    elif kind == 2:
        fields.insert(at, rng.choice(UNKNOWN))
    elif kind == 3:
        del fields[at]
    else:
        key, start = read_varint(fields[at], 0)
        if key & 7 == 2:
            size, start = read_varint(fields[at], start)
            body = descend(rng, fields[at][start:])
            fields[at] = varint(key) + varint(len(body)) + body
        elif key & 7 == 0:
            value, _ = read_varint(fields[at], start)
            fields[at] = varint(key) + varint(rng.choice((value, 2**64 - 1, 2**32, 0)),
                                              rng.choice((1, 5, 10)))
    return b"".join(fields)


def relaxed_classes(opaque):
    """Request classes that take any bytes as strings: what they accept and
    the strict ones do not is wrong in its UTF-8 alone.  With OPAQUE they do
    not look into resources and scopes either."""
    pool = descriptor_pool.DescriptorPool()
    done = set()

    def loosen(message):
        for field in message.field:
            if field.type == descriptor_pb2.FieldDescriptorProto.TYPE_STRING:
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
            if opaque and field.name in ("resource", "scope"):
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
                field.ClearField("type_name")
        for nested in message.nested_type:
            loosen(nested)

    def add(file):
        if file.name in done:
            return
        done.add(file.name)
        for dependency in file.dependencies:
            add(dependency)
        proto = descriptor_pb2.FileDescriptorProto.FromString(file.serialized_pb)
        for message in proto.message_type:
            loosen(message)
        pool.Add(proto)

    classes = {}
    for signal, strict in otlpgen.REQUEST_CLASS.items():
        add(strict.DESCRIPTOR.file)
        found = pool.FindMessageTypeByName(strict.DESCRIPTOR.full_name)
        classes[signal] = message_factory.GetMessageClass(found)
    return classes
