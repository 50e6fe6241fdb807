# SPDX-License-Identifier: Apache-2.0
"""Seeded random Export requests made from the official protobuf classes.

request(signal, seed) always gives the same message for the same seed, so a
failing request can be made again from its number alone.  Every field of the
three signals is reached, with values at the ends of their ranges.
"""

import random
import struct

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2

SIGNALS = ("traces", "metrics", "logs")

REQUEST_CLASS = {
    "traces": trace_service_pb2.ExportTraceServiceRequest,
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
    "logs": logs_service_pb2.ExportLogsServiceRequest,
}

RESPONSE_CLASS = {
    "traces": trace_service_pb2.ExportTraceServiceResponse,
    "metrics": metrics_service_pb2.ExportMetricsServiceResponse,
    "logs": logs_service_pb2.ExportLogsServiceResponse,
}

# Field names on the way down: resources, scopes, items.
LEVELS = {
    "traces": ("resource_spans", "scope_spans", "spans"),
    "metrics": ("resource_metrics", "scope_metrics", "metrics"),
    "logs": ("resource_logs", "scope_logs", "log_records"),
}


def double_of(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


DOUBLES = [
    0.0, -0.0, 1.0, -1.5, 0.1, 1e300, 5e-324, 1.7976931348623157e308,
    double_of(0x7FF0000000000000), double_of(0xFFF0000000000000),
    double_of(0x7FF8000000000000), double_of(0xFFF8000000000001),
    double_of(0x7FF8DEADBEEF1234), double_of(0x7FF0000000000001),
]
INT64 = [0, 1, -1, 23, 24, -24, -25, 255, 256, 65535, 65536, 2**32 - 1, 2**32,
         2**53 + 1, 2**63 - 1, -(2**63), -(2**63) + 1, 42]
UINT64 = [0, 1, 127, 128, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1]
TIMES = [0, 1, 10**18, 1_700_000_000_123_456_789, 2**63 - 1, 2**63, 2**64 - 1]
UINT32 = [0, 0, 1, 127, 128, 65536, 2**31, 2**32 - 1]
ENUMS = [0, 1, 2, 3, 4, 5, 24, 25, 1000, 2**31 - 1, -1, -(2**31)]
SINT32 = [0, 1, -1, 63, 64, -64, -65, 2**31 - 1, -(2**31)]
STRINGS = ["", "a", "name", "GET /orders/{id}", "é", "日本語テキスト", "\U0001f600\U0010ffff",
           "\x00", "a\x00b", "quote\"back\\slash\nline\ttab", "\u2028\ufeff", "x" * 300, "\ufffd", "0", "null"]
KEYS = ["", "service.name", "service.namespace", "service.instance.id", "http.method",
        "http.method", "ключ", "k\x00", "a b", "telemetry.sdk.name"]


class Generator:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.pick = self.rng.choice
        self.below = self.rng.randrange
        self.chance = self.rng.random

    def text(self):
        if self.chance() < 0.7:
            return self.pick(STRINGS)
        return "t%x" % self.below(1 << 40)

    def data(self):
        if self.chance() < 0.3:
            return b""
        return self.rng.randbytes(self.below(24))

    def identity(self, width):
        kind = self.chance()
        if kind < 0.2:
            return b""
        if kind < 0.3:
            return b"\0" * width
        return self.rng.randbytes(width)

    def value(self, any_value, depth):
        kind = self.below(100)
        if kind < 40 or (depth <= 0 and kind >= 75):
            any_value.string_value = self.text()
        elif kind < 50:
            any_value.int_value = self.pick(INT64)
        elif kind < 58:
            any_value.double_value = self.pick(DOUBLES)
        elif kind < 66:
            any_value.bool_value = self.chance() < 0.5
        elif kind < 73:
            any_value.bytes_value = self.data()
        elif kind < 75:
            pass  # no member of the oneof set
        elif kind < 85:
            any_value.array_value.SetInParent()
            for _ in range(self.below(4)):
                self.value(any_value.array_value.values.add(), depth - 1)
        elif kind < 97:
            any_value.kvlist_value.SetInParent()
            self.attributes(any_value.kvlist_value.values, 3, depth - 1)
        else:
            self.chain(any_value, self.below(20) + 1)

    def chain(self, any_value, length):
        """Values inside values, LENGTH levels deep."""
        for _ in range(length):
            if self.chance() < 0.5:
                any_value = any_value.array_value.values.add()
            else:
                pair = any_value.kvlist_value.values.add()
                pair.key = self.pick(KEYS)
                any_value = pair.value
        any_value.int_value = self.pick(INT64)

    def attributes(self, pairs, most=4, depth=2):
        for _ in range(self.below(most + 1)):
            pair = pairs.add()
            pair.key = self.pick(KEYS) if self.chance() < 0.8 else self.text()
            kind = self.chance()
            if kind > 0.03:
                self.value(pair.value, depth)
            elif kind > 0.015:
                pair.value.SetInParent()

    def resource(self, resource):
        self.attributes(resource.attributes, 5, 1)
        resource.dropped_attributes_count = self.pick(UINT32)
        if self.chance() < 0.2 and hasattr(resource, "entity_refs"):
            for _ in range(self.below(3)):
                ref = resource.entity_refs.add()
                ref.schema_url, ref.type = self.text(), self.text()
                ref.id_keys.extend(self.pick(KEYS) for _ in range(self.below(3)))
                ref.description_keys.extend(self.text() for _ in range(self.below(3)))

    def scope(self, scope):
        scope.name, scope.version = self.text(), self.text()
        self.attributes(scope.attributes, 2, 1)
        scope.dropped_attributes_count = self.pick(UINT32)

    def maybe(self, parent, field, fill):
        """Absent, present and empty, or filled."""
        kind = self.chance()
        if kind < 0.15:
            return
        getattr(parent, field).SetInParent()
        if kind > 0.25:
            fill(getattr(parent, field))

    def request(self, signal):
        message = REQUEST_CLASS[signal]()
        resources, scopes, items = LEVELS[signal]
        fill = {"traces": self.span, "metrics": self.metric, "logs": self.log}[signal]
        for _ in range(self.pick((0, 1, 1, 1, 1, 1, 2, 2, 3))):
            per_resource = getattr(message, resources).add()
            self.maybe(per_resource, "resource", self.resource)
            per_resource.schema_url = self.text()
            for _ in range(self.pick((0, 1, 1, 1, 1, 1, 2, 2, 3))):
                per_scope = getattr(per_resource, scopes).add()
                self.maybe(per_scope, "scope", self.scope)
                per_scope.schema_url = self.text()
                for _ in range(self.pick((0, 1, 1, 1, 2, 2, 3, 6))):
                    fill(getattr(per_scope, items).add())
        return message

    def span(self, span):
        if self.chance() < 0.03:
            return  # a span with nothing set
        span.trace_id, span.span_id = self.identity(16), self.identity(8)
        span.parent_span_id = self.identity(8)
        span.trace_state, span.name = self.text(), self.text()
        span.kind = self.pick(ENUMS)
        span.start_time_unix_nano = self.pick(TIMES)
        span.end_time_unix_nano = self.pick(TIMES)
        self.attributes(span.attributes)
        span.dropped_attributes_count = self.pick(UINT32)
        span.dropped_events_count = self.pick(UINT32)
        span.dropped_links_count = self.pick(UINT32)
        span.flags = self.pick(UINT32)
        if self.chance() < 0.4:
            for _ in range(self.below(4)):
                event = span.events.add()
                event.time_unix_nano, event.name = self.pick(TIMES), self.text()
                self.attributes(event.attributes, 2, 1)
                event.dropped_attributes_count = self.pick(UINT32)
        if self.chance() < 0.3:
            for _ in range(self.below(3)):
                link = span.links.add()
                link.trace_id, link.span_id = self.identity(16), self.identity(8)
                link.trace_state, link.flags = self.text(), self.pick(UINT32)
                self.attributes(link.attributes, 2, 1)
                link.dropped_attributes_count = self.pick(UINT32)
        kind = self.chance()
        if kind < 0.6:
            span.status.SetInParent()
            if kind < 0.5:
                span.status.code = self.pick(ENUMS)
                span.status.message = self.text()

    def log(self, log):
        if self.chance() < 0.03:
            return
        log.time_unix_nano = self.pick(TIMES)
        log.observed_time_unix_nano = self.pick(TIMES)
        log.severity_number = self.pick(ENUMS)
        log.severity_text, log.event_name = self.text(), self.text()
        kind = self.chance()
        if kind > 0.1:
            log.body.SetInParent()
            if kind > 0.15:
                self.value(log.body, 3)
        self.attributes(log.attributes)
        log.dropped_attributes_count, log.flags = self.pick(UINT32), self.pick(UINT32)
        log.trace_id, log.span_id = self.identity(16), self.identity(8)

    def metric(self, metric):
        if self.chance() < 0.03:
            return
        metric.name, metric.description, metric.unit = self.text(), self.text(), self.text()
        if self.chance() < 0.3:
            self.attributes(metric.metadata, 3, 2)
        kind = self.pick(("gauge", "sum", "histogram", "exponential_histogram", "summary", None,
                          "gauge", "sum", "histogram", "exponential_histogram", "summary"))
        if kind is None:
            return
        data = getattr(metric, kind)
        data.SetInParent()
        if kind in ("sum", "histogram", "exponential_histogram"):
            data.aggregation_temporality = self.pick(ENUMS)
        if kind == "sum":
            data.is_monotonic = self.chance() < 0.5
        for _ in range(self.below(4)):
            self.point(data.data_points.add())

    def point(self, point):
        if self.chance() < 0.05:
            return
        point.start_time_unix_nano = self.pick(TIMES)
        point.time_unix_nano = self.pick(TIMES)
        self.attributes(point.attributes, 3, 1)
        point.flags = self.pick(UINT32)
        if isinstance(point, metrics_pb2.NumberDataPoint):
            self.number(point)
            self.exemplars(point)
            return
        point.count = self.pick(UINT64)
        if isinstance(point, metrics_pb2.SummaryDataPoint):
            point.sum = self.pick(DOUBLES)
            for _ in range(self.below(4)):
                quantile = point.quantile_values.add()
                quantile.quantile, quantile.value = self.pick(DOUBLES), self.pick(DOUBLES)
            return
        for field in ("sum", "min", "max"):
            if self.chance() < 0.6:
                setattr(point, field, self.pick(DOUBLES))
        self.exemplars(point)
        if isinstance(point, metrics_pb2.HistogramDataPoint):
            point.bucket_counts.extend(self.pick(UINT64) for _ in range(self.below(6)))
            point.explicit_bounds.extend(self.pick(DOUBLES) for _ in range(self.below(6)))
            return
        point.scale = self.pick(SINT32)
        point.zero_count = self.pick(UINT64)
        point.zero_threshold = self.pick(DOUBLES)
        self.maybe(point, "positive", self.buckets)
        self.maybe(point, "negative", self.buckets)

    def buckets(self, buckets):
        buckets.offset = self.pick(SINT32)
        buckets.bucket_counts.extend(self.pick(UINT64) for _ in range(self.below(6)))

    def number(self, point):
        kind = self.chance()
        if kind < 0.45:
            point.as_int = self.pick(INT64)
        elif kind < 0.9:
            point.as_double = self.pick(DOUBLES)

    def exemplars(self, point):
        if self.chance() < 0.7:
            return
        for _ in range(self.below(3)):
            exemplar = point.exemplars.add()
            exemplar.time_unix_nano = self.pick(TIMES)
            self.number(exemplar)
            exemplar.span_id, exemplar.trace_id = self.identity(8), self.identity(16)
            self.attributes(exemplar.filtered_attributes, 2, 1)


def request(signal, seed):
    """The request number SEED of SIGNAL, as a message."""
    return Generator(f"{signal}/{seed}").request(signal)


def count_items(signal, message):
    """Spans, data points or log records in MESSAGE."""
    resources, scopes, items = LEVELS[signal]
    total = 0
    for per_resource in getattr(message, resources):
        for per_scope in getattr(per_resource, scopes):
            for item in getattr(per_scope, items):
                total += 1 if signal != "metrics" else count_points(item)
    return total


def count_points(metric):
    kind = metric.WhichOneof("data")
    return len(getattr(metric, kind).data_points) if kind else 0
