# SPDX-License-Identifier: Apache-2.0
"""Telemetry of every shape that the SDK for Python has, as the objects that it
hands to exporters.  For the tests of the Python library."""

import logging
import math
import warnings

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import (
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    LastValueAggregation,
    View,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

RESOURCE = Resource.create({"service.name": "shop", "service.instance.id": "i-1", "answer": 42,
                            "list": ("a", "b")}, "https://schema.example/resource")
OTHER_RESOURCE = Resource({"service.name": "other", "answer": True})

EVERY_TYPE = {
    "text": "é \U0001f600", "empty": "", "number": -(2**63), "large": 2**63 - 1, "zero": 0,
    "double": 2.5, "nan": math.nan, "infinity": -math.inf, "minus zero": -0.0, "yes": True,
    "no": False, "bytes": b"\x00\xff", "texts": ("a", "b"), "numbers": (1, -2),
    "doubles": (0.5, -0.0), "flags": (True, False), "nothing": (),
    "mixed": ("a", 1, 2.5, None, b"x", (1, ("deep",))), "none": None,
    "map": {"a": 1, "b": {"c": [1, 2, {"d": "e"}]}, "empty": {}},
}


def remote_parent(trace_id=0x0102030405060708090A0B0C0D0E0F10, remote=True):
    state = TraceState([("vendor", "opaque"), ("other", "1")])
    return SpanContext(trace_id, 0x1112131415161718, remote, TraceFlags(1), state)


def spans(limits=None):
    """Finished spans of two resources and several scopes, out of order."""
    memory = InMemorySpanExporter()
    tracers = []
    for resource in (RESOURCE, OTHER_RESOURCE):
        provider = TracerProvider(resource=resource, span_limits=limits or SpanLimits(),
                                  shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(memory))
        tracers.append(provider.get_tracer("plain"))
        tracers.append(provider.get_tracer("full", "1.2", "https://schema.example/scope",
                                           {"in": "scope", "n": 1}))
    for round_trip in range(3):
        for number, tracer in enumerate(tracers):
            _tree(tracer, f"{round_trip}.{number}")
    return list(memory.get_finished_spans())


def _tree(tracer, name):
    context = set_span_in_context(NonRecordingSpan(remote_parent()))
    with tracer.start_as_current_span(f"remote child {name}", context=context,
                                      kind=SpanKind.SERVER, attributes=EVERY_TYPE) as parent:
        parent.add_event("happened", {"n": 1, "list": ["a"]}, timestamp=123)
        parent.add_event("bare")
        parent.set_status(Status(StatusCode.OK))
        for kind in SpanKind:
            with tracer.start_as_current_span(f"{kind.name} {name}", kind=kind):
                pass
    links = [Link(parent.get_span_context(), {"why": "test"}), Link(remote_parent(7, False)),
             Link(SpanContext(9, 9, True)), Link(SpanContext(0, 0, False), {"to": "nowhere"})]
    with tracer.start_as_current_span(f"root {name}", links=links, start_time=5) as root:
        root.set_status(Status(StatusCode.ERROR, "it broke: é"))
        try:
            raise ValueError("bad")
        except ValueError as error:
            root.record_exception(error, {"more": 1})
    for i in range(12):
        with tracer.start_as_current_span(f"many {name}") as many:
            for j in range(12):
                many.set_attribute(f"k{j}", f"v{i}")
                many.add_event(f"e{j}", {f"a{k}": k for k in range(6)})


LIMITS = {"max_span_attributes": 4, "max_events": 3, "max_links": 2, "max_event_attributes": 2,
          "max_link_attributes": 1, "max_span_attribute_length": 3}


def metrics(temporality=AggregationTemporality.CUMULATIVE):
    """MetricsData of all instruments, two collections of them."""
    kinds = (Counter, Histogram)
    reader = InMemoryMetricReader(preferred_temporality={kind: temporality for kind in kinds})
    provider = MeterProvider(
        [reader], RESOURCE, AlwaysOnExemplarFilter(), shutdown_on_exit=False, views=[
            View(instrument_name="exponential",
                 aggregation=ExponentialBucketHistogramAggregation()),
            View(instrument_name="own.bounds", name="renamed", description="by a view",
                 aggregation=ExplicitBucketHistogramAggregation((1, 2.5, 10))),
            View(instrument_name="no.limits",
                 aggregation=ExplicitBucketHistogramAggregation((), False)),
            View(instrument_name="fewer.keys", attribute_keys={"kept"}),
            View(instrument_name="last", aggregation=LastValueAggregation()),
        ])
    tracers = TracerProvider(shutdown_on_exit=False)
    found = []
    with tracers.get_tracer("t").start_as_current_span("around"):
        for scope in (("plain",), ("full", "1.2", "https://schema.example/scope", {"in": "scope"})):
            _instruments(provider.get_meter(*scope))
        found.append(reader.get_metrics_data())
        for scope in (("plain",), ("full", "1.2", "https://schema.example/scope", {"in": "scope"})):
            _instruments(provider.get_meter(*scope))
        found.append(reader.get_metrics_data())
    return found


def _instruments(meter):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counter = meter.create_counter("counter", "1", "counts")
        counter.add(3, {"a": "b"})
        counter.add(4)
        meter.create_counter("doubles", "s").add(0.5, {"kind": "double", "n": 1, "l": ["x"]})
        updown = meter.create_up_down_counter("updown", "By")
        updown.add(-5, {"a": "b"})
        for name in ("histogram", "own.bounds", "no.limits", "exponential"):
            histogram = meter.create_histogram(name, "ms", "measures")
            for value in (0, 1, 2.5, 700, 1e9):
                histogram.record(value, {"a": "b"})
        negative = meter.create_histogram("exponential")
        negative.record(0.001)
        meter.create_counter("fewer.keys").add(1, {"kept": 1, "filtered": "away"})
        meter.create_counter("last").add(2)
        meter.create_gauge("gauge", "%", "now").set(-1.5, {"a": "b"})
        meter.create_observable_counter("seen", [lambda options: [Observation(7, {"i": 0})]])
        meter.create_observable_up_down_counter("up", [lambda options: [Observation(-2)]])
        meter.create_observable_gauge("level", [lambda options: [Observation(0.25, {"x": "y"})]])


BODIES = ("text", "", 5, 2.5, math.nan, True, b"\x00bytes", None, ("a", 1, None), {"k": {"n": [1]}})


def logs():
    """ReadableLogRecords of all severities and bodies, and of logging."""
    memory = InMemoryLogRecordExporter()
    providers = []
    for resource in (RESOURCE, OTHER_RESOURCE):
        provider = LoggerProvider(resource, shutdown_on_exit=False)
        provider.add_log_record_processor(SimpleLogRecordProcessor(memory))
        providers.append(provider)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    for provider in providers:
        logger = provider.get_logger("scope", "1.2", "https://schema.example/scope", {"in": "s"})
        with tracer.start_as_current_span("around"):
            for number in SeverityNumber:
                logger.emit(LogRecord(
                    timestamp=number.value, severity_number=number, attributes=EVERY_TYPE,
                    severity_text=number.name.title(), body=f"level {number.name}"))
        for body in BODIES:
            logger.emit(LogRecord(body=body, observed_timestamp=77, event_name="an.event"))
        logger.emit(LogRecord(severity_number=None))
        _stdlib(provider)
    return list(memory.get_finished_logs())


def _stdlib(provider):
    log = logging.Logger("stdlib")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log.addHandler(LoggingHandler(logger_provider=provider))
    log.warning("hello %s", "world", extra={"user": "u1", "n": 3})
    try:
        raise KeyError("missing")
    except KeyError:
        log.exception("it failed")
