# SPDX-License-Identifier: Apache-2.0
"""Attacks by many connections that come and go."""

import os
import resource
import socket
import struct
import time

import attack_frames as wire
from attack_frames import Raw, frame


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
