# SPDX-License-Identifier: Apache-2.0
"""Recorded requests give exactly these columns.

The requests are tests/golden/*.pb, the expected values are written here by
hand: a column that a row does not name must be null, or hold the default.
"""

import importlib.util
from pathlib import Path

import pytest

import columns

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
TIME = 1_700_000_000_123_456_789
TRACE_ID = "x:0102030405060708090a0b0c0d0e0f10"
SPAN_ID = "x:1112131415161718"
PARENT_ID = "x:191a1b1c1d1e1f20"
DEFAULTS = (None, 0, "", [])
# They tell rows apart and have no value of their own.
ORDS = {"resource_ord", "scope_ord", "metric_ord"}

OWNERS = {
    "service_name": "shop",
    "resource": "x:0a160a0c736572766963652e6e616d6512060a0473686f70"
                "0a0e0a087265706c6963617312021803",
    "resource_attributes": '{"service.name":"shop","replicas":3}',
    "resource_schema_url": "https://example.com/resource",
    "scope": "x:0a076c6962726172791203312e32",
    "scope_name": "library",
    "scope_version": "1.2",
    "scope_attributes": "{}",
    "scope_schema_url": "https://example.com/scope",
}


def attribute(key, kind, **value):
    members = dict.fromkeys(("str", "int", "double", "bool", "bytes", "ser"))
    return {"key": key, "type": kind, **members, **value}


EXPECTED = {
    "traces": [
        {
            "trace_id": TRACE_ID, "span_id": SPAN_ID, "parent_span_id": PARENT_ID,
            "trace_state": "a=b", "flags": 257, "name": "GET /orders", "kind": 2,
            "start_time_unix_nano": TIME, "end_time_unix_nano": TIME + 5,
            "status_code": 2, "status_message": "it broke",
            "attributes": [attribute("http.status", 2, int=500),
                           attribute("route", 1, str="/orders")],
            "dropped_attributes_count": 1,
            "events": [{"time_unix_nano": TIME + 1, "name": "exception",
                        "attributes": [attribute("fatal", 4, bool=True)],
                        "dropped_attributes_count": 0}],
            "dropped_events_count": 2,
            "links": [{"trace_id": TRACE_ID, "span_id": SPAN_ID, "trace_state": None,
                       "flags": 1, "attributes": [], "dropped_attributes_count": 0}],
            "dropped_links_count": 3,
        },
        {},
    ],
    "metrics": [
        {"metric_name": "requests", "unit": "1", "description": "how many", "metric_type": 2,
         "point_ord": 0, "aggregation_temporality": 2, "is_monotonic": True,
         "time_unix_nano": TIME, "value_int": -7},
        {"metric_name": "requests", "unit": "1", "description": "how many", "metric_type": 2,
         "point_ord": 1, "aggregation_temporality": 2, "is_monotonic": True,
         "time_unix_nano": TIME, "value_double": "f:3fe0000000000000"},
        {"metric_name": "times", "metric_type": 3, "point_ord": 0,
         "aggregation_temporality": 1, "time_unix_nano": TIME, "count": 6,
         "sum": "f:3ff8000000000000", "min": "f:0000000000000000", "bucket_counts": [1, 2, 3],
         "explicit_bounds": ["f:3fe0000000000000", "f:3ff0000000000000"]},
        {"metric_name": "nothing", "metric_type": 1, "point_ord": None},
    ],
    "logs": [
        {"time_unix_nano": TIME, "observed_time_unix_nano": TIME + 1, "severity_number": 9,
         "severity_text": "INFO", "event_name": "started", "body_type": 1, "body": "h\u00e9llo",
         "attributes": [attribute("ratio", 3, double="f:3fd0000000000000")],
         "dropped_attributes_count": 1, "flags": 1, "trace_id": TRACE_ID, "span_id": SPAN_ID},
        {"body_type": 5, "body": '{"n":1}', "body_ser": "x:bf616e01ff"},
    ],
}


@pytest.mark.parametrize("signal", EXPECTED)
def test_the_recording_is_what_its_script_makes(signal):
    spec = importlib.util.spec_from_file_location("golden_make", GOLDEN / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    request = make.REQUESTS[signal]()
    assert type(request).FromString((GOLDEN / f"{signal}.pb").read_bytes()) == request


@pytest.mark.parametrize("signal", EXPECTED)
def test_a_recorded_request_gives_these_columns(start, signal):
    service = start()
    response, = service.send(signal, [(GOLDEN / f"{signal}.pb").read_bytes()])
    assert not response.HasField("partial_success")
    service.stop()
    rows = columns.rows_of(service.directory, signal)
    assert len(rows) == len(EXPECTED[signal])
    for row, want in zip(rows, EXPECTED[signal]):
        named = {**OWNERS, **want}
        assert set(named) <= set(row)
        for name, value in row.items():
            if name in named:
                assert value == named[name], name
            elif name not in ORDS:
                assert value in DEFAULTS, name
