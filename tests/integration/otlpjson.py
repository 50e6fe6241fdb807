# SPDX-License-Identifier: Apache-2.0
"""OTLP/JSON written and read from the official protobuf classes.

Independent of the code under test: the message descriptors say what the fields
are called and how they look, as the OTLP specification maps them.
"""

import base64
import json
import math
import random

from google.protobuf.descriptor import FieldDescriptor as F

IDS = {"trace_id", "span_id", "parent_span_id"}
WIDE = {F.TYPE_INT64, F.TYPE_UINT64, F.TYPE_SINT64, F.TYPE_FIXED64, F.TYPE_SFIXED64}
UNKNOWN = [None, True, -1.5e3, "\"}]", [], {}, [[1, {"a": "]"}], None], {"a": {"b": [{}]}}]


def has_presence(field):
    return field.has_presence and not field.is_repeated


# -- to JSON ----------------------------------------------------------------

class Writer:
    """Writes plain OTLP/JSON, or with a SEED what a lenient reader takes too."""

    def __init__(self, seed=None):
        self.rng = random.Random(seed) if seed is not None else None

    def odd(self, chance=0.2):
        return self.rng is not None and self.rng.random() < chance

    def double(self, value):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return repr(value) if self.odd() else value

    def integer(self, field, value):
        wide = field.type in WIDE
        if self.odd():
            wide = not wide
        return str(value) if wide else value

    def data(self, field, value):
        if field.name in IDS:
            return value.hex().upper() if self.odd() else value.hex()
        encode = base64.urlsafe_b64encode if self.odd() else base64.b64encode
        text = encode(value).decode()
        return text.rstrip("=") if self.odd() else text

    def value(self, field, value):
        if field.type == F.TYPE_MESSAGE:
            return self.message(value)
        if field.type == F.TYPE_BYTES:
            return self.data(field, value)
        if field.type == F.TYPE_DOUBLE:
            return self.double(value)
        if field.type == F.TYPE_ENUM:
            known = field.enum_type.values_by_number.get(value)
            return known.name if known is not None and self.odd() else value
        if field.type in (F.TYPE_STRING, F.TYPE_BOOL):
            return value
        return self.integer(field, value)

    def message(self, message):
        members = [(field.name if self.odd(0.1) else field.json_name,
                    [self.value(field, item) for item in value] if field.is_repeated
                    else self.value(field, value))
                   for field, value in message.ListFields()]
        if self.rng is not None:
            members += [(f"unknown{i}", self.rng.choice(UNKNOWN)) for i in range(2) if self.odd(0.1)]
            absent = [field for field in message.DESCRIPTOR.fields
                      if field.name not in {f.name for f, _ in message.ListFields()}]
            members += [(field.json_name, None) for field in absent if self.odd(0.05)]
            members += [(field.json_name, []) for field in absent
                        if field.is_repeated and self.odd(0.05)]
            self.rng.shuffle(members)
        return dict(members)


def encode(message, seed=None, line=True):
    """MESSAGE as OTLP/JSON; with a SEED in one of the odd ways."""
    writer = Writer(seed)
    odd = writer.odd(0.5)
    return json.dumps(writer.message(message), ensure_ascii=odd,
                      indent=None if line else 2,
                      separators=(" , ", " : ") if odd else (",", ":"))


# -- from JSON, as strict as the specification ---------------------------------

def parse_value(field, value):
    if field.type == F.TYPE_STRING:
        assert type(value) is str
        return value
    if field.type == F.TYPE_BOOL:
        assert type(value) is bool
        return value
    if field.type == F.TYPE_BYTES:
        if field.name in IDS:
            assert value == value.lower()
            return bytes.fromhex(value)
        return base64.b64decode(value, validate=True)
    if field.type == F.TYPE_DOUBLE:
        if type(value) is str:
            assert value in ("NaN", "Infinity", "-Infinity")
            return float(value.lower().replace("infinity", "inf"))
        assert type(value) is float, value
        return value
    if field.type in WIDE:
        assert type(value) is str and str(int(value)) == value
        return int(value)
    assert type(value) is int
    return value


def fill(message, members):
    names = {field.json_name: field for field in message.DESCRIPTOR.fields}
    for name, value in members.items():
        field = names[name]
        if field.is_repeated:
            assert type(value) is list and value, f"{name} is empty"
            target = getattr(message, field.name)
            for item in value:
                if field.type == F.TYPE_MESSAGE:
                    fill(target.add(), item)
                else:
                    target.append(parse_value(field, item))
        elif field.type == F.TYPE_MESSAGE:
            getattr(message, field.name).SetInParent()
            fill(getattr(message, field.name), value)
        else:
            parsed = parse_value(field, value)
            is_default = parsed in (0, "", b"", False) and math.copysign(
                1, parsed if type(parsed) is float else 1) > 0
            assert has_presence(field) or not is_default, f"{name} is a default"
            setattr(message, field.name, parsed)


def once(pairs):
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), f"a name stands twice: {names}"
    return dict(pairs)


def decode(message_class, text):
    """The message in TEXT; fails on anything that a strict reader would."""
    message = message_class()
    fill(message, json.loads(text, object_pairs_hook=once))
    return message


def plain_nans(message):
    """JSON has one NaN only; MESSAGE gets that one everywhere."""
    for field, value in message.ListFields():
        if field.type == F.TYPE_MESSAGE:
            for item in value if field.is_repeated else [value]:
                plain_nans(item)
        elif field.type == F.TYPE_DOUBLE and field.is_repeated:
            value[:] = [math.nan if math.isnan(item) else item for item in value]
        elif field.type == F.TYPE_DOUBLE and math.isnan(value):
            setattr(message, field.name, math.nan)
    return message
