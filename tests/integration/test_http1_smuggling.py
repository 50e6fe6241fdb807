# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1: no request hides in another one.

Each vector is what an attacker sends through a front, followed by a marked
request of somebody else on the same connection.  A strict reader of RFC 9112
(http1_reference.py) says which requests there are.  The service must answer
those, once and in order, or refuse, close, and take nothing that comes behind.
In the end exactly the answered spans are in its files.
"""

import collections
import random
import socket

import pytest
from google.protobuf.message import DecodeError

import columns
import http1_reference
import http1_vectors
import otlpgen

SECONDS = 15

# Methods are upper-case.  What begins with another octet may be anything, and
# is closed without a word.
BEGINNINGS = [bytes([c]) for c in range(ord("A"), ord("Z") + 1)] + [b"\r"]


class Answer:
    def __init__(self, status, fields, body):
        self.status = status
        self.fields = fields
        self.body = body

    @property
    def closes(self):
        return self.fields.get("connection", "").lower() == "close"

    def __repr__(self):
        return f"{self.status} {self.body[:80]!r}"


class Link:
    """A connection, and the answers on it as strictly as requests are read."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.ended = False

    def more(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        self.buffer += data
        self.ended = not data

    def until(self, mark):
        while mark not in self.buffer and not self.ended:
            self.more()
        head, found, rest = self.buffer.partition(mark)
        if not found:
            assert not head, f"the connection ended inside an answer: {head!r}"
            return None
        self.buffer = rest
        return head

    def answer(self, method):
        """The next final answer, None when the connection has ended."""
        while True:
            head = self.until(b"\r\n\r\n")
            if head is None:
                return None
            first, *lines = head.decode("latin-1").split("\r\n")
            version, status, _ = first.split(" ", 2)
            assert version == "HTTP/1.1", first
            fields = {name.lower(): value.strip() for name, value in
                      (line.split(":", 1) for line in lines)}
            if not status.startswith("1"):
                break
        size = 0 if method == b"HEAD" or status == "204" else int(fields["content-length"])
        while len(self.buffer) < size:
            assert not self.ended, "the connection ended inside a body"
            self.more()
        # libmicrohttpd 0.9.75 writes the heads of its own errors twice.
        if self.buffer.startswith(b"HTTP/1.1 ") and fields.get("connection") == "close" and \
                "content-type" not in fields:
            return self.answer(method)
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return Answer(int(status), fields, body)

    def send(self, pieces):
        for piece in pieces:
            try:
                self.socket.sendall(piece)
            except (ConnectionResetError, BrokenPipeError):
                return

    def rest(self):
        """What comes when we say that we are done."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        while not self.ended:
            self.more()
        return self.buffer


def spans_in(body):
    """Names of the spans in BODY, None when it is no request of OTLP."""
    try:
        request = otlpgen.REQUEST_CLASS["traces"].FromString(body)
    except DecodeError:
        return None
    return [s.name for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]


def expected(request, taking):
    """(status or None when any refusal will do, spans) of a request that the
    service has understood."""
    if not taking or request.path != b"/v1/traces" or request.method != b"POST" or \
            request.value(b"content-type") != b"application/x-protobuf":
        return None, []
    names = spans_in(request.body)
    return (400, []) if names is None else (200, names)


class Check:
    def __init__(self, port, taking=True):
        self.port = port
        self.taking = taking  # spans
        self.stored = collections.Counter()
        self.counts = collections.Counter()

    def vector(self, vector, pieces):
        """Sends one, and compares what comes back with the reading of it."""
        reading = http1_reference.read_connection(vector.data)
        link = Link(self.port)
        try:
            link.send(pieces)
            return self._compare(vector, reading, link)
        finally:
            link.socket.close()

    def _compare(self, vector, reading, link):
        for at, request in enumerate(reading.requests):
            answer = link.answer(request.method)
            if answer is None and at == 0 and vector.data[:1] not in BEGINNINGS:
                assert not vector.good
                return self._count("no protocol")
            assert answer is not None, f"request {at} has no answer"
            status, names = expected(request, self.taking)
            if answer.status == 200:
                assert status == 200, f"request {at} is not to be taken: {answer}"
                self.stored.update(names)
            else:
                assert answer.status >= 400 or (answer.status == 204 and request.method == b"OPTIONS")
                assert not vector.good or status in (None, answer.status), f"{at}: {answer}"
            if answer.closes:
                # A body that is refused before it has come may end all.
                assert not vector.good or not request.persistent or answer.status != 200
                return self._silent(link, "closed")
        if reading.ending == "closed":
            return self._silent(link, "closed")
        if reading.ending == "end":
            return self._silent(link, "answered")
        return self._tail(reading, link)

    def _tail(self, reading, link):
        """Behind the last whole request there is something else."""
        if reading.ending == "refused":
            answer = link.answer(b"GET")
            if answer is not None:
                assert answer.status >= 400, f"taken, although {reading.why}: {answer}"
                assert answer.closes, f"still open, although {reading.why}"
            return self._silent(link, "refused")
        # Half a request: nothing, or a refusal as soon as it is seen to be bad.
        rest = link.rest()
        assert rest == b"" or rest.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5", b"HTTP/1.1 100")), rest
        assert rest.count(b"HTTP/1.1 200") == 0, rest
        return self._count("incomplete")

    def _silent(self, link, what):
        rest = link.rest()
        assert rest == b"", f"more comes after the connection was to end: {rest[:200]!r}"
        return self._count(what)

    def _count(self, what):
        self.counts[what] += 1


def cut(data, rng):
    """The same bytes in up to four pieces."""
    places = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    return [piece for piece in (data[a:b] for a, b in zip([0, *places], [*places, len(data)]))
            if piece]


def run(service, vectors, rng=None, port=None):
    check = Check(port or service.ports[1], port is None)
    failures = []
    for vector in vectors:
        try:
            check.vector(vector, [vector.data] if rng is None else cut(vector.data, rng))
        except (AssertionError, OSError, KeyError, ValueError) as error:
            failures.append(f"{vector.family}: {vector.title}: {type(error).__name__}: {error}")
        if not service.alive():
            failures.append(f"{vector.family}: {vector.title}: the service is gone")
            break
    assert service.stop() == 0, service.output()
    have = collections.Counter(row["name"] for row in columns.rows_of(service.directory, "traces"))
    for name in sorted(set(have) | set(check.stored)):
        if have[name] != check.stored[name]:
            failures.append(f"{name} is stored {have[name]} times, not {check.stored[name]}")
    assert not failures, f"{len(failures)} failures:\n" + "\n".join(failures)
    return check


VECTORS = http1_vectors.all_vectors()


def test_there_are_vectors_of_every_kind():
    kinds = collections.Counter(vector.family for vector in VECTORS)
    assert len(VECTORS) >= 500 and len({v.data for v in VECTORS}) >= 500, kinds
    readings = collections.Counter(http1_reference.read_connection(v.data).ending for v in VECTORS)
    assert readings["refused"] > 300 and readings["end"] > 50, readings
    good = [v for v in VECTORS if v.good]
    assert len(good) > 50
    for vector in good:
        reading = http1_reference.read_connection(vector.data)
        assert reading.ending in ("end", "closed"), (vector.title, reading.why)


@pytest.mark.parametrize("seed", (None, 1, 2), ids=("whole", "cut", "cut elsewhere"))
def test_both_readers_agree(start, seed):
    service = start()
    check = run(service, VECTORS, None if seed is None else random.Random(seed))
    assert sum(check.counts.values()) == len(VECTORS)
    assert min(check.counts[kind] for kind in ("refused", "answered", "closed")) > 20, check.counts


def test_the_port_for_operations_reads_the_same(start):
    """It has a library of its own (libmicrohttpd), which takes targets of any
    form for unknown paths."""
    service = start()
    vectors = [v for v in VECTORS if v.title not in ("b'GET' b'*'", "b'GET' b'localhost:80'")]
    check = run(service, vectors, None, int(service.http.rpartition(":")[2]))
    assert sum(check.counts.values()) == len(vectors) and not check.stored


@pytest.mark.parametrize("data,count,ending", (
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1, "end"),
    (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.0\r\n\r\nx", 2, "closed"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", 0, "incomplete"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"2;x=\"y\"\r\nab\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n", 1, "end"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\r\n", 0, "refused"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 0, "refused"),
    (b"GET / HTTP/1.1\r\n\r\n", 0, "refused"),
    (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 0, "refused"),
))
def test_the_strict_reader_reads(data, count, ending):
    reading = http1_reference.read_connection(data)
    assert (len(reading.requests), reading.ending) == (count, ending), reading
