# SPDX-License-Identifier: Apache-2.0
"""Who has no key stays out, on every protocol alike, before a byte is decoded."""

import base64
import signal as signals

import grpc
import pytest

import harness
import otlpgen
from h2client import Connection, headers, message
from httpclient import JSON, PROTOBUF, Sender, metric_of, text_of

SECRET = "correct-horse-battery"
OTAP = "/opentelemetry.proto.experimental.arrow.v1.ArrowTracesService/ArrowTraces"
FLIGHT = "/arrow.flight.protocol.FlightService/ListActions"
GARBAGE = b"\xff" * 64


def spans(count):
    request = otlpgen.REQUEST_CLASS["traces"]()
    scope = request.resource_spans.add().scope_spans.add()
    for i in range(count):
        scope.spans.add(name=f"s{i}")
    return request.SerializeToString()


def code_of(call):
    """The gRPC code that CALL ends with, as a number."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code().value[0], error.details()
    return 0, ""


# --- one request of each protocol; each gives (gRPC code, text) ---

def by_grpc(service, fields, good):
    call = service.channel().unary_unary(harness.EXPORT_PATH["traces"])
    return code_of(lambda: call(spans(1) if good else GARBAGE, timeout=20, metadata=fields))


def by_http(service, fields, good):
    with Sender(service.ports[1]) as sender:
        answer = sender.post("traces", spans(1) if good else GARBAGE, PROTOBUF, **dict(fields))
    if answer.status == 401:
        assert answer.fields["www-authenticate"], answer
        return 16, text_of(answer)
    assert answer.status == (200 if good else 400), answer
    return 0 if answer.status == 200 else 3, text_of(answer)


def by_json(service, fields, good):
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"j"}]}]}]}'
    with Connection(service.port) as connection:
        answer = connection.call(headers(path="/v1/traces", content_type=JSON) + list(fields),
                                 body if good else GARBAGE)
    if answer[":status"] == "401":
        assert answer["www-authenticate"], answer
        return 16, answer["data"].decode()
    assert answer[":status"] == ("200" if good else "400"), answer
    return 0 if good else 3, ""


def by_otap(service, fields, good):
    call = service.channel().stream_stream(OTAP)
    return code_of(lambda: list(call(iter(() if good else (GARBAGE,)), timeout=20, metadata=fields)))


def by_flight(service, fields, good):
    call = service.channel().unary_stream(FLIGHT)
    return code_of(lambda: list(call(b"", timeout=20, metadata=fields)))


PROTOCOLS = {"grpc": by_grpc, "http": by_http, "json": by_json, "otap": by_otap,
             "flight": by_flight}


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


# auth_type: settings, header, then what to send: wrong ones and the right one
TYPES = {
    "bearer_token": ([f"credentials.token={SECRET}"], "authorization",
                     ["Bearer", "Bearer wrong", f"Bearer {SECRET[:-1]}", f"Bearer {SECRET}x",
                      f"Basic {SECRET}", SECRET], f"Bearer {SECRET}"),
    "api_key": ([f"credentials.key={SECRET}"], "x-api-key",
                ["wrong", SECRET[:-1], SECRET + "x", f"Bearer {SECRET}"], SECRET),
    "basic": (["credentials.username=ann", f"credentials.password={SECRET}"], "authorization",
              [basic("ann", "wrong"), basic("ann", SECRET[:-1]), basic("bob", SECRET),
               f"Basic {SECRET}", f"Bearer {SECRET}"], basic("ann", SECRET)),
}


def gate(start, auth_type, *more):
    settings = [f"auth_type={auth_type}", *TYPES[auth_type][0], *more]
    return start(*(f"protocols.authentication.{setting}" for setting in settings))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("auth_type", TYPES)
def test_only_the_right_secret_lets_in(start, auth_type, protocol):
    service = gate(start, auth_type)
    _, header, wrong, right = TYPES[auth_type]
    send = PROTOCOLS[protocol]
    for value in [None, *wrong]:
        fields = [] if value is None else [(header, value)]
        for good in (True, False):  # what is in the body is not even looked at
            code, text = send(service, fields, good)
            assert code == 16, (value, code, text)
            assert SECRET not in text and "wrong" not in text
    assert send(service, [(header, right)], True)[0] == 0
    assert send(service, [(header, right)], False)[0] in (0, 3, 13)
    # The head of a Flight call does not say what it brings.
    assert metric_of(service, "otlp_arrow_refused_requests_total", reason="unauthenticated",
                     signal="" if protocol == "flight" else "traces") == 2 * (len(wrong) + 1)
    assert metric_of(service, "otlp_arrow_received_items_total", signal="traces") == (
        1 if protocol in ("grpc", "http", "json") else 0)
    assert service.stop() == 0
    assert SECRET not in service.output()


def test_health_needs_no_key(start):
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    service = gate(start, "bearer_token")
    answer = health_pb2_grpc.HealthStub(service.channel()).Check(
        health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert service.get("/readyz")[0] == 200


def test_the_connection_of_a_stranger_stays_usable(start):
    service = gate(start, "bearer_token")
    with Connection(service.port) as connection:
        answer = connection.call(headers(), message(spans(1)))
        assert answer["grpc-status"] == "16", answer
        answer = connection.call(headers() + [("authorization", f"Bearer {SECRET}")],
                                 message(spans(1)))
        assert answer["grpc-status"] == "0", answer
    with Sender(service.port) as sender:
        assert sender.post("traces", spans(1)).status == 401
        assert sender.post("traces", spans(1), authorization=f"Bearer {SECRET}").status == 200


def test_a_body_of_any_size_is_refused_by_its_head(start):
    """The key is missing, so nobody waits for the body."""
    service = gate(start, "bearer_token")
    with Connection(service.port) as connection:
        number = connection.open(headers())
        assert connection.answer(number)["grpc-status"] == "16"
    with Sender(service.ports[1]) as sender:
        answer = sender.post("traces", spans(1), expect="100-continue")
        assert answer.status == 401


# --- keys of a file ---

def bearer(key):
    return [("authorization", f"Bearer {key}")]


def test_keys_of_a_file_are_read_again_on_hangup(start, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("# senders\nshop: key-of-the-shop\nbilling: key-of-billing\n")
    keys.chmod(0o600)
    service = start("protocols.authentication.auth_type=bearer_token",
                    f"protocols.authentication.keys_file={keys}")
    assert by_grpc(service, bearer("key-of-the-shop"), True)[0] == 0
    assert by_grpc(service, bearer("key-of-billing"), True)[0] == 0
    assert by_grpc(service, bearer("shop"), True)[0] == 16
    keys.write_text("billing: key-of-billing\nnew: key-of-the-new-one\n")
    service.process.send_signal(signals.SIGHUP)
    harness.wait_until(lambda: "reloaded: 2 keys" in service.output(), what="the log line")
    assert by_grpc(service, bearer("key-of-the-shop"), True)[0] == 16
    assert by_grpc(service, bearer("key-of-the-new-one"), True)[0] == 0
    keys.write_text("billing key-of-billing\n")
    service.process.send_signal(signals.SIGHUP)
    harness.wait_until(lambda: f"{keys}:1: is not a key" in service.output(), what="the log line")
    assert "nothing has changed" in service.output()
    assert by_grpc(service, bearer("key-of-billing"), True)[0] == 0
    keys.unlink()
    service.process.send_signal(signals.SIGHUP)
    harness.wait_until(lambda: f"{keys}: cannot be read" in service.output(), what="the log line")
    assert by_grpc(service, bearer("key-of-billing"), True)[0] == 0
    assert service.stop() == 0
    assert "key-of" not in service.output()


def test_hangup_without_anything_to_reload_harms_nobody(start):
    service = start()
    for _ in range(3):
        service.process.send_signal(signals.SIGHUP)
    harness.wait_until(lambda: "no setting has changed" in service.output(), what="the log line")
    assert by_grpc(service, [], True)[0] == 0
    assert service.stop() == 0


def test_a_file_that_everybody_reads_is_warned_of(start, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("shop: key-of-the-shop\n")
    keys.chmod(0o644)
    settings = ("protocols.authentication.auth_type=api_key",
                f"protocols.authentication.keys_file={keys}")
    service = start(*settings)
    harness.wait_until(lambda: "chmod 600" in service.output(), what="the warning")
    assert str(keys) in service.output()
    service.stop()
    keys.chmod(0o600)
    service = start(*settings, directory=tmp_path / "second")
    assert service.stop() == 0
    assert "chmod" not in service.output()


# --- what is seen of it ---

def test_secrets_come_from_variables_and_files_and_are_never_shown(start, tmp_path):
    secret = tmp_path / "token"
    secret.write_text(SECRET + "\n")
    config = tmp_path / "service.yaml"
    config.write_text("protocols:\n  authentication:\n    auth_type: bearer_token\n"
                      f"    credentials:\n      token: ${{file:{secret}}}\n")
    done = harness.run_service("--config", config, "--validate")
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr and '"********"' in done.stdout
    service = start(arguments=("--config", str(config)))
    assert by_grpc(service, bearer(SECRET), True)[0] == 0
    assert by_grpc(service, [], True)[0] == 16
    service.stop()
    environment = {"OTLP_PROTOCOLS_AUTHENTICATION_AUTH_TYPE": "api_key",
                   "OTLP_PROTOCOLS_AUTHENTICATION_CREDENTIALS_KEY": SECRET}
    service = start(environment=environment, directory=tmp_path / "second")
    assert by_http(service, [("x-api-key", SECRET)], True)[0] == 0
    done = harness.run_service("--validate", environment=environment)
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize("settings, words", (
    (("auth_type=bearer_token",), ("credentials.token", "keys_file")),
    (("auth_type=api_key",), ("credentials.key",)),
    (("auth_type=basic", "credentials.username=u"), ("credentials.password",)),
    (("auth_type=magic",), ("api_key, bearer_token or basic",)),
    ((f"credentials.token={SECRET}",), ("auth_type",)),
    (("auth_type=bearer_token", "keys_file=/no/such/keys"), ("/no/such/keys", "No such file")),
))
def test_half_a_configuration_is_refused(settings, words):
    arguments = []
    for setting in settings:
        arguments += ["--set", f"protocols.authentication.{setting}"]
    for mode in (["--validate"], []):
        done = harness.run_service(*arguments, *mode)
        assert done.returncode == 2, done
        for word in words:
            assert word in done.stderr, done.stderr
        assert SECRET not in done.stderr


def test_the_start_line_says_who_may_send(start, tmp_path):
    service = start()
    assert "(cleartext, no authentication)" in service.output()
    service.stop()
    service = start("bind_address=0.0.0.0", directory=tmp_path / "open")
    harness.wait_until(lambda: "everybody who reaches 0.0.0.0 can send" in service.output(),
                       what="the warning")
    service.stop()
    service = gate(start, "bearer_token", )
    assert "(cleartext, bearer tokens)" in service.output()
    assert "everybody" not in service.output()
