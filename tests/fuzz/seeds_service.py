# SPDX-License-Identifier: Apache-2.0
"""The service as a whole: its configuration, calls of all kinds, and changes to
its files."""
import struct

import pyarrow as pa

import otlpgen
import otlpjson
import wire
from seeds_otap import flight_stream, otap_message, otap_tables
from seeds_otlp import requests


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
