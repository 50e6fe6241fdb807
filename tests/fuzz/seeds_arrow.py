# SPDX-License-Identifier: Apache-2.0
"""Arrow IPC streams, and what lies compressed in them."""
import gzip
import io
import struct

import pyarrow as pa
import zstandard

from seeds_otlp import requests


def stream_of(batch, compression):
    """An Arrow IPC stream of BATCH and a part of it."""
    out = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(out, batch.schema, options=options) as writer:
        writer.write_batch(batch)
        writer.write_batch(batch.slice(1))
    return out.getvalue()


def batches():
    """Record batches with the types that the reader knows."""
    flat = pa.record_batch({
        "u8": pa.array([1, None, 3], pa.uint8()),
        "i64": pa.array([-1, 0, 2**63 - 1], pa.int64()),
        "f64": pa.array([0.5, None, float("inf")], pa.float64()),
        "bool": pa.array([True, None, False]),
        "time": pa.array([1, None, 3], pa.timestamp("ns", "UTC")),
        "id": pa.array([b"01234567", None, b"abcdefgh"], pa.binary(8)),
        "text": pa.array(["a", None, "\u00fc"]),
        "bytes": pa.array([b"", None, b"\x00\xff"]),
    })
    dictionary = pa.record_batch({
        "name": pa.array(["GET", "PUT", None, "GET"]).dictionary_encode(),
        "raw": pa.array([b"r", b"r", b"s", None]).dictionary_encode(),
    })
    pair = pa.struct([("key", pa.string()), ("int", pa.int64())])
    nested = pa.record_batch({
        "counts": pa.array([[1, 2], [], [3]], pa.list_(pa.uint64())),
        "attributes": pa.array(
            [[{"key": "a", "int": 1}], [], [{"key": "b", "int": None}]],
            pa.list_(pair)),
    })
    return [flat, dictionary, nested]


def streams():
    """Arrow IPC streams of each batch, twice, in each compression."""
    for batch in batches():
        for compression in (None, "lz4", "zstd"):
            yield stream_of(batch, compression)


def telemetry():
    """Batches of the three signals as a stranger may write them."""
    attribute = pa.struct([
        ("key", pa.string()), ("type", pa.uint8()), ("str", pa.string()),
        ("int", pa.int32()), ("double", pa.float32()), ("bool", pa.bool_()),
        ("bytes", pa.large_binary()), ("ser", pa.binary())])
    values = [{"key": "a", "type": 1, "str": "x"}, {"key": "b", "type": 2, "int": -1},
              {"key": "c", "type": 3, "double": 0.5}, {"key": "d", "type": 4, "bool": True},
              {"key": "e", "type": 5, "ser": b"\xa1\x61k\x01"},
              {"key": "f", "type": 6, "ser": b"\x9f\x01\xff"},
              {"key": "g", "type": 7}, {"key": "h", "type": 0}]
    attributes = pa.array([values, [], values[:3]], pa.list_(attribute))
    times = pa.array([1, None, 3], pa.timestamp("us"))
    resource = pa.array([b"\x0a\x05\x0a\x03abc", None, b""]).dictionary_encode()
    ids = pa.array([b"0123456789abcdef"] * 3)
    yield {
        "trace_id": ids, "span_id": pa.array([b"01234567", None, b"abcdefgh"], pa.binary(8)),
        "name": pa.array(["a", "b", None]).dictionary_encode(),
        "start_time_unix_nano": times, "kind": pa.array([1, 2, 3], pa.int64()),
        "attributes": attributes, "resource": resource,
        "resource_ord": pa.array([0, 1, 5], pa.uint64()),
        "status_message": pa.array(["m", "", None]), "unknown": pa.nulls(3),
        "events": pa.array([[{"name": "e", "time_unix_nano": 5}], None, []], pa.list_(
            pa.struct([("name", pa.large_string()), ("time_unix_nano", pa.uint64())]))),
        "links": pa.array([[], [{"trace_id": b"0123456789abcdef", "span_id": b""}], []],
                          pa.list_(pa.struct([("trace_id", pa.binary()),
                                              ("span_id", pa.binary())]))),
    }
    yield {
        "time_unix_nano": times, "body": pa.array(["text", None, "more"]),
        "service_name": pa.array(["s", "s", "t"]), "scope_name": pa.array([None, "l", ""]),
        "trace_id": ids, "attributes": attributes,
        "body_type": pa.array([1, 2, None], pa.uint8()),
        "body_int": pa.array([None, 7, None], pa.int16()),
    }
    counts = pa.list_(pa.uint32())
    yield {
        "metric_name": pa.array(["m", "m", "n"]), "metric_type": pa.array([2, 2, 4], pa.int8()),
        "time_unix_nano": times, "value_int": pa.array([1, None, None], pa.int8()),
        "value_double": pa.array([None, 0.5, None], pa.float32()),
        "positive_offset": pa.array([None, None, 3], pa.int32()),
        "positive_bucket_counts": pa.array([[], None, [1, 2]], counts),
        "attributes": attributes, "metadata": attributes,
        "exemplars": pa.array([[{"time_unix_nano": 1, "value_int": 2}], [], []], pa.list_(
            pa.struct([("time_unix_nano", pa.int64()), ("value_int", pa.int64())]))),
        "quantiles": pa.array([[], [], [{"quantile": 0.5, "value": 1.0}]], pa.list_(
            pa.struct([("quantile", pa.float64()), ("value", pa.float64())]))),
    }


def telemetry_streams():
    for columns in telemetry():
        batch = pa.record_batch(columns)
        for compression in (None, "zstd"):
            yield stream_of(batch, compression)


def compressed():
    """Each codec's frames, and columns of numbers, behind the byte that
    chooses codec, shape and stride (see fuzz_codec.c)."""
    body = requests("traces")[2]
    frames = [(0, body),
              (1, gzip.compress(body, mtime=0)), (1, gzip.compress(b"", mtime=0)),
              (1, gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0)),
              (2, zstandard.compress(body)), (2, zstandard.compress(b"")),
              (3, pa.compress(body, "lz4", asbytes=True))]
    offsets = b"".join(struct.pack("<I", 10 * i) for i in range(200))
    times = b"".join(struct.pack("<Q", 10**18 + i * i) for i in range(100))
    ids = (body[:16] + body[16:32]) * 20
    zstd, numbers, strided, values = 2, 4, 8, 12
    columns = [(zstd + numbers, offsets), (zstd + strided + 2 * 16, offsets),
               (zstd + strided + 3 * 16, times), (zstd + values + 4 * 16, ids)]
    return [bytes([how]) + raw for how, raw in frames + columns]
