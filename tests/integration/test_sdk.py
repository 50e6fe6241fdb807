# SPDX-License-Identifier: Apache-2.0
"""The stock OpenTelemetry SDK for Python sends; pyarrow reads the files."""

import logging
import warnings

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

import columns

RESOURCE = Resource.create({"service.name": "shop", "service.namespace": "test",
                            "service.instance.id": "i-1", "answer": 42})
EVERY_TYPE = {"text": "é", "number": -(2**63), "double": 2.5, "yes": True, "texts": ("a", "b"),
              "numbers": (1, 2), "doubles": (0.5, -0.0), "flags": (True, False)}
STORED = EVERY_TYPE | {k: list(v) for k, v in EVERY_TYPE.items() if isinstance(v, tuple)}
COMPRESSION = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}


def exporter_options(service, compression):
    return {"endpoint": service.target, "insecure": True, "compression": COMPRESSION[compression]}


def check_resource(row):
    assert row["service_name"] == "shop"
    assert row["service_namespace"] == "test"
    assert row["service_instance_id"] == "i-1"
    assert '"answer":42' in row["resource_attributes"].replace(" ", "")


@pytest.mark.parametrize("compression", COMPRESSION)
def test_spans_arrive_with_everything(start, compression):
    service = start()
    provider = TracerProvider(resource=RESOURCE)
    exporter = OTLPSpanExporter(**exporter_options(service, compression))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("scope", "1.2", "https://schema.example", {"in": "scope"})
    with tracer.start_as_current_span("parent", kind=SpanKind.SERVER, attributes=EVERY_TYPE) as parent:
        parent.add_event("happened", {"n": 1}, timestamp=123)
        link = Link(parent.get_span_context(), {"why": "test"})
        with tracer.start_as_current_span("child", kind=SpanKind.CLIENT, links=[link]) as child:
            child.set_status(Status(StatusCode.ERROR, "it broke"))
            child.record_exception(ValueError("bad"))
    provider.shutdown()
    assert service.stop() == 0
    rows = {row["name"]: row for row in columns.rows_of(service.directory, "traces")}
    assert set(rows) == {"parent", "child"}
    for row, span in ((rows["parent"], parent), (rows["child"], child)):
        check_resource(row)
        assert (row["scope_name"], row["scope_version"]) == ("scope", "1.2")
        assert row["scope_schema_url"] == "https://schema.example"
        assert row["scope_attributes"].replace(" ", "") == '{"in":"scope"}'
        assert row["trace_id"] == f"x:{span.get_span_context().trace_id:032x}"
        assert row["span_id"] == f"x:{span.get_span_context().span_id:016x}"
        assert row["start_time_unix_nano"] == span.start_time
        assert row["end_time_unix_nano"] == span.end_time
        assert row["flags"] & 0x100  # "whether the parent is remote is known"
    row = rows["parent"]
    assert row["kind"] == 2 and row["parent_span_id"] is None
    assert columns.attributes(row["attributes"]) == STORED
    assert [(e["time_unix_nano"], e["name"]) for e in row["events"]] == [(123, "happened")]
    assert columns.attributes(row["events"][0]["attributes"]) == {"n": 1}
    row = rows["child"]
    assert row["kind"] == 3 and row["parent_span_id"] == rows["parent"]["span_id"]
    assert (row["status_code"], row["status_message"]) == (2, "it broke")
    assert row["links"][0]["span_id"] == rows["parent"]["span_id"]
    assert columns.attributes(row["links"][0]["attributes"]) == {"why": "test"}
    found = columns.attributes(row["events"][0]["attributes"])
    assert found["exception.type"] == "ValueError" and found["exception.message"] == "bad"


def send_metrics(service, compression):
    exporter = OTLPMetricExporter(**exporter_options(service, compression))
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    view = View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation())
    provider = MeterProvider(resource=RESOURCE, metric_readers=[reader], views=[view])
    meter = provider.get_meter("meter", "3")
    counter = meter.create_counter("counter", unit="1", description="counts")
    counter.add(3, {"k": "a"})
    counter.add(4, {"k": "a"})
    counter.add(1.5, {"k": "b"})
    meter.create_up_down_counter("updown").add(-7)
    histogram = meter.create_histogram("histogram", unit="s")
    exponential = meter.create_histogram("exponential")
    for value in (0.5, 7.0, 20_000.0):
        histogram.record(value)
        exponential.record(value)
    exponential.record(0)
    meter.create_gauge("gauge").set(2.25, {"where": "here"})
    meter.create_observable_counter("observed.counter", [lambda _: [Observation(11)]])
    meter.create_observable_up_down_counter("observed.updown", [lambda _: [Observation(-12)]])
    meter.create_observable_gauge("observed.gauge", [lambda _: [Observation(1.5, {"z": True})]])
    provider.shutdown()


@pytest.mark.parametrize("compression", COMPRESSION)
def test_every_instrument_arrives(start, compression):
    service = start()
    send_metrics(service, compression)
    assert service.stop() == 0
    rows = columns.rows_of(service.directory, "metrics")
    by_name = {}
    for row in rows:
        check_resource(row)
        assert (row["scope_name"], row["scope_version"]) == ("meter", "3")
        assert row["time_unix_nano"] > 1_700_000_000_000_000_000
        by_name.setdefault(row["metric_name"], []).append(row)
    assert len(by_name) == 8 and len(rows) == 9

    def one(name):
        assert len(by_name[name]) == 1
        return by_name[name][0]

    counter = {columns.attributes(r["attributes"])["k"]: r for r in by_name["counter"]}
    assert counter["a"]["value_int"] == 7 and counter["a"]["value_double"] is None
    assert columns.as_double(counter["b"]["value_double"]) == 1.5
    assert counter["a"]["unit"] == "1" and counter["a"]["description"] == "counts"
    assert counter["a"]["metric_type"] == 2 and counter["a"]["is_monotonic"] is True
    assert counter["a"]["aggregation_temporality"] == 2
    assert one("updown")["value_int"] == -7 and one("updown")["is_monotonic"] is False
    gauge = one("gauge")
    assert gauge["metric_type"] == 1 and columns.as_double(gauge["value_double"]) == 2.25
    assert columns.attributes(gauge["attributes"]) == {"where": "here"}
    assert one("observed.counter")["value_int"] == 11
    assert one("observed.updown")["value_int"] == -12
    assert columns.as_double(one("observed.gauge")["value_double"]) == 1.5
    row = one("histogram")
    assert row["metric_type"] == 3 and row["count"] == 3 and row["unit"] == "s"
    assert columns.as_double(row["sum"]) == 20_007.5
    assert columns.as_double(row["min"]) == 0.5 and columns.as_double(row["max"]) == 20_000.0
    assert sum(row["bucket_counts"]) == 3
    assert len(row["bucket_counts"]) == len(row["explicit_bounds"]) + 1
    row = one("exponential")
    assert row["metric_type"] == 4 and row["count"] == 4 and row["zero_count"] == 1
    assert sum(row["positive_bucket_counts"]) == 3
    assert isinstance(row["scale"], int) and isinstance(row["positive_offset"], int)


@pytest.mark.parametrize("compression", COMPRESSION)
def test_log_records_arrive(start, compression):
    service = start()
    provider = LoggerProvider(resource=RESOURCE)
    exporter = OTLPLogExporter(**exporter_options(service, compression))
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = logging.getLogger(f"oa.test.{compression}")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the handler is to move to another package
        handler = LoggingHandler(level=logging.DEBUG, logger_provider=provider)
    logger.addHandler(handler)
    tracer = TracerProvider(resource=RESOURCE).get_tracer("t")
    with tracer.start_as_current_span("around") as span:
        logger.warning("stock %s is %d", "é", 3, extra={"shelf": "A7", "left": 3})
    logger.debug("plain")
    logger.removeHandler(handler)
    provider.shutdown()
    assert service.stop() == 0
    rows = {row["body"]: row for row in columns.rows_of(service.directory, "logs")}
    assert set(rows) == {"stock é is 3", "plain"}
    row = rows["stock é is 3"]
    check_resource(row)
    assert row["scope_name"] == logger.name
    assert row["severity_number"] == 13 and row["severity_text"] in ("WARN", "WARNING")
    assert row["body_type"] == 1
    found = columns.attributes(row["attributes"])
    assert found["shelf"] == "A7" and found["left"] == 3
    assert row["trace_id"] == f"x:{span.get_span_context().trace_id:032x}"
    assert row["span_id"] == f"x:{span.get_span_context().span_id:016x}"
    assert row["time_unix_nano"] > 1_700_000_000_000_000_000
    assert rows["plain"]["trace_id"] is None and rows["plain"]["severity_number"] == 5


def test_both_ports_take_every_signal(start):
    service = start()
    assert len(service.ports) == 2, service.output()
    for port in service.ports:
        provider = TracerProvider(resource=RESOURCE)
        exporter = OTLPSpanExporter(endpoint=f"127.0.0.1:{port}", insecure=True)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        provider.get_tracer("t").start_span(f"to {service.ports.index(port)}").end()
        provider.shutdown()
    assert service.stop() == 0
    rows = columns.rows_of(service.directory, "traces")
    assert sorted(row["name"] for row in rows) == ["to 0", "to 1"]
