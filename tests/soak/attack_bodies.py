# SPDX-License-Identifier: Apache-2.0
"""Attacks by what is in requests: bombs, and more than a fair share."""

import gzip
import http.client
import struct
import time

import attack_frames as wire
from attack_frames import Raw, frame
from attack_run import MEBIBYTE


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


def empty_things(run):
    """60 KB that become 30 million resources or scopes, or 20 million objects of JSON,
    with nothing in them."""
    count = max(1, run.frames // 100000)
    things = 28 * MEBIBYTE
    scopes = bytes.fromhex("1200") * things
    objects = b'{"resourceSpans":[%s{}]}' % (b"{}," * (things * 2 // 3))
    for body, kind in ((bytes.fromhex("0a00") * things, "application/x-protobuf"),
                       (b"\x0a" + wire.varint(len(scopes)) + scopes, "application/x-protobuf"),
                       (objects, "application/json")):
        packed = gzip.compress(body, 6)
        run.notes.append(f"{len(body) / len(packed):.0f}:1")
        posted(run, packed, "/v1/traces", kind, "gzip", count)
        if kind != "application/json":
            unary(run, packed, wire.TRACES, "gzip", count)


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
    block, at, sent, answers = one * 5000, 0, 0, 0
    end = time.monotonic() + 60
    while sent < run.frames // 4 and time.monotonic() < end:
        try:
            at += raw.socket.send(block[at:])
        except BlockingIOError:
            time.sleep(0.001)
        if at == len(block):
            sent += 5000
            at = 0
        try:
            answers += raw.socket.recv(1 << 20).count(b" 200 OK\r")
        except BlockingIOError:
            pass
    raw.socket.settimeout(20)
    while answers < sent * 0.99:  # what is still on its way
        data = raw.socket.recv(1 << 20)
        answers += data.count(b" 200 OK\r")
        if not data:
            break
    run.sent += sent
    run.seen["HTTP 200"] += answers
    raw.close()
