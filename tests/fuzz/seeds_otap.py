# SPDX-License-Identifier: Apache-2.0
"""OTAP messages, and the messages of Arrow Flight."""
import io
import pathlib
import struct

import pyarrow as pa

import wire
from seeds_otlp import requests

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "otap"


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def lengthy(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def otap_message(tables):
    """BatchArrowRecords of small tables: {payload type: columns}."""
    message = b""
    for number, (kind, columns) in enumerate(tables.items()):
        batch = pa.record_batch(columns)
        out = io.BytesIO()
        with pa.ipc.new_stream(out, batch.schema) as writer:
            writer.write_batch(batch)
        record = out.getvalue()[:-8]
        payload = lengthy(1, b"%d" % number) + b"\x10" + varint(kind)
        message += lengthy(2, payload + lengthy(3, record))
    return message


def otap_attributes(parents, width):
    count = len(parents)
    return {
        "parent_id": pa.array(parents, width),
        "key": pa.array(["k"] * count).dictionary_encode().cast(
            pa.dictionary(pa.uint8(), pa.string())),
        "type": pa.array([1, 2][:count], pa.uint8()),
        "str": pa.array(["v", None][:count]),
        "int": pa.array([None, 7][:count], pa.int64()),
    }


def otap_tables():
    """One small message a signal: the number of the signal and its tables."""
    owners = {
        "id": pa.array([0, 1], pa.uint16()),
        "resource": pa.array([{"id": 0}, {"id": 0}], pa.struct([("id", pa.uint16())])),
    }
    ids = pa.array([b"01234567", b"abcdefgh"], pa.binary(8))
    times = pa.array([1, 2], pa.timestamp("ns"))
    yield 0, {40: owners | {
        "start_time_unix_nano": times, "span_id": ids,
        "duration_time_unix_nano": pa.array([5, -5], pa.duration("ns")),
        "trace_id": pa.array([b"0123456789abcdef"] * 2, pa.binary(16)),
        "name": pa.array(["a", "b"])},
        1: otap_attributes([0], pa.uint16()), 41: otap_attributes([0, 1], pa.uint16()),
        42: {"id": pa.array([0], pa.uint32()), "parent_id": pa.array([1], pa.uint16()),
             "name": pa.array(["e"])},
        44: otap_attributes([0], pa.uint32())}
    yield 2, {30: owners | {
        "time_unix_nano": times,
        "body": pa.array([{"type": 1, "str": "text"}, None], pa.struct([
            ("type", pa.uint8()), ("str", pa.string())]))},
        31: otap_attributes([0, 1], pa.uint16())}
    bounds = pa.array([[None, 5.0]], pa.list_(pa.float64()))
    yield 1, {10: owners | {
        "metric_type": pa.array([1, 3], pa.uint8()), "name": pa.array(["g", "h"])},
        11: {"id": pa.array([0], pa.uint32()), "parent_id": pa.array([0], pa.uint16()),
             "int_value": pa.array([7], pa.int64())},
        13: {"id": pa.array([0], pa.uint32()), "parent_id": pa.array([1], pa.uint16()),
             "count": pa.array([3], pa.uint64()), "explicit_bounds": bounds},
        19: {"parent_id": pa.array([0], pa.uint32()),
             "time_unix_nano": times[:1], "double_value": pa.array([0.5])}}


def otap():
    """Streams of one or two messages: a byte for the signal, then each message
    behind its length."""
    for signal, tables in otap_tables():
        message = otap_message(tables)
        yield bytes([signal]) + struct.pack("<H", len(message)) + message
    for signal, names in ((0, "t1 t2"), (0, "g0 g1"), (1, "m1"), (1, "h"), (2, "l1"), (2, "gl")):
        messages = [(GOLDEN / f"{name}.bar").read_bytes() for name in names.split()]
        yield bytes([signal]) + b"".join(
            struct.pack("<H", len(message)) + message for message in messages)


def flight_message(header, body=b"", word=None):
    """One FlightData behind its length."""
    parts = b""
    if word is not None:
        descriptor = wire.num(1, 1) + wire.sub(3, word)
        parts = wire.sub(1, descriptor)
    parts += wire.sub(2, header)
    parts += wire.sub(1000, body) if body else b""
    return struct.pack("<I", len(parts)) + parts


def flight_stream(batch, word=None, **options):
    """The messages of a DoPut of BATCH."""
    out = io.BytesIO()
    with pa.ipc.new_stream(out, batch.schema,
                           options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_batch(batch)
    data, at, made = out.getvalue(), 0, b""
    while (length := int.from_bytes(data[at + 4:at + 8], "little")) != 0:
        body = pa.ipc.read_message(pa.BufferReader(data[at:])).body
        start = at + 8 + length
        end = start + (body.size if body is not None else 0)
        made += flight_message(data[at + 8:start], data[start:end], word)
        at, word = end, None
    return made, data


def flight():
    """DoPut streams of each form."""
    spans = pa.record_batch({
        "trace_id": pa.array([b"0123456789abcdef", b"short"], pa.binary()),
        "span_id": pa.array([b"01234567", b"abcdefgh"], pa.binary()),
        "name": ["a", "b"], "kind": pa.array([0, 4], pa.int32()),
        "start_time_unix_nano": pa.array([1, 2], pa.uint64()),
        "end_time_unix_nano": pa.array([3, 4], pa.uint64()),
        "status_code": pa.array([0, 2], pa.int32()),
        "attributes": ['{"a": [1, 2.5, null, {"b": true}]}', '{"\\u00fc": "x"}'],
    })
    points = pa.record_batch({
        "metric_name": ["a", "b"], "value": [0.5, -1.0],
        "timestamp_unix_nano": pa.array([1, 2], pa.uint64()),
        "metric_type": ["sum", "histogram"], "attributes": [None, "{}"],
    })
    logs = pa.record_batch({
        "time_unix_nano": pa.array([1, None], pa.timestamp("ms")),
        "severity_text": pa.array(["INFO", "INFO"]).dictionary_encode(),
        "body": ["one", None],
    })
    proto = pa.record_batch({"otlp_proto": pa.array(requests("traces")[:3], pa.binary())})
    for batch, word in ((spans, None), (points, b"metrics"), (logs, b"logs"),
                        (proto, b"traces")):
        for compression in (None, "zstd"):
            yield flight_stream(batch, word, compression=compression)[0]
        yield flight_message(flight_stream(batch)[1], word=word)
    for text in (b'{"signal": "logs", "from_ns": 1, "to_ns": "2"}', b"flush",
                 b"traces/otlp_traces_20240501_120000_000001.arrow?1-2"):
        yield struct.pack("<I", len(text)) + text
        inner = wire.sub(1, text)
        yield struct.pack("<I", len(inner)) + inner
