# SPDX-License-Identifier: Apache-2.0
"""What the tests of Arrow Flight share: a client, streams, comparisons."""

import io
import json

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import columns
import compare
import harness
import otlpgen

METHOD = "/arrow.flight.protocol.FlightService/"
BOTH_PORTS = (0, 1)

# Each code of gRPC is another class in pyarrow.
ERRORS = (flight.FlightError, pa.ArrowException, KeyError, NotImplementedError)


def connect(service, port=1):
    return flight.connect(f"grpc://127.0.0.1:{service.ports[port]}")


def path(*words):
    return flight.FlightDescriptor.for_path(*words)


def flush(client):
    assert [json.loads(r.body.to_pybytes()) for r in client.do_action("flush")] == \
        [{"flushed": True}]


def put(client, descriptor, schema, batches, options=None):
    """Sends BATCHES and gives the PutResults as they are."""
    arguments = (options,) if options is not None else ()
    writer, results = client.do_put(descriptor, schema, *arguments)
    told = []
    try:
        for batch in batches:
            writer.write_batch(batch)
            told.append(json.loads(results.read().to_pybytes()))
        writer.done_writing()
    finally:
        writer.close()
    return told


def refusal(client, descriptor, schema, batches):
    """The text with which a stream is refused."""
    with pytest.raises(ERRORS) as caught:
        put(client, descriptor, schema, batches)
    return str(caught.value)


def endpoints(client, descriptor):
    return client.get_flight_info(descriptor).endpoints


def read_all(client, descriptor):
    tables = [client.do_get(e.ticket).read_all() for e in endpoints(client, descriptor)]
    return pa.concat_tables(tables) if tables else None


def send(service, signal, count, first=0):
    requests = [otlpgen.request(signal, first + i).SerializeToString() for i in range(count)]
    for result in service.send(signal, requests):
        assert not isinstance(result, Exception), result
    return [r for r in requests if compare.canonical_bytes(signal, r)]


def rows_in(service, signal):
    """All rows of the service's files as one table."""
    return pa.concat_tables(columns.table_of(file) for file in service.files(signal))


def as_bytes(table):
    """What can be compared: a NaN is equal to no other one."""
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def same_requests(signal, sent, directory):
    lost, extra = compare.difference(signal, sent, harness.stored_requests(directory, signal))
    assert not lost and not extra, (len(lost), len(extra))


FLAT_SPANS = pa.schema([
    ("trace_id", pa.binary()), ("span_id", pa.binary()), ("parent_span_id", pa.binary()),
    ("name", pa.string()), ("kind", pa.int32()), ("start_time_unix_nano", pa.uint64()),
    ("end_time_unix_nano", pa.uint64()), ("status_code", pa.int32()),
    ("status_message", pa.string()), ("attributes", pa.string())])

FLAT_METRICS = pa.schema([
    ("metric_name", pa.string()), ("value", pa.float64()),
    ("timestamp_unix_nano", pa.uint64()), ("metric_type", pa.string()),
    ("attributes", pa.string())])


def flat_spans(count=5, schema=FLAT_SPANS):
    return pa.RecordBatch.from_pydict({
        "trace_id": [bytes([i]) * 16 for i in range(1, count + 1)],
        "span_id": [bytes([i]) * 8 for i in range(1, count + 1)],
        "parent_span_id": [None] * count,
        "name": [f"span {i}" for i in range(count)],
        "kind": list(range(count)),
        "start_time_unix_nano": [10**18 + i for i in range(count)],
        "end_time_unix_nano": [10**18 + 2 * i for i in range(count)],
        "status_code": [0] * count,
        "status_message": [""] * count,
        "attributes": [json.dumps({"n": i, "s": "x", "d": 0.5, "l": [1, "a"]})
                       for i in range(count)],
    }, schema=schema)
