# SPDX-License-Identifier: Apache-2.0
"""Attacks by connections that are held: slow ones, idle ones, half handshakes."""

import selectors
import socket
import ssl
import struct
import threading
import time
from collections import Counter

import attack_frames as wire
from attack_frames import frame
from attack_measure import quantile


def open_many(run, count, hello, source="127.0.0.2"):
    """COUNT sockets that have said HELLO (an index gives one of several)."""
    peers = []
    for i in range(count):
        peer = socket.socket()
        peer.bind((source, 0))
        peer.setblocking(False)
        peer.connect_ex(("127.0.0.1", run.port))
        peers.append(peer)
        if i % 500 == 499:
            time.sleep(0.02)
    time.sleep(0.5)
    for i, peer in enumerate(peers):
        try:
            peer.send(hello[i % len(hello)])
        except OSError:
            pass
    run.opened += count
    return peers


POST = b"POST /v1/traces HTTP/1.1\r\nHost: t\r\n"
PROTOBUF = POST + b"Content-Type: application/x-protobuf\r\n"
CALL = wire.HELLO + frame(wire.HEADERS, wire.END_HEADERS, 1, wire.HEAD)
WINDOW = 16384  # what a new stream may send


def begun(size, sent=0):
    """A call whose message of SIZE bytes has begun with SENT of them."""
    return CALL + frame(wire.DATA, 0, 1, struct.pack(">BI", 0, size) + bytes(sent))


# What is said at first, and then each second.
LORIS = [
    (b"", b""),
    (b"P", b""),
    (wire.PREFACE, b""),
    (POST, b"x"),
    (PROTOBUF + b"Content-Length: 100000\r\n\r\n", b"\0"),
    (PROTOBUF + b"Content-Length: 100000\r\n\r\n" + bytes(9000), b"\0"),
    (PROTOBUF + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n\0\r\n"),
    (wire.HELLO + frame(wire.HEADERS, 0, 1, wire.HEAD), b""),
    (begun(10000), frame(wire.DATA, 0, 1, b"x")),
    (begun(1000000), frame(wire.DATA, 0, 1, b"x")),
    (begun(1000000, WINDOW - 5), b""),
]


def has_trailers(data):
    """True when DATA, whole frames, ends a call."""
    at = 0
    while at + 9 <= len(data) and data[:5] != b"HTTP/":
        if data[at + 3] == wire.HEADERS and data[at + 4] & wire.END_STREAM:
            return True
        at += 9 + (data[at] << 16 | data[at + 1] << 8 | data[at + 2])
    return False


def hold(run, peers, drips, patience=45):
    """Sends a byte a second on each until all have been hung up on."""
    watch = selectors.DefaultSelector()
    kind = {}
    for i, peer in enumerate(peers):
        kind[peer] = i % len(drips)
        watch.register(peer, selectors.EVENT_READ)
    began = last = time.monotonic()
    ends = {}
    while kind and time.monotonic() - began < patience:
        for key, _ in watch.select(0.2):
            peer = key.fileobj
            try:
                data = peer.recv(4096)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if data[:12] == b"HTTP/1.1 408":
                run.seen["HTTP 408"] += 1
            if data[:12] == b"HTTP/1.1 503":
                told = b"\nretry-after:" in data.lower()
                run.seen["HTTP 503" if told else "HTTP 503 without a delay"] += 1
            if has_trailers(data):  # the call is over, and the rest may idle
                run.seen["call ended"] += 1
                data = b""
            if not data:
                watch.unregister(peer)
                ends[kind.pop(peer)] = time.monotonic() - began
                peer.close()
                run.seen["closed"] += 1
        if time.monotonic() - last >= 1:
            last = time.monotonic()
            for peer, number in list(kind.items()):
                if drips[number]:
                    try:
                        peer.send(drips[number])
                        run.sent += 1
                    except OSError:
                        pass
    run.seen["still open"] = len(kind)
    if kind:
        run.notes.append(f"still open: {dict(Counter(kind.values()))}")
    run.notes.append(f"last one ended after {max(ends.values(), default=0):.1f} s")
    for peer in kind:
        peer.close()


def slow_loris(run):
    """Connections that say a byte a second, or nothing, in every state."""
    hellos, drips = zip(*LORIS)
    hold(run, open_many(run, run.connections - 20, hellos), drips)


def idle_connections(run):
    """Greeted connections that do nothing: what they cost in memory."""
    before = run.service.memory()
    peers = open_many(run, run.connections - 20, [wire.HELLO])
    time.sleep(3)
    run.notes.append(f"{(run.service.memory() - before) / len(peers):.1f} KiB each")
    for peer in peers:
        peer.close()


def client_context(run):
    context = ssl.create_default_context(cafile=str(run.authority.file))
    context.set_alpn_protocols(["h2"])
    return context


def tls_hello():
    """A ClientHello as OpenSSL makes it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


class Newcomers:
    """Clients that connect by TLS, one after the other, while the block runs."""

    def __init__(self, run):
        self.run = run
        self.context = client_context(run)
        self.stopping = threading.Event()
        self.took, self.again, self.failed = [], 0, 0

    def greet(self):
        """True when a connection was made and answered."""
        try:
            with socket.create_connection(("127.0.0.1", self.run.port), timeout=20) as plain, \
                    self.context.wrap_socket(plain, server_hostname="localhost") as peer:
                peer.sendall(wire.HELLO)
                return len(peer.recv(9)) == 9
        except OSError:
            return False

    def connect(self):
        while not self.stopping.wait(0.05):
            began, tries = time.perf_counter(), 1
            while not self.greet():  # as a client does, which comes back
                self.again += 1
                tries += 1
                if tries > 20:
                    self.failed += 1
                    return
                time.sleep(0.1)
            self.took.append(time.perf_counter() - began)

    def __enter__(self):
        self.thread = threading.Thread(target=self.connect, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(30)
        took = sorted(self.took)
        self.run.newcomers = (len(took), self.failed)
        self.run.notes.append(
            f"new clients: {len(took)} served, p50 {quantile(took, .5):.0f} ms, "
            f"longest {quantile(took, 1):.0f} ms, {self.again} tries in vain"
            f"{', NOT served at last' if self.failed else ''}")


def tls_half_handshakes(run):
    """TLS that stops: before, inside and behind the ClientHello."""
    hello = tls_hello()
    with Newcomers(run):
        hold(run, open_many(run, run.connections - 20, [hello, hello[:100], hello[:3]]),
             [b"", b"\0", b""])


def tls_hello_flood(run, per_second=1000):
    """So many whole ClientHellos a second, and never what follows them."""
    hello, peers, opened = tls_hello(), [], 0
    began = time.monotonic()
    end = began + max(3.0, run.frames / 100000)
    with Newcomers(run):
        while time.monotonic() < end:
            while opened < (time.monotonic() - began) * per_second:
                peer = socket.create_connection(("127.0.0.1", run.port), timeout=20,
                                                source_address=("127.0.0.2", 0))
                peer.sendall(hello)
                peers.append(peer)
                opened += 1
            for old in peers[:-4000]:
                old.close()
            del peers[:-4000]
            time.sleep(0.002)
    run.opened += opened
    run.sent += opened
    for peer in peers:
        peer.close()


def tls_idle_connections(run):
    """Handshaken connections that do nothing: what they cost in memory."""
    context = client_context(run)
    count = min(run.connections - 20, max(50, run.connections // 5))
    before = run.service.memory()
    peers = []
    for _ in range(count):
        plain = socket.create_connection(("127.0.0.1", run.port), timeout=20)
        peer = context.wrap_socket(plain, server_hostname="localhost")
        peer.sendall(wire.HELLO)
        peers.append(peer)
    time.sleep(3)
    run.opened = count
    run.notes.append(f"{(run.service.memory() - before) / count:.1f} KiB each")
    for peer in peers:
        peer.close()
