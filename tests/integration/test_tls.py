# SPDX-License-Identifier: Apache-2.0
"""TLS on both ports: every protocol, senders with certificates, new ones on
SIGHUP, and those who speak in the clear or to nobody."""

import signal as signals
import socket
import ssl

import grpc
import h2.config
import h2.connection
import pyarrow.flight as flight
import pytest

import columns
import harness
import h2client
import otlpgen
from certificates import Authority
from httpclient import JSON, Sender, raw

OTAP = "/opentelemetry.proto.experimental.arrow.v1.ArrowTracesService/ArrowTraces"


def spans(count=1):
    request = otlpgen.REQUEST_CLASS["traces"]()
    scope = request.resource_spans.add().scope_spans.add()
    for i in range(count):
        scope.spans.add(name=f"s{i}")
    return request.SerializeToString()


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ca")


def settings(identity, client_ca=None):
    certificate, key = identity
    chosen = [f"protocols.tls.cert_file={certificate}", f"protocols.tls.key_file={key}"]
    return chosen + ([f"protocols.tls.client_ca_file={client_ca}"] if client_ca else [])


def channel(service, authority, identity=None, index=0):
    read = [path.read_bytes() for path in (identity or ())]
    credentials = grpc.ssl_channel_credentials(
        authority.file.read_bytes(), read[1] if read else None, read[0] if read else None)
    made = grpc.secure_channel(f"localhost:{service.ports[index]}", credentials,
                               options=harness.CHANNEL_OPTIONS)
    service.channels.append(made)
    return made


def export(service, authority, identity=None, index=0):
    call = channel(service, authority, identity, index).unary_unary(harness.EXPORT_PATH["traces"])
    return call(spans(), timeout=10)


class Http2(h2client.Connection):
    """A frame-by-frame connection under TLS."""

    def __init__(self, port, context):
        plain = socket.create_connection(("127.0.0.1", port), timeout=15)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False))
        self.h2.initiate_connection()
        self.streams = {}
        self.closed = False
        self.flush()


# --- every protocol ---

@pytest.mark.parametrize("index", (0, 1))
def test_every_protocol_is_spoken_under_tls(start, authority, index):
    service = start(*settings(authority.issue()))
    assert "(TLS, no authentication)" in service.output()
    export(service, authority, index=index)
    with Sender(service.ports[index], authority.client()) as sender:
        for _ in range(3):
            assert sender.post("traces", spans()).status == 200
    with Sender(service.ports[index], authority.client(alpn=["http/1.1"])) as sender:
        assert sender.post("traces", b'{"resourceSpans":[]}', JSON).status == 200
    for alpn in (["h2"], ["h2", "http/1.1"], None):
        with Http2(service.ports[index], authority.client(alpn=alpn)) as connection:
            answer = connection.call(h2client.headers(path="/v1/traces", content_type=JSON), b"{}")
            assert answer[":status"] == "200", (alpn, answer)
            answer = connection.call(h2client.headers(), h2client.message(spans()))
            assert answer["grpc-status"] == "0", (alpn, answer)
    stream = channel(service, authority, index=index).stream_stream(OTAP)
    assert list(stream(iter(()), timeout=10)) == []
    with flight.connect(f"grpc+tls://localhost:{service.ports[index]}",
                        tls_root_certs=authority.file.read_bytes()) as client:
        assert client.list_actions()
    assert service.get("/readyz")[0] == 200  # that port stays as it was
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "traces")) == 1 + 3 + 3


def test_a_large_request_comes_through(start, authority):
    service = start(*settings(authority.issue()))
    with Sender(service.ports[1], authority.client()) as sender:
        assert sender.post("traces", spans(100_000)).status == 200
    call = channel(service, authority).unary_unary(harness.EXPORT_PATH["traces"])
    call(spans(100_000), timeout=30)
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "traces")) == 200_000


# --- who is let in ---

def refused(call):
    with pytest.raises((grpc.RpcError, OSError)) as error:
        call()
    if isinstance(error.value, grpc.RpcError):
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE, error.value
    return True


def test_senders_need_a_certificate_when_their_ca_is_set(start, authority, tmp_path):
    service = start(*settings(authority.issue(), authority.file))
    assert "(TLS with client certificates, no authentication)" in service.output()
    known = authority.issue("sender")
    stranger = Authority(tmp_path / "other", "stranger").issue("sender")
    export(service, authority, known)
    with Sender(service.ports[1], authority.client(known)) as sender:
        assert sender.post("traces", spans()).status == 200
    for identity in (None, stranger):
        assert refused(lambda who=identity: export(service, authority, who))
        with Sender(service.ports[1], authority.client(identity)) as sender:
            assert refused(lambda s=sender: s.post("traces", spans()))
    export(service, authority, known)
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "traces")) == 3


def test_a_sender_that_trusts_another_ca_goes_away_alone(start, authority, tmp_path):
    service = start(*settings(authority.issue()))
    other = Authority(tmp_path / "other", "stranger")
    assert refused(lambda: export(service, other))
    with pytest.raises(ssl.SSLError), Sender(service.ports[1], other.client()) as sender:
        sender.post("traces", spans())
    export(service, authority)


# --- the clear and the covered ---

def test_cleartext_to_a_tls_port_is_told_so(start, authority):
    service = start(*settings(authority.issue()))
    head = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
    answer = raw(service.ports[1], head)
    assert answer.startswith(b"HTTP/1.1 400") and b"TLS" in answer, answer
    insecure = grpc.insecure_channel(f"127.0.0.1:{service.port}", options=harness.CHANNEL_OPTIONS)
    service.channels.append(insecure)
    with pytest.raises(grpc.RpcError) as error:
        insecure.unary_unary(harness.EXPORT_PATH["traces"])(spans(), timeout=10)
    assert error.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL)
    raw(service.port, b"\0" * 300, seconds=1, end=True)
    raw(service.port, b"nonsense" * 100, seconds=1, end=True)
    export(service, authority)
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "traces")) == 1


def test_tls_to_a_cleartext_port_ends_soon_and_harms_nobody(start, authority):
    service = start()
    assert refused(lambda: export(service, authority))
    with pytest.raises(OSError), Sender(service.ports[1], authority.client(), timeout=5) as sender:
        sender.post("traces", spans())
    assert service.send("traces", [spans()])[0] is not None
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "traces")) == 1


def test_half_handshakes_hold_nobody_up(start, authority):
    service = start("net.io_threads=1", *settings(authority.issue()))
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"z" * 100
    held = []
    for data in (b"", hello[:1], hello[:6], hello) * 10:
        connection = socket.create_connection(("127.0.0.1", service.port), timeout=10)
        connection.sendall(data)
        held.append(connection)
    for _ in range(5):
        export(service, authority)
    for connection in held:
        connection.close()
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "traces")) == 5


# --- new certificates ---

def serial_of(service, authority, index=0):
    with socket.create_connection(("127.0.0.1", service.ports[index]), timeout=10) as plain, \
            authority.client().wrap_socket(plain, server_hostname="localhost") as wrapped:
        return wrapped.getpeercert()["serialNumber"]


def test_certificates_are_read_again_on_hangup(start, authority):
    certificate, key = authority.issue()
    service = start(*settings((certificate, key)))
    first = serial_of(service, authority)
    old = channel(service, authority).unary_unary(harness.EXPORT_PATH["traces"])
    old(spans(), timeout=10)

    fresh_certificate, fresh_key = authority.issue()
    certificate.write_bytes(fresh_certificate.read_bytes())
    key.write_bytes(fresh_key.read_bytes())
    service.process.send_signal(signals.SIGHUP)
    harness.wait_until(lambda: "reloaded: new connections get" in service.output(), what="the log")
    assert "stays" not in service.output()
    second = serial_of(service, authority)
    assert second != first and serial_of(service, authority, 1) == second
    old(spans(), timeout=10)  # connections that were open stay

    key.write_text("not a key")
    service.process.send_signal(signals.SIGHUP)
    harness.wait_until(lambda: "nothing has changed" in service.output(),
                       what="the log")
    assert str(key) in service.output()
    assert serial_of(service, authority) == second
    export(service, authority)
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "traces")) == 3


# --- what cannot work ---

def test_files_that_cannot_be_used_are_named_before_anything_listens(authority, tmp_path):
    certificate, key = authority.issue()
    _, other_key = authority.issue()
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    missing = tmp_path / "missing.pem"
    cases = (((missing, key, None), missing), ((certificate, missing, None), missing),
             ((nonsense, key, None), nonsense), ((certificate, nonsense, None), nonsense),
             ((certificate, other_key, None), other_key), ((certificate, key, missing), missing),
             ((certificate, key, nonsense), nonsense), ((certificate, None, None), "key_file"),
             ((None, key, None), "cert_file"), ((None, None, certificate), "cert_file"))
    for (chain, secret, client_ca), word in cases:
        arguments = ["--set", f"output_dir={tmp_path / 'out'}"]
        for name, value in (("cert_file", chain), ("key_file", secret), ("client_ca_file", client_ca)):
            if value is not None:
                arguments += ["--set", f"protocols.tls.{name}={value}"]
        for mode in (["--validate"], []):
            done = harness.run_service(*arguments, *mode)
            assert done.returncode == 2, (word, done)
            assert str(word) in done.stderr, (word, done.stderr)
            assert "protocols.tls" in done.stderr, done.stderr
    assert not (tmp_path / "out").exists()
    done = harness.run_service("--validate", "--set", f"protocols.tls.cert_file={certificate}",
                               "--set", f"protocols.tls.key_file={key}")
    assert done.returncode == 0, done.stderr
