# SPDX-License-Identifier: Apache-2.0
"""One attack under way: how much it sends, on what, and what came of it."""

from collections import Counter

import attack_frames as wire
from attack_frames import Raw

MEBIBYTE = 1 << 20


class Run:
    """What an attack is given, and where it leaves what it saw."""

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
                # Its last words are there even when it takes no more.
                if not raw.take() or not going:
                    break
            if per_connection is None:
                raw.drain(5)
            self.take(raw)

    def take(self, raw):
        self.seen.update(raw.seen or ["closed" if raw.over else "left"])
        raw.close()
