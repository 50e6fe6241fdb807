#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the recorded requests beside this file with the official classes.

    .venv/bin/python tests/golden/make.py

tests/integration/test_golden.py says what the service stores of them.  Change
a request only together with what is expected of it.
"""

import pathlib

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

HERE = pathlib.Path(__file__).resolve().parent
TRACE_ID = bytes(range(1, 17))
SPAN_ID = bytes(range(17, 25))
PARENT_ID = bytes(range(25, 33))
TIME = 1_700_000_000_123_456_789


def owners(resources, scopes):
    """Adds one resource and one scope; gives the ScopeX."""
    resource = resources.add(schema_url="https://example.com/resource")
    resource.resource.attributes.add(key="service.name").value.string_value = "shop"
    resource.resource.attributes.add(key="replicas").value.int_value = 3
    scope = getattr(resource, scopes).add(schema_url="https://example.com/scope")
    scope.scope.name = "library"
    scope.scope.version = "1.2"
    return scope


def traces():
    request = ExportTraceServiceRequest()
    scope = owners(request.resource_spans, "scope_spans")
    span = scope.spans.add(
        trace_id=TRACE_ID, span_id=SPAN_ID, parent_span_id=PARENT_ID, trace_state="a=b",
        flags=257, name="GET /orders", kind=2, start_time_unix_nano=TIME,
        end_time_unix_nano=TIME + 5, dropped_attributes_count=1, dropped_events_count=2,
        dropped_links_count=3)
    span.status.code = 2
    span.status.message = "it broke"
    span.attributes.add(key="http.status").value.int_value = 500
    span.attributes.add(key="route").value.string_value = "/orders"
    event = span.events.add(time_unix_nano=TIME + 1, name="exception")
    event.attributes.add(key="fatal").value.bool_value = True
    span.links.add(trace_id=TRACE_ID, span_id=SPAN_ID, flags=1)
    scope.spans.add()
    return request


def metrics():
    request = ExportMetricsServiceRequest()
    scope = owners(request.resource_metrics, "scope_metrics")
    total = scope.metrics.add(name="requests", unit="1", description="how many")
    total.sum.aggregation_temporality = 2
    total.sum.is_monotonic = True
    total.sum.data_points.add(time_unix_nano=TIME, as_int=-7)
    total.sum.data_points.add(time_unix_nano=TIME, as_double=0.5)
    times = scope.metrics.add(name="times")
    times.histogram.aggregation_temporality = 1
    times.histogram.data_points.add(time_unix_nano=TIME, count=6, sum=1.5, min=0.0,
                                    bucket_counts=[1, 2, 3], explicit_bounds=[0.5, 1.0])
    scope.metrics.add(name="nothing").gauge.SetInParent()
    return request


def logs():
    request = ExportLogsServiceRequest()
    scope = owners(request.resource_logs, "scope_logs")
    record = scope.log_records.add(
        time_unix_nano=TIME, observed_time_unix_nano=TIME + 1, severity_number=9,
        severity_text="INFO", dropped_attributes_count=1, flags=1, trace_id=TRACE_ID,
        span_id=SPAN_ID, event_name="started")
    record.body.string_value = "h\u00e9llo"
    record.attributes.add(key="ratio").value.double_value = 0.25
    scope.log_records.add().body.kvlist_value.values.add(key="n").value.int_value = 1
    return request


REQUESTS = {"traces": traces, "metrics": metrics, "logs": logs}


def main():
    for name, make in REQUESTS.items():
        (HERE / f"{name}.pb").write_bytes(make().SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
