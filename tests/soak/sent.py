# SPDX-License-Identifier: Apache-2.0
"""Requests that can be told apart again, and the book of what became of them.

A template is one request with random content of every kind.  Each of its items
carries a mark of 16 bytes: "~", number of the template, number of the item,
number of the request.  Only the last of these changes between requests, at the
same length, so that making a request is one bytes.replace() and what must be
found of it in the files is known to the byte.
"""

import random
import re
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in ("integration", "oracle"):
    sys.path.insert(0, str(HERE.parent / folder))

import compare  # noqa: E402
import otap_refenc  # noqa: E402
import otlpgen  # noqa: E402
import otlpjson  # noqa: E402
import protocols  # noqa: E402

SLOT = b"@NUMBER@"  # where the number of the request stands in a template
FIRST = re.compile(rb"~([0-9a-f]{2})00000([0-9a-f]{8})")
LEVELS = ("memory", "write", "fsync")


def mark(template, item):
    return b"~%02x%05x" % (template, item) + SLOT


def fill(signal, item, text, generator):
    """A random item that carries the mark TEXT."""
    if signal == "metrics":
        while not otlpgen.count_points(item):
            item.Clear()
            generator.metric(item)
        item.name = text.decode()
        return
    while not item.trace_id:
        item.Clear()
        (generator.span if signal == "traces" else generator.log)(item)
        item.trace_id = text


class Changed(ValueError):
    """A request is in the files, but not as it was sent."""

    def __init__(self, signal, number):
        super().__init__(f"{signal}: request {number} is in the files, but not as it was sent")
        self.number = number


class Template:
    def __init__(self, number, signal, items, seed, otap=False):
        self.number, self.signal, self.items, self.otap = number, signal, items, otap
        generator = otlpgen.Generator(f"{signal}/{seed}/{items}")
        outer, inner, leaves = otlpgen.LEVELS[signal]
        message = otlpgen.REQUEST_CLASS[signal]()
        resource = getattr(message, outer).add()
        generator.resource(resource.resource)
        scope = getattr(resource, inner).add()
        generator.scope(scope.scope)
        self.marks = []
        for i in range(items):
            self.marks.append(mark(number, i))
            fill(signal, getattr(scope, leaves).add(), self.marks[-1], generator)
        otlpjson.plain_nans(message)
        protocols.undo(message, {protocols.ENTITIES, protocols.ZERO_IDS})
        self.points = otlpgen.count_items(signal, message)
        self.unit = compare.canonical(signal, message)
        self.wire = self.unit
        if otap:
            encoder = otap_refenc.Encoder(signal, seed)
            encoder.style.shuffle = False
            encoder.style.options = protocols.pa.ipc.IpcWriteOptions(compression=None)
            encoder.rng.random = lambda: 1.0  # and no other style later on
            self.wire = encoder.encode([message])
        assert self.wire.count(SLOT) >= items, "marks are hidden in the message"

    def body(self, number):
        return self.wire.replace(SLOT, b"%08x" % number)


def templates(seed, sizes=(1, 20, 300), otap_size=40):
    """Of every signal: some requests for OTLP, one for OTAP."""
    made = []
    for signal in otlpgen.SIGNALS:
        for items in sizes:
            made.append(Template(len(made), signal, items, seed))
        made.append(Template(len(made), signal, otap_size, seed, otap=True))
    return made


class Request:
    """One that was sent once: when it was answered, if it was."""

    __slots__ = ("number", "template", "level", "acked", "position", "sent")

    def __init__(self, number, template, level):
        self.number, self.template, self.level = number, template, level
        self.acked = None  # the time of the OK
        self.position = None  # of the journal at that time
        self.sent = time.monotonic()


class Book:
    """All requests of a run.  Used from many threads."""

    def __init__(self, made, seed=0, level="memory", position=None):
        self.templates = made
        self.rng = random.Random(seed)
        self.level = level
        self.position = position or (lambda: None)
        self.requests = {}
        self.lock = threading.Lock()
        self.next = 1
        self.known = {}  # a template as the tool writes it -> is it right?
        self.answers = {}  # what senders heard that was not OK -> how often

    def new(self, signal=None, otap=False, level=None):
        with self.lock:
            fitting = [t for t in self.templates
                       if t.otap == otap and signal in (None, t.signal)]
            request = Request(self.next, self.rng.choice(fitting), level or self.level)
            self.requests[self.next] = request
            self.next += 1
        return request

    def ok(self, request):
        request.position = self.position()
        request.acked = time.monotonic()

    def failed(self, what):
        with self.lock:
            self.answers[what] = self.answers.get(what, 0) + 1

    def acked(self, levels=LEVELS):
        with self.lock:
            return [r for r in self.requests.values() if r.acked is not None and r.level in levels]

    def forget(self):
        """What was checked need not be found again."""
        with self.lock:
            self.requests.clear()

    def recognize(self, signal, raw):
        """The number of the request that RAW of a file is, to the byte.
        Raises ValueError when nobody sent it like that."""
        found = FIRST.search(raw)
        if found is None:
            raise ValueError(f"{signal}: {len(raw)} bytes without a first mark are in the files")
        number = int(found.group(2), 16)
        request = self.requests.get(number)
        if request is None or request.template.number != int(found.group(1), 16):
            raise ValueError(f"{signal}: a request {number} that nobody sent is in the files")
        shape = (request.template.number, raw.replace(found.group(2), SLOT))
        if shape not in self.known:  # a number may look like a part of a mark
            shape = (request.template.number,
                     re.sub(rb"(~%s[0-9a-f]{5})%s" % found.groups(), rb"\1" + SLOT, raw))
        if shape not in self.known:
            self.known[shape] = signal == request.template.signal and \
                compare.canonical_bytes(signal, shape[1]) == request.template.unit
        if not self.known[shape]:
            raise Changed(signal, number)
        return number
