# SPDX-License-Identifier: Apache-2.0
"""Runs tables of cases against the service, each on a connection of its own.

A case sends something and names the reactions that the specification allows.
Whatever it does, a good call must work after it: on the same connection unless
the reaction was to end that, and on a new one.  In the end exactly the spans of
the calls that were answered with OK must be in the files.
"""

import collections
import dataclasses
import random
import typing

import pytest

import columns
from certificates import Authority
from http2peer import ERRORS, Peer, message, span


def connection(*codes):
    """A connection error: GOAWAY with one of CODES, then the end."""
    return {("connection", code) for code in codes}


def stream(*codes):
    """A stream error, and no more than that, although 5.4.1 lets an endpoint
    end the connection instead."""
    return {("stream", code) for code in codes}


def either(*codes):
    """A stream error that the server may make a connection error (5.4.1)."""
    return connection(*codes) | stream(*codes)


# The end without a GOAWAY, which 3.4 and 5.4.1 allow.
CLOSED = {("connection", None)}
# Nothing at all.
QUIET = {("quiet", None)}


def grpc(*codes):
    """An answer with one of the gRPC CODES."""
    return {("grpc", code) for code in codes}


def http(*codes):
    """An answer with one of the HTTP status CODES and no gRPC status."""
    return {("http", code) for code in codes}


OK = grpc(0)


@dataclasses.dataclass
class Case:
    section: str
    title: str
    allowed: set
    send: typing.Callable
    greet: bool = True  # the preface is sent beforehand
    last: bool = False  # the connection may take no further call
    check: typing.Callable = None
    options: dict = dataclasses.field(default_factory=dict)

    def __str__(self):
        return f"{self.section}: {self.title}"


class Table:
    """The cases of a file."""

    def __init__(self):
        self.cases = []

    def add(self, section, title, allowed, send, **more):
        """SEND gets a Peer with `name`, the name of a span that belongs to the
        case, and returns the stream whose fate counts, or None."""
        self.cases.append(Case(section, title, allowed, send, **more))

    def case(self, section, title, allowed, **more):
        def take(send):
            self.add(section, title, allowed, send, **more)
            return send
        return take

    def sections(self):
        return collections.Counter(case.section for case in self.cases)


class CasePeer(Peer):
    """A Peer that knows which spans may be stored."""

    def __init__(self, run, name, **options):
        self.run = run
        self.name = name
        self.named = {}
        super().__init__(run.port, run.context, rng=run.rng, **options)

    def call(self, pairs=None, name=None, body=None):
        """A whole call, with a span of NAME or with BODY."""
        name = name or self.name
        stream = self.open(pairs)
        self.named[stream] = name
        self.data(stream, message(span(name)) if body is None else body)
        return stream

    def names(self, number, name=None):
        """STREAM carries a span of NAME: it is stored when the answer is OK."""
        self.named[number] = name or self.name
        return number

    def settle(self):
        """Notes which calls were answered with OK."""
        for number, name in self.named.items():
            if self.streams[number].field("grpc-status") == "0" and self.streams[number].ended:
                self.run.stored[name] += 1
            elif self.streams[number].reset is None or self.streams[number].reset == 8:
                self.run.perhaps.add(name)  # nobody told us


class Run:
    """All cases of one table against one service."""

    def __init__(self, service, context=None, rng=None):
        self.service = service
        self.port = service.port
        self.context = context
        self.rng = rng
        self.stored = collections.Counter()
        self.perhaps = set()
        self.failures = []
        self.seen = {}

    def cases(self, cases):
        for number, case in enumerate(cases):
            name = f"case {number}"
            try:
                with CasePeer(self, name, greet=case.greet, **case.options) as peer:
                    self._one(case, peer)
                with CasePeer(self, name + " other") as peer:
                    self._good(peer, "on another connection")
            except (AssertionError, OSError) as error:
                self.failures.append(f"{case}: {type(error).__name__}: {error}")
            if not self.service.alive():
                self.failures.append(f"{case}: the service is gone")
                return

    def _one(self, case, peer):
        target = case.send(peer)
        reaction = react(peer, target, case.allowed)
        self.seen[str(case)] = reaction
        peer.settle()
        assert reaction in case.allowed, f"{reaction}, not one of {sorted(case.allowed, key=str)}"
        if case.check is not None:
            case.check(peer, peer.streams.get(target))
        peer.named.clear()
        if reaction[0] == "connection":
            if peer.goaway is not None:
                assert peer.goaway[0] < peer.next, f"GOAWAY names stream {peer.goaway[0]}"
        elif not case.last:
            self._good(peer, "on the same connection")

    def _good(self, peer, where):
        number = peer.call(name=f"{peer.name} {where}")
        if peer.streams[number].window < 100:
            peer.grant(number, 100 - peer.streams[number].window)
        answer = peer.finish(number)
        assert answer.field("grpc-status") == "0", f"a good call {where}: {answer.__dict__}"
        peer.settle()
        peer.named.clear()

    def done(self):
        """Stops the service and compares its files with what was answered."""
        code = self.service.stop()
        have = collections.Counter(row["name"] for row in columns.rows_of(
            self.service.directory, "traces"))
        for name in set(have) | set(self.stored):
            low, high = self.stored[name], self.stored[name] + (name in self.perhaps)
            if not low <= have[name] <= high:
                self.failures.append(f"{name!r} is stored {have[name]} times, not {low} to {high}")
        assert code == 0, self.service.output()
        assert not self.failures, f"{len(self.failures)} failures:\n" + "\n".join(self.failures)


def react(peer, target, allowed):
    """What came of it: (kind, code)."""
    peer.barrier()
    if target is not None and not allowed & QUIET and any(kind in ("grpc", "http", "stream") for kind, _ in allowed):
        peer.wait(lambda: peer.streams[target].over)
    if peer.goaway is not None and peer.goaway[1] != 0:
        peer.wait(lambda: False)  # it must end
    seen = peer.streams.get(target)
    ended = peer.closed and not (peer.goaway is None and seen is not None and seen.ended)
    if ended:
        return ("connection", None if peer.goaway is None else ERRORS[peer.goaway[1]])
    if seen is None or not seen.over:
        return ("quiet", None)
    if not seen.ended:
        return ("stream", ERRORS[seen.reset])
    status = seen.field(":status")
    if status == "200" and seen.field("grpc-status") is not None:
        return ("grpc", int(seen.field("grpc-status")))
    return ("http", int(status))


def in_every_way(test):
    """Runs TEST in the clear, with frames cut into pieces, and under TLS."""
    return pytest.mark.parametrize("way", ("cleartext", "cut", "tls"))(test)


def run_table(table, start, folder, way):
    """Runs all cases of TABLE to the end and gives the Run for figures."""
    options, context = (), None
    if way == "tls":
        authority = Authority(folder / "authority")
        certificate, key = authority.issue()
        options = (f"protocols.tls.cert_file={certificate}", f"protocols.tls.key_file={key}")
        context = authority.client(alpn=["h2"])
    run = Run(start(*options), context, random.Random(7) if way == "cut" else None)
    run.cases(table.cases)
    run.done()
    return run


