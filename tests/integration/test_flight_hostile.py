# SPDX-License-Identifier: Apache-2.0
"""Arrow Flight: streams that are wrong."""

import io
import json
import random

import grpc
import pyarrow as pa

import otlpgen
import wire
from flightclient import (FLAT_SPANS, METHOD, connect, flat_spans, path, refusal, rows_in)


def raw_put(service, *messages):
    """What a DoPut of raw FlightData messages ends with."""
    call = service.channel(1).stream_stream(METHOD + "DoPut")(iter(messages), timeout=20)
    results = []
    try:
        for result in call:
            results.append(result)
    except grpc.RpcError:
        pass
    return call.code(), call.details(), results


def parts(batch, **options):
    """The FlightData messages of BATCH without a descriptor."""
    out = io.BytesIO()
    with pa.ipc.new_stream(out, batch.schema,
                           options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_batch(batch)
    data, at, found = out.getvalue(), 0, []
    while (length := int.from_bytes(data[at + 4:at + 8], "little")) != 0:
        header = data[at + 8:at + 8 + length]
        message = pa.ipc.read_message(pa.BufferReader(data[at:]))
        size = message.body.size if message.body is not None else 0
        start = at + 8 + length
        found.append(wire.sub(2, header) + (wire.sub(1000, data[start:start + size]) if size else b""))
        at = start + size
    return found


def test_bad_streams_are_refused_and_the_connection_lives(start):
    service = start()
    schema, batch = parts(flat_spans())
    odd = parts(pa.record_batch([[1]], names=["odd"]))
    named = wire.sub(1, wire.num(1, 1) + wire.sub(3, b"traces"))
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    cases = [
        ((b"\xff\xff",), "FlightData"),
        ((wire.sub(2, b"garbage!"),), "flatbuffer"),
        ((batch,), "schema"),
        ((schema, schema), "second schema"),
        ((schema, batch[:-1]), ""),
        ((schema, batch, batch, b"\x12\x05ab"), "the 2 before it were taken"),
        ((odd[0],), "neither the descriptor nor the columns"),
        ((named + odd[0], odd[1]), ""),
        ((wire.sub(1000, b"body"),), "data_header"),
        ((wire.sub(2, b"\xff\xff\xff\xff\x10\x00\x00\x00"),), "cut short"),
    ]
    for messages, text in cases:
        code, details, _ = raw_put(service, *messages)
        assert code == invalid, (messages, code, details)
        assert text in details
    code, _, results = raw_put(service, schema, batch)
    assert code == grpc.StatusCode.OK and len(results) == 1
    assert service.stop() == 0
    assert rows_in(service, "traces").num_rows == 5 * 3


def test_a_batch_of_which_every_row_is_bad_is_refused(start):
    service = start()
    batch = flat_spans().to_pydict()
    batch["trace_id"] = [b"short"] * 5
    text = refusal(connect(service), path("traces"), FLAT_SPANS,
                   [pa.RecordBatch.from_pydict(batch, schema=FLAT_SPANS)])
    assert "no row could be taken" in text and "trace_id" in text


def test_a_message_that_is_too_large_is_refused(start):
    service = start("protocols.max_request_size=1MiB")
    schema = pa.schema([("body", pa.string())])
    batch = pa.record_batch([["x" * (2 << 20)]], schema=schema)
    code, _, _ = raw_put(service, *parts(batch))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_batch_that_is_too_large_decompressed_is_refused(start):
    service = start()
    schema = pa.schema([("body", pa.string())])
    batch = pa.record_batch([["x" * (96 << 20)]], schema=schema)
    messages = parts(batch, compression="zstd")
    assert sum(map(len, messages)) < 1 << 20
    code, details, _ = raw_put(service, *messages)
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED, details
    assert service.memory("VmHWM") < 200 << 10


def test_an_index_outside_its_dictionary_is_refused(start):
    service = start()
    good = pa.record_batch([pa.array([1, 2], pa.uint64()), ["x", "y"],
                            pa.array(["a", "b"]).dictionary_encode()],
                           names=["time_unix_nano", "body", "severity_text"])
    schema, dictionary, batch = parts(good)
    assert raw_put(service, schema, dictionary, batch)[0] == grpc.StatusCode.OK
    at = batch.rindex(b"\x00\x00\x00\x00\x01\x00\x00\x00")
    bad = batch[:at] + b"\x09" + batch[at + 1:]
    code, details, _ = raw_put(service, schema, dictionary, bad)
    assert code == grpc.StatusCode.INVALID_ARGUMENT, details


def test_random_damage_stores_whole_batches_or_nothing(start):
    service = start()
    rng = random.Random(4)
    schema, batch = parts(flat_spans())
    taken = 0
    for _ in range(400):
        target = bytearray(rng.choice((schema, batch)))
        for _ in range(rng.randrange(1, 4)):
            target[rng.randrange(len(target))] = rng.randrange(256)
        messages = (bytes(target), batch) if rng.random() < 0.5 else (schema, bytes(target))
        code, details, results = raw_put(service, *messages)
        assert code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT,
                        grpc.StatusCode.RESOURCE_EXHAUSTED), (code, details)
        for result in results:
            taken += json.loads(result[2:] if result[1] < 128 else result[3:])["rows"]
    assert service.alive()
    assert service.stop() == 0
    stored_rows = {s: rows_in(service, s) for s in otlpgen.SIGNALS
                   if service.files(s)}
    assert sum(t.num_rows for t in stored_rows.values()) == taken
