# SPDX-License-Identifier: Apache-2.0
"""OTLP requests: as protobuf, as JSON, and as calls that build them."""
import cbor2

import otlpgen
import otlpjson

MAX_SEED = 3000
SEEDS = 12


def requests(signal):
    """Small random requests of many sizes."""
    made = [otlpgen.request(signal, seed).SerializeToString(deterministic=True)
            for seed in range(200)]
    fitting = sorted((raw for raw in made if raw and len(raw) <= MAX_SEED),
                     key=len)
    return fitting[::max(1, len(fitting) // SEEDS)][:SEEDS]


def all_requests():
    return [raw for signal in otlpgen.SIGNALS for raw in requests(signal)[::3]]


def json_requests():
    """OTLP/JSON, plain and odd, behind the byte that chooses the signal, and
    texts that end in each kind of error."""
    for number, signal in enumerate(otlpgen.SIGNALS):
        for i, raw in enumerate(requests(signal)[::2]):
            message = otlpgen.REQUEST_CLASS[signal].FromString(raw)
            text = otlpjson.encode(message, seed=i if i % 2 else None)
            yield bytes([number]) + text.encode()
    for text in ('{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":5}]}]}]}',
                 '{"x":[1,-2.5e+3,true,false,null,{"y":"\\ud83d\\ude00\\n"}]}',
                 '{"resourceSpans":[{"schemaUrl":"\\ud83d"}]} '):
        yield b"\0" + text.encode()


def cbor():
    values = [None, True, 0, -1, 2**63 - 1, 1.5, float("nan"), "", "text",
              b"", b"bytes", [], {}, [1, "a", [2.5, None]],
              {"a": {"b": [1, {"c": b"d"}]}}, [[[[[[]]]]]]]
    return [cbor2.dumps(value) for value in values]


def builder_calls():
    """Calls of builder_calls.h: an operation, then a byte or more for each of
    its arguments, of which 0 is a good one."""
    resource, scope, end = b"\0" * 8, b"\x0c" + b"\0" * 7, b"\x1c"

    def value(kind, key=b"\x60", rest=b"\x07"):
        return bytes([64 + kind]) + key + rest

    text, array, map_ = value(0, rest=b"\x03abc"), value(6, rest=b""), value(7, rest=b"")
    attributes = b"".join((
        text, value(1), value(2), value(3), value(4, rest=b"\x02\0\xff"), value(5, rest=b""),
        array, value(0, key=b"\0", rest=b"\0"), value(1, key=b"\0"), end, map_, text, end))

    def item(number, arguments):
        return bytes([160 + number]) + bytes(arguments)

    span = item(0, [0, 1, 2, 0, 0, 9, 2, 0, 20, 30, 1, 0, 0, 1, 2])
    link = item(3, [0, 1, 2, 0, 1, 0])
    event = b"\xfa\x05\x01e"
    body, record = b"\xff", item(0, [0, 1, 2, 9, 0, 0, 1, 2, 1, 0])
    string, exemplar = b"\x40\0\x01x", item(5, [0, 5, 2, 7, 1, 2])
    points = [item(1, [0, 1, 2, 1, 9, 0])] * 2
    points.append(item(2, [0, 3, 7, 1, 2, 3, 2, 1, 2, 3, 4, 5, 6, 0, 1]))
    points.append(item(3, [0, 1, 3, 7, 2, 4, 0, 1, 9, 2, 1, 2, 5, 1, 3, 0, 1]))
    points.append(item(4, [0, 3, 2, 1, 2, 3, 4]))
    start = resource + attributes + scope + attributes
    yield b"\0" + start + (span + attributes + event + attributes + link + attributes) * 2
    for kind, point in enumerate(points):
        metric = item(0, [0, 0, 0, 0, kind, 1, 1])
        yield (b"\1" + start + metric + attributes + (point + attributes) * 2
               + (exemplar + attributes if kind < 4 else b"") + metric)
    yield (b"\2" + start + (record + body + string + attributes) * 2
           + record + body + b"\x47\0" + text)
    yield b"\2" + resource + scope + record + b"\x46\x60" + b"\x46\0" * 70
    yield b"\0" + scope
