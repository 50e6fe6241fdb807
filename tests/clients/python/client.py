# SPDX-License-Identifier: Apache-2.0
"""The OpenTelemetry SDK of Python as a sender for the tests; ../README.md says
what is sent.  Endpoint, compression and resource are the SDK's own to read
from the environment; the protocol chooses the package, as in any program."""

import json
import logging
import os
import sys
import warnings
from importlib import import_module

from opentelemetry import metrics, trace
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

SCOPE = "otlp-arrow.client"
PACKAGES = {"grpc": "opentelemetry.exporter.otlp.proto.grpc",
            "http/protobuf": "opentelemetry.exporter.otlp.proto.http"}


class Errors(logging.Handler):
    """An exporter that gives up says so in the log alone."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.seen = []

    def emit(self, record):
        self.seen.append(record.getMessage())


def exporters():
    package = PACKAGES[os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"]]
    return (import_module(f"{package}.trace_exporter").OTLPSpanExporter(),
            import_module(f"{package}.metric_exporter").OTLPMetricExporter(),
            import_module(f"{package}._log_exporter").OTLPLogExporter())


def send_orders(traces, meters, logger, count):
    tracer = traces.get_tracer(SCOPE, "1.2", "https://schema.example/1", {"in": "scope"})
    orders = meters.get_meter(SCOPE, "1.2").create_counter("orders", "1", "orders taken")
    for i in range(count):
        with tracer.start_as_current_span("order", kind=SpanKind.SERVER) as order:
            order.set_attributes({
                "index": i, "text": "é", "large": -(2**63), "double": 2.5, "yes": True,
                "texts": ["a", "b"], "numbers": [1, -2]})
            order.add_event("packed", {"n": i})
            orders.add(1, {"shelf": "ab"[i % 2]})
            link = Link(order.get_span_context(), {"why": "test"})
            with tracer.start_as_current_span("pay", kind=SpanKind.CLIENT, links=[link]) as pay:
                pay.set_status(Status(StatusCode.ERROR, "it broke"))
            logger.warning("stock %s is %d", "é", i, extra={"shelf": "A7", "left": i})
    return 2 * count, count


def send_points(meters):
    meter = meters.get_meter(SCOPE, "1.2")
    meter.create_up_down_counter("stock").add(-7)
    duration, size = meter.create_histogram("duration", "s"), meter.create_histogram("size")
    for value in (0.5, 7.0, 20_000.0):
        duration.record(value)
        size.record(value)
    size.record(0.0)
    meter.create_gauge("temperature").set(2.25, {"where": "here"})
    meter.create_observable_counter("observed.counter", [lambda _: [metrics.Observation(11)]])
    meter.create_observable_up_down_counter("observed.updown",
                                            [lambda _: [metrics.Observation(-12)]])
    meter.create_observable_gauge("observed.gauge", [lambda _: [metrics.Observation(1.5)]])
    return 9


def main(count):
    errors = Errors()
    logging.getLogger("opentelemetry").addHandler(errors)
    spans, points, records = exporters()
    traces = TracerProvider()
    traces.add_span_processor(BatchSpanProcessor(spans))
    meters = MeterProvider([PeriodicExportingMetricReader(points)], views=[
        View(instrument_name="size", aggregation=ExponentialBucketHistogramAggregation())])
    logs = LoggerProvider()
    logs.add_log_record_processor(BatchLogRecordProcessor(records))
    trace.set_tracer_provider(traces)
    logger = logging.getLogger(SCOPE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the handler is to move to another package
        logger.addHandler(LoggingHandler(logger_provider=logs))
    logger.propagate = False

    sent_spans, sent_logs = send_orders(traces, meters, logger, count)
    sent_points = send_points(meters)
    for provider in (traces, meters, logs):
        provider.shutdown()  # sends what is left
    if errors.seen:
        sys.exit(f"not all was sent: {errors.seen}")
    print(json.dumps({"spans": sent_spans, "points": sent_points, "logs": sent_logs}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
