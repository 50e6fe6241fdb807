# SPDX-License-Identifier: Apache-2.0
"""OTLP over HTTP: both versions, both encodings, and every mistake of a sender."""

import gzip
import json
import resource
import socket
import zlib

import pytest
import zstandard
from google.rpc import code_pb2, status_pb2

import columns
import harness
import otlpgen
import otlpjson
from h2client import Connection, headers
from httpclient import JSON, PATH, PROTOBUF, Sender, metric_of, post, raw, text_of
from wire import sub

MEGABYTE = 1 << 20


def spans(count, name="s"):
    request = otlpgen.REQUEST_CLASS["traces"]()
    scope = request.resource_spans.add().scope_spans.add()
    for i in range(count):
        scope.spans.add(name=f"{name}{i}")
    return request.SerializeToString()


def names(service):
    return sorted(row["name"] for row in columns.rows_of(service.directory, "traces"))


def raw_deflate(data):
    squeezer = zlib.compressobj(wbits=-15)
    return squeezer.compress(data) + squeezer.flush()


ENCODINGS = {"identity": bytes, "gzip": gzip.compress, "zstd": zstandard.compress,
             "deflate": zlib.compress}


# --- what is right ---

@pytest.mark.parametrize("index", (0, 1))
@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_both_ports_versions_and_encodings_store_the_same(start, signal, index):
    service = start()
    sent = 0
    for seed in range(8):
        message = otlpgen.request(signal, seed)
        bodies = {PROTOBUF: message.SerializeToString(),
                  JSON: otlpjson.encode(message).encode()}
        answers = []
        for kind, body in bodies.items():
            answer = post(service, signal, body, kind, index=index)
            answers.append((kind, answer.status, answer.type, answer.data))
            with Connection(service.ports[index]) as connection:
                answer = connection.call(headers(path=PATH[signal], content_type=kind), body)
            answers.append((kind, int(answer[":status"]), answer["content-type"], answer["data"]))
        for kind, status, type_, data in answers:
            assert (status, type_) == (200, kind), answers
            if kind == JSON:
                assert json.loads(data) == json.loads(answers[2][3])
            else:
                assert data == answers[0][3]
        response = otlpgen.RESPONSE_CLASS[signal].FromString(answers[0][3])
        rejected = sum(value for _, value in response.partial_success.ListFields()
                       if isinstance(value, int))
        sent += 4 * (otlpgen.count_items(signal, message) - rejected)
    assert service.stop() == 0
    stored = len(columns.rows_of(service.directory, signal))
    # A metric without points has a row of its own.
    assert stored >= sent if signal == "metrics" else stored == sent


def test_bodies_come_compressed_and_in_chunks(start):
    service = start()
    body = spans(40)
    plain = otlpjson.encode(otlpgen.REQUEST_CLASS["traces"].FromString(body)).encode()
    sent = 0
    with Sender(service.ports[1]) as sender:  # one connection for all of them
        for name, squeeze in list(ENCODINGS.items()) + [("deflate", raw_deflate), ("x-gzip", gzip.compress)]:
            for kind, data in ((PROTOBUF, body), (JSON, plain)):
                small = squeeze(data)
                pieces = iter([small[:7], small[7:100], small[100:]])
                for answer in (sender.post("traces", small, kind, content_encoding=name),
                               sender.post("traces", filter(None, pieces), kind, chunked=True,
                                           content_encoding=name, transfer_encoding="chunked")):
                    assert answer.status == 200, (name, kind, answer)
                    sent += 40
    with Connection(service.port) as connection:
        for name, squeeze in ENCODINGS.items():
            answer = connection.call(headers(path="/v1/traces", content_type=PROTOBUF,
                                             content_encoding=name), squeeze(body))
            assert answer[":status"] == "200", (name, answer)
            sent += 40
    assert service.stop() == 0
    assert len(names(service)) == sent


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_an_empty_request_succeeds(start, signal):
    service = start()
    for kind, bodies in ((PROTOBUF, (b"", sub(1), sub(1, sub(2)))), (JSON, (b"{}", b' {"x": [1]} '))):
        for body in bodies:
            answer = post(service, signal, body, kind)
            assert answer.status == 200, (body, answer)
            assert answer.data == (b"{}" if kind == JSON else b""), answer


def test_the_official_exporter_sends(start):
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    service = start()
    for compression in (Compression.NoCompression, Compression.Gzip, Compression.Deflate):
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(
            endpoint=f"http://127.0.0.1:{service.ports[1]}/v1/traces", compression=compression)))
        tracer = provider.get_tracer("t")
        for i in range(100):
            tracer.start_span(f"s{i}").end()
        provider.shutdown()
    assert service.stop() == 0
    assert len(names(service)) == 300


def test_some_records_are_left_out_and_the_rest_is_stored(start):
    service = start()
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [
        {"name": "good"}, {"name": "short", "traceId": "abcd"},
        {"name": "odd", "spanId": "00112233445566778899"}]}]}]}
    answer = post(service, "traces", json.dumps(request), JSON)
    assert answer.status == 200
    partial = answer.json["partialSuccess"]
    assert partial["rejectedSpans"] == "2", partial
    assert "spans[1]" in partial["errorMessage"] and "trace_id" in partial["errorMessage"]
    assert service.stop() == 0
    assert names(service) == ["good"]


# --- what is wrong ---

BAD_JSON = (
    (b"", ("byte 0",)), (b"{", ("byte 1",)), (b"[]", ("byte 0",)), (b"{} x", ("byte 3",)),
    (b'{"resourceSpans":5}', ("resourceSpans", "byte 17")),
    (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":1}]}]}]}', ("name", "byte 51")),
    (b'{"resourceSpans":[\n{"scopeSpans":[{"spans":[{"startTimeUnixNano":"x"}]}]}]}', ("line 2",)),
    (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\xff"', ()),
    (b'{"a":' * 100000, ()),
)


@pytest.mark.parametrize("body, words", BAD_JSON, ids=range(len(BAD_JSON)))
def test_bad_json_is_refused_with_its_position(start, body, words):
    service = start()
    with Sender(service.ports[1]) as sender:
        answer = sender.post("traces", body, JSON)
        assert answer.status == 400 and answer.type == JSON, answer
        assert answer.json["code"] == 3 and "traces" in answer.json["message"], answer
        for word in words:
            assert word in answer.json["message"], answer
        assert sender.post("traces", spans(1)).status == 200
    assert service.stop() == 0
    assert names(service) == ["s0"]


def test_bad_protobuf_is_refused_with_its_position(start):
    service = start()
    bad = sub(1, sub(2, sub(2, sub(1, b"t" * 16), b"\x2a\x7fshort")))
    with Sender(service.ports[1]) as sender:
        answer = sender.post("traces", bad)
        assert answer.status == 400 and answer.type == PROTOBUF, answer
        status = status_pb2.Status.FromString(answer.data)
        assert status.code == 3
        for word in ("traces", "scope_spans", "name", "byte"):
            assert word in status.message, status
        for cut in range(1, len(spans(2)), 7):
            answer = sender.post("traces", spans(2)[:cut])
            assert answer.status in (200, 400), answer
        assert sender.post("traces", spans(1, "end")).status == 200
    assert metric_of(service, "otlp_arrow_refused_requests_total", signal="traces",
                     reason="malformed") > 1


@pytest.mark.parametrize("kind", (PROTOBUF, JSON))
def test_damaged_compression_is_refused(start, kind):
    service = start()
    body = spans(100)
    with Sender(service.ports[1]) as sender:
        for name, squeeze in ENCODINGS.items():
            if name == "identity":
                continue
            for data in (squeeze(body)[:-3], b"nonsense", body):
                answer = sender.post("traces", data, kind, content_encoding=name)
                assert answer.status == 400, (name, data[:10], answer)
                assert name in text_of(answer), answer
                assert answer.type == kind
                code = answer.json["code"] if kind == JSON else \
                    status_pb2.Status.FromString(answer.data).code
                assert code == code_pb2.INVALID_ARGUMENT
        assert sender.post("traces", body).status == 200
    assert service.stop() == 0
    assert len(names(service)) == 100


def test_an_unknown_encoding_is_415_and_says_which_are_known(start):
    service = start()
    with Sender(service.ports[1]) as sender:
        for name in ("br", "gzip, gzip", "nonsense"):
            answer = sender.post("traces", spans(1), content_encoding=name)
            assert answer.status == 415, (name, answer)
            assert "gzip" in answer.fields["accept-encoding"], answer
            assert "gzip" in text_of(answer), answer


@pytest.mark.parametrize("first, second", [("gzip", "br"), ("gzip", "gzip"), ("identity", "gzip")])
def test_two_fields_with_encodings_are_as_two_in_one(start, first, second):
    service = start()
    with Sender(service.ports[1]) as sender:
        send = sender.connection
        send.putrequest("POST", "/v1/traces")
        body = gzip.compress(spans(1))
        for name, value in (("content-type", PROTOBUF), ("content-length", len(body)),
                            ("content-encoding", first), ("content-encoding", second)):
            send.putheader(name, str(value))
        send.endheaders(body)
        assert send.getresponse().status == 415
    assert service.stop() == 0
    assert columns.rows_of(service.directory, "traces") == []


def test_a_wrong_type_or_method_says_what_is_right(start):
    service = start()
    with Sender(service.ports[1]) as sender:
        for kind in ("text/plain", "application/grpc-web", "application/json-seq", None):
            answer = sender.post("traces", spans(1), kind)
            assert answer.status == 415 and PROTOBUF in text_of(answer), (kind, answer)
        for method in ("GET", "PUT", "DELETE"):
            answer = sender.post("traces", None, method=method)
            assert answer.status == 405 and "POST" in answer.fields["allow"], answer
        for path in ("/", "/v1/trace", "/v1/traces/x", "/x" * 3000):
            answer = sender.post("traces", b"", path=path)
            assert answer.status in (404, 414), answer
            assert "/v1/traces" in text_of(answer) or answer.status == 414, answer
        answer = sender.post("traces", spans(1), path=harness.EXPORT_PATH["traces"])
        assert answer.status == 415 and "gRPC" in text_of(answer), answer
        assert sender.post("traces", spans(1)).status == 200


def test_a_body_over_the_limit_is_413_before_and_after_decompression(start):
    service = start("protocols.max_request_size=1MiB")
    big = sub(1, sub(2, sub(2, sub(5, b"x" * 2 * MEGABYTE))))
    with Sender(service.ports[1]) as sender:
        for name, squeeze in list(ENCODINGS.items())[1:]:
            answer = sender.post("traces", squeeze(big), content_encoding=name)
            assert answer.status == 413, (name, answer)
            assert "retry-after" not in answer.fields
            assert status_pb2.Status.FromString(answer.data).code == 8
        assert sender.post("traces", spans(1)).status == 200
    head = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    answer = raw(service.ports[1], head + b"content-length: 5000000\r\n\r\n" + bytes(1000))
    assert answer.startswith(b"HTTP/1.1 413"), answer
    with Connection(service.port) as connection:
        answer = connection.call(headers(path="/v1/traces", content_type=JSON), big)
        assert answer.get(":status") == "413", answer
        answer = connection.call(headers(path="/v1/traces", content_type=PROTOBUF), spans(1))
        assert answer[":status"] == "200", answer
    assert service.stop() == 0
    assert len(names(service)) == 2


@pytest.mark.parametrize("name", ("gzip", "zstd", "deflate"))
def test_a_bomb_is_refused_cheaply(start, name):
    service = start("protocols.max_request_size=16MiB")
    bomb = ENCODINGS[name](bytes(400 * MEGABYTE))
    before = service.memory("VmHWM")
    with Sender(service.ports[1]) as sender:
        for _ in range(3):
            assert sender.post("traces", bomb, content_encoding=name).status == 413
    if b"__asan_init" not in harness.SERVICE.read_bytes():
        assert service.memory("VmHWM") - before < 2 * 16 * 1024
    assert post(service, "traces", spans(1)).status == 200


def test_half_a_request_then_gone_stores_nothing(start):
    service = start()
    body = spans(2000)
    head = (f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\n"
            f"content-length: {len(body)}\r\n\r\n").encode()
    whole = head + body
    for fraction in (0.0005, 0.5, 0.9999):
        with socket.create_connection(("127.0.0.1", service.ports[1]), timeout=10) as connection:
            connection.sendall(whole[:int(len(whole) * fraction)])
    assert post(service, "traces", spans(1, "after")).status == 200
    assert service.stop() == 0
    assert names(service) == ["after0"]


def test_full_buffers_say_when_to_come_back(start):
    service = start("max_trace_buffer_size=1000", "write_interval_secs=1", "storage.batch_rows=1000")
    _, hard = resource.prlimit(service.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (16, hard))
    taken = 0
    with Sender(service.ports[1]) as sender:
        for i in range(200):
            answer = sender.post("traces", spans(100, f"r{i}."))
            if answer.status != 200:
                break
            taken += 100
        assert answer.status == 503, answer
        assert 1 <= int(answer.fields["retry-after"]) <= 60
        assert status_pb2.Status.FromString(answer.data).code == 14
        resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (hard, hard))
        harness.wait_until(lambda: sender.post("traces", spans(100, "again.")).status == 200,
                           what="taking data again")
    assert service.stop() == 0, service.output()
    assert len(names(service)) == taken + 100


def test_an_upgrade_to_http2_is_declined_politely(start):
    service = start()
    head = (b"GET /v1/traces HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings, close\r\n"
            b"upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n")
    answer = raw(service.ports[1], head)
    assert answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.1 505"), answer
    assert len(answer.split(b"\r\n\r\n", 1)[1]) > 10, answer


# --- browsers ---

def test_pages_of_listed_origins_may_send(start):
    service = start("protocols.cors_allowed_origins=https://shop.example,http://localhost:*")
    with Sender(service.ports[1]) as sender:
        for origin in ("https://shop.example", "http://localhost:3000"):
            answer = sender.post("traces", None, method="OPTIONS", content_type=None, origin=origin,
                                 access_control_request_method="POST",
                                 access_control_request_headers="content-type")
            assert answer.status == 204, answer
            assert answer.fields["access-control-allow-origin"] == origin
            assert "POST" in answer.fields["access-control-allow-methods"]
            assert "content-type" in answer.fields["access-control-allow-headers"]
            answer = sender.post("traces", b"{}", JSON, origin=origin)
            assert answer.status == 200
            assert answer.fields["access-control-allow-origin"] == origin
        answer = sender.post("traces", b"{}", JSON, origin="https://evil.example")
        assert answer.status == 200 and "access-control-allow-origin" not in answer.fields
    with Connection(service.port) as connection:
        answer = connection.call(headers(path="/v1/traces", content_type=JSON,
                                         origin="https://shop.example"), b"{}")
        assert answer["access-control-allow-origin"] == "https://shop.example", answer
