# SPDX-License-Identifier: Apache-2.0
"""Every mistake of a client gets its own answer and harms nobody else."""

import gzip
import socket
import time

import grpc
import pytest
import zstandard
from google.protobuf import duration_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

import columns
import harness
import otlpgen
from h2client import Connection, headers, message
from wire import read_varint, split, sub

MEGABYTE = 1 << 20


def spans(count, name="s"):
    request = otlpgen.REQUEST_CLASS["traces"]()
    scope = request.resource_spans.add().scope_spans.add()
    for i in range(count):
        scope.spans.add(name=f"{name}{i}")
    return request.SerializeToString()


def names(service):
    return sorted(row["name"] for row in columns.rows_of(service.directory, "traces"))


def retry_delay(error):
    """Seconds that RetryInfo asks for, or None without one."""
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if details is None:
        return None
    for field in split(details):
        if field[:1] == b"\x1a" and b"type.googleapis.com/google.rpc.RetryInfo" in field:
            _, at = read_varint(field, 1)
            value = [f for f in split(field[at:]) if f[:1] == b"\x12"][0]
            _, at = read_varint(value, 1)
            delay = [f for f in split(value[at:]) if f[:1] == b"\x0a"][0]
            _, at = read_varint(delay, 1)
            return duration_pb2.Duration.FromString(delay[at:]).ToTimedelta().total_seconds()
    return None


@pytest.mark.parametrize("path", (
    "/opentelemetry.proto.collector.trace.v1.TraceService/Import",
    "/opentelemetry.proto.collector.trace.v1.TraceService/ExportX", "/", "/x" * 2000))
def test_unknown_path_is_unimplemented(start, path):
    service = start()
    with pytest.raises(grpc.RpcError) as error:
        service.channel().unary_unary(path)(spans(1), timeout=10)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert service.alive()


def test_wrong_content_type_is_415(start):
    service = start()
    with Connection(service.port) as connection:
        for kind in ("application/json", "application/grpcx", "text/plain", None):
            answer = connection.call(headers(content_type=kind), message(spans(1)))
            assert answer[":status"] == "415", (kind, answer)
        for kind in ("application/grpc", "application/grpc+proto"):
            answer = connection.call(headers(content_type=kind), message(spans(1)))
            assert answer[":status"] == "200" and answer["grpc-status"] == "0", (kind, answer)


def test_malformed_protobuf_names_signal_path_and_offset(start):
    service = start()
    bad = sub(1, sub(2, sub(2, sub(1, b"t" * 16), b"\x2a\x7fshort")))
    (error,) = service.send("traces", [bad])
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert retry_delay(error) is None
    text = error.details()
    for word in ("traces", "resource_spans", "scope_spans", "spans", "name", "byte"):
        assert word in text, text
    assert any(str(n) in text for n in range(len(bad) - 8, len(bad) + 1)), text
    (response,) = service.send("traces", [spans(1)])
    assert not isinstance(response, Exception)


def test_a_request_over_the_limit_is_refused_for_good(start):
    service = start()
    channel = service.channel()
    (small,) = service.send("logs", [sub(1, sub(2, sub(2, sub(3, "ok"))))], channel=channel)
    assert not isinstance(small, Exception)
    big = sub(1, sub(2, sub(2, sub(5, sub(1, b"x" * (65 * MEGABYTE))))))
    (error,) = service.send("logs", [big], channel=channel)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
    assert retry_delay(error) is None
    just = sub(1, sub(2, sub(2, sub(5, sub(1, b"x" * (63 * MEGABYTE))))))
    results = service.send("logs", [just, sub(1, sub(2, sub(2, sub(3, "ok"))))], channel=channel)
    assert not any(isinstance(result, Exception) for result in results), results
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "logs")) == 3


def test_a_smaller_limit_holds_before_and_after_decompression(start):
    service = start("protocols.max_request_size=1MiB")
    body = sub(1, sub(2, sub(2, sub(5, sub(1, b"x" * 2 * MEGABYTE)))))
    (error,) = service.send("logs", [body])
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    with Connection(service.port) as connection:
        answer = connection.call(headers("logs", grpc_encoding="gzip"),
                                 message(gzip.compress(body), True))
        assert answer["grpc-status"] == "8", answer
        assert "grpc-status-details-bin" not in answer


def test_half_a_request_then_gone_stores_nothing(start):
    service = start()
    body = message(spans(2000))
    for fraction in (0.001, 0.5, 0.999):
        with Connection(service.port) as connection:
            number = connection.open(headers())
            connection.write(number, body[:int(len(body) * fraction)], end=False)
    with Connection(service.port) as connection:  # the stream alone ends early
        answer = connection.call(headers(), body[:len(body) // 2])
        assert answer.get("grpc-status", "0") != "0" or answer["reset"] is not None, answer
        answer = connection.call(headers(), message(spans(1, "after")))
        assert answer["grpc-status"] == "0"
    assert service.stop() == 0
    assert names(service) == ["after0"]


def test_compressed_bodies_are_taken(start):
    service = start()
    body = spans(50, "zip")
    squeezed = {"gzip": gzip.compress(body), "zstd": zstandard.compress(body), "identity": body}
    with Connection(service.port) as connection:
        for name, data in squeezed.items():
            answer = connection.call(headers(grpc_encoding=name), message(data, name != "identity"))
            assert answer["grpc-status"] == "0", (name, answer)
            # The flag may say "not compressed" whatever the header says.
            answer = connection.call(headers(grpc_encoding=name), message(body))
            assert answer["grpc-status"] == "0", (name, answer)
    channel = service.channel(compression=grpc.Compression.Gzip)
    assert not isinstance(service.send("traces", [body], channel=channel)[0], Exception)
    assert service.stop() == 0
    assert len(names(service)) == 50 * 7


@pytest.mark.parametrize("name", ("gzip", "zstd"))
def test_a_decompression_bomb_is_refused_cheaply(start, name):
    service = start("protocols.max_request_size=16MiB")
    zeros = bytes(400 * MEGABYTE)
    bomb = gzip.compress(zeros, 9) if name == "gzip" else zstandard.compress(zeros)
    before = service.memory("VmHWM")
    with Connection(service.port) as connection:
        for _ in range(3):
            answer = connection.call(headers(grpc_encoding=name), message(bomb, True))
            assert answer["grpc-status"] == "8", answer
    if b"__asan_init" not in harness.SERVICE.read_bytes():  # it keeps what was freed
        assert service.memory("VmHWM") - before < 2 * 16 * 1024
    assert not isinstance(service.send("traces", [spans(1)])[0], Exception)


def test_bad_compression_is_told_apart(start):
    service = start()
    body = spans(1)
    with Connection(service.port) as connection:
        answer = connection.call(headers(grpc_encoding="br"), message(body, True))
        assert answer["grpc-status"] == "12", answer
        assert "gzip" in answer["grpc-accept-encoding"]
        answer = connection.call(headers(), message(body, True))
        assert answer["grpc-status"] in ("3", "13"), answer  # a flag without an encoding
        for name, data in (("gzip", b"nonsense"), ("gzip", gzip.compress(body)[:-5]),
                           ("zstd", zstandard.compress(body)[:-1]), ("zstd", b"")):
            answer = connection.call(headers(grpc_encoding=name), message(data, True))
            assert answer["grpc-status"] in ("3", "13"), (name, data, answer)
        answer = connection.call(headers(), message(body))
        assert answer["grpc-status"] == "0"
    assert service.stop() == 0
    assert len(names(service)) == 1


def test_bad_framing_is_refused(start):
    service = start()
    body = spans(1)
    cases = {"no message": b"", "four bytes": b"\0\0\0\0", "two messages": message(body) * 2,
             "flag two": b"\2" + message(body)[1:], "rest missing": message(body)[:-1],
             "more than promised": message(body) + b"x",
             "4 GiB promised": b"\0\xff\xff\xff\xff" + body}
    with Connection(service.port) as connection:
        for name, data in cases.items():
            answer = connection.call(headers(), data)
            assert answer.get("grpc-status", "0") != "0" or answer["reset"] is not None, (name, answer)
            answer = connection.call(headers(), message(b""))
            assert answer["grpc-status"] == "0", f"after {name}: {answer}"
    assert service.stop() == 0
    assert names(service) == []


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_an_empty_request_succeeds(start, signal):
    service = start()
    results = service.send(signal, [b"", sub(1), sub(1, sub(2))])
    for result in results:
        assert not isinstance(result, Exception), result
        assert not result.HasField("partial_success")
    assert service.stop() == 0
    assert service.files(signal) == [] or columns.rows_of(service.directory, signal) == []


def test_health_check_says_serving(start):
    service = start()
    stub = health_pb2_grpc.HealthStub(service.channel())
    for name in ("", "opentelemetry.proto.collector.trace.v1.TraceService"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as error:
        stub.Check(health_pb2.HealthCheckRequest(service="no.such.Service"), timeout=10)
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
    check = service.channel().unary_unary("/grpc.health.v1.Health/Check")
    for body in (b"\xff", b"\x0a\x05abc", b"\x0b"):
        with pytest.raises(grpc.RpcError) as error:
            check(body, timeout=10)
        assert error.value.code() == grpc.StatusCode.NOT_FOUND, body


def test_full_buffers_are_retryable_and_lose_nothing(start):
    """Files may not grow, so the buffer fills; then they may again."""
    import resource

    service = start("max_trace_buffer_size=1000", "write_interval_secs=1", "storage.batch_rows=1000")
    _, hard = resource.prlimit(service.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (16, hard))
    taken, refused = 0, None
    for i in range(200):
        (result,) = service.send("traces", [spans(100, f"r{i}.")])
        if isinstance(result, Exception):
            refused = result
            break
        taken += 100
    assert service.alive(), service.output()
    assert refused is not None, "a buffer of 1,000 spans took 20,000"
    assert refused.code() == grpc.StatusCode.UNAVAILABLE, refused
    delay = retry_delay(refused)
    assert delay is not None and 0 < delay <= 60, delay
    assert taken <= 2000
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (hard, hard))

    def retried():
        (result,) = service.send("traces", [spans(100, "again.")])
        return not isinstance(result, Exception)

    harness.wait_until(retried, what="taking data again")
    assert service.stop() == 0, service.output()
    assert len(names(service)) == taken + 100


def test_http1_to_no_path_of_ours_gets_a_sentence(start):
    service = start()
    for port in service.ports:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            plain.settimeout(10)
            answer = b""
            while chunk := plain.recv(4096):
                answer += chunk
        assert answer.startswith(b"HTTP/1.1 404 "), answer
        assert b"/v1/traces" in answer and b"gRPC" in answer, answer


def test_grpc_over_http1_gets_a_sentence(start):
    service = start()
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as plain:
        plain.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\n"
                      b"Connection: close\r\nContent-Length: 0\r\n\r\n")
        plain.settimeout(10)
        answer = b""
        while chunk := plain.recv(4096):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 505 ") and b"HTTP/2" in answer, answer


def test_one_connection_misbehaves_the_other_does_not_notice(start):
    service = start("net.io_threads=1")
    good = service.channel()
    garbage = [b"\0" * 100, b"\xff" * 5000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 500,
               b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\x40\0\1\4\0\0\0\1" + b"A" * 64,
               b"PRI * HTTP", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"z" * 200]
    open_ones = []
    for i, data in enumerate(garbage * 5):
        bad = socket.create_connection(("127.0.0.1", service.port), timeout=10)
        bad.sendall(data)
        open_ones.append(bad)  # kept open: idle ones must not matter either
        begin = time.monotonic()
        (result,) = service.send("traces", [spans(10, f"g{i}.")], channel=good)
        assert not isinstance(result, Exception), (data[:20], result)
        assert time.monotonic() - begin < 5
    for bad in open_ones:
        bad.close()
    assert service.stop() == 0
    assert len(names(service)) == 10 * len(garbage) * 5


def test_a_deadline_in_the_past_is_not_stored(start):
    service = start()
    with Connection(service.port) as connection:
        number = connection.open(headers(grpc_timeout="1m"))
        time.sleep(0.3)
        connection.write(number, message(spans(1, "late")))
        answer = connection.answer(number)
        assert answer.get("grpc-status") == "4" or answer["reset"] is not None, answer
        answer = connection.call(headers(grpc_timeout="20S"), message(spans(1, "timely")))
        assert answer["grpc-status"] == "0"
    assert service.stop() == 0
    assert names(service) == ["timely0"]


def test_requests_of_one_byte_frames_are_put_together(start):
    service = start()
    body = message(spans(3))
    with Connection(service.port) as connection:
        number = connection.open(headers())
        for i in range(len(body)):
            connection.write(number, body[i:i + 1], end=i + 1 == len(body))
        assert connection.answer(number)["grpc-status"] == "0"
    assert service.stop() == 0
    assert len(names(service)) == 3
