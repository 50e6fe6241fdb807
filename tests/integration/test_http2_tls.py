# SPDX-License-Identifier: Apache-2.0
"""RFC 9113, sections 3.2, 3.3 and 9.2: what HTTP/2 asks of TLS; and that the
client of these tests would notice a server that is wrong."""

import socket
import ssl
import threading

import pytest

from certificates import Authority
from http2conformance import CasePeer, Run
from http2peer import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PUSH_PROMISE,
                       RST_STREAM, SETTINGS, Peer, Violation, fields, frame, plain, settings, window)


@pytest.fixture
def protected(start, tmp_path):
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue()
    return authority, start(f"protocols.tls.cert_file={certificate}", f"protocols.tls.key_file={key}")


def call(service, context):
    with CasePeer(Run(service, context), "tls") as peer:
        assert peer.finish(peer.call()).field("grpc-status") == "0"
        return peer.socket.version(), peer.socket.cipher(), peer.socket.selected_alpn_protocol(), \
            peer.socket.compression()


def test_versions_and_ciphers_are_those_of_section_9_2(protected):
    authority, service = protected
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = authority.client(alpn=["h2"])
        context.minimum_version = context.maximum_version = version
        name, (cipher, _, bits), alpn, compression = call(service, context)
        assert name == version.name.replace("_", ".") and alpn == "h2" and compression is None
        assert bits >= 128 and ("GCM" in cipher or "POLY1305" in cipher), cipher
        assert name == "TLSv1.3" or cipher.startswith("ECDHE"), cipher
    for cipher in ("AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"):
        context = authority.client(alpn=["h2"])
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(cipher)  # of the appendix of what HTTP/2 does not want
        with pytest.raises((ssl.SSLError, OSError, AssertionError)):
            call(service, context)
    assert call(service, authority.client(alpn=["h2"]))[0] == "TLSv1.3"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_older_versions_are_refused(protected):
    authority, service = protected
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = authority.client(alpn=["h2"])
        context.minimum_version = context.maximum_version = version
        with pytest.raises((ssl.SSLError, OSError)):
            call(service, context)
    call(service, authority.client(alpn=["h2"]))


def test_the_protocol_is_the_one_agreed_on(protected):
    authority, service = protected
    for offered, chosen in ((["h2"], "h2"), (["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"),
                            (["h2c", "h2"], "h2"), (["http/1.1"], "http/1.1")):
        context = authority.client(alpn=offered)
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as plain_socket, \
                context.wrap_socket(plain_socket, server_hostname="localhost") as connection:
            assert connection.selected_alpn_protocol() == chosen, offered
    # Prior knowledge, which gRPC clients of old relied on.
    assert call(service, authority.client())[2] is None


def answers(port_of, replies):
    """A server that sends REPLIES whatever it is told."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port_of.append(server.getsockname()[1])
        ready.set()
        connection, _ = server.accept()
        with connection:
            connection.sendall(replies)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass


ready = threading.Event()
HEAD = plain([(":status", "200"), ("content-type", "application/grpc")])
GOOD = settings() + frame(SETTINGS, ACK) + frame(HEADERS, END_HEADERS, 1, HEAD)
TRAILERS = plain([("grpc-status", "0")])


@pytest.mark.parametrize("replies", (
    frame(PING, 0, 0, bytes(8)),
    frame(SETTINGS, ACK),
    settings((2, 1)),
    settings() + frame(SETTINGS, ACK) * 2,
    settings() + frame(DATA, 0, 1, b"x"),
    settings() + frame(HEADERS, END_HEADERS, 2, HEAD),
    settings() + frame(HEADERS, END_HEADERS, 1, plain([("content-type", "x")])),
    settings() + frame(HEADERS, END_HEADERS, 1, HEAD + plain([("Upper", "x")])),
    settings() + frame(HEADERS, END_HEADERS, 1, HEAD + plain([("connection", "close")])),
    settings() + frame(HEADERS, END_HEADERS, 1, HEAD + plain([("x", " y")])),
    settings() + frame(HEADERS, END_HEADERS, 1, plain([("x", "y")]) + HEAD),
    settings() + frame(HEADERS, END_HEADERS, 1, b"\x80"),
    settings() + frame(HEADERS, 0, 1, HEAD) + frame(PING, 0, 0, bytes(8)),
    settings() + frame(CONTINUATION, END_HEADERS, 1, HEAD),
    settings() + frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + plain(fields())),
    settings() + window(0, 0),
    settings() + window(3, 1),
    settings() + frame(RST_STREAM, 0, 3, bytes(4)),
    settings() + frame(0x77, 0, 0, b"x"),
    settings() + b"\0\0",
    GOOD + frame(HEADERS, END_HEADERS, 1, TRAILERS),
    GOOD + frame(HEADERS, END_HEADERS | END_STREAM, 1, HEAD),
    GOOD + frame(HEADERS, END_HEADERS | END_STREAM, 1, TRAILERS) + frame(DATA, 0, 1),
    GOOD + frame(HEADERS, END_HEADERS | END_STREAM, 1, TRAILERS) + frame(RST_STREAM, 0, 1, b"\0\0\0\1"),
    GOOD + frame(DATA, 0, 1, bytes(16385)),
    GOOD + frame(DATA, 0, 1, bytes(16384)) * 5,
))
def test_the_client_notices_a_server_that_is_wrong(replies):
    ready.clear()
    port = []
    thread = threading.Thread(target=answers, args=(port, replies))
    thread.start()
    assert ready.wait(10)
    try:
        with Peer(port[0], give_window=False) as peer:
            peer.know(1)
            with pytest.raises((Violation, Exception)) as caught:
                peer.wait(lambda: False)
            assert caught.type.__module__.partition(".")[0] in ("http2peer", "hpack"), caught
    finally:
        thread.join(10)
