# SPDX-License-Identifier: Apache-2.0
"""When a sender has its OK, its data is where the level of acknowledgment says.

The service writes nothing by itself here (the interval is an hour), so what
is found in its files is there because a sender waited for it.
"""

import concurrent.futures
import itertools
import json
import resource
import signal as signals
from collections import Counter

import grpc
import pyarrow as pa
import pyarrow.flight as flight
import pytest

import compare
import harness
import httpclient
import otlpgen
import protocols
from httpclient import metric_of

IDLE = ("write_interval_secs=1h", "storage.max_file_age=24h")
WAYS = {name: protocols.WAYS_IN[name] for name in
        ("protobuf over gRPC", "protobuf over HTTP", "JSON", "OTAP", "Flight of requests")}


def spans(count, name="s"):
    request = otlpgen.REQUEST_CLASS["traces"]()
    scope = request.resource_spans.add().scope_spans.add()
    for i in range(count):
        scope.spans.add(name=name, span_id=(i + 1).to_bytes(8, "big"), trace_id=bytes(15) + b"\1")
    return request.SerializeToString()


def rows_of(directory, signal="traces"):
    rows = 0
    for path in harness.files_of(directory, signal):
        with pa.OSFile(str(path)) as file:
            try:
                rows += sum(batch.num_rows for batch in pa.ipc.open_stream(file))
            except pa.ArrowInvalid as error:
                assert path.stat().st_size == 0, error
    return rows


def fsyncs(service):
    return metric_of(service, "otlp_arrow_fsyncs_total")


@pytest.fixture
def start(tmp_path):
    services = []

    def run(*settings):
        services.append(harness.Service(tmp_path / str(len(services)), *IDLE, *settings))
        return services[-1]

    yield run
    for service in services:
        service.kill()


def kill(service):
    service.process.send_signal(signals.SIGKILL)
    service.process.wait(10)


@pytest.mark.parametrize("level", ["write", "fsync"])
@pytest.mark.parametrize("way", WAYS)
def test_what_was_acknowledged_survives_the_process(start, way, level):
    service = start(f"ack={level}")
    send, losses = WAYS[way]
    sent = {signal: [otlpgen.request(signal, 7000 + i).SerializeToString() for i in range(40)]
            for signal in otlpgen.REQUEST_CLASS}
    for signal, requests in sent.items():
        send(service, signal, requests)
    kill(service)
    for signal, requests in sent.items():
        got = harness.stored_requests(service.directory, signal)
        want, found = (protocols.counted(signal, each, losses) for each in (requests, got))
        assert want - found == Counter()
        assert found - want == Counter()


def test_at_memory_the_files_wait(start):
    service = start()
    protocols.send_grpc(service, "traces", [spans(5)])
    assert metric_of(service, "otlp_arrow_batches_total") == 0
    kill(service)
    assert rows_of(service.directory) == 0


def test_a_lone_sender_waits_for_one_fsync(start):
    service = start("ack=fsync", "net.io_threads=1")
    protocols.send_grpc(service, "traces", [spans(3)])
    before = fsyncs(service)  # with those of directories and of the file's name
    for i in range(1, 11):
        protocols.send_grpc(service, "traces", [spans(3)])
        assert fsyncs(service) == before + i
        assert rows_of(service.directory) == 3 * i + 3


def test_many_senders_share_an_fsync(start):
    service = start("ack=fsync", "net.io_threads=2")
    channels = [service.channel() for _ in range(8)]
    results = list(itertools.chain.from_iterable(concurrent.futures.ThreadPoolExecutor(8).map(
        lambda channel: service.send("traces", [spans(2)] * 100, in_flight=50, channel=channel),
        channels)))
    assert [r for r in results if isinstance(r, Exception)] == []
    assert rows_of(service.directory) == 8 * 100 * 2
    assert fsyncs(service) < 400  # for 800 requests


def grpc_with(service, level):
    service.stub("traces")(spans(1), metadata=[("otlp-arrow-ack", level)], timeout=20)


def http_with(service, level):
    with httpclient.Sender(service.ports[1]) as sender:
        answer = sender.post("traces", spans(1), Otlp_Arrow_Ack=level)
        assert answer.status == 200, answer


def otap_with(service, level):
    encoder = protocols.otap_refenc.Encoder("traces", 1)
    message = otlpgen.REQUEST_CLASS["traces"].FromString(spans(1))
    call = service.channel().stream_stream(protocols.OTAP_PATH["traces"])(
        iter([encoder.encode([message])]), metadata=[("otlp-arrow-ack", level)], timeout=20)
    assert [protocols.batch_status(data)[1] for data in call] == [0]


def flight_with(service, level):
    client = flight.connect(f"grpc://127.0.0.1:{service.ports[1]}")
    options = flight.FlightCallOptions(headers=[(b"otlp-arrow-ack", level.encode())], timeout=20)
    schema = pa.schema([("otlp_proto", pa.binary())])
    writer, results = client.do_put(flight.FlightDescriptor.for_path("traces"), schema, options)
    writer.write_batch(pa.record_batch([pa.array([spans(1)], pa.binary())], schema=schema))
    writer.done_writing()
    told = results.read()
    writer.close()  # raises what the stream ended with
    assert json.loads(told.to_pybytes())["rows"] == 1
    client.close()


RAISED = {"gRPC": grpc_with, "HTTP": http_with, "OTAP": otap_with, "Flight": flight_with}


@pytest.mark.parametrize("way", RAISED)
def test_a_sender_may_ask_for_more(start, way):
    service = start("net.io_threads=1")
    before = fsyncs(service)
    RAISED[way](service, "memory")
    assert rows_of(service.directory) == 0
    RAISED[way](service, "write")
    assert fsyncs(service) == before
    assert rows_of(service.directory) == 2  # the one before is in the same batch
    RAISED[way](service, "fsync")
    assert rows_of(service.directory) == 3
    assert fsyncs(service) > before


@pytest.mark.parametrize("way", RAISED)
def test_a_sender_never_gets_less(start, way):
    service = start("ack=fsync")
    before = fsyncs(service)
    RAISED[way](service, "memory")
    assert rows_of(service.directory) == 1
    assert fsyncs(service) > before


@pytest.mark.parametrize("way", RAISED)
def test_a_level_that_does_not_exist_is_refused(start, way):
    service = start()
    with pytest.raises((grpc.RpcError, AssertionError, pa.ArrowInvalid)) as caught:
        RAISED[way](service, "disk")
    assert "otlp-arrow-ack: say" in str(caught.value)
    RAISED[way](service, "write")
    assert rows_of(service.directory) == 1


def test_messages_of_a_stream_do_not_wait_for_each_other(start):
    """One stream sends on while its answers wait, and they come in order."""
    service = start("ack=fsync", "net.io_threads=1")
    encoder = protocols.otap_refenc.Encoder("traces", 1)
    bars = [encoder.encode([otlpgen.REQUEST_CLASS["traces"].FromString(spans(4))])
            for _ in range(200)]
    call = service.channel().stream_stream(protocols.OTAP_PATH["traces"])(iter(bars), timeout=60)
    assert [protocols.batch_status(data)[:2] for data in call] == [(i, 0) for i in range(200)]
    assert fsyncs(service) < 200
    assert rows_of(service.directory) == 800


def test_every_signal_is_safe_before_its_own_answer(start):
    service = start("ack=fsync", "net.io_threads=2")
    for turn in range(1, 6):
        for signal in otlpgen.REQUEST_CLASS:
            raw = otlpgen.request(signal, 90 + turn).SerializeToString()
            [result] = service.send(signal, [raw])
            assert not isinstance(result, Exception), result
            got = [compare.canonical_bytes(signal, each)
                   for each in harness.stored_requests(service.directory, signal)]
            assert compare.canonical_bytes(signal, raw) in [*got, b""]


# --- a disk that takes nothing ---


def allow_writes(service, allowed):
    """Has every write of the service fail (EFBIG), or not any longer."""
    most = resource.RLIM_INFINITY if allowed else 0
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def refused_grpc(service):
    with pytest.raises(grpc.RpcError) as caught:
        service.stub("traces")(spans(1), timeout=20)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert dict(caught.value.trailing_metadata())["grpc-status-details-bin"]


def refused_http(service):
    with httpclient.Sender(service.ports[1]) as sender:
        answer = sender.post("traces", spans(1))
    assert answer.status == 503
    assert int(answer.fields["retry-after"]) > 0


def refused_otap(service):
    encoder = protocols.otap_refenc.Encoder("traces", 1)
    messages = [otlpgen.REQUEST_CLASS["traces"].FromString(spans(1)) for _ in range(3)]
    call = service.channel().stream_stream(protocols.OTAP_PATH["traces"])(
        iter([encoder.encode([message]) for message in messages]), timeout=20)
    statuses = [protocols.batch_status(data) for data in call]
    assert [status[:2] for status in statuses] == [(0, 14), (1, 14), (2, 14)]
    assert all("cannot write" in status[2] for status in statuses)


def refused_flight(service):
    with pytest.raises((pa.ArrowException, flight.FlightError, AttributeError)) as caught:
        flight_with(service, "write")
    assert "cannot write" in str(caught.value)


REFUSED = {"gRPC": refused_grpc, "HTTP": refused_http, "OTAP": refused_otap,
           "Flight": refused_flight}


@pytest.mark.parametrize("level", ["write", "fsync"])
@pytest.mark.parametrize("way", REFUSED)
def test_a_failed_write_is_told_and_nothing_is_kept_for_later(start, way, level):
    service = start(f"ack={level}", "net.io_threads=1")
    allow_writes(service, False)
    REFUSED[way](service)
    status, text = service.get("/readyz")
    assert status == 503 and "File too large" in text
    allow_writes(service, True)
    harness.wait_until(lambda: service.get("/readyz")[0] == 200, what="readiness")
    RAISED[way](service, "memory")
    assert rows_of(service.directory) == 1
