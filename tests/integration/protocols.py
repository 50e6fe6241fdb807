# SPDX-License-Identifier: Apache-2.0
"""Every way into the service and every way out again, as functions.

A way in takes serialized requests and sends them to a running service; a way
out gives the requests that a folder of files holds.  Each has a set of the
differences that its format makes; comparing undoes these and nothing else.
"""

import functools
import json
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as flight

import compare
import harness
import httpclient
import otlpgen
import otlpjson
from test_otap_encode import messages as encoded_by_library
from wire import read_varint, split

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))
import otap_refdec  # noqa: E402
import otap_refenc  # noqa: E402

ARROW = "/opentelemetry.proto.experimental.arrow.v1."
OTAP_PATH = {"traces": ARROW + "ArrowTracesService/ArrowTraces",
             "metrics": ARROW + "ArrowMetricsService/ArrowMetrics",
             "logs": ARROW + "ArrowLogsService/ArrowLogs"}

# --- differences that formats make ---

NAN_BITS = "JSON has one NaN only"
ENTITIES = "OTAP has no place for entity_refs"
ZERO_IDS = "OTAP knows no difference between an id of zeros and none"
ORDER = "our encoder sorts attributes, and sends exemplars without a value first"
REQUESTS = "several requests become one message, resource by resource"


# --- answers ---


def batch_status(data):
    """(batch_id, status_code, status_message) of a BatchStatus."""
    found = {1: 0, 2: 0, 3: ""}
    for field in split(data):
        number, at = field[0] >> 3, 1
        value, at = read_varint(field, at)
        found[number] = field[at:at + value].decode() if number == 3 else value
    return found[1], found[2], found[3]


def flush(client):
    assert [json.loads(r.body.to_pybytes()) for r in client.do_action("flush")] == \
        [{"flushed": True}]


# --- ways in ---


def send_grpc(service, signal, requests):
    for result in service.send(signal, requests):
        assert not isinstance(result, Exception), result
        assert not result.HasField("partial_success"), result


def send_json(service, signal, requests):
    """HTTP/1.1 on one connection; every other request in an odd form."""
    with httpclient.Sender(service.ports[1]) as sender:
        for i, raw in enumerate(requests):
            message = otlpgen.REQUEST_CLASS[signal].FromString(raw)
            text = otlpjson.encode(message, seed=i if i % 2 else None)
            answer = sender.post(signal, text.encode(), httpclient.JSON)
            assert answer.status == 200 and answer.json == {}, answer


def send_http(service, signal, requests):
    with httpclient.Sender(service.ports[1]) as sender:
        for raw in requests:
            answer = sender.post(signal, raw)
            assert answer.status == 200 and answer.data == b"", answer


def send_bars(service, signal, bars):
    call = service.channel().stream_stream(OTAP_PATH[signal])(iter(bars), timeout=100)
    statuses = [batch_status(data) for data in call]
    assert [status for status in statuses if status[1:] != (0, "")] == []
    assert Counter(status[0] for status in statuses) == Counter(range(len(bars)))


def send_otap(service, signal, requests):
    """Messages of the independent encoder, of 1 to 40 requests each."""
    encoder = otap_refenc.Encoder(signal, len(requests))
    parse = otlpgen.REQUEST_CLASS[signal].FromString
    bars, at = [], 0
    while at < len(requests):
        count = encoder.rng.randrange(1, 41)
        group = [parse(raw) for raw in requests[at:at + count]]
        if any(compare.canonical(signal, parse(raw)) for raw in requests[at:at + count]):
            bars.append(encoder.encode(group))
        at += count
    send_bars(service, signal, bars)


def read_batches(paths):
    for path in paths:
        with pa.ipc.open_stream(pa.memory_map(str(path))) as reader:
            yield from reader


def through_files(send):
    """A way in whose client has files of ours, not requests."""

    @functools.wraps(send)
    def run(service, signal, requests):
        first = harness.Service(service.directory / "first", "net.io_threads=1",
                                "storage.batch_rows=700", "storage.max_file_size=1MiB")
        try:
            send_grpc(first, signal, requests)
            assert first.stop() == 0, first.output()
        finally:
            first.kill()
        if first.files(signal):
            send(service, signal, first.files(signal))

    return run


@through_files
def send_own_otap(service, signal, files):
    """Messages of our own encoder."""
    status, bars, text = encoded_by_library(files, "zstd")
    assert status == 0, text
    send_bars(service, signal, bars)


def put(service, signal, batches):
    """DoPut; the PutResults must say that all rows were taken."""
    client = flight.connect(f"grpc://127.0.0.1:{service.ports[1]}")
    writer, results = client.do_put(flight.FlightDescriptor.for_path(signal), batches[0].schema)
    for batch in batches:
        writer.write_batch(batch)
    writer.done_writing()
    told = []
    while (raw := results.read()) is not None:
        told.append(json.loads(raw.to_pybytes()))
    writer.close()
    client.close()
    assert [t for t in told if t["rejected"] or "error" in t] == []
    assert sum(t.get("batches", 1) for t in told) == len(batches)


@through_files
def send_flight(service, signal, files):
    put(service, signal, list(read_batches(files)))


def send_flight_requests(service, signal, requests):
    schema = pa.schema([("otlp_proto", pa.binary())])
    put(service, signal, [pa.record_batch([pa.array(requests[at:at + 7], pa.binary())],
                                          schema=schema) for at in range(0, len(requests), 7)])


WAYS_IN = {
    "protobuf over gRPC": (send_grpc, set()),
    "protobuf over HTTP": (send_http, set()),
    "JSON": (send_json, {NAN_BITS}),
    "OTAP": (send_otap, {ENTITIES, ZERO_IDS, REQUESTS}),
    "our OTAP": (send_own_otap, {ENTITIES, ZERO_IDS, ORDER, REQUESTS}),
    "Flight": (send_flight, set()),
    "Flight of requests": (send_flight_requests, {REQUESTS}),
}


# --- ways out ---


def read_protobuf(service, signal):
    return harness.stored_requests(service.directory, signal)


def read_json(service, signal):
    target = service.directory / f"{signal}.jsonl"
    done = harness.run_tool("convert", service.directory / "otlp" / signal, "--to", "otlp-json",
                            "-o", target)
    assert done.returncode == 0, done.stderr
    lines = target.read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    return [otlpjson.decode(otlpgen.REQUEST_CLASS[signal], line).SerializeToString()
            for line in lines]


def read_otap(service, signal):
    status, bars, text = encoded_by_library(service.files(signal))
    assert status == 0, text
    decoder = otap_refdec.Decoder(signal)
    return [decoder.decode(bar).SerializeToString() for bar in bars]


def read_flight(service, signal):
    """DoGet of every file, while the service runs; what comes is kept in a
    file again and then read as the first way out does."""
    client = flight.connect(f"grpc://127.0.0.1:{service.ports[1]}")
    flush(client)
    folder = service.directory / "got" / "otlp" / signal
    folder.mkdir(parents=True, exist_ok=True)
    info = client.get_flight_info(flight.FlightDescriptor.for_path(signal))
    rows = 0
    for i, endpoint in enumerate(info.endpoints):
        reader = client.do_get(endpoint.ticket)
        with pa.OSFile(str(folder / f"{i:04}.arrow"), "wb") as file, \
                pa.ipc.new_stream(file, reader.schema) as writer:
            for chunk in reader:
                chunk.data.validate(full=True)
                rows += chunk.data.num_rows
                writer.write_batch(chunk.data)
    client.close()
    assert rows == info.total_records
    return harness.stored_requests(service.directory / "got", signal)


WAYS_OUT = {
    "Flight": (read_flight, set()),  # first, for it needs the service running
    "protobuf": (read_protobuf, set()),
    "JSON": (read_json, {NAN_BITS}),
    "OTAP": (read_otap, {ENTITIES, ZERO_IDS, ORDER, REQUESTS}),
}


# --- comparing ---


def below(message):
    """The messages right below MESSAGE, with their fields."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in value if field.is_repeated else [value]:
                yield field, item


def in_order(items, key):
    copies = [type(item).FromString(item.SerializeToString()) for item in sorted(items, key=key)]
    del items[:]
    items.extend(copies)


def serialized(message):
    return message.SerializeToString(deterministic=True)


def undo(message, losses):
    """Makes alike in MESSAGE what LOSSES make alike."""
    for field, value in message.ListFields():
        if field.name == "entity_refs" and ENTITIES in losses:
            message.ClearField(field.name)
        elif field.name in ("trace_id", "span_id", "parent_span_id") and ZERO_IDS in losses:
            if not any(value):
                message.ClearField(field.name)
        elif field.is_repeated and field.message_type is not None and ORDER in losses:
            if field.message_type.name == "KeyValue":  # but not inside of values
                in_order(value, serialized)
            elif field.message_type.name == "Exemplar":
                in_order(value, lambda exemplar: exemplar.WhichOneof("value") is not None)
    for field, item in below(message):
        if field.message_type.name not in ("KeyValue", "AnyValue"):
            undo(item, losses)


def units(signal, raw, losses):
    """What must be found again of a request: itself, or each of its resources."""
    message = otlpgen.REQUEST_CLASS[signal].FromString(raw)
    if not (kept := compare.canonical(signal, message)):
        return []
    if NAN_BITS in losses:
        otlpjson.plain_nans(message)
    if losses & {ENTITIES, ZERO_IDS, ORDER}:
        undo(message, losses)
    if REQUESTS in losses:
        return [serialized(outer) for outer in getattr(message, otlpgen.LEVELS[signal][0])]
    return [serialized(message) if losses else kept]


def counted(signal, requests, losses):
    return Counter(unit for raw in requests for unit in units(signal, raw, losses))
