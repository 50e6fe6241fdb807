# SPDX-License-Identifier: Apache-2.0
"""What comes in by any protocol goes out by any other as it came.

Random requests are sent in every way there is and read back in every way there
is.  What a format cannot say is listed in protocols.py, format by format;
everything else must be equal.
"""

import functools
import os
from collections import Counter

import pytest

import compare
import harness
import otlpgen
import protocols
from protocols import WAYS_IN, WAYS_OUT

COUNT = int(os.environ.get("OA_CROSS_N", "1000"))
SEED = int(os.environ.get("OA_CROSS_SEED", "3000000"))


@functools.cache
def requests_of(signal, count=COUNT, seed=SEED):
    return [otlpgen.request(signal, seed + i).SerializeToString() for i in range(count)]


def cross(directory, signal, requests, way_in, ways_out):
    """{way out: the requests that it gives}."""
    service = harness.Service(directory, "net.io_threads=1", "storage.batch_rows=2000",
                              "storage.max_file_size=1MiB")
    try:
        WAYS_IN[way_in][0](service, signal, requests)
        got = {}
        for name in ways_out:
            if name != "Flight" and service.alive():
                assert service.stop() == 0, service.output()
            got[name] = WAYS_OUT[name][0](service, signal)
        return got
    finally:
        service.kill()


def lost_on_the_way(directory, signal, requests, way_in, way_out):
    """The units of REQUESTS that did not come out, and all that did."""
    losses = WAYS_IN[way_in][1] | WAYS_OUT[way_out][1]
    got = cross(directory, signal, requests, way_in, [way_out])[way_out]
    want, found = (protocols.counted(signal, each, losses) for each in (requests, got))
    return want - found, got


def explain(tmp_path, signal, way_in, way_out, candidates):
    """Makes one request that did not come through small and prints it."""
    losses = WAYS_IN[way_in][1] | WAYS_OUT[way_out][1]
    tries = iter(range(1000))

    def failing(some):
        try:
            lost, _ = lost_on_the_way(tmp_path / f"try{next(tries)}", signal, some, way_in,
                                      way_out)
        except AssertionError:
            return []  # another fault than the one looked for
        return [raw for raw in some if lost.keys() & protocols.units(signal, raw, losses)]

    small = compare.shrink(signal, min(candidates, key=len), failing, rounds=25)
    _, got = lost_on_the_way(tmp_path / "smallest", signal, [small], way_in, way_out)
    text = "".join(compare.describe(signal, raw) for raw in got) or "(nothing)\n"
    return f"the smallest:\n{compare.describe(signal, small)}came out as:\n{text}" \
           f"hex: {small[:2000].hex()}"


@pytest.mark.timeout(200)
@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
@pytest.mark.parametrize("way_in", WAYS_IN)
def test_what_comes_in_goes_out_by_every_other_way(tmp_path, signal, way_in):
    requests = requests_of(signal)
    results = cross(tmp_path / "all", signal, requests, way_in, WAYS_OUT)
    for way_out, got in results.items():
        losses = WAYS_IN[way_in][1] | WAYS_OUT[way_out][1]
        want = protocols.counted(signal, requests, losses)
        found = protocols.counted(signal, got, losses)
        told = f"{signal}, in by {way_in}, out by {way_out}, OA_CROSS_SEED={SEED}"
        assert sum(want.values()) > len(requests) / 2
        if lost := want - found:
            candidates = [raw for raw in requests
                          if lost.keys() & protocols.units(signal, raw, losses)]
            pytest.fail(f"{told}: {sum(lost.values())} did not come through, "
                        + explain(tmp_path, signal, way_in, way_out, candidates))
        surplus = found - want
        assert not surplus, f"{told}: {sum(surplus.values())} came out that nobody sent"


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_a_message_for_each_request_keeps_requests_apart(tmp_path, signal):
    """In OTAP's eight looks, each on a stream of its own."""
    requests = requests_of(signal, 60, 4_000_000)
    service = harness.Service(tmp_path, "net.io_threads=2")
    try:
        for seed in range(8):
            encoder = protocols.otap_refenc.Encoder(signal, seed)
            parse = otlpgen.REQUEST_CLASS[signal].FromString
            bars = [encoder.encode([parse(raw)]) for raw in requests
                    if compare.canonical_bytes(signal, raw)]
            protocols.send_bars(service, signal, bars)
        assert service.stop() == 0, service.output()
    finally:
        service.kill()
    losses = {protocols.ENTITIES, protocols.ZERO_IDS}
    want = protocols.counted(signal, requests * 8, losses)
    assert protocols.counted(signal, harness.stored_requests(tmp_path, signal), losses) == want


# --- messages of the Go library ---

STREAMS = {"traces": [("t1", "t2"), ("g0", "g1")], "metrics": [("m1",), ("h",)],
           "logs": [("l1",), ("gl",)]}

# Of these the order means something.
ORDERED = {"quantile_values", "bucket_counts", "explicit_bounds"}

EMPTY_IS_NONE = {"positive", "negative", "scope", "status"}


def as_go_keeps(message):
    """What the Go library's own encoder keeps of MESSAGE, in one order for all.

    It drops attributes without a key or value, and metadata; it does not tell
    a sum, min or max of 0 from none, nor an empty status, scope or buckets from none;
    it has no order of rows nor of the keys of maps."""
    for field, value in list(message.ListFields()):
        if field.name in ("sum", "min", "max") and field.has_presence and value == 0:
            message.ClearField(field.name)
        if field.message_type is None:
            continue
        for item in value if field.is_repeated else [value]:
            as_go_keeps(item)
        if field.name == "metadata" or (field.name in EMPTY_IS_NONE and not value.ByteSize()):
            message.ClearField(field.name)
        elif field.is_repeated and field.name not in ORDERED \
                and message.DESCRIPTOR.name != "ArrayValue":
            if field.message_type.name == "KeyValue" and message.DESCRIPTOR.name != "KeyValueList":
                kept = [p for p in value if p.key and p.value.WhichOneof("value")]
                del value[len(kept):]
                for pair, other in zip(value, [type(p).FromString(p.SerializeToString())
                                               for p in kept]):
                    pair.CopyFrom(other)
            protocols.in_order(value, protocols.serialized)


def rows_of(signal, raw):
    """(resource, scope, item) of a request as the Go library keeps them."""
    message = otlpgen.REQUEST_CLASS[signal].FromString(raw)
    as_go_keeps(message)
    resources, scopes, items = otlpgen.LEVELS[signal]
    found = Counter()
    for outer in getattr(message, resources):
        for inner in getattr(outer, scopes):
            for item in getattr(inner, items):
                found[outer.schema_url, protocols.serialized(outer.resource), inner.schema_url,
                      protocols.serialized(inner.scope), protocols.serialized(item)] += 1
    return found


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_messages_of_the_go_library_are_what_they_were_made_of(start, signal):
    golden = harness.ROOT / "tests" / "golden" / "otap"
    service = start("net.io_threads=1")
    want = Counter()
    for names in STREAMS[signal]:
        protocols.send_bars(service, signal, [(golden / f"{n}.bar").read_bytes() for n in names])
        for name in names:
            want += rows_of(signal, (golden / f"{name}.pb").read_bytes())
    assert service.stop() == 0
    got = Counter()
    for raw in harness.stored_requests(service.directory, signal):
        got += rows_of(signal, raw)
    missing, surplus = want - got, got - want
    assert sum(want.values()) >= 7 and not missing and not surplus, (missing, surplus)


def test_every_recorded_message_is_sent():
    """A guard for this file: none in the folder is left out."""
    folder = harness.ROOT / "tests" / "golden" / "otap"
    used = {name for streams in STREAMS.values() for names in streams for name in names}
    assert {path.stem for path in folder.glob("*.bar")} == used


# --- guards for this file ---


def changed_only_in(losses, before, after):
    """Whether taking away what LOSSES name makes the two messages alike."""
    for message in (before, after):
        protocols.undo(message, losses)
    return before == after


@pytest.mark.parametrize("losses", (set(), {protocols.NAN_BITS}, WAYS_OUT["OTAP"][1]),
                         ids=("none", "json", "otap"))
@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_the_comparison_sees_every_change_that_a_format_can_say(signal, losses):
    seen = 0
    for seed in range(30):
        raw = otlpgen.request(signal, 600_000 + seed).SerializeToString()
        if not (kept := compare.canonical_bytes(signal, raw)):
            continue
        whole = protocols.counted(signal, [kept], losses)
        for i, smaller in enumerate(compare.reductions(otlpgen.REQUEST_CLASS[signal]
                                                       .FromString(kept))):
            if protocols.counted(signal, [smaller.SerializeToString()], losses) == whole:
                known = losses & {protocols.ENTITIES, protocols.ZERO_IDS}
                assert known, "a change went unnoticed"
                assert changed_only_in(known, otlpgen.REQUEST_CLASS[signal].FromString(kept),
                                       smaller), smaller
            else:
                seen += 1
            if i == 60:
                break
    assert seen > 300
