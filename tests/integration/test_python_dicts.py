# SPDX-License-Identifier: Apache-2.0
"""The Python library's dicts: what goes in comes out, and what is wrong is
refused with its name, and nothing of it stored."""

import datetime
import math

import otlp_arrow_library as oal
import pytest

import columns

TRACE = bytes(range(16))
SPAN = bytes(range(1, 9))
GOOD = {"trace_id": TRACE, "span_id": SPAN, "name": "good"}

FULL = GOOD | {
    "name": "full", "parent_span_id": b"parentid", "kind": "server", "trace_state": "a=b",
    "start_time": 1_700_000_000_000_000_001, "end_time": 1_700_000_000_000_000_002,
    "attributes": {"s": "é", "i": -1, "f": 2.5, "b": True, "y": b"\x00", "n": None,
                   "l": ["a", 1, None, [2]], "m": {"k": {"deep": [1]}}, "nan": math.nan},
    "events": [{"name": "e", "time": 5, "attributes": {"k": 1}}, {"name": "bare"}],
    "links": [{"trace_id": TRACE, "span_id": b"linkedto", "trace_state": "c=d",
               "is_remote": True, "attributes": {"why": "x"}}],
    "status": "error", "status_message": "it broke",
    "resource": {"attributes": {"service.name": "shop"}, "schema_url": "https://r.example"},
    "scope": {"name": "scope", "version": "1", "schema_url": "https://s.example",
              "attributes": {"in": "scope"}},
}


@pytest.fixture
def library(tmp_path):
    with oal.OtlpLibrary(tmp_path / "out") as made:
        yield made


def stored(library, signal):
    library.shutdown()
    return columns.rows_of(library.output_dir, signal)


def test_a_span_keeps_everything(library):
    library.export_trace(FULL)
    (row,) = stored(library, "traces")
    assert row["trace_id"] == "x:" + TRACE.hex() and row["span_id"] == "x:" + SPAN.hex()
    assert row["parent_span_id"] == "x:" + b"parentid".hex()
    assert (row["name"], row["kind"], row["trace_state"]) == ("full", 2, "a=b")
    assert row["start_time_unix_nano"] == FULL["start_time"]
    assert row["end_time_unix_nano"] == FULL["end_time"]
    assert (row["status_code"], row["status_message"]) == (2, "it broke")
    found = columns.attributes(row["attributes"])
    assert math.isnan(found.pop("nan") or math.nan)
    assert found == {k: v for k, v in FULL["attributes"].items() if k != "nan"}
    assert [(e["name"], e["time_unix_nano"]) for e in row["events"]] == [("e", 5), ("bare", None)]
    (link,) = row["links"]
    assert (link["span_id"], link["trace_state"]) == ("x:" + b"linkedto".hex(), "c=d")
    assert link["flags"] == 0x300 and columns.attributes(link["attributes"]) == {"why": "x"}
    assert (row["service_name"], row["resource_schema_url"]) == ("shop", "https://r.example")
    assert (row["scope_name"], row["scope_version"]) == ("scope", "1")
    assert row["scope_schema_url"] == "https://s.example"


def test_times_may_be_datetimes(library):
    zone = datetime.timezone(datetime.timedelta(hours=2))
    aware = datetime.datetime(2026, 1, 2, 5, 4, 5, 678901, tzinfo=zone)
    library.export_trace(GOOD | {"start_time": aware, "end_time": aware.replace(tzinfo=None)})
    (row,) = stored(library, "traces")
    assert row["start_time_unix_nano"] == 1_767_323_045_678_901_000
    local = aware.replace(tzinfo=None).astimezone(datetime.timezone.utc)
    assert row["end_time_unix_nano"] // 1000 == round(local.timestamp() * 1e6)


METRICS = [
    {"name": "g", "type": "gauge", "points": [{"value": 1.5, "start_time": 3, "time": 4}]},
    {"name": "s", "type": "sum", "is_monotonic": True, "temporality": "delta", "unit": "By",
     "description": "bytes", "points": [
         {"value": 5, "time": 4, "attributes": {"a": "b"},
          "exemplars": [{"time": 2, "value": 1, "trace_id": TRACE, "span_id": SPAN,
                         "attributes": {"x": 1}}]}]},
    {"name": "h", "type": "histogram", "points": [
        {"count": 3, "sum": 4.5, "min": 1, "max": 2.0, "bucket_counts": [1, 2],
         "explicit_bounds": [1.5], "time": 4}]},
    {"name": "e", "type": "exponential_histogram", "points": [
        {"count": 6, "sum": 4.5, "scale": -1, "zero_count": 1, "zero_threshold": 0.5, "time": 4,
         "positive": {"offset": -2, "bucket_counts": [1, 2]},
         "negative": {"offset": 1, "bucket_counts": [2]}}]},
    {"name": "q", "type": "summary", "points": [
        {"count": 6, "sum": 4.5, "quantiles": [(0.5, 1), (0.99, 7.5)], "time": 4}]},
]


def test_metrics_of_every_type_keep_everything(library):
    library.export_metrics({"resource": {"service.name": "shop"}, "metrics": METRICS})
    library.export_metrics_ref(METRICS[0])
    rows = stored(library, "metrics")
    assert [row["metric_name"] for row in rows] == ["g", "s", "h", "e", "q", "g"]
    gauge, total, histogram, exponential, summary, _ = rows
    assert columns.as_double(gauge["value_double"]) == 1.5 and gauge["service_name"] == "shop"
    assert gauge["start_time_unix_nano"] == 3
    assert (total["value_int"], total["is_monotonic"], total["unit"]) == (5, True, "By")
    assert (total["aggregation_temporality"], total["description"]) == (1, "bytes")
    assert total["exemplars"][0]["span_id"] == "x:" + SPAN.hex()
    assert (histogram["count"], histogram["bucket_counts"]) == (3, [1, 2])
    assert [columns.as_double(b) for b in histogram["explicit_bounds"]] == [1.5]
    assert exponential["metric_type"] == 4 and exponential["scale"] == -1
    assert summary["metric_type"] == 5 and summary["count"] == 6


def test_log_records_keep_everything(library):
    bodies = ["text", 1, 2.5, True, b"y", [1, "a"], {"k": [1]}, None]
    library.export_logs([{"body": body, "time": 5, "observed_time": 6, "severity_number": 9,
                          "severity_text": "Info", "event_name": "ev", "trace_id": TRACE,
                          "span_id": SPAN, "flags": 1, "attributes": {"a": 1},
                          "resource": {"service.name": "shop"}, "scope": {"name": "s"}}
                         for body in bodies])
    rows = stored(library, "logs")
    assert [row["body_type"] for row in rows] == [1, 2, 3, 4, 7, 6, 5, 0]
    for row in rows:
        assert (row["time_unix_nano"], row["observed_time_unix_nano"]) == (5, 6)
        assert (row["severity_number"], row["severity_text"]) == (9, "Info")
        assert (row["event_name"], row["flags"]) == ("ev", 1)
        assert row["trace_id"] == "x:" + TRACE.hex() and row["span_id"] == "x:" + SPAN.hex()


def test_equal_resources_are_stored_once_and_others_are_not_mixed_up(library):
    spans = [GOOD | {"resource": {"n": n}} for n in (1, True, 1, 1.0, 2, True)]
    library.export_traces(spans)
    rows = stored(library, "traces")
    assert [row["resource_attributes"] for row in rows] == [
        '{"n":1}', '{"n":1}', '{"n":true}', '{"n":true}', rows[4]["resource_attributes"],
        '{"n":2}']
    assert len({row["resource_ord"] for row in rows}) == 4


WRONG_SPANS = [
    (TypeError, "spans[1]", 5),
    (ValueError, "spans[1].trace_id", {"span_id": SPAN, "name": "x"}),
    (ValueError, "spans[1].span_id", {"trace_id": TRACE, "name": "x"}),
    (ValueError, "spans[1].name", {"trace_id": TRACE, "span_id": SPAN}),
    (TypeError, "spans[1].trace_id", GOOD | {"trace_id": "0" * 32}),
    (ValueError, "spans[1].trace_id", GOOD | {"trace_id": b"short"}),
    (ValueError, "spans[1].trace_id", GOOD | {"trace_id": bytes(16)}),
    (ValueError, "spans[1].span_id", GOOD | {"span_id": bytes(9)}),
    (ValueError, "spans[1].parent_span_id", GOOD | {"parent_span_id": bytes(3)}),
    (TypeError, "spans[1].name", GOOD | {"name": b"bytes"}),
    (TypeError, "spans[1].kind", GOOD | {"kind": 2}),
    (ValueError, "spans[1].kind", GOOD | {"kind": "SERVER"}),
    (ValueError, "spans[1].status", GOOD | {"status": "fine"}),
    (TypeError, "spans[1].status_message", GOOD | {"status_message": 5}),
    (TypeError, "spans[1].start_time", GOOD | {"start_time": 1.5}),
    (TypeError, "spans[1].start_time", GOOD | {"start_time": True}),
    (TypeError, "spans[1].start_time", GOOD | {"start_time": math.nan}),
    (ValueError, "spans[1].end_time", GOOD | {"end_time": -1}),
    (ValueError, "spans[1].end_time", GOOD | {"end_time": 2**64}),
    (TypeError, "spans[1].attributes", GOOD | {"attributes": [1]}),
    (TypeError, "spans[1].attributes", GOOD | {"attributes": {5: "x"}}),
    (TypeError, "spans[1].attributes['a']", GOOD | {"attributes": {"a": object()}}),
    (TypeError, "spans[1].attributes['a'][1]['b']",
     GOOD | {"attributes": {"a": [0, {"b": {1, 2}}]}}),
    (ValueError, "spans[1].attributes['a']", GOOD | {"attributes": {"a": 2**63}}),
    (TypeError, "spans[1].events", GOOD | {"events": {"name": "x"}}),
    (ValueError, "spans[1].events[0].name", GOOD | {"events": [{"time": 5}]}),
    (ValueError, "spans[1].links[0].span_id", GOOD | {"links": [{"trace_id": TRACE}]}),
    (TypeError, "spans[1].resource", GOOD | {"resource": "shop"}),
    (TypeError, "spans[1].resource['a']", GOOD | {"resource": {"a": object()}}),
    (ValueError, "spans[1].scope.title", GOOD | {"scope": {"title": "x"}}),
    (ValueError, "spans[1].tags", GOOD | {"tags": {}}),
]


@pytest.mark.parametrize(("error", "key", "span"), WRONG_SPANS)
def test_a_wrong_span_is_refused_by_name_and_none_is_stored(library, error, key, span):
    with pytest.raises(error) as caught:
        library.export_traces([GOOD, span, GOOD])
    assert str(caught.value).startswith(key), caught.value
    assert stored(library, "traces") == []


POINT = {"value": 1}
WRONG_METRICS = [
    (TypeError, "metrics", 5),
    (ValueError, "name", {"type": "gauge", "points": [POINT]}),
    (ValueError, "type", {"name": "m", "points": [POINT]}),
    (ValueError, "type", {"name": "m", "type": "meter", "points": [POINT]}),
    (ValueError, "points", {"name": "m", "type": "gauge"}),
    (ValueError, "points[0].value", {"name": "m", "type": "gauge", "points": [{}]}),
    (TypeError, "points[0].value", {"name": "m", "type": "sum", "points": [{"value": "1"}]}),
    (ValueError, "points[0].value", {"name": "m", "type": "sum", "points": [{"value": 2**70}]}),
    (ValueError, "temporality", {"name": "m", "type": "sum", "temporality": "x", "points": []}),
    (ValueError, "points[0].bucket_counts", {"name": "m", "type": "histogram", "points": [
        {"bucket_counts": [1, 2], "explicit_bounds": [1, 2]}]}),
    (ValueError, "points[0].bucket_counts[1]", {"name": "m", "type": "histogram", "points": [
        {"bucket_counts": [1, -2], "explicit_bounds": [1]}]}),
    (TypeError, "points[0].quantiles[0]", {"name": "m", "type": "summary", "points": [
        {"quantiles": [0.5]}]}),
    (ValueError, "metrics[1].points[0].val", {"metrics": [
        {"name": "m", "type": "gauge", "points": [POINT]},
        {"name": "m", "type": "gauge", "points": [POINT | {"val": 2}]}]}),
]


@pytest.mark.parametrize(("error", "key", "metrics"), WRONG_METRICS)
def test_wrong_metrics_are_refused_by_name_and_none_is_stored(library, error, key, metrics):
    with pytest.raises(error) as caught:
        library.export_metrics(metrics)
    assert str(caught.value).startswith(key), caught.value
    assert stored(library, "metrics") == []


@pytest.mark.parametrize(("error", "key", "record"), [
    (TypeError, "records[0].body", {"body": object()}),
    (ValueError, "records[0].severity_number", {"severity_number": 25}),
    (TypeError, "records[0].severity_number", {"severity_number": "INFO"}),
    (ValueError, "records[0].span_id", {"span_id": b"123"}),
    (ValueError, "records[0].message", {"message": "x"}),
])
def test_a_wrong_log_record_is_refused_by_name(library, error, key, record):
    with pytest.raises(error) as caught:
        library.export_logs([record])
    assert str(caught.value).startswith(key), caught.value
    assert stored(library, "logs") == []


def test_values_may_be_deep_but_not_without_end(library):
    deep = []
    deep.append(deep)
    with pytest.raises(ValueError, match="deeper than"):
        library.export_trace(GOOD | {"attributes": {"a": deep}})
    fine = current = []
    for _ in range(25):
        current.append([])
        current = current[0]
    library.export_trace(GOOD | {"attributes": {"a": fine}})
    (row,) = stored(library, "traces")
    assert columns.attributes(row["attributes"]) == {"a": fine}


def test_huge_texts_are_stored_and_too_huge_ones_refused(library):
    library.export_trace(GOOD | {"attributes": {"a": "x" * 5_000_000}})
    with pytest.raises(oal.OtlpLimitError):
        library.export_trace(GOOD | {"attributes": {"a": "x" * 400_000_000}})
    (row,) = stored(library, "traces")
    assert columns.attributes(row["attributes"]) == {"a": "x" * 5_000_000}


def test_otlp_bytes_are_taken_and_wrong_ones_refused(library):
    library.export_otlp("traces", b"")
    library.export_otlp("logs", b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}',
                        as_json=True)
    for data in (b"\xff", b"\x0a\x7f"):
        with pytest.raises(oal.OtlpError):
            library.export_otlp("traces", data)
    with pytest.raises(ValueError, match="signal"):
        library.export_otlp("spans", b"")
    with pytest.raises(TypeError, match="data"):
        library.export_otlp("traces", "text")
    assert len(stored(library, "logs")) == 1
