# SPDX-License-Identifier: Apache-2.0
"""OTAP streams: one BatchStatus for each message, and what becomes of bad ones."""

import queue
import resource
import threading

import grpc
import pytest
import zstandard

import columns
import harness
import otlpgen
from h2client import Connection, headers, message
from httpclient import metric_of
from wire import num, read_varint, split, sub

GOLDEN = harness.ROOT / "tests" / "golden" / "otap"
SERVICE = "/opentelemetry.proto.experimental.arrow.v1."
PATH = {"traces": SERVICE + "ArrowTracesService/ArrowTraces",
        "metrics": SERVICE + "ArrowMetricsService/ArrowMetrics",
        "logs": SERVICE + "ArrowLogsService/ArrowLogs"}
OK, INVALID, EXHAUSTED, UNAVAILABLE = 0, 3, 8, 14


def golden(name):
    return (GOLDEN / f"{name}.bar").read_bytes()


def items(signal, *names):
    return sum(otlpgen.count_items(signal, otlpgen.REQUEST_CLASS[signal].FromString(
        (GOLDEN / f"{name}.pb").read_bytes())) for name in names)


def status(data):
    """(batch_id, status_code, status_message) of a BatchStatus."""
    found = {1: 0, 2: 0, 3: ""}
    for field in split(data):
        number, at = field[0] >> 3, 1
        if number == 3:
            size, at = read_varint(field, at)
            found[3] = field[at:at + size].decode()
        else:
            found[number], _ = read_varint(field, at)
    return found[1], found[2], found[3]


def renumbered(data, batch_id):
    """The message with another batch_id."""
    fields = [field for field in split(data) if field[0] >> 3 != 1]
    return num(1, batch_id) + b"".join(fields)


class Stream:
    """One stream that is written and read step by step."""

    def __init__(self, service, signal, **options):
        self.sending = queue.SimpleQueue()
        call = service.channel().stream_stream(PATH[signal])
        self.call = call(iter(self.sending.get, None), timeout=60, **options)

    def send(self, data):
        self.sending.put(data)

    def receive(self):
        return status(next(self.call))

    def ask(self, data):
        self.send(data)
        return self.receive()

    def end(self):
        """Half-closes; gives the statuses that were still to come."""
        self.sending.put(None)
        return [status(data) for data in self.call]


def test_batches_are_acknowledged_and_stored(start):
    service = start()
    for signal, names in (("traces", ("t1", "t2")), ("traces", ("g0", "g1")), ("metrics", ("m1",)),
                          ("metrics", ("h",)), ("logs", ("l1",))):
        stream = Stream(service, signal)
        for number, name in enumerate(names):
            assert stream.ask(golden(name)) == (number, OK, "")
        assert stream.end() == []
        assert stream.call.code() == grpc.StatusCode.OK
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "traces")) == items("traces", "t1", "t2", "g0", "g1")
    assert len(columns.rows_of(service.directory, "logs")) == items("logs", "l1")
    # A metric without points has a row of its own.
    empty = sum(row["metric_type"] in (None, 0, "", "none", "empty")
                for row in columns.rows_of(service.directory, "metrics"))
    assert len(columns.rows_of(service.directory, "metrics")) - empty == items("metrics", "m1", "h")


@pytest.mark.parametrize("index", (0, 1))
def test_statuses_come_before_the_end_of_a_half_closed_stream(start, index):
    service = start()
    call = service.channel(index).stream_stream(PATH["traces"])(iter([golden("g0"), golden("g1")]),
                                                               timeout=20)
    assert [status(data)[:2] for data in call] == [(0, OK), (1, OK)]
    assert call.code() == grpc.StatusCode.OK
    empty = service.channel(index).stream_stream(PATH["logs"])(iter(()), timeout=20)
    assert list(empty) == [] and empty.code() == grpc.StatusCode.OK


@pytest.mark.parametrize("name", ["gzip", "zstd"] + [f"zstdarrow{i}" for i in range(1, 11)])
def test_messages_come_compressed(start, name):
    import gzip

    service = start()
    data = gzip.compress(golden("l1")) if name == "gzip" else zstandard.compress(golden("l1"))
    with Connection(service.port) as connection:
        answer = connection.call(headers(path=PATH["logs"], grpc_encoding=name), message(data, True))
    assert answer["grpc-status"] == "0", answer
    assert status(answer["data"][5:]) == (0, OK, "")
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "logs")) == items("logs", "l1")


BROKEN = {
    "not protobuf": b"\xff" * 20,
    "cut short": golden("t1")[:-100],
    "a schema without an end": renumbered(golden("t1"), 7)[:400],
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_what_cannot_be_decoded_ends_its_stream_alone(start, data):
    service = start("net.io_threads=1")
    other = Stream(service, "traces")
    assert other.ask(golden("t1"))[:2] == (0, OK)
    bad = Stream(service, "traces")
    assert bad.ask(golden("g0"))[:2] == (0, OK)
    bad.send(data)
    with pytest.raises(grpc.RpcError) as error:
        while True:
            answer = bad.receive()
            assert answer[1] == INVALID and answer[2], answer
    assert error.value.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT)
    assert "new stream" in error.value.details(), error.value
    assert other.ask(golden("t2"))[:2] == (1, OK)
    assert other.end() == []
    assert metric_of(service, "otlp_arrow_refused_requests_total", signal="traces",
                     reason="malformed") == 1
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "traces")) == items("traces", "t1", "t2", "g0")


def test_an_unknown_table_is_refused(start):
    """A message of the wrong signal, or with a table that nobody defines."""
    service = start()
    for signal, data in (("logs", golden("t1")), ("traces", golden("m1")),
                         ("traces", num(1, 5) + sub(2, sub(1, "0"), num(2, 99), sub(3, b"x"))),
                         ("traces", num(1, 5))):
        stream = Stream(service, signal)
        stream.send(data)
        try:
            answer = stream.receive()
            assert answer[1] == INVALID and answer[2], answer
        except grpc.RpcError as error:
            assert error.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT)
        stream.call.cancel()
    assert service.stop() == 0
    for signal in otlpgen.SIGNALS:
        assert service.files(signal) == []


def test_headers_are_read_in_order_and_garbage_ends_the_stream(start):
    import hpack

    service = start()
    encoder = hpack.Encoder()
    stream = Stream(service, "traces")
    fields = [("tenant", "a" * 40), ("grpc-timeout", "20S")]
    for number, name in enumerate(("t1", "t2")):  # the second block leans on the first
        block = encoder.encode(fields)
        assert number == 0 or len(block) < 10
        assert stream.ask(golden(name) + sub(3, block)) == (number, OK, "")
    assert stream.end() == []
    late = hpack.Encoder().encode([("grpc-timeout", "1n")])
    stream = Stream(service, "traces")
    number, code, text = stream.ask(renumbered(golden("g0"), 2) + sub(3, late))
    assert (number, code) == (2, UNAVAILABLE) and "deadline" in text, (number, code, text)
    assert stream.ask(golden("g1")) == (1, OK, "")  # the late one kept it in step
    stream.call.cancel()
    encoder = hpack.Encoder()
    for garbage in (b"\xff" * 40, b"\xbf", encoder.encode([("x", "y" * 20000)])):
        stream = Stream(service, "traces")
        stream.send(renumbered(golden("t1"), 3) + sub(3, garbage))
        number, code, text = stream.receive()
        assert (number, code) == (3, INVALID) and "HPACK" in text, (number, code, text)
        with pytest.raises(grpc.RpcError) as error:
            stream.receive()
        assert error.value.code() == grpc.StatusCode.INTERNAL
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "traces")) == items("traces", "t1", "t2", "g1")


def test_overload_keeps_dictionaries_in_step(start):
    """A batch that is refused still brings the dictionaries of the next."""
    service = start("max_trace_buffer_size=50", "write_interval_secs=1", "storage.batch_rows=1000")
    _, hard = resource.prlimit(service.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (16, hard))
    filler = otlpgen.REQUEST_CLASS["traces"]()
    scope = filler.resource_spans.add().scope_spans.add()
    for i in range(30):
        scope.spans.add(name=f"fill{i}")
    service.send("traces", [filler.SerializeToString()])
    harness.wait_until(lambda: service.get("/readyz")[0] == 503, what="the disk to be found full")
    stream = Stream(service, "traces")
    number, code, text = stream.ask(golden("t1"))
    assert (number, code) == (0, UNAVAILABLE) and text, (number, code, text)
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (hard, hard))

    def taken():
        (result,) = service.send("traces", [b""])
        return not isinstance(result, Exception)

    harness.wait_until(taken, what="taking data again")
    assert stream.ask(golden("t2"))[:2] == (1, OK)
    assert stream.end() == []
    assert service.stop() == 0, service.output()
    assert len(columns.rows_of(service.directory, "traces")) == 30 + items("traces", "t2")


def test_a_cancelled_stream_leaves_nothing_behind(start):
    service = start()
    for _ in range(50):
        stream = Stream(service, "traces")
        assert stream.ask(golden("t1"))[:2] == (0, OK)
        stream.call.cancel()
    with Connection(service.port) as connection:  # gone within a message
        number = connection.open(headers(path=PATH["traces"]))
        connection.write(number, message(golden("t1"))[:500], end=False)
    stream = Stream(service, "traces")
    assert stream.ask(golden("t1"))[:2] == (0, OK)
    assert stream.end() == []
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "traces")) == 51 * items("traces", "t1")


def test_streams_together_keep_no_more_than_their_share(start):
    """The one that grows past the bound ends; the others go on."""
    service = start("memory_limit=16MiB", "protocols.max_request_size=1MiB", "net.io_threads=1")
    before = service.memory("VmRSS")
    streams, ended = [], []
    while len(streams) < 2000 and not ended:
        stream = Stream(service, "traces")
        assert stream.ask(golden("g0"))[1] in (OK, UNAVAILABLE)
        streams.append(stream)
        ended = [stream for stream in streams[-50:] if stream.call.done()]
    # The client may have begun another one before it heard of the end.
    assert 1 <= len(ended) <= 3, len(streams)
    for stream in ended:
        assert stream.call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "all streams together" in stream.call.details()
    if b"__asan_init" not in harness.SERVICE.read_bytes():
        assert service.memory("VmRSS") - before < 64 * 1024
    assert streams[0].ask(golden("g1"))[1] in (OK, UNAVAILABLE)
    for stream in streams:
        stream.call.cancel()
    (result,) = service.send("logs", [b""])
    assert not isinstance(result, Exception)


def test_many_streams_at_once(start):
    service = start()
    failures = []

    def work():
        try:
            for _ in range(5):
                stream = Stream(service, "traces")
                assert stream.ask(golden("t1"))[:2] == (0, OK)
                assert stream.ask(golden("t2"))[:2] == (1, OK)
                assert stream.end() == []
        except Exception as failure:  # for the main thread
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures, failures
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "traces")) == 40 * items("traces", "t1", "t2")
