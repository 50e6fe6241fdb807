# SPDX-License-Identifier: Apache-2.0
"""What mutate.py sends: whole requests of each protocol, the faults in them,
and the answers that are documented for each kind of fault."""

import functools
import io
import struct

import pyarrow as pa

import harness
import mutants
import otlpgen
import otlpjson
import rawtalk
import wire

GOLDEN = harness.ROOT / "tests" / "golden"
ARROW = "/opentelemetry.proto.experimental.arrow.v1."
OTAP_PATH = {"traces": ARROW + "ArrowTracesService/ArrowTraces",
             "metrics": ARROW + "ArrowMetricsService/ArrowMetrics",
             "logs": ARROW + "ArrowLogsService/ArrowLogs"}
HTTP_PATH = {signal: f"/v1/{signal}" for signal in otlpgen.SIGNALS}
DO_PUT = "/arrow.flight.protocol.FlightService/DoPut"
PROTOBUF, JSON = "application/x-protobuf", "application/json"

# What may be answered, by what is at fault.  0 and 200 are among them: many
# faults leave a request that is another, good one.
OK, INVALID, DEADLINE, EXHAUSTED, UNKNOWN_METHOD, INTERNAL = 0, 3, 4, 8, 12, 13
MESSAGE = {OK, INVALID}
FRAMED = {OK, INVALID, EXHAUSTED, UNKNOWN_METHOD, INTERNAL}
BATCH = {OK, INVALID, EXHAUSTED}
STREAM_END = {OK, INVALID, EXHAUSTED, INTERNAL}
BODY = {200, 400}
PACKED = {200, 400, 413, 415}
HEAD = {200, 204, 400, 404, 405, 408, 411, 413, 414, 415, 417, 431, 501, 505}
HEAD_GRPC = FRAMED | {DEADLINE}


def framed(*messages):
    return b"".join(struct.pack(">BI", 0, len(message)) + message for message in messages)


# A share of the requests asks to be answered only when its rows are written.
ACK_SHARE = 0.1
ACK = ("otlp-arrow-ack", "write")


def grpc_fields(path, encoding=None, ack=False):
    pairs = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"),
             ("te", "trailers"), ("content-type", "application/grpc")]
    pairs += [ACK] if ack else []
    return pairs + ([("grpc-encoding", encoding)] if encoding is not None else [])


@functools.lru_cache(None)
def grpc_head(path, encoding=None, ack=False):
    return rawtalk.block(grpc_fields(path, encoding, ack))


def http_fields(path, kind, encoding=None, ack=False):
    pairs = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"),
             ("content-type", kind)]
    pairs += [ACK] if ack else []
    return pairs + ([("content-encoding", encoding)] if encoding is not None else [])


@functools.lru_cache(None)
def http2_head(path, kind, encoding=None, ack=False):
    return rawtalk.block(http_fields(path, kind, encoding, ack))


@functools.lru_cache(None)
def http1_head(path, kind, encoding=None, ack=False):
    more = f"content-encoding: {encoding}\r\n" if encoding is not None else ""
    more += ": ".join(ACK) + "\r\n" if ack else ""
    return f"POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: {kind}\r\n{more}".encode()


def http2_session(head, body):
    """All that one client sends that asks once."""
    return (rawtalk.PREFACE + rawtalk.frame(rawtalk.SETTINGS, 0, 0, struct.pack(">HI", 1, 0))
            + rawtalk.frame(rawtalk.HEADERS, rawtalk.END_HEADERS, 1, head)
            + rawtalk.frame(rawtalk.DATA, rawtalk.END_STREAM, 1, body[:rawtalk.MAX_FRAME]))


# --- what is sent ---

class Case:
    """One request: how it goes (grpc, http1, http2, raw), its head and body (or
    its bytes), and what may come back."""

    __slots__ = ("way", "head", "body", "allowed", "parts", "good")

    def __init__(self, way, head, body, allowed, parts=1, good=0):
        self.way = way
        self.head = head
        self.body = body
        self.allowed = allowed
        self.parts = parts  # messages at most
        self.good = good    # of them without a fault, at the begin


def golden_requests():
    return [(signal, (GOLDEN / f"{signal}.pb").read_bytes()) for signal in otlpgen.SIGNALS]


def more_requests(seed):
    """Random whole requests of some hundred bytes to a few thousand."""
    for signal in otlpgen.SIGNALS:
        for i in range(30):
            data = otlpgen.request(signal, seed + i).SerializeToString()
            if 0 < len(data) < 6000:
                yield signal, data


def heads(rng, http2, http1, body):
    """A whole connection whose head or frames are at fault; HTTP1 is None for
    gRPC."""
    kind = rng.random()
    allowed = HEAD if http1 is not None else HEAD_GRPC
    if kind < 0.45 or (http1 is None and kind < 0.6):
        head = rawtalk.block(mutants.fields(rng, http2))
        if rng.random() < 0.1:
            head = mutants.noise(rng, head)
        return Case("raw", None, http2_session(head, body), allowed)
    if kind < 0.6 or http1 is None:
        data = http2_session(rawtalk.block(http2), body)
        at = rng.randrange(len(rawtalk.PREFACE) if rng.random() < 0.9 else 0, len(data))
        return Case("raw", None, data[:at] + mutants.noise(rng, data[at:]), allowed)
    data = http1 + b"content-length: %d\r\n\r\n" % len(body)
    return Case("raw", None, mutants.noise(rng, data) + body, allowed)


class Grpc:
    """OTLP over gRPC."""

    name, port = "OTLP/gRPC", 0

    def __init__(self, seed):
        self.fixtures = golden_requests()
        self.all = self.fixtures + list(more_requests(seed))

    def mutant(self, rng):
        signal, data = rng.choice(self.all)
        path, kind = harness.EXPORT_PATH[signal], rng.random()
        if kind < 0.78:
            return Case("grpc", grpc_head(path, None, rng.random() < ACK_SHARE),
                        framed(mutants.protobuf(rng, data)), MESSAGE)
        if kind < 0.95:
            encoding, body = mutants.grpc_frame(rng, data)
            return Case("grpc", grpc_head(path, encoding), body, FRAMED)
        return heads(rng, grpc_fields(path), None, framed(data))

    def whole(self, rng, step):
        for signal, data in self.fixtures:
            head = grpc_head(harness.EXPORT_PATH[signal])
            body = framed(data)
            first = rng.randrange(step)
            for bad in (*mutants.deletions(body, step, first),
                        *mutants.flips(rng, body, step, first)):
                yield Case("grpc", head, bad, FRAMED)
            session = http2_session(head, body)[:-len(body)]
            for bad in (*mutants.deletions(session, step, first),
                        *mutants.flips(rng, session, step, first)):
                yield Case("raw", None, bad + body, HEAD_GRPC)


class Http:
    """OTLP/HTTP with protobuf, over HTTP/1.1 and HTTP/2."""

    name, port, kind = "OTLP/HTTP protobuf", 1, PROTOBUF

    def __init__(self, seed):
        self.fixtures = golden_requests()
        self.all = self.fixtures + list(more_requests(seed))

    @staticmethod
    def change(rng, data):
        return mutants.protobuf(rng, data)

    def case(self, rng, path, body, allowed, encoding=None):
        ack = rng.random() < ACK_SHARE
        if rng.random() < 0.5:
            return Case("http1", http1_head(path, self.kind, encoding, ack), body, allowed)
        return Case("http2", http2_head(path, self.kind, encoding, ack), body, allowed)

    def mutant(self, rng):
        signal, data = rng.choice(self.all)
        path, kind = HTTP_PATH[signal], rng.random()
        if kind < 0.8:
            return self.case(rng, path, self.change(rng, data), BODY)
        if kind < 0.95:
            encoding, body = mutants.squeeze(rng, data)
            body = mutants.noise(rng, body) if rng.random() < 0.9 else body
            if rng.random() < 0.1:
                encoding = rng.choice(("br", "identity", "zstd", "gzip", "", "gzip, gzip"))
            return self.case(rng, path, body, PACKED, encoding)
        return heads(rng, http_fields(path, self.kind), http1_head(path, self.kind), data)

    def whole(self, rng, step):
        for signal, data in self.fixtures:
            path, first = HTTP_PATH[signal], rng.randrange(step)
            for bad in (*mutants.deletions(data, step, first),
                        *mutants.flips(rng, data, step, first)):
                yield self.case(rng, path, bad, BODY)
            head = http1_head(path, self.kind) + b"content-length: %d\r\n\r\n" % len(data)
            for bad in (*mutants.deletions(head, step, first),
                        *mutants.flips(rng, head, step, first)):
                yield Case("raw", None, bad + data, HEAD)


class HttpJson(Http):
    """OTLP/HTTP with JSON."""

    name, kind = "OTLP/HTTP JSON", JSON

    def __init__(self, seed):
        super().__init__(seed)

        def text(pair):
            signal, data = pair
            message = otlpgen.REQUEST_CLASS[signal].FromString(data)
            return signal, otlpjson.encode(message).encode()

        self.fixtures = [text(pair) for pair in self.fixtures]
        self.all = self.fixtures + [text(pair) for pair in more_requests(seed)]

    @staticmethod
    def change(rng, data):
        return mutants.json_text(rng, data)


class Otap:
    """OpenTelemetry's Arrow protocol; recorded messages, one or two a stream."""

    name, port = "OTAP", 0

    def __init__(self, _):
        def read(name):
            return (GOLDEN / "otap" / f"{name}.bar").read_bytes()

        self.fixtures = [("traces", (), read("t1")), ("traces", (), read("g0")),
                         ("traces", (read("g0"),), read("g1")), ("traces", (), read("t2")),
                         ("metrics", (), read("m1")), ("metrics", (), read("h")),
                         ("logs", (), read("l1")), ("logs", (), read("gl"))]

    def mutant(self, rng):
        signal, before, data = rng.choice(self.fixtures)
        path, kind = OTAP_PATH[signal], rng.random()
        if kind < 0.9:
            body = framed(*before, mutants.otap(rng, data))
            head = grpc_head(path, None, rng.random() < ACK_SHARE)
            return Case("otap", head, body, STREAM_END, len(before) + 1, len(before))
        if kind < 0.97:
            encoding, body = mutants.grpc_frame(rng, data)
            return Case("otap", grpc_head(path, encoding), body, FRAMED, 2)
        return heads(rng, grpc_fields(path), None, framed(data)[:8000])

    def whole(self, rng, step):
        for signal, before, data in self.fixtures:
            head, first = grpc_head(OTAP_PATH[signal]), rng.randrange(step)
            parts = len(before) + 1
            for change in (mutants.deletions(data, step, first),
                           mutants.flips(rng, data, step, first)):
                for bad in change:
                    yield Case("otap", head, framed(*before, bad), STREAM_END, parts, len(before))


def flight_stream(batch, word, **options):
    """The FlightData messages of a DoPut of BATCH."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema,
                           options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_batch(batch)
    out = []
    for part in pa.ipc.MessageReader.open_stream(sink.getvalue()):
        first = wire.sub(1, wire.num(1, 1), wire.sub(3, word)) if not out else b""
        body = part.body.to_pybytes() if part.body is not None else b""
        out.append(first + wire.sub(2, part.metadata.to_pybytes())
                   + (wire.sub(1000, body) if body else b""))
    return out


def flight_tables():
    """Our own columns, flat tables of older clients, serialized requests."""
    ids = pa.array([b"0123456789abcdef"] * 3)
    attribute = pa.struct([("key", pa.string()), ("type", pa.uint8()), ("str", pa.string()),
                           ("int", pa.int64()), ("ser", pa.binary())])
    values = [{"key": "a", "type": 1, "str": "x"}, {"key": "b", "type": 2, "int": -1},
              {"key": "e", "type": 5, "ser": b"\xa1\x61k\x01"}]
    yield "traces", {}, pa.record_batch({
        "trace_id": ids, "span_id": pa.array([b"01234567", b"8", b"abcdefgh"]),
        "name": pa.array(["a", "b", None]).dictionary_encode(),
        "start_time_unix_nano": pa.array([1, 2, 3], pa.timestamp("ns")),
        "attributes": pa.array([values, [], values[:1]], pa.list_(attribute))})
    yield "traces", {"compression": "zstd"}, pa.record_batch({
        "trace_id": ids, "span_id": pa.array([b"01234567"] * 3), "name": ["a", "b", "c"],
        "kind": pa.array([0, 4, 1], pa.int32()),
        "start_time_unix_nano": pa.array([1, 2, 3], pa.uint64()),
        "end_time_unix_nano": pa.array([3, 4, 5], pa.uint64()),
        "attributes": ['{"a": [1, 2.5, null, {"b": true}]}', "{}", None]})
    yield "metrics", {}, pa.record_batch({
        "metric_name": ["a", "b"], "value": [0.5, -1.0],
        "timestamp_unix_nano": pa.array([1, 2], pa.uint64()), "metric_type": ["sum", "gauge"],
        "attributes": [None, '{"k": "v"}']})
    yield "logs", {"compression": "lz4"}, pa.record_batch({
        "time_unix_nano": pa.array([1, None], pa.timestamp("ms")),
        "severity_text": pa.array(["INFO", "INFO"]).dictionary_encode(), "body": ["one", None]})
    for signal, data in golden_requests():
        yield signal, {}, pa.record_batch({"otlp_proto": pa.array([data], pa.binary())})


class Flight:
    """Arrow Flight DoPut."""

    name, port = "Arrow Flight", 1

    def __init__(self, _):
        self.fixtures = [flight_stream(batch, signal, **options)
                         for signal, options, batch in flight_tables()]
        self.head = grpc_head(DO_PUT)

    def mutant(self, rng):
        parts, kind = list(rng.choice(self.fixtures)), rng.random()
        if kind < 0.9:
            i = rng.randrange(len(parts))
            parts[i] = mutants.flight_data(rng, parts[i])
            if rng.random() < 0.05:
                rng.shuffle(parts)
            return Case("grpc", grpc_head(DO_PUT, None, rng.random() < ACK_SHARE),
                        framed(*parts), FRAMED)
        if kind < 0.97:
            encoding, body = mutants.grpc_frame(rng, parts[0])
            return Case("grpc", grpc_head(DO_PUT, encoding), body, FRAMED)
        return heads(rng, grpc_fields(DO_PUT), None, framed(*parts)[:8000])

    def whole(self, rng, step):
        for parts in self.fixtures:
            data, first = framed(*parts), rng.randrange(step)
            for bad in (*mutants.deletions(data, step, first),
                        *mutants.flips(rng, data, step, first)):
                yield Case("grpc", self.head, bad, FRAMED)


PROTOCOLS = {"grpc": Grpc, "http": Http, "json": HttpJson, "otap": Otap, "flight": Flight}
