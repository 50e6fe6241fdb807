# SPDX-License-Identifier: Apache-2.0
"""Objects that are not what they should be: any field may be anything, and the
spans, points and records beside it are stored all the same."""

import copy
import dataclasses
import logging
import math
from types import SimpleNamespace

import otlp_arrow_library as oal
import pytest
from opentelemetry.trace import SpanContext, Status, TraceState

import columns
import pythonsdk


class Liar:
    """Raises, or says what is not so, wherever it is asked."""

    def __getattr__(self, name):
        raise RuntimeError(f"no {name}")

    def __len__(self):
        return 2**40

    def __iter__(self):
        raise RuntimeError("no items")

    def __bool__(self):
        raise RuntimeError("neither")

    def __str__(self):
        raise RuntimeError("no text")

    def __eq__(self, other):
        raise RuntimeError("not comparable")

    __hash__ = None


class Shrinking(dict):
    """Loses its members while it is read."""

    def __init__(self):
        super().__init__({f"k{i}": self for i in range(50)})

    def __str__(self):
        self.clear()
        return "shrinking"


class Number(int):
    pass


class Text(str):
    pass


JUNK = (None, 5, -1, 2**64, 2**200, 2.5, math.nan, True, "text", "\ud800", "x" * 100_000, b"bytes",
        (), (1,), (1, 2, 3, 4, 5), [None], {}, {"a": 1}, {5: None}, object(), Liar(), Shrinking(),
        Number(7), Text("t"), Liar, len, TraceState([("a", "b")]), SpanContext(1, 2, True), Status())


@pytest.fixture
def library(tmp_path):
    logging.disable(logging.CRITICAL)
    with oal.OtlpLibrary(tmp_path) as made:
        yield made
    logging.disable(logging.NOTSET)


SPAN_FIELDS = ("_name", "_context", "_parent", "_kind", "_start_time", "_end_time", "_attributes",
               "_events", "_links", "_resource", "_instrumentation_scope", "_status")


def broken_spans(good):
    for field in SPAN_FIELDS:
        for junk in JUNK:
            span = copy.copy(good)
            setattr(span, field, junk)
            yield span
    for field in ("_name", "_timestamp", "_attributes"):
        for junk in JUNK:
            span, event = copy.copy(good), copy.copy(good.events[0])
            setattr(event, field, junk)
            span._events = [event, junk, good.events[0]]
            yield span
    for field in ("_context", "_attributes"):
        for junk in JUNK:
            span, link = copy.copy(good), copy.copy(good.links[0])
            setattr(link, field, junk)
            span._links = [link, junk, good.links[0]]
            yield span
    for place in range(5):
        for junk in JUNK:
            span = copy.copy(good)
            members = list(good.context)
            members[place] = junk
            span._context = span._parent = tuple(members)
            yield span
    for junk in JUNK:
        span = copy.copy(good)
        span._attributes = {"a": junk, "list": [junk, 1], "map": {"k": junk}, "b": 1}
        yield span


def test_spans_of_anything_cost_no_good_span(library):
    spans = pythonsdk.spans()
    good = next(span for span in spans if span.events and span.links)
    broken = list(broken_spans(good))
    marked = copy.copy(good)
    marked._name = "good"
    exporter = library.span_exporter()
    for span in broken:
        assert exporter.export([marked, span, marked]).name == "SUCCESS"
    exporter.export([*broken, *JUNK, marked])
    for junk in JUNK:
        exporter.export(junk if not isinstance(junk, Liar) else [junk])
    library.shutdown()
    names = [row["name"] for row in columns.rows_of(library.output_dir, "traces")]
    assert names.count("good") == 2 * len(broken) + 1
    assert library.stats()["traces"]["given_up"] == 0


def test_log_records_of_anything_cost_no_good_record(library):
    readable = pythonsdk.logs()[0]
    fields = ("timestamp", "observed_timestamp", "severity_number", "severity_text", "event_name",
              "body", "attributes", "trace_id", "span_id", "trace_flags")
    exporter = library.log_exporter_adapter()
    count = 0
    for field in fields:
        for junk in JUNK:
            record = copy.copy(readable.log_record)
            setattr(record, field, junk)
            broken = dataclasses.replace(readable, log_record=record)
            assert exporter.export([readable, broken]).name == "SUCCESS"
            count += 1
    for junk in JUNK:
        broken = SimpleNamespace(log_record=junk, resource=junk, instrumentation_scope=junk)
        assert exporter.export([broken, readable]).name == "SUCCESS"
        count += 1
    library.shutdown()
    rows = columns.rows_of(library.output_dir, "logs")
    assert sum(row["event_name"] is None and row["body"] == readable.log_record.body
               for row in rows) >= count


class Fickle(SimpleNamespace):
    """Forgets a text as soon as it is asked for something else."""

    @property
    def severity_text(self):
        self.box = ["severity" * 8 + str(id(self))]
        return self.box[0]

    @property
    def event_name(self):
        self.box.clear()
        self.junk = ["junkjunk" * 8 + str(id(self) + i) for i in range(100)]
        return "event"


class Growing:
    """Puts another member into the dict that it is in, each time that it is read."""

    def __init__(self, members):
        self.members = members

    def __str__(self):
        if len(self.members) < 1000:
            self.members[f"k{len(self.members)}"] = self
        return "growing"


def fickle_record(**fields):
    return Fickle(timestamp=1, observed_timestamp=1, severity_number=1, trace_id=0, span_id=0,
                  trace_flags=0, **fields)


def readable(record):
    return SimpleNamespace(resource=None, instrumentation_scope=None, log_record=record)


def test_a_text_lives_until_its_record_is_stored(library):
    record = fickle_record(attributes={}, body="b")
    wanted = "severity" * 8 + str(id(record))
    assert library._current().export_logs([readable(record)] * 50, 1000) is None
    library.shutdown()
    found = columns.rows_of(library.output_dir, "logs")
    assert [row["severity_text"] for row in found] == [wanted] * 50


def test_attributes_that_grow_while_they_are_read_come_to_an_end(library):
    members = {}
    members["first"] = members["second"] = Growing(members)
    assert library._current().export_logs(
        [readable(fickle_record(attributes=members, body=None))], 1000) is None
    assert len(members) == 4


@pytest.mark.parametrize("before", range(4))
def test_a_reason_may_be_cut_anywhere(library, before):
    class Loud:
        def __str__(self):
            raise ValueError("x" * before + "\u00e4\u20ac\U0001f600" * 100)

    record = fickle_record(attributes={"loud": Loud()}, body=None)
    said = library._current().export_logs([readable(record)], 1000)
    assert said[0] == 1 and said[3] == 1
    assert said[4].startswith("value[0]: " + "x" * before + "\u00e4")
    with pytest.raises(ValueError, match="\u00e4") as refused:
        library._current().export_logs([readable(record)], 1000, True)
    assert type(refused.value) is ValueError


@pytest.mark.parametrize("before", range(2))
def test_an_error_may_name_any_file(library, tmp_path, before):
    with pytest.raises(oal.OtlpError, match="\u00e4"):
        oal._core.open_stored("/" + "x" * (190 + before) + "\u00e4" * 60, 0, 0, 0)
    (tmp_path / "other").mkdir()
    with open(bytes(tmp_path / "other") + b"/\xe4.arrow", "wb") as file:
        file.write(b"this is no Arrow at all")
    with pytest.raises(oal.OtlpError, match="\ufffd.arrow"):
        oal._core.read_requests(str(tmp_path / "other"), "traces")


class ExponentialHistogram(SimpleNamespace):
    """By its name one of the SDK's."""


def test_scales_and_offsets_that_do_not_fit_are_left_out(library):
    def point(scale, offset):
        return SimpleNamespace(
            start_time_unix_nano=1, time_unix_nano=2, count=1, sum=1.0, min=None, max=None,
            zero_count=0, scale=scale, attributes={},
            positive=SimpleNamespace(offset=offset, bucket_counts=[1]), negative=None)

    points = [point(2**32 + 3, 0), point(3, 2**40), point(3, -1)]
    data = SimpleNamespace(resource_metrics=[SimpleNamespace(resource=None, scope_metrics=[
        SimpleNamespace(scope=None, metrics=[SimpleNamespace(
            name="m", description="", unit="",
            data=ExponentialHistogram(aggregation_temporality=2, data_points=points))])])])
    said = library._current().export_metrics(data, 1000)
    assert (said[0], said[2]) == (1, 2)
    assert "scale" in said[4] and "32 bits" in said[4]


def broken_metrics(data):
    """DATA once with each field of one metric, its data or one point replaced."""
    for r, resource in enumerate(data.resource_metrics):
        for s, scope in enumerate(resource.scope_metrics):
            for m, metric in enumerate(scope.metrics):
                point = metric.data.data_points[0]
                for target in (metric, metric.data, point):
                    for field in dataclasses.fields(target):
                        for junk in JUNK:
                            changed = dataclasses.replace(target, **{field.name: junk})
                            yield replace(data, (r, s, m), metric, target, changed)
            return  # one scope has all kinds


def replace(data, place, metric, target, changed):
    r, s, m = place
    if target is metric:
        made = changed
    elif target is metric.data:
        made = dataclasses.replace(metric, data=changed)
    else:
        points = [changed, *metric.data.data_points[1:]]
        made = dataclasses.replace(metric, data=dataclasses.replace(metric.data,
                                                                    data_points=points))
    metrics = [*data.resource_metrics[r].scope_metrics[s].metrics]
    metrics[m] = made
    good = data.resource_metrics[r].scope_metrics[s + 1]
    scopes = [dataclasses.replace(data.resource_metrics[r].scope_metrics[s], metrics=metrics), good]
    return dataclasses.replace(data, resource_metrics=[
        dataclasses.replace(data.resource_metrics[r], scope_metrics=scopes)])


def test_metrics_of_anything_cost_no_good_metric(library):
    data = pythonsdk.metrics()[0]
    exporter = library.metric_exporter_adapter()
    good = data.resource_metrics[0].scope_metrics[1]
    points = sum(len(metric.data.data_points) for metric in good.metrics)
    count = 0
    for broken in broken_metrics(data):
        assert exporter.export(broken).name == "SUCCESS"
        count += 1
    for junk in JUNK:
        exporter.export(junk)
        exporter.export(SimpleNamespace(resource_metrics=junk))
    assert count > 1000
    stats = library.stats()["metrics"]
    assert stats["received"] >= count * points and stats["rejected"] == stats["given_up"] == 0


def test_dicts_of_anything_raise_and_store_nothing(library):
    good = {"trace_id": b"t" * 16, "span_id": b"s" * 8, "name": "x"}
    keys = ("trace_id", "span_id", "name", "parent_span_id", "kind", "start_time", "attributes",
            "events", "links", "status", "status_message", "resource", "scope", "trace_state")
    taken = 0
    for key in keys:
        for junk in JUNK:
            try:
                library.export_trace({**good, key: junk})
                taken += 1
            except (TypeError, ValueError, RuntimeError):
                pass
    for junk in JUNK:
        for call in (library.export_trace, library.export_traces, library.export_metrics,
                     library.export_logs):
            try:
                call(junk)
            except (TypeError, ValueError, RuntimeError):
                pass
    library.shutdown()
    assert library.stats()["traces"]["stored"] == taken
    assert {row["name"] for row in columns.rows_of(library.output_dir, "traces")} <= {
        "x", "text", "x" * 100_000, "t", "\ufffd\ufffd\ufffd", "\ufffd"}
