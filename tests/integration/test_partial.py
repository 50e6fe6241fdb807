# SPDX-License-Identifier: Apache-2.0
"""One bad record costs that record alone, and the sender hears of it."""

import pytest

import compare
import harness
import otlpgen
from wire import num, pair, sub


def request_with(signal, fill):
    """One request of three items; FILL changes the one in the middle."""
    message = otlpgen.REQUEST_CLASS[signal]()
    resources, scopes, items = otlpgen.LEVELS[signal]
    per_resource = getattr(message, resources).add()
    per_resource.resource.attributes.add(key="service.name").value.string_value = "partial"
    per_scope = getattr(per_resource, scopes).add()
    if signal == "metrics":
        metric = getattr(per_scope, items).add(name="m")
        records = metric.gauge.data_points
    else:
        records = getattr(per_scope, items)
    for i in range(3):
        record = records.add(time_unix_nano=i + 1) if signal != "traces" else records.add(name=f"{i}")
        record.attributes.add(key="n").value.int_value = i
    wanted = type(message)()
    wanted.CopyFrom(message)
    fill(records[1])
    target = getattr(getattr(wanted, resources)[0], scopes)[0]
    kept = getattr(target, items)
    if signal == "metrics":
        del kept[0].gauge.data_points[1]
    else:
        del kept[1]
    return message.SerializeToString(), wanted.SerializeToString()


def set_field(name, value):
    return lambda record: setattr(record, name, value)


def bad_link(record):
    record.links.add(trace_id=b"x" * 15)


def bad_exemplar(name, value):
    return lambda record: setattr(record.exemplars.add(), name, value)


BAD_IDS = [
    ("traces", "trace_id", set_field("trace_id", b"x" * 15)),
    ("traces", "trace_id", set_field("trace_id", b"x" * 17)),
    ("traces", "span_id", set_field("span_id", b"x")),
    ("traces", "parent_span_id", set_field("parent_span_id", b"x" * 16)),
    ("traces", "trace_id", bad_link),
    ("logs", "trace_id", set_field("trace_id", b"x" * 8)),
    ("logs", "span_id", set_field("span_id", b"x" * 4096)),
    ("metrics", "span_id", bad_exemplar("span_id", b"x" * 7)),
    ("metrics", "trace_id", bad_exemplar("trace_id", b"x" * 32)),
]


def rejected(response):
    """The rejected count, whatever the signal calls it."""
    partial = response.partial_success
    return sum(value for field, value in partial.ListFields() if field.name.startswith("rejected"))


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_ids_of_wrong_length_cost_their_record_alone(start, signal):
    service = start()
    wanted = []
    for owner, name, fill in BAD_IDS:
        if owner != signal:
            continue
        raw, kept = request_with(signal, fill)
        (response,) = service.send(signal, [raw])
        assert not isinstance(response, Exception), response
        assert rejected(response) == 1, response
        assert name in response.partial_success.error_message, response
        wanted.append(kept)
    assert service.stop() == 0
    got = harness.stored_requests(service.directory, signal)
    assert compare.difference(signal, wanted, got) == ([], [])


def test_a_request_of_bad_records_alone_stores_nothing(start):
    service = start()
    message = otlpgen.REQUEST_CLASS["traces"]()
    spans = message.resource_spans.add().scope_spans.add().spans
    for i in range(5):
        spans.add(trace_id=b"x" * (i + 1))
    (response,) = service.send("traces", [message.SerializeToString()])
    assert rejected(response) == 5
    assert service.stop() == 0
    assert harness.stored_requests(service.directory, "traces") == []


def deep(levels, kind):
    """The fields of an AnyValue: LEVELS arrays or lists around a number."""
    body = num(3, 1)
    for _ in range(levels):
        body = sub(5, sub(1, body)) if kind == "array" else sub(6, pair("k", body))
    return body


def deep_request(signal, levels, kind):
    """A good item, one with a value LEVELS deep, a good item."""
    good = {"traces": sub(5, "ok"), "logs": sub(3, "ok"), "metrics": b""}[signal]
    number = {"traces": 9, "logs": 6, "metrics": 7}[signal]
    bad = good + sub(number, sub(1, "deep"), sub(2, deep(levels, kind)))
    if signal == "metrics":
        return sub(1, sub(2, sub(2, sub(1, "m"), sub(5, sub(1, good), sub(1, bad), sub(1, good)))))
    return sub(1, sub(2, sub(2, good), sub(2, bad), sub(2, good)))


@pytest.mark.parametrize("kind", ("array", "list"))
@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_values_nested_too_deep_cost_their_record_alone(start, signal, kind):
    """A number inside 64 arrays or lists is kept, inside one more it is not."""
    service = start()
    for levels in (63, 64, 65, 100, 1000, 100_000):
        (response,) = service.send(signal, [deep_request(signal, levels, kind)])
        assert not isinstance(response, Exception), (levels, response)
        if levels <= 64:
            assert not response.HasField("partial_success"), (levels, response)
            continue
        assert rejected(response) == 1, (levels, response)
        text = response.partial_success.error_message
        where = {"traces": "spans[1]", "logs": "log_records[1]", "metrics": "metrics[0]"}[signal]
        assert "attribute" in text and where in text and "64" in text, text
    assert service.stop() == 0
    # The official parser stops at 100 messages inside one another, so the deep
    # ones that are kept are compared as bytes.
    got = harness.stored_requests(service.directory, signal)
    for levels in (63, 64):
        assert any(deep(levels, kind) in raw for raw in got), levels
    assert len(got) == 6
    shallow = [raw for raw in got if b"deep" not in raw]
    assert len(shallow) == 4
    for raw in shallow:
        assert otlpgen.count_items(signal, otlpgen.REQUEST_CLASS[signal].FromString(raw)) == 2


def test_a_log_body_nested_too_deep_costs_its_record_alone(start):
    service = start()
    for levels, lost in ((64, 0), (65, 1)):
        raw = sub(1, sub(2, sub(2, sub(3, "a")), sub(2, sub(5, deep(levels, "array")))))
        (response,) = service.send("logs", [raw])
        assert rejected(response) == lost
        assert not lost or "body" in response.partial_success.error_message
    assert service.stop() == 0


BAD_TEXT = [b"\xff", b"ok\xc3", b"\xc3\x28 tail", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\x80b\x80c",
            b"\xc0\xaf", b"\xe2\x82", b"\xf8\x88\x80\x80\x80"]


@pytest.mark.parametrize("signal", otlpgen.SIGNALS)
def test_text_that_is_not_utf8_is_stored_repaired_and_counted(start, signal):
    """In names, keys, values, nested values, resources, scopes and URLs."""
    service = start()
    for bad in BAD_TEXT:
        name = {"traces": sub(5, bad), "logs": sub(3, bad), "metrics": sub(1, bad)}[signal]
        number = {"traces": 9, "logs": 6, "metrics": 12}[signal]
        item = (name + pair(bad, sub(1, bad), number=number) +
                pair("list", sub(6, pair(bad, sub(1, bad))), number=number))
        raw = sub(1, sub(1, pair(bad, sub(1, bad)), sub(3, sub(1, bad), sub(3, bad))),
                  sub(2, sub(1, sub(1, bad), pair("k", sub(1, bad), number=3)), sub(2, item),
                      sub(3, bad)), sub(3, bad))
        (response,) = service.send(signal, [raw])
        assert not isinstance(response, Exception), (bad, response)
        assert rejected(response) == 0, (bad, response)
    _, text = service.get("/metrics")
    repaired = [line for line in text.splitlines() if "repair" in line and not line.startswith("#")]
    assert sum(float(line.split()[-1]) for line in repaired) >= len(BAD_TEXT), repaired
    assert service.stop() == 0
    got = harness.stored_requests(service.directory, signal)
    assert len(got) == len(BAD_TEXT)
    resources, scopes, items = otlpgen.LEVELS[signal]
    stored = set()
    for raw in got:  # strict parsing: every string is UTF-8 now
        per_resource = getattr(otlpgen.REQUEST_CLASS[signal].FromString(raw), resources)[0]
        per_scope = getattr(per_resource, scopes)[0]
        item = getattr(per_scope, items)[0]
        pairs = item.metadata if signal == "metrics" else item.attributes
        text = pairs[0].key
        assert "\ufffd" in text
        assert text == pairs[0].value.string_value == per_resource.schema_url
        assert text == per_scope.schema_url == per_scope.scope.name
        assert text == pairs[1].value.kvlist_value.values[0].key
        assert text == per_resource.resource.attributes[0].key
        assert text == per_resource.resource.entity_refs[0].id_keys[0]
        stored.add(text.replace("\ufffd", ""))
    assert stored == {bad.decode("utf-8", "ignore") for bad in BAD_TEXT}
