#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the first inputs of the fuzz targets to tests/fuzz/corpus/.

Every input is small and valid, so that a fuzzer starts deep inside a parser.
The same inputs come out of every run.  Inputs that a fuzzer found are added by
hand beside these, which are named seed_*.  Needs the Python environment that
`./dev test` makes:

    .venv/bin/python tests/fuzz/seeds.py
"""
import gzip
import io
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import cbor2  # noqa: E402
import hpack  # noqa: E402
import pyarrow as pa  # noqa: E402
import zstandard  # noqa: E402

import otlpgen  # noqa: E402
import wire  # noqa: E402
import otlpjson  # noqa: E402

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
            out = io.BytesIO()
            options = pa.ipc.IpcWriteOptions(compression=compression)
            with pa.ipc.new_stream(out, batch.schema, options=options) as writer:
                writer.write_batch(batch)
                writer.write_batch(batch.slice(1))
            yield out.getvalue()


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
            out = io.BytesIO()
            options = pa.ipc.IpcWriteOptions(compression=compression)
            with pa.ipc.new_stream(out, batch.schema, options=options) as writer:
                writer.write_batch(batch)
                writer.write_batch(batch.slice(1))
            yield out.getvalue()


def cbor():
    values = [None, True, 0, -1, 2**63 - 1, 1.5, float("nan"), "", "text",
              b"", b"bytes", [], {}, [1, "a", [2.5, None]],
              {"a": {"b": [1, {"c": b"d"}]}}, [[[[[[]]]]]]]
    return [cbor2.dumps(value) for value in values]


def yaml():
    return [text.encode() for text in (
        "",
        "output_dir: ./data\n",
        "write_interval_secs: 500ms\nack: memory\n",
        "storage:\n  compression: lz4\n  max_file_size: 64MiB\n",
        "protocols: {protobuf_port: 0, arrow_flight_enabled: false}\n",
        "# a comment\nlog:\n  level: \"debug\"\n  format: json\n",
        "output_dir: ${env:HOME}/x\nbind_address: '::1'\n",
        "output_dir: |\n  a\n  b\n",
        "a: &x [1, 2]\nb: *x\n",
        "forwarding:\n  authentication:\n    credentials:\n      key: k\n",
    )]


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


def grpc():
    """Header values, and texts of errors."""
    return [b"1S", b"99999999H", b"12345678n", b"0m", b"identity", b"gzip",
            b"zstd", b"zstdarrow1", b"zstdarrow10", b"application/grpc",
            b"application/grpc+proto", b"application/grpc;charset=utf-8",
            "50 % of \u00fc\n\u20ac".encode(),
            b"traces: resource_spans[0]: field 2 at offset 17 ends too early",
            ("x" * 1023 + "\U0001f4a9").encode(), b"%" * 1100]


def http1():
    """Requests of HTTP/1.1, and the smuggler's."""
    def request(line, *fields, body=b""):
        lines = (line,) + fields + ("", "")
        return "\r\n".join(lines).encode() + body

    host, chunked = "Host: a", "Transfer-Encoding: chunked"
    get, post = "GET / HTTP/1.1", "POST /v1/logs HTTP/1.1"
    return [request(get, host),
            request("GET /a?b HTTP/1.0", "Connection: keep-alive"),
            request("GET http://a:1/b?c HTTP/1.1", host, "Connection: close"),
            request("OPTIONS * HTTP/1.1", "Host: [::1]:4318", "Origin: x"),
            request(post, host, "Content-Length: 5", "Expect: 100-continue",
                    body=b"hello"),
            request(post, host, chunked,
                    body=b"5;a=\"b\"\r\nhello\r\n0\r\nA: b\r\n\r\n"),
            request(post, host, "Content-Length: 2", body=b"ab")
            + request(get, host),
            request(get, host, "Upgrade: h2c", "HTTP2-Settings: AAMAAABk",
                    "Connection: Upgrade, HTTP2-Settings"),
            request(post, host, chunked, "Content-Length: 5", body=b"0\r\n\r\n"),
            request(get, host, "A:b", " folded"),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            request(get, host, *("a:b",) * 16),
            request(get, host, "A: " + "x" * 2100)]


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
    golden = HERE.parent / "golden" / "otap"
    for signal, names in ((0, "t1 t2"), (0, "g0 g1"), (1, "m1"), (1, "h"), (2, "l1"), (2, "gl")):
        messages = [(golden / f"{name}.bar").read_bytes() for name in names.split()]
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


def http2_frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def http2():
    """Connections of HTTP/2, behind the preface, which the target adds."""
    data, head, rst, settings, ping, goaway, window, more = 0, 1, 3, 4, 6, 7, 8, 9
    hello = http2_frame(settings, 0, 0)

    def fields(path, grpc=True, **extra):
        pairs = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "a")]
        if grpc:
            pairs += [("te", "trailers"), ("content-type", "application/grpc")]
        return pairs + [(name.replace("_", "-"), value) for name, value in extra.items()]

    def block(pairs, huffman=True):
        return hpack.Encoder().encode(pairs, huffman=huffman)

    message = b"\0\0\0\0\x05hello"
    unary = http2_frame(head, 4, 1, block(fields("/a/U"))) + http2_frame(data, 1, 1, message)
    yield hello + unary
    yield hello + http2_frame(settings, 1, 0) + http2_frame(head, 4, 1, block(
        fields("/a/S"), huffman=False)) + http2_frame(data, 0, 1, message * 3) + http2_frame(
            data, 0, 1, message[:7]) + http2_frame(data, 1, 1, message[7:])
    packed = gzip.compress(b"hello" * 40, mtime=0)
    yield hello + http2_frame(head, 4, 1, block(fields("/a/U", grpc_encoding="gzip"))) + \
        http2_frame(data, 1, 1, b"\x01" + struct.pack(">I", len(packed)) + packed)
    yield hello + http2_frame(head, 4, 1, block(fields("/k", False, content_length="5"))) + \
        http2_frame(data, 1, 1, b"hello")
    yield hello + http2_frame(head, 5, 1, block(fields("/no")))
    yield hello + http2_frame(head, 5, 1, block(fields("/no", False)))
    yield hello + http2_frame(head, 4, 1, block(fields("/k", False))) + http2_frame(
        data, 9, 1, b"\x02hello\0\0") + http2_frame(rst, 0, 1, b"\0\0\0\x08")
    encoder = hpack.Encoder()
    yield hello + b"".join(
        http2_frame(head, 4, 2 * i + 1, encoder.encode(fields("/a/U", x=str(i)))) +
        http2_frame(data, 1, 2 * i + 1, message) for i in range(12))
    whole = block(fields("/a/U", x="y" * 50), huffman=False)
    yield hello + http2_frame(head, 0, 1, whole[:20]) + http2_frame(more, 0, 1, whole[20:40]) + \
        http2_frame(more, 4, 1, whole[40:]) + http2_frame(data, 1, 1, message)
    yield hello + http2_frame(head, 0x2C, 1, b"\x01\0\0\0\0\x10" + block(fields("/a/S")) +
                              b"\0") + http2_frame(data, 0, 1, message) + http2_frame(
                                  head, 5, 1, block([("trailer", "x")]))
    yield http2_frame(settings, 0, 0, struct.pack(">HIHIHI", 4, 1, 1, 0, 5, 16384)) + unary + \
        http2_frame(window, 0, 1, b"\0\0\0\x10") + http2_frame(window, 0, 0, b"\0\0\1\0")
    yield hello + http2_frame(ping, 0, 0, b"01234567") + http2_frame(ping, 1, 0, b"01234567") + \
        http2_frame(2, 0, 3, b"\0\0\0\x01\x10") + unary + http2_frame(
            goaway, 0, 0, b"\0\0\0\0\0\0\0\0bye")
    long = struct.pack(">BI", 0, 40000) + b"x" * 16000
    yield hello + http2_frame(head, 4, 1, block(fields("/a/U"))) + http2_frame(
        data, 0, 1, long) + http2_frame(head, 4, 3, block(fields("/a/U"))) + http2_frame(
            data, 1, 3, message)
    yield hello + http2_frame(head, 4, 1, b"\x20\x3f\xe1\x1f" + block(fields("/a/U"))) + \
        http2_frame(data, 1, 1, message)
    yield hello + http2_frame(head, 5, 1, block(fields("/a/U", grpc_timeout="1n")))


def http1_sessions():
    """Connections of HTTP/1.1; bytes below 15 are words (see the target)."""
    get, post, kept, length, chunked, zipped, zstd, close = range(1, 9)
    expect, body, last = 11, 12, 14

    def join(*parts):
        return b"".join(bytes([part]) if isinstance(part, int) else part for part in parts)

    packed = gzip.compress(b"hello " * 20, mtime=0)
    tight = zstandard.compress(b"hello " * 20)
    yield join(get, b"\r\n") * 3
    yield join(post, length, b"5", body, b"hello") * 2
    yield join(post, chunked, b"\r\n5\r\nhello\r\n3;a=b\r\nabc\r\n", last)
    yield join(post, zipped, length, str(len(packed)).encode(), body) + packed
    yield join(post, zstd, length, str(len(tight)).encode(), body) + tight
    yield join(kept, length, b"2", body, b"ab", get, close, b"\r\n")
    yield join(post, expect, length, b"3", body, b"abc")
    yield join(post, length, b"70000", body) + b"y" * 2000
    yield join(post, length, b"9999999", body, b"x")
    yield join(b"GET /no HTTP/1.0\r\n\r\n")
    yield join(post, chunked, length, b"5", body, last)
    yield join(post, zipped, chunked, b"\r\n5\r\nhello\r\n", last, get, b"\r\n")
    yield join(b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n\r\n")


def grpc_frames():
    """Messages and what is done to them (see fuzz_grpc_frames.c)."""
    flagged, packed, longer, shorter, damaged, repeated = 1, 2, 4, 8, 16, 32
    text = b"hello, hello, hello"

    def message(what, payload=text):
        return bytes([what, len(payload)]) + payload

    honest = flagged | packed
    for encoding in range(4):
        yield bytes([encoding]) + message(honest if encoding else 0)
        yield bytes([encoding | 4]) + (message(0) + message(honest) + message(0, b"")) * 2
    yield bytes([1 | 4 | 1 << 5]) + message(honest) + message(honest, b"")
    yield bytes([2 | 4 | 2 << 5 | 8]) + message(honest | repeated) + message(0)
    for lie in (longer, shorter, damaged, 64):
        yield bytes([1 | 4]) + message(honest) + message(honest | lie) + message(0)
    yield bytes([1]) + message(flagged)
    yield bytes([2 | 16]) + message(honest | repeated)
    yield bytes([3 | 4 | 3 << 5]) + message(0, b"") * 20


def admin():
    """Connections to the port of health and metrics; bytes below 16 are words
    (see fuzz_admin.c)."""
    metrics, ready, live, root, post, json, length, chunked = range(1, 9)
    close, end, alive, last = 11, 12, 14, 15

    def join(*parts):
        return b"".join(bytes([part]) if isinstance(part, int) else part for part in parts)

    line = b"\r\n"
    yield join(metrics, line)
    yield join(ready, json, line, live, line, metrics, close, line)
    yield join(root, line)
    yield join(root, alive, line, root, line)
    yield join(post, length, end, b"hello")
    yield join(post, chunked, b"\r\n5\r\nhello\r\n", last)
    yield join(ready, length, end, b"hello")
    yield join(b"GET /nothing?a=b&c=%20 HTTP/1.1\r\nHost: a\r\n", line)
    yield join(b"GET /%6detrics HTTP/1.1\r\nHost: [::1]\r\n", json, json, line)
    yield join(live, b"A: " + b"x" * 900 + b"\r\n b\r\n", line)
    yield join(b"GET / HTTP/1.1", end)


def service():
    """A path, the head, and messages (see fuzz_service.c)."""
    ack, timeout, origin, zipped, other = 2, 4, 8, 16, 32

    def call(path, how, *messages):
        return bytes([path, how]) + b"".join(
            struct.pack("<H", len(message)) + message for message in messages)

    small = {signal: requests(signal)[2] for signal in otlpgen.SIGNALS}
    for i, signal in enumerate(otlpgen.SIGNALS):
        yield call(i, 0, small[signal])
        yield call(18 + i, zipped | origin, small[signal])
        message = otlpgen.REQUEST_CLASS[signal].FromString(small[signal])
        yield call(21 + i, 1, otlpjson.encode(message).encode())
    yield call(0, ack | timeout, small["traces"])
    yield call(18, other | origin | 1, b"")
    yield call(3, 0, b"")
    yield call(3, 0, wire.sub(1, b"grpc.health.v1.Health"))
    yield call(4, 0, b"")
    for (signal, tables), path in zip(otap_tables(), (5, 7, 6)):
        yield call(path, ack if signal else 0, otap_message(tables))
    yield call(8, 0, wire.num(1, 1) + wire.sub(2, b"user:secret"))
    yield call(9, 0, b"")
    yield call(9, 0, wire.sub(1, b'{"signal": "traces"}'))
    for path in (10, 11, 12):
        yield call(path, 0, wire.num(1, 1) + wire.sub(3, b"traces"))
        yield call(path, 0, wire.num(1, 2) + wire.sub(2, b'{"signal": "traces", "from_ns": 1}'))
    yield call(13, 0, wire.sub(1, b"\xfe\xff"))
    yield call(13, timeout, wire.sub(1, b"\xfe\xff?1-2"))
    spans = pa.record_batch({
        "trace_id": pa.array([b"0123456789abcdef"], pa.binary(16)),
        "span_id": pa.array([b"01234567"], pa.binary(8)), "name": ["a"]})
    made, messages = flight_stream(spans, b"traces")[0], []
    while made:
        size = int.from_bytes(made[:4], "little")
        messages.append(made[4:4 + size])
        made = made[4 + size:]
    yield call(14, 0, *messages)
    yield call(14, ack, *messages)
    yield call(15, 0, b"")
    for action in (b"flush", b"stats", b"health", b"drop"):
        yield call(16, 0, wire.sub(1, action))
    yield call(17, 0, b"")
    yield call(24, 1, b"hello")
    yield call(25, 0, b"")
    yield call(26, zipped | 1, b"{}")


def verify():
    """Changes to a stored file (see fuzz_verify.c)."""
    change, cut, remove, insert, overwrite, append = range(6)

    def edit(what, at, how, more=b""):
        return bytes([what]) + at.to_bytes(3, "little") + bytes([how]) + more

    yield b"\0"
    yield b"\1"
    yield b"\0" + edit(change, 9000, 0x10)
    yield b"\1" + edit(cut, 9000, 0)
    yield b"\0" + edit(cut, 0, 0)
    yield b"\0" + edit(remove, 300, 7)
    yield b"\0" + edit(insert, 5000, 8, b"\xff" * 8)
    yield b"\1" + edit(overwrite, 16000, 31, bytes(31))
    yield b"\0" + edit(append, 0, 8, b"\xff\xff\xff\xff\x10\0\0\0")
    yield b"\0" + edit(change, 4, 0xFF) + edit(change, 12000, 1)


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


# By the name of the target; a target without a line here needs one.
MAKERS = {
    "admin": admin,
    "service": service,
    "verify": verify,
    "ipc_read": streams,
    "append": telemetry_streams,
    "flight": flight,
    "cursor": all_requests,
    "otlp_traces": lambda: requests("traces"),
    "otlp_metrics": lambda: requests("metrics"),
    "otlp_logs": lambda: requests("logs"),
    "builder": builder_calls,
    "cbor": cbor,
    "config": yaml,
    "codec": compressed,
    "grpc": grpc,
    "json": json_requests,
    "http1": http1,
    "http1_session": http1_sessions,
    "http2": http2,
    "grpc_frames": grpc_frames,
    "otap": otap,
    "same_traces": lambda: requests("traces"),
    "same_metrics": lambda: requests("metrics"),
    "same_logs": lambda: requests("logs"),
}


def main():
    missing = 0
    for source in sorted(HERE.glob("fuzz_*.c")):
        target = source.stem.removeprefix("fuzz_")
        if target not in MAKERS:
            print(f"{target}: no seeds; add a line to MAKERS")
            missing += 1
            continue
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("seed_*"):
            old.unlink()
        for number, seed in enumerate(MAKERS[target]()):
            (folder / f"seed_{number:02}").write_bytes(seed)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
