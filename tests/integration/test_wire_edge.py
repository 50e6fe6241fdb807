# SPDX-License-Identifier: Apache-2.0
"""Unusual but valid protobuf is understood as the official parser does, and
what that parser refuses is refused."""

import random
import re

import grpc
import pytest
from google.protobuf.message import DecodeError

import compare
import harness
import otlpgen
from wire import (UNKNOWN, double, fixed32, fixed64, group, mutate, num, pair, relaxed_classes,
                  sub, tag, varint)

TRACE, SPAN = b"t" * 16, b"s" * 8


def wrap(signal, *parts, resource=b"", scope=b""):
    """One request with one resource, one scope and one item of PARTS."""
    del signal  # the three have the same numbers
    return sub(1, resource, sub(2, scope, sub(2, *parts)))


def common_cases():
    """Cases below resource and scope, and about attributes, as parts of an
    item whose name is field NAME and whose attributes are field ATTRS."""
    res = sub(1, pair("service.name", sub(1, "a")), num(2, 5))
    yield "resource after its children", lambda item: sub(
        1, sub(2, sub(2, item), sub(3, "url1"), sub(1, sub(1, "scope"))), sub(3, "url2"), res)
    yield "resource between its children", lambda item: sub(
        1, sub(2, sub(2, item)), res, sub(2, sub(2, item), sub(1, sub(1, "later"))))
    yield "scope between its items", lambda item: sub(
        1, res, sub(2, sub(2, item), sub(1, sub(1, "middle")), sub(2, item)))
    yield "two resources are merged", lambda item: sub(
        1, res, sub(2, sub(2, item)), sub(1, pair("second", num(3, 2)), num(2, 9)))
    yield "two scopes are merged", lambda item: sub(
        1, sub(2, sub(1, sub(1, "n"), sub(2, "v")), sub(2, item),
               sub(1, sub(2, "w"), pair("k", num(2, 1), number=3))))
    yield "an empty resource does not clear one", lambda item: sub(
        1, res, sub(1), sub(2, sub(2, item)))
    yield "schema urls given twice", lambda item: sub(
        1, sub(3, "a"), sub(3, "b"), sub(2, sub(3, "c"), sub(2, item), sub(3, "")))
    yield "unknown fields at every level", lambda item: sub(
        1, *UNKNOWN, sub(1, *UNKNOWN, pair("a", *UNKNOWN, sub(1, "x"), *UNKNOWN)),
        sub(2, *UNKNOWN, sub(1, *UNKNOWN, sub(1, "n")), sub(2, *UNKNOWN, item), *UNKNOWN),
        *UNKNOWN) + b"".join(UNKNOWN)
    yield "wrong wire types are unknown fields", lambda item: sub(
        1, num(1, 5), fixed64(2, 5), fixed32(3, 5), group(1, num(1, 1)),
        sub(2, num(2, 1), num(1, 1), group(3), sub(2, item)))
    yield "long varints in tags and lengths", lambda item: (
        varint(1 << 3 | 2, 5) + varint(len(body := sub(2, sub(2, item))), 5) + body)
    yield "resource fields in odd forms", lambda item: sub(
        1, sub(1, num(2, 2**64 - 1), num(2, 2**35 + 3, 10), sub(3, sub(2, "type"), *UNKNOWN,
               sub(3, "id"), sub(1, "u"), sub(1, "url"), sub(4, ""), sub(3, ""))),
        sub(2, sub(2, item)))
    yield "the same resource written in two ways", lambda item: sub(
        1, sub(1, num(2, 1), pair("k", num(3, 1))), sub(2, sub(2, item))) + sub(
        1, sub(1, pair("k", num(3, 1)), num(2, 1)), sub(2, sub(2, item)))
    yield "empty things", lambda item: sub(1) + sub(1, sub(2)) + sub(1, sub(2, sub(2, item)), sub(2))


def value_cases():
    """Fields of an AnyValue."""
    yield "last member of the oneof wins", sub(1, "a") + num(3, 5) + num(2, 1)
    yield "string after an array", sub(5, sub(1, num(3, 1))) + sub(1, "s")
    yield "empty string after an integer", num(3, 5) + sub(1, "")
    yield "array given twice is merged", sub(5, sub(1, num(3, 1))) + sub(5, sub(1, num(3, 2)))
    yield "list given twice is merged", sub(6, pair("a", num(3, 1))) + sub(6, pair("a", num(3, 2)))
    yield "array, other member, array", (sub(5, sub(1, num(3, 1))) + sub(1, "x") +
                                         sub(5, sub(1, num(3, 2))))
    yield "array, list, array", sub(5, sub(1, num(3, 1))) + sub(6) + sub(5, sub(1, num(3, 2)))
    yield "bool of ten bytes", num(2, 2**64 - 1)
    yield "bool of a high bit", num(2, 2**40)
    yield "overlong zero bool", num(2, 0, 10)
    yield "overlong integer", num(3, 5, 10)
    yield "lowest integer", num(3, -(2**63))
    yield "double then bytes", double(4, 1.5) + sub(7, b"\0\xff")
    yield "empty bytes", sub(7)
    yield "empty array", sub(5)
    yield "empty list", sub(6)
    yield "list with absent key and value", sub(6, sub(1), sub(1, sub(1, "k")), sub(1, sub(2)))
    yield "array of empty values", sub(5, sub(1), sub(1), sub(1, sub(5, sub(1))))
    yield "unknown only", b"".join(UNKNOWN)
    yield "wrong wire type for a member", sub(3, "abc") + num(1, 3) + fixed64(2, 1)
    yield "nested merge", (sub(6, sub(1, sub(1, "k"), sub(2, sub(5, sub(1, num(3, 1)))),
                                      sub(2, sub(5, sub(1, num(3, 2)))))))
    yield "many members", b"".join(num(3, i) for i in range(300)) + sub(1, "end")
    yield "strings in a row", b"".join(sub(1, "s%d" % i) for i in range(50))


def attribute_cases(number):
    for name, fields in value_cases():
        yield "value: " + name, sub(number, sub(1, "key"), sub(2, fields))
        if len(fields) > 1 and name not in ("many members",):
            yield "value after key order: " + name, sub(number, sub(2, fields), sub(1, "key"))
    yield "value given twice is merged", sub(
        number, sub(1, "a"), sub(2, sub(5, sub(1, num(3, 1)))), sub(2, sub(5, sub(1, num(3, 2)))))
    yield "value given twice, other member", sub(
        number, sub(2, sub(1, "x")), sub(1, "a"), sub(2, num(3, 2)), sub(1, "b"))
    yield "value then empty value", sub(number, sub(1, "a"), sub(2, num(3, 2)), sub(2))
    yield "unknown in pair", sub(number, *UNKNOWN, sub(1, "a"), *UNKNOWN, sub(2, num(3, 1)))


def span_cases():
    yield "status given twice is merged", sub(15, sub(2, "bad")) + sub(15, num(3, 2))
    yield "status then empty status", sub(15, sub(2, "bad"), num(3, 1)) + sub(15)
    yield "last of the singular fields wins", (
        sub(1, TRACE) + sub(1, b"u" * 16) + sub(5, "a") + sub(5, "b") + num(6, 1) + num(6, 3) +
        fixed64(7, 1) + fixed64(7, 2) + fixed32(16, 1) + fixed32(16, 2) + sub(3, "x") + sub(3, ""))
    yield "a good id after a bad one", sub(1, b"short") + sub(1, TRACE) + sub(2, b"1") + sub(2, SPAN)
    yield "an empty id after a good one", sub(1, TRACE) + sub(1) + sub(2, SPAN) + sub(2)
    yield "narrow fields from wide varints", (
        num(6, 2**64 - 1) + num(10, 2**32 + 5) + num(12, 2**64 - 1) + num(14, 7, 10))
    yield "enum beyond 32 bits", num(6, 2**33 + 2) + sub(15, num(3, 2**63))
    yield "fields in reverse", (
        fixed32(16, 9) + sub(15, num(3, 1)) + num(14, 1) + sub(13, num(5, 1), sub(2, SPAN)) +
        sub(11, num(4, 2), sub(2, "e"), fixed64(1, 3)) + fixed64(8, 5) + sub(5, "n") + sub(1, TRACE))
    yield "events and links interleaved", (
        sub(11, sub(2, "a")) + sub(13, sub(1, TRACE)) + sub(9, sub(1, "k")) + sub(11, sub(2, "b")) +
        sub(13, sub(2, SPAN)) + sub(9, sub(1, "k2"), sub(2, num(3, 1))))
    yield "groups between", group(11, sub(2, "no event")) + sub(5, "n") + group(5)
    for name, part in attribute_cases(9):
        yield name, part
        yield "event " + name, sub(11, part.replace(tag(9, 2), tag(3, 2), 1))


def log_cases():
    for name, fields in value_cases():
        yield "body: " + name, sub(5, fields)
    yield "body given twice is merged", (sub(5, sub(6, pair("a", num(3, 1)))) + sub(3, "x") +
                                         sub(5, sub(6, pair("b", num(3, 2)))))
    yield "body, other member", sub(5, sub(1, "x")) + sub(5, num(3, 2))
    yield "severity beyond its range", num(2, 2**64 - 3) + num(7, 2**40 + 1)
    yield "reserved field", sub(4, "name") + num(4, 1) + sub(12, "ev") + fixed64(11, 3)
    yield from attribute_cases(6)


def metric_cases():
    point = fixed64(3, 5) + fixed64(6, 7)
    yield "two gauges are merged", sub(5, sub(1, point)) + sub(5, sub(1, double(4, 1.5)))
    yield "two sums are merged", (sub(7, sub(1, point), num(2, 1)) + sub(1, "n") +
                                  sub(7, num(3, 1), sub(1, point)))
    yield "sum replaces gauge", sub(5, sub(1, point)) + sub(7, sub(1, point, point))
    yield "gauge, sum, gauge", sub(5, sub(1, point)) + sub(7) + sub(5, sub(1, double(4, 2.0)))
    yield "name after the data", sub(5, sub(1, point)) + sub(1, "later") + sub(3, "unit") + sub(2, "d")
    yield "temporality after the points", sub(7, sub(1, point), num(3, 2**50), num(2, 2**64 - 2))
    yield "metadata around the data", (pair("a", num(3, 1), number=12) + sub(5, sub(1, point)) +
                                       pair("b", num(3, 2), number=12))
    yield "value switches", sub(5, sub(1, fixed64(6, 1), double(4, 2.0)), sub(1, double(4, 0.0), fixed64(6, 0)))
    yield "reserved fields", sub(4, point) + sub(6, point) + sub(8, point) + sub(5, sub(1, point))
    packed = sub(6, *(fixed64(1, n)[1:] for n in (1, 2, 2**64 - 1)))
    unpacked = fixed64(6, 4) + fixed64(6, 5)
    bounds = sub(7, *(double(1, n)[1:] for n in (0.5, -0.0))) + double(7, 9.5)
    yield "packed and unpacked buckets", sub(9, sub(1, packed, bounds, unpacked, packed, sub(6)))
    yield "unpacked alone", sub(9, sub(1, unpacked, double(7, 1.0)))
    buckets = num(2, 1) + sub(2, varint(2, 10), varint(2**64 - 1)) + num(2, 2**64 - 1, 10) + num(1, 3)
    yield "exponential buckets merged", sub(10, sub(1, sub(8, buckets), num(6, 2**64 - 1), sub(8, num(1, 5)),
                                                    sub(9), sub(8, sub(2, varint(9)))))
    yield "zigzag ends", sub(10, sub(1, num(6, 2**32 - 1), sub(9, num(1, 2**32 - 2))))
    yield "optional fields as zero", sub(9, sub(1, double(5, 0.0), double(11, -0.0)))
    yield "optional fields given twice", sub(10, sub(1, double(5, 1.0), double(5, 2.0), double(12, 0.0)))
    yield "flags from a wide varint", sub(5, sub(1, point, num(8, 2**40 + 1)))
    yield "summary", sub(11, sub(1, sub(6, double(2, 1.0), *UNKNOWN), sub(6), double(5, 0.0)))
    yield "exemplars", sub(5, sub(1, sub(5, sub(5, TRACE), fixed64(6, 1), double(3, 1.0), sub(4, SPAN)),
                                  point, sub(5), sub(5, pair("a", num(3, 1), number=7))))
    for name, part in attribute_cases(7):
        yield "point " + name, sub(5, sub(1, part))
        yield "metadata " + name, part.replace(tag(7, 2), tag(12, 2), 1)


ITEMS = {
    "traces": (sub(1, TRACE, ) + sub(5, "span"), span_cases),
    "metrics": (sub(1, "metric") + sub(5, sub(1, fixed64(6, 1))), metric_cases),
    "logs": (fixed64(1, 1) + sub(5, sub(1, "text")), log_cases),
}


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_unusual_encodings_mean_what_the_official_parser_says(start, signal):
    item, specific = ITEMS[signal]
    cases = {name: make(item) for name, make in common_cases()}
    cases.update({name: wrap(signal, part) for name, part in specific()})
    service = start()
    results = service.send(signal, cases.values(), in_flight=4)
    refused = [name for name, result in zip(cases, results) if isinstance(result, Exception)]
    assert not refused, f"refused although valid: {refused}"
    rejected = [name for name, result in zip(cases, results) if result.HasField("partial_success")]
    assert not rejected, f"items rejected although valid: {rejected}"
    assert service.stop() == 0
    missing, _ = compare.difference(signal, cases.values(),
                                    harness.stored_requests(service.directory, signal))
    lost = [name for name, raw in cases.items() if compare.canonical_bytes(signal, raw) in missing]
    assert not lost, f"stored differently: {lost}"


BROKEN = {
    "length beyond the end": b"\x0a\x05abc",
    "length of 2 GiB": b"\x0a\xff\xff\xff\xff\x07",
    "length of 2^64-1": b"\x0a" + b"\xff" * 9 + b"\x01",
    "tag cut short": b"\x8a",
    "varint of eleven bytes": sub(1, b"\x80" * 10 + b"\x01"),
    "field number zero": b"\x02\x00",
    "wire type six": b"\x0e",
    "wire type seven": sub(1, b"\x0f"),
    "group without end": tag(900, 3) + num(1, 1),
    "group ended by another": tag(900, 3) + tag(901, 4),
    "end without group": tag(900, 4),
    "known field ended as group": sub(1, tag(2, 4)),
    "fixed64 cut short": sub(1, tag(900, 1) + b"1234567"),
    "fixed32 cut short": sub(1, tag(900, 5) + b"123"),
    "varint at the end": sub(1, sub(2, tag(900, 0))),
    "inner length beyond its message": sub(1, b"\x12\x05abc"),
    "not protobuf at all": b'{"resourceSpans": []}',
}


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_broken_encodings_are_refused_whole(start, signal):
    item, _ = ITEMS[signal]
    good = wrap(signal, item)
    service = start()
    for name, raw in BROKEN.items():
        with pytest.raises(DecodeError):
            otlpgen.REQUEST_CLASS[signal].FromString(raw)
        for body in (raw, good + raw):
            (result,) = service.send(signal, [body])
            assert isinstance(result, grpc.RpcError), f"taken although broken: {name}"
            assert result.code() == grpc.StatusCode.INVALID_ARGUMENT, (name, result)
            assert signal in result.details(), (name, result.details())
    assert not isinstance(service.send(signal, [good])[0], Exception)
    assert service.stop() == 0
    got = harness.stored_requests(service.directory, signal)
    assert compare.difference(signal, [good], got) == ([], []), "a refused request left rows"


def has_bad_id(message):
    """True when an id below MESSAGE is neither empty nor of its length."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in value if field.is_repeated else (value,):
                if has_bad_id(item):
                    return True
        elif field.name in ("trace_id", "span_id", "parent_span_id"):
            if len(value) != (16 if field.name == "trace_id" else 8):
                return True
    return False


# A varint with bits beyond 64: parsers of other languages refuse it as we do,
# the one used here drops the bits.
WIDE_VARINT = re.compile(rb"[\x80-\xff]{9}[\x02-\x7f]")


def accepted(parser, raw):
    try:
        parser.FromString(raw)
    except DecodeError:
        return False
    return True


def broken_without_children(signal, lax, opaque, raw):
    """True when RAW is broken only in the resource or scope of a message
    without children, which is not kept and so not looked into."""
    if not accepted(opaque, raw):
        return False
    message = opaque.FromString(raw)
    message.DiscardUnknownFields()
    compare.drop_childless(signal, message)
    return accepted(lax, message.SerializeToString())


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_mutated_requests_are_judged_as_the_official_parser_does(start, signal):
    rng = random.Random(f"mutations of {signal}")
    lax, opaque = relaxed_classes(False)[signal], relaxed_classes(True)[signal]
    service = start("net.io_threads=2")
    requests = []
    for seed in range(400):
        raw = otlpgen.request(signal, 700_000 + seed).SerializeToString()
        if 0 < len(raw) < 20_000:
            requests += [mutate(rng, raw) for _ in range(6)]
    clean, seen = [], {"equal": 0, "refused": 0, "repaired": 0, "bad id": 0, "childless": 0}
    for raw, result in zip(requests, service.send(signal, requests)):
        failed = isinstance(result, Exception)
        if failed:
            assert result.code() == grpc.StatusCode.INVALID_ARGUMENT, (result, raw.hex())
            assert not accepted(lax, raw) or WIDE_VARINT.search(raw), (
                f"refused although valid: {result} {raw.hex()}")
            seen["refused"] += 1
            continue
        if not accepted(lax, raw):
            assert broken_without_children(signal, lax, opaque, raw), (
                f"taken although broken: {raw.hex()}")
            seen["childless"] += 1
            continue
        if not accepted(otlpgen.REQUEST_CLASS[signal], raw):
            seen["repaired"] += 1
            continue
        if has_bad_id(otlpgen.REQUEST_CLASS[signal].FromString(raw)):
            assert result.HasField("partial_success"), f"a bad id was not reported: {raw.hex()}"
            seen["bad id"] += 1
            continue
        assert not result.HasField("partial_success"), f"{result} {raw.hex()}"
        clean.append(raw)
        seen["equal"] += 1
    assert min(seen["equal"], seen["refused"], seen["repaired"]) > 20, seen
    assert service.stop() == 0
    missing, surplus = compare.difference(signal, clean,
                                          harness.stored_requests(service.directory, signal))
    first = [raw.hex() for raw in clean if compare.canonical_bytes(signal, raw) in missing[:1]]
    assert not missing, f"{len(missing)} stored differently, first {first}"
    assert len(surplus) <= seen["repaired"] + seen["bad id"] + seen["childless"]
