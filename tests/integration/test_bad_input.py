# SPDX-License-Identifier: Apache-2.0
"""What nobody should send, over the protocols whose own tests have not sent it.

Each test has one service, one thread for all connections, and a client beside
that goes on sending good records meanwhile.  In the end the files hold what
the good ones sent, each record once, and nothing else.
"""

import gzip
import io
import json
import random
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import contextmanager

import grpc
import pyarrow as pa
import pyarrow.flight as flight
import pytest
import zstandard

import columns
import harness
import otlpgen
import otlpjson
import protocols
from h2client import Connection, headers, message
from httpclient import JSON, PATH, Sender
from wire import num, sub

INVALID, EXHAUSTED = 3, 8
DO_PUT = "/arrow.flight.protocol.FlightService/DoPut"
Code = grpc.StatusCode


def logs(*names):
    """A request of one record for each of NAMES."""
    request = otlpgen.REQUEST_CLASS["logs"]()
    scope = request.resource_logs.add().scope_logs.add()
    for name in names:
        scope.log_records.add(event_name=name).attributes.add(key="k").value.string_value = name
    return request


class Beside:
    """Sends one good record after the other on a connection of its own."""

    def __init__(self, service):
        self.call = service.stub("logs")
        self.sent = []
        self.failure = None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.over.is_set() or not self.sent:
                name = f"beside {len(self.sent)}"
                self.call(logs(name).SerializeToString(), timeout=20)
                self.sent.append(name)
                time.sleep(0.002)
        except grpc.RpcError as failure:
            self.failure = failure

    def end(self):
        assert self.failure is None, self.failure
        return self.sent


@contextmanager
def besieged(start, *settings):
    """A service and the list of names that were stored by the test itself."""
    service = start("net.io_threads=1", *settings)
    beside, stored = Beside(service), []
    try:
        yield service, stored
    finally:
        beside.over.set()
        beside.thread.join(30)
    want = Counter(beside.end() + stored)
    assert service.stop() == 0, service.output()
    got = Counter(row["event_name"] for row in columns.rows_of(service.directory, "logs"))
    assert got == want
    assert service.files("traces") == [] == service.files("metrics")


# --- OTAP ------------------------------------------------------------------

ROOT, ATTRS = 30, 31
TEXT = ("bad one", "bad two", "bad three")


def times(count):
    return pa.array([1] * count, pa.timestamp("ns", "UTC"))


def owners(count):
    """The structs resource and scope; one of each."""
    ids = pa.array([0] * count, pa.uint16())
    return {"resource": pa.StructArray.from_arrays([ids], ["id"]),
            "scope": pa.StructArray.from_arrays([ids], ["id"])}


def root(**change):
    """Three log records with ids 0, 1 and 2."""
    table = {"id": pa.array([0, 1, 1], pa.uint16()), **owners(3), "time_unix_nano": times(3),
             "event_name": pa.array(TEXT)}
    table.update(change)
    return {name: array for name, array in table.items() if array is not None}


def attrs(**change):
    table = {"parent_id": pa.array([0, 1, 2], pa.uint16()), "key": pa.array(["a", "b", "c"]),
             "type": pa.array([1, 1, 1], pa.uint8()), "str": pa.array(TEXT)}
    table.update(change)
    return {name: array for name, array in table.items() if array is not None}


def ipc(table, metadata=None, **options):
    """The Arrow stream of a table without its end."""
    fields = [pa.field(name, array.type, metadata=(metadata or {}).get(name))
              for name, array in table.items()]
    sink = io.BytesIO()
    writer = pa.ipc.new_stream(sink, pa.schema(fields), options=pa.ipc.IpcWriteOptions(**options))
    writer.write_batch(pa.RecordBatch.from_arrays(list(table.values()), schema=pa.schema(fields)))
    return sink.getvalue()


def schema_of(record):
    """The Schema message at the begin of an Arrow stream."""
    return record[:8 + struct.unpack_from("<I", record, 4)[0]]


def bar(*tables, batch_id=1, headers=b"", first_id=100):
    """A BatchArrowRecords of (type, record)."""
    out = num(1, batch_id) if batch_id else b""
    for i, (kind, record) in enumerate(tables):
        out += sub(2, sub(1, str(first_id + i)), num(2, kind), sub(3, record))
    return out + (sub(3, headers) if headers else b"")


def odd_offsets(*offsets, data=b"good texts are here"):
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, [
        None, pa.py_buffer(struct.pack(f"<{len(offsets)}i", *offsets)), pa.py_buffer(data)])


def odd_index(*indices, kind=pa.uint8()):
    return pa.DictionaryArray.from_arrays(pa.array(indices, kind), pa.array(["x", "y"]), safe=False)


def good_records():
    return (ROOT, ipc(root()))


def of_root(**change):
    return bar((ROOT, ipc(root(**change))))


def of_attrs(**change):
    return bar(good_records(), (ATTRS, ipc(attrs(**change))))


def u8(*numbers):
    return pa.array(numbers, pa.uint8())


def u16(*numbers):
    return pa.array(numbers, pa.uint16())


def with_offsets(data, *offsets):
    """The texts of TEXT with other offsets."""
    good = struct.pack("<4i", 0, 7, 14, 23)
    assert good in data
    return data.replace(good, struct.pack("<4i", *offsets))


def bad_bars():
    """{what is wrong: (message, code of its BatchStatus, words of the text)}"""
    record, schema = ipc(root()), schema_of(ipc(root()))
    long_texts = root(event_name=pa.array(["x" * 30_000_000] * 3))
    no_text = {"str": None, "type": u8(6, 6, 6)}
    deep = b"\x81" * 5000 + b"\x80"
    bad = {
        "a record cut short": (bar((ROOT, record[:-24])), "LOGS"),
        "a record of garbage": (bar((ROOT, b"\xff" * 100)), "LOGS"),
        "no schema before the rows": (bar((ROOT, record[len(schema):])), "LOGS", "schema"),
        "a second schema": (bar((ROOT, schema + record)), "LOGS", "schema"),
        "an index outside its dictionary": (of_root(event_name=odd_index(0, 1, 2)), "LOGS"),
        "an index far outside": (of_root(event_name=odd_index(0, 65535, 1, kind=pa.uint16())),
                                 "LOGS"),
        "offsets that go down": (of_root(event_name=odd_offsets(0, 9, 4, 12)), "LOGS"),
        "offsets behind the data": (with_offsets(of_root(), 0, 7, 14, 2_000_000), "LOGS"),
        "offsets that begin below 0": (with_offsets(of_root(), -7, 0, 7, 16), "LOGS"),
        "an id of 15 bytes": (of_root(trace_id=pa.array([b"t" * 15] * 3, pa.binary(15))), "LOGS",
                              "trace_id"),
        "an id that is a text": (of_root(span_id=pa.array(["12345678"] * 3)), "LOGS", "span_id"),
        "a time that is a number": (of_root(time_unix_nano=pa.array([1, 2, 3])), "LOGS",
                                    "time_unix_nano"),
        "a struct that is none": (of_root(body=pa.array([1, 2, 3])), "LOGS", "body"),
        "an encoding that nobody knows": (bar((ROOT, ipc(root(), {"id": {"encoding": "magic"}}))),
                                          "LOGS", "id", "magic"),
        "attributes without owners": (of_attrs(parent_id=None), "LOG_ATTRS", "parent_id"),
        "attributes without keys": (of_attrs(key=None), "LOG_ATTRS", "key"),
        "attributes without types": (of_attrs(type=None), "LOG_ATTRS", "type"),
        "an attribute of type 8": (of_attrs(type=u8(1, 8, 1)), "LOG_ATTRS", "type", "row 1"),
        "an attribute of nobody": (of_attrs(parent_id=u16(0, 1, 9)), "LOG_ATTRS", "parent_id 9"),
        "an owner without id": (bar((ROOT, ipc(root(id=None))), (ATTRS, ipc(attrs()))),
                                "LOG_ATTRS"),
        "an id twice": (bar((ROOT, ipc(root(id=u16(0, 0, 1)))), (ATTRS, ipc(attrs()))), "LOGS",
                        "id 0"),
        "CBOR that is none": (of_attrs(**no_text, ser=pa.array([b"\x9f", b"\x80", b"\x80"])),
                              "LOG_ATTRS", "row 0"),
        "CBOR nested too deep": (of_attrs(**no_text, ser=pa.array([b"\x80", deep, b"\x80"])),
                                 "LOG_ATTRS"),
        "a table twice": (bar(good_records(), good_records()), "LOGS", "twice"),
        "no root": (bar((ATTRS, ipc(attrs()))), "LOGS"),
        "no tables": (num(1, 1), "payload"),
        "type 0": (bar(good_records(), (0, record)), "payload type 0"),
        "type 25, which has no columns": (bar(good_records(), (25, record)), "payload type 25",
                                          "MULTIVARIATE_METRICS"),
        "type 99": (bar(good_records(), (99, record)), "payload type 99"),
        "a table of another signal": (bar(good_records(), (41, record)), "payload type 41",
                                      "SPAN_ATTRS"),
        "headers of garbage": (bar(good_records(), headers=b"\xff" * 300), "headers", "HPACK"),
    }
    too_much = {
        "a schema_id without end": (bar(good_records(), first_id=10**300), "schema_id"),
        "100 tables": (bar(*[good_records()] * 100), "100", "64"),
        "a zstd body of 90 MB": (bar((ROOT, ipc(long_texts, compression="zstd"))), "LOGS"),
        "an lz4 body of 90 MB": (bar((ROOT, ipc(long_texts, compression="lz4"))), "LOGS"),
    }
    found = {name: (data, INVALID, words) for name, (data, *words) in bad.items()}
    found.update((name, (data, EXHAUSTED, words)) for name, (data, *words) in too_much.items())
    return found


# All tables of these could be read, so that the stream's state is known.
GOES_ON = {"an attribute of type 8", "an attribute of nobody", "an owner without id", "an id twice",
           "CBOR that is none", "CBOR nested too deep"}


def good_bar(encoder, name):
    return encoder.encode([logs(name)])


class OtapStream:
    """A stream that is written step by step, on a channel that stays."""

    def __init__(self, channel):
        self.pushed = threading.Semaphore(0)
        self.waiting = []
        self.call = channel.stream_stream(protocols.OTAP_PATH["logs"])(self.take(), timeout=60)

    def take(self):
        while True:
            self.pushed.acquire()
            data = self.waiting.pop(0)
            if data is None:
                return
            yield data

    def push(self, data):
        self.waiting.append(data)
        self.pushed.release()

    def ask(self, data):
        self.push(data)
        return protocols.batch_status(next(self.call))

    def end(self):
        self.push(None)
        assert list(self.call) == []


def test_bad_otap_messages_are_refused_alone(start):
    with besieged(start) as (service, stored):
        channel = service.channel()
        lasting = OtapStream(channel)
        encoder = protocols.otap_refenc.Encoder("logs", 1)
        went_on = set()
        for number, (name, (data, code, words)) in enumerate(bad_bars().items()):
            stream = OtapStream(channel)
            own = protocols.otap_refenc.Encoder("logs", number)
            assert stream.ask(good_bar(own, f"before {name}"))[:2] == (0, 0), name
            batch_id, got, text = stream.ask(data)
            assert (batch_id, got) == (1, code), (name, got, text)
            for word in words:
                assert word in text, (name, text)
            # The stream goes on if the tables that follow can be understood.
            try:
                own = protocols.otap_refenc.Encoder("logs", number)
                own.batch_id, own.next_id = 2, 500
                assert stream.ask(good_bar(own, f"after {name}"))[:2] == (2, 0), name
                stream.end()
                stored.append(f"after {name}")
                went_on.add(name)
            except grpc.RpcError as error:
                assert error.code() in (Code.INTERNAL, Code.RESOURCE_EXHAUSTED), (name, error)
                assert "open a new stream" in error.details(), (name, error)
            stored.append(f"before {name}")
            # Another stream of the same connection has noticed nothing.
            assert lasting.ask(good_bar(encoder, f"lasting {name}"))[1] == 0, name
            stored.append(f"lasting {name}")
        lasting.end()
        assert went_on == GOES_ON
        if b"__asan_init" not in harness.SERVICE.read_bytes():
            assert service.memory("VmHWM") < 400 << 10


def damaged(rng, data):
    out = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out[:rng.randrange(len(out))] if rng.random() < 0.2 else out)


def test_random_damage_to_otap_stores_whole_messages_or_nothing(start):
    """What is refused adds nothing to what is stored."""
    rng = random.Random(11)
    service = start("net.io_threads=1")
    channel = service.channel()
    client = flight.connect(f"grpc://127.0.0.1:{service.ports[1]}")
    good = bar((ROOT, ipc(root())), (ATTRS, ipc(attrs())), batch_id=0)

    def accepted():
        (stats,) = client.do_action("stats")
        return json.loads(stats.body.to_pybytes())["signals"]["logs"]["items_accepted"]

    told, before = Counter(), 0
    for _ in range(400):
        call = channel.stream_stream(protocols.OTAP_PATH["logs"])(iter([damaged(rng, good)]),
                                                                  timeout=20)
        codes = []
        try:
            for data in call:
                codes.append(protocols.batch_status(data)[1])
        except grpc.RpcError as error:
            assert error.code() in (Code.INTERNAL, Code.RESOURCE_EXHAUSTED), error
        assert len(codes) <= 1 and set(codes) <= {0, INVALID, EXHAUSTED}, codes
        now = accepted()
        assert now - before in ((0, 1, 2, 3) if codes == [0] else (0,)), (codes, now - before)
        told.update(codes)
        before = now
    client.close()
    assert told[0] > 20 and told[INVALID] > 100, told
    assert service.stop() == 0, service.output()
    assert len(columns.rows_of(service.directory, "logs")) == before


# --- sizes and compression of the streaming protocols ------------------------


@pytest.mark.parametrize("path", (protocols.OTAP_PATH["logs"], DO_PUT), ids=("otap", "flight"))
def test_sizes_and_encodings_of_streams(start, path):
    with besieged(start, "protocols.max_request_size=1MiB") as (service, _):
        big, bomb = bytes(3 << 20), bytes(300 << 20)
        before = service.memory("VmHWM")
        with Connection(service.port) as connection:
            def call(data, squeezed=True, **fields):
                return connection.call(headers(path=path, **fields), message(data, squeezed))

            assert call(big, False)["grpc-status"] == "8"
            for name, squeeze in (("gzip", gzip.compress), ("zstd", zstandard.compress)):
                for data in (big, bomb):
                    answer = call(squeeze(data), grpc_encoding=name)
                    assert answer["grpc-status"] == "8", (name, answer)
                for data in (b"nonsense", squeeze(bytes(9000))[:-7], b""):
                    answer = call(data, grpc_encoding=name)
                    assert answer["grpc-status"] == "13", (name, data[:9], answer)
            answer = call(b"x", grpc_encoding="br")
            assert answer["grpc-status"] == "12" and "zstd" in answer["grpc-accept-encoding"]
            assert call(b"x")["grpc-status"] == "13"  # compressed, by what is not said
            for kind in ("application/json", "text/plain", None):
                answer = connection.call(headers(path=path, content_type=kind), message(b"x"))
                assert answer[":status"] in ("404", "415"), (kind, answer)
            # The connection is as good as before.
            answer = connection.call(headers(path=path), b"")
            assert answer["grpc-status"] == "0", answer
        if b"__asan_init" not in harness.SERVICE.read_bytes():
            assert service.memory("VmHWM") - before < 60 << 10


@pytest.mark.parametrize("path", (protocols.OTAP_PATH["logs"], DO_PUT), ids=("otap", "flight"))
def test_streams_that_end_inside_a_message_store_nothing(start, path):
    with besieged(start) as (service, stored):
        good = bar((ROOT, ipc(root())), batch_id=0) if "Arrow" in path else sub(2, b"x" * 3000)
        whole = message(good)
        with Connection(service.port) as connection:
            for cut in (1, 4, 5, 6, 100, len(whole) - 1):
                answer = connection.call(headers(path=path), whole[:cut])
                assert answer["grpc-status"] == "13", (cut, answer)
        for cut in (3, 200, len(whole) - 1):  # and whose client is gone
            with Connection(service.port) as connection:
                connection.write(connection.open(headers(path=path)), whole[:cut], end=False)
        with Connection(service.port) as connection:
            answer = connection.call(headers(path=harness.EXPORT_PATH["logs"]),
                                     message(logs("then").SerializeToString()))
            assert answer["grpc-status"] == "0", answer
        stored.append("then")


# --- Flight ------------------------------------------------------------------


def flight_parts(record):
    """The FlightData messages of an Arrow stream; the first names the logs."""
    out = []
    for part in pa.ipc.MessageReader.open_stream(record):
        descriptor = sub(1, num(1, 1), sub(3, "logs")) if not out else b""
        body = part.body.to_pybytes() if part.body is not None else b""
        out.append(descriptor + sub(2, part.metadata.to_pybytes())
                   + (sub(1000, body) if body else b""))
    return out


def rows(**change):
    table = {"time_unix_nano": times(3), "body": pa.array(["b"] * 3), "event_name": pa.array(TEXT)}
    table.update(change)
    return flight_parts(ipc({name: array for name, array in table.items() if array is not None}))


def bad_puts():
    """{what is wrong: (messages, words of the answer)}"""
    pair = pa.struct([("type", pa.uint8()), ("str", pa.string())])
    keyless = pa.array([[{"type": 1, "str": "x"}]] * 3, pa.list_(pair))
    whole, half = logs("half").SerializeToString(), logs("half").SerializeToString()[:-3]
    return {
        "offsets that go down": (rows(event_name=odd_offsets(0, 9, 4, 12)),),
        "offsets behind the data": ([rows()[0], with_offsets(rows()[1], 0, 7, 14, 2_000_000)],),
        "offsets that begin below 0": ([rows()[0], with_offsets(rows()[1], -7, 0, 7, 16)],),
        "an index outside its dictionary": (rows(event_name=odd_index(0, 1, 2)),),
        "a negative index": (rows(event_name=odd_index(0, -1, 1, kind=pa.int32())),),
        "an id of 15 bytes": (rows(trace_id=pa.array([b"t" * 15] * 3, pa.binary(15))), "trace_id"),
        "a time that is a text": (rows(time_unix_nano=pa.array(TEXT)), "time_unix_nano"),
        "a list that is none": (rows(attributes=pa.array([1, 2, 3])), "attributes"),
        "attributes without keys": (rows(attributes=keyless), "key"),
        "a dictionary that never came": (
            [part for i, part in enumerate(rows(event_name=odd_index(0, 1, 1))) if i != 1],),
        "no time": (rows(time_unix_nano=None), "time_unix_nano", "missing"),
        "no body": (rows(body=None), "body", "missing"),
        "rows before the schema": (rows()[1:], "schema"),
        "a schema twice": (rows()[:1] * 2, "second schema"),
        "a body cut short": ([rows()[0], rows()[1][:-40]],),
        "a request that is none": (flight_parts(ipc({"otlp_proto": pa.array([b"\x0a\x05ab"])})),
                                   "otlp_proto"),
        "half a request behind a whole one": (
            flight_parts(ipc({"otlp_proto": pa.array([whole, half])})), "otlp_proto", "row 1"),
    }


def put_raw(channel, messages):
    call = channel.stream_stream(DO_PUT)(iter(messages), timeout=20)
    try:
        return list(call), call.code(), call.details()
    except grpc.RpcError as error:
        return [], error.code(), error.details()


def test_bad_flight_streams_are_refused_alone(start):
    with besieged(start) as (service, stored):
        channel = service.channel(1)
        client = flight.connect(f"grpc://127.0.0.1:{service.ports[1]}")
        schema = pa.schema([("time_unix_nano", pa.timestamp("ns", "UTC")), ("body", pa.string()),
                            ("event_name", pa.string())])

        def good(name):
            return pa.record_batch([times(1), ["b"], [name]], schema=schema)

        writer, results = client.do_put(flight.FlightDescriptor.for_path("logs"), schema)
        for name, (messages, *words) in bad_puts().items():
            told, code, text = put_raw(channel, messages)
            assert (told, code) == ([], Code.INVALID_ARGUMENT), (name, told, code, text)
            for word in words:
                assert word in text, (name, text)
            # On the same connection, and on a stream that was open before.
            batch = good(f"after {name}")
            told, code, text = put_raw(channel, flight_parts(ipc(dict(zip(schema.names, batch)))))
            assert (len(told), code) == (1, Code.OK), (name, text)
            writer.write_batch(good(f"lasting {name}"))
            assert json.loads(results.read().to_pybytes())["rows"] == 1
            stored += [f"after {name}", f"lasting {name}"]
        writer.close()
        client.close()


# --- JSON over HTTP ------------------------------------------------------------


def test_json_cut_anywhere_is_refused_with_its_place(start):
    with besieged(start) as (service, stored):
        whole = otlpjson.encode(logs("cut ü", "cut 2")).encode()
        with Sender(service.ports[1]) as http1, Connection(service.port) as http2:
            for cut in range(len(whole)):
                answer = http1.post("logs", whole[:cut], JSON)
                assert answer.status == 400 and "byte " in answer.json["message"], (cut, answer)
                assert int(answer.json["message"].rsplit("byte ", 1)[1].split()[0].strip(",;:.()")
                           ) <= cut, answer
            for cut in range(0, len(whole), 9):
                answer = http2.call(headers(path=PATH["logs"], content_type=JSON), whole[:cut])
                assert answer[":status"] == "400", (cut, answer)
            assert http1.post("logs", whole, JSON).status == 200
        stored += ["cut ü", "cut 2"]


def test_json_ids_of_a_wrong_length_cost_their_record_alone(start):
    with besieged(start) as (service, stored):
        records = [{"eventName": f"id {i}", **more} for i, more in enumerate((
            {}, {"traceId": "ab" * 15}, {"traceId": "AB" * 16}, {"spanId": "ab" * 9},
            {"spanId": "0" * 16}, {"traceId": ""}))]
        body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})
        with Sender(service.ports[1]) as sender:
            answer = sender.post("logs", body, JSON)
            assert answer.status == 200, answer
            assert answer.json["partialSuccess"]["rejectedLogRecords"] == "2", answer
            for bad in ('"xyz"', '"abc"', "5", '["ab"]'):
                text = body.replace('"' + "ab" * 15 + '"', bad)
                answer = sender.post("logs", text, JSON)
                assert answer.status == 400 and "traceId" in answer.json["message"], (bad, answer)
        stored += ["id 0", "id 2", "id 4", "id 5"]


# --- HTTP/2 itself -------------------------------------------------------------


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) \
        + payload


BAD_HTTP2 = {
    # name: (bytes behind the preface, codes of the GOAWAY that may come)
    "an index of HPACK that is not there": (frame(1, 5, 1, b"\xff\xff\xff\xff\x0f"), {9}),
    "index 0": (frame(1, 5, 1, b"\x80"), {9}),
    "Huffman text of garbage": (frame(1, 5, 1, b"\x00\x83\xff\xff\xff\x01a"), {9}),
    "a name cut short": (frame(1, 5, 1, b"\x00\x7f"), {9}),
    "a dynamic table too large": (frame(1, 5, 1, b"\x3f\xe1\xff\xff\x07"), {9}),
    "data for stream 0": (frame(0, 1, 0, b"x"), {1}),
    "data for no stream": (frame(0, 1, 7, b"x"), {1, 5}),
    "a stream of the server's numbers": (frame(1, 5, 2, b"\x82\x86\x84"), {1}),
    "a header block without its end": (frame(1, 1, 1, b"\x82") + frame(0, 1, 1, b"x"), {1}),
    "a frame larger than allowed": (frame(0, 0, 1, b"")[:0] + struct.pack(">I", 1 << 20)[1:]
                                    + bytes((0, 0, 0, 0, 0, 1)), {1, 6}),
    "a window of 0 more": (frame(8, 0, 0, bytes(4)), {1}),
}


def goaway_of(port, data):
    """The error code of the GOAWAY that a connection ends with, or None."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(PREFACE + data)
        try:
            while chunk := connection.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass
    code = None
    while len(answer) >= 9:
        size = int.from_bytes(answer[:3], "big")
        if answer[3] == 7:
            code = int.from_bytes(answer[13:17], "big")
        answer = answer[9 + size:]
    return code


def test_http2_that_is_none_ends_its_connection_alone(start):
    with besieged(start) as (service, stored):
        with Connection(service.port) as other:
            held = other.open(headers("logs"))  # in the middle of a call
            whole = message(logs("held").SerializeToString())
            other.write(held, whole[:20], end=False)
            for name, (data, codes) in BAD_HTTP2.items():
                code = goaway_of(service.port, data)
                assert code in codes, (name, code)
            other.write(held, whole[20:])
            assert other.answer(held)["grpc-status"] == "0"
        stored.append("held")
