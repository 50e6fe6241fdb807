# SPDX-License-Identifier: Apache-2.0
"""What the Python library stores in process equals, field by field, what the
SDK's own OTLP exporters send of the same objects to a running service."""

import copy

import otlp_arrow_library as oal
import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import AggregationTemporality
from opentelemetry.sdk.trace import SpanLimits

import columns
import harness
import pythonsdk

ORDS = ("resource_ord", "scope_ord", "metric_ord")


def comparable(rows):
    """ROWS with their groups counted from 0."""
    ranks = {name: {} for name in ORDS}
    for row in rows:
        for name in ORDS:
            if name in row:
                row[name] = ranks[name].setdefault(row[name], len(ranks[name]))
    return rows


def check_same(ours, theirs):
    assert len(ours) == len(theirs) > 0
    for number, (mine, other) in enumerate(zip(ours, theirs)):
        assert mine.keys() == other.keys()
        for name in mine:
            assert mine[name] == other[name], (number, name)


@pytest.fixture
def both(start, tmp_path):
    """both(signal, batches) gives the rows that we and the OTLP exporter make."""
    def run(signal, batches):
        with oal.OtlpLibrary(tmp_path / "ours") as library:
            ours = {"traces": oal.SpanExporter, "metrics": oal.MetricExporter,
                    "logs": oal.LogExporter}[signal](library)
            for batch in batches:
                assert ours.export(batch).name == "SUCCESS"
            ours.shutdown()
        service = start(directory=tmp_path / "theirs")
        theirs = {"traces": OTLPSpanExporter, "metrics": OTLPMetricExporter,
                  "logs": OTLPLogExporter}[signal](endpoint=service.target, insecure=True)
        for batch in batches:
            assert theirs.export(batch).name == "SUCCESS"
        theirs.shutdown()
        assert service.stop() == 0
        return [comparable(columns.rows_of(tmp_path / who, signal)) for who in ("ours", "theirs")]

    return run


def strip_link_states(rows):
    """The SDK's own exporter does not send the trace states of links."""
    found = [link.pop("trace_state") for row in rows for link in row["links"]]
    return [state for state in found if state]


def test_spans_are_stored_as_the_otlp_exporter_sends_them(both):
    spans = pythonsdk.spans()
    assert {s.kind.name for s in spans} == {"INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"}
    ours, theirs = both("traces", [spans, spans[5:6]])
    assert set(strip_link_states(ours)) == {"vendor=opaque,other=1"}
    assert strip_link_states(theirs) == []
    check_same(ours, theirs)


def test_dropped_counts_are_kept(both):
    spans = pythonsdk.spans(SpanLimits(**pythonsdk.LIMITS))
    ours, theirs = both("traces", [spans])
    strip_link_states(ours)
    strip_link_states(theirs)
    check_same(ours, theirs)
    for column in ("dropped_attributes_count", "dropped_events_count", "dropped_links_count"):
        assert any(row[column] for row in ours)
    assert any(event["dropped_attributes_count"] for row in ours for event in row["events"])


@pytest.mark.parametrize("temporality", [AggregationTemporality.CUMULATIVE,
                                         AggregationTemporality.DELTA])
def test_metrics_are_stored_as_the_otlp_exporter_sends_them(both, temporality):
    ours, theirs = both("metrics", pythonsdk.metrics(temporality))
    check_same(ours, theirs)
    assert {row["metric_type"] for row in ours} == {1, 2, 3, 4}
    assert {row["aggregation_temporality"] for row in ours} >= {None, temporality.value}
    assert any(row["exemplars"] for row in ours)
    names = {row["metric_name"] for row in ours}
    assert {"renamed", "fewer.keys", "exponential", "level", "updown"} <= names


def test_log_records_are_stored_as_the_otlp_exporter_sends_them(both):
    ours, theirs = both("logs", [pythonsdk.logs()])
    check_same(ours, theirs)
    assert {row["severity_number"] for row in ours} == set(range(25))
    assert {row["body_type"] for row in ours} == {0, 1, 2, 3, 4, 5, 6, 7}
    assert {row["event_name"] for row in ours} == {None, "an.event"}


class Foreign:
    """An object with the public properties alone, as another SDK would have."""

    def __init__(self, of, names):
        for name in names:
            setattr(self, name, getattr(of, name))


def test_objects_of_another_make_are_read_by_their_public_properties(tmp_path):
    originals = pythonsdk.spans()[:20]
    foreign = [Foreign(span, ("name", "context", "parent", "kind", "start_time", "end_time",
                              "status", "attributes", "events", "links", "resource",
                              "instrumentation_scope")) for span in originals]
    for span in foreign:
        span.context = Foreign(span.context, ("trace_id", "span_id", "is_remote", "trace_flags",
                                              "trace_state"))
    rows = []
    for name, batch in (("plain", originals), ("foreign", foreign)):
        with oal.OtlpLibrary(tmp_path / name) as library:
            assert library.span_exporter().export(batch).name == "SUCCESS"
        rows.append(comparable(columns.rows_of(tmp_path / name, "traces")))
    check_same(*rows)


def test_values_that_otlp_has_no_type_for_become_text(tmp_path):
    class Odd:
        def __str__(self):
            return "odd"

    deep = current = []
    for _ in range(100):
        current.append([])
        current = current[0]
    strange = {"huge": 2**70, "odd": Odd(), 5: "number as key", "surrogate": "a\ud800b",
               "deep": deep, "array": bytearray(b"xy")}
    span = copy.copy(pythonsdk.spans()[0])
    span._attributes = strange
    with oal.OtlpLibrary(tmp_path) as library:
        assert library.span_exporter().export([span]).name == "SUCCESS"
    found = columns.attributes(columns.rows_of(tmp_path, "traces")[0]["attributes"])
    assert found["huge"] == str(2**70) and found["odd"] == "odd" and found["5"] == "number as key"
    assert found["surrogate"].startswith("a\ufffd") and found["surrogate"].endswith("b")
    assert found["array"] == b"xy"
    assert "[[[" in str(found["deep"])


class Raising:
    """A sequence that cannot be read."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise RuntimeError("no item for you")

    def __str__(self):
        return "raising"


def test_what_cannot_be_read_costs_no_more_than_itself(tmp_path, caplog):
    spans = [copy.copy(span) for span in pythonsdk.spans()[:3]]
    spans[0]._attributes = {"before": 1, "raising": Raising(), "after": 2}
    spans[1]._instrumentation_scope = copy.copy(spans[1]._instrumentation_scope)
    spans[1]._instrumentation_scope._name = 5
    spans[2]._resource = object()
    with oal.OtlpLibrary(tmp_path) as library:
        assert library.span_exporter().export(spans).name == "SUCCESS"
    assert "no item for you" in caplog.text
    rows = {row["name"]: row for row in columns.rows_of(tmp_path, "traces")}
    assert len(rows) == 3
    row = rows[spans[0].name]
    assert columns.attributes(row["attributes"]) == {"before": 1, "raising": "raising", "after": 2}
    assert rows[spans[1].name]["service_name"] == "shop"
    assert not rows[spans[1].name]["scope_name"]
    assert rows[spans[2].name]["service_name"] is None


def test_a_tool_reads_what_the_library_wrote(tmp_path):
    with oal.OtlpLibrary(tmp_path) as library:
        library.span_exporter().export(pythonsdk.spans())
    checked = harness.run_tool("verify", tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
