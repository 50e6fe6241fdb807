# SPDX-License-Identifier: Apache-2.0
"""What "the same message" means, and how to make a failing one small.

Two requests are equal when both, parsed by the official classes, serialize to
the same bytes after these allowed differences are removed: unknown fields;
ResourceX and ScopeX messages without children; an attribute without a value
against one whose value has no member set.
"""

from collections import Counter

from google.protobuf import text_format
from opentelemetry.proto.common.v1 import common_pb2

import otlpgen


def tidy_value(value):
    if value.WhichOneof("value") == "string_value_strindex":
        value.ClearField("string_value_strindex")
    kind = value.WhichOneof("value")
    if kind == "array_value":
        for item in value.array_value.values:
            tidy_value(item)
    elif kind == "kvlist_value":
        tidy_pairs(value.kvlist_value.values)


def tidy_pairs(pairs):
    for pair in pairs:
        if pair.key_strindex:
            pair.ClearField("key_strindex")
        if pair.HasField("value"):
            tidy_value(pair.value)
            if pair.value.WhichOneof("value") is None:
                pair.ClearField("value")


def tidy_all(message):
    """Walks every attribute below MESSAGE, whatever its type."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type is common_pb2.KeyValue.DESCRIPTOR:
            tidy_pairs(value)
        elif field.message_type is common_pb2.AnyValue.DESCRIPTOR:
            tidy_value(value)
        elif field.is_repeated:
            for item in value:
                tidy_all(item)
        else:
            tidy_all(value)


def drop_childless(signal, message):
    resources, scopes, items = otlpgen.LEVELS[signal]
    outer = getattr(message, resources)
    for i in range(len(outer) - 1, -1, -1):
        inner = getattr(outer[i], scopes)
        for j in range(len(inner) - 1, -1, -1):
            if not getattr(inner[j], items):
                del inner[j]
        if not inner:
            del outer[i]


def canonical(signal, message):
    """MESSAGE as comparable bytes; b"" when nothing of it is kept.  Changes
    MESSAGE."""
    message.DiscardUnknownFields()
    drop_childless(signal, message)
    tidy_all(message)
    return message.SerializeToString(deterministic=True)


def canonical_bytes(signal, raw):
    return canonical(signal, otlpgen.REQUEST_CLASS[signal].FromString(raw))


def difference(signal, sent, got):
    """Canonical requests that are missing and that are there unasked.

    SENT and GOT are lists of serialized requests in any order."""
    left = Counter(canonical_bytes(signal, raw) for raw in sent)
    right = Counter(canonical_bytes(signal, raw) for raw in got)
    del left[b""], right[b""]
    return list((left - right).elements()), list((right - left).elements())


def reductions(message):
    """All messages one step smaller than MESSAGE, big steps first."""
    for path in sorted(paths(message), key=len):
        copy = type(message)()
        copy.CopyFrom(message)
        parent = copy
        for name, index in path[:-1]:
            parent = getattr(parent, name)
            parent = parent if index is None else parent[index]
        name, index = path[-1]
        if index is None:
            parent.ClearField(name)
        else:
            del getattr(parent, name)[index]
        yield copy


def paths(message, before=()):
    for field, value in message.ListFields():
        if field.is_repeated:
            for i, item in enumerate(value):
                yield before + ((field.name, i),)
                if field.message_type is not None:
                    yield from paths(item, before + ((field.name, i),))
        else:
            yield before + ((field.name, None),)
            if field.message_type is not None:
                yield from paths(value, before + ((field.name, None),))


def shrink(signal, raw, failing, rounds=40):
    """The smallest request found for which FAILING still holds.

    FAILING takes a list of serialized requests and gives those that fail."""
    best = raw
    for _ in range(rounds):
        message = otlpgen.REQUEST_CLASS[signal].FromString(best)
        candidates = list(dict.fromkeys(
            r.SerializeToString(deterministic=True) for r in reductions(message)))
        candidates = [c for c in candidates[:4000] if len(c) < len(best)]
        failed = failing(candidates)
        if not failed:
            break
        best = min(failed, key=len)
    return best


def describe(signal, raw):
    message = otlpgen.REQUEST_CLASS[signal].FromString(raw)
    text = text_format.MessageToString(message, as_utf8=True)
    return text if len(text) < 4000 else text[:4000] + "\n... cut"
