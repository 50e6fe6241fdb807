# SPDX-License-Identifier: Apache-2.0
"""The Python package as others meet it: installed, typed, found by the SDK,
read by Arrow libraries, and its mock service in their tests."""

import datetime
import importlib.metadata
import re
import subprocess
import sys

import duckdb
import opentelemetry.sdk._logs.export as logs_export
import opentelemetry.sdk.metrics.export as metrics_export
import opentelemetry.sdk.trace.export as trace_export
import otlp_arrow_library as oal
import polars
import pyarrow
import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import Counter, Histogram
from opentelemetry.sdk.metrics.export import AggregationTemporality

import columns
import harness
import pythonsdk

ROOT = harness.ROOT
GOOD = {"trace_id": b"t" * 16, "span_id": b"s" * 8, "name": "good"}


def run(code, *arguments, cwd=None, **environment):
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True,
                          text=True, timeout=60, cwd=cwd,
                          env=harness.clean_environment(environment))


def test_nothing_is_imported_that_an_application_may_not_have(tmp_path):
    done = run("""
import sys
import otlp_arrow_library
otlp_arrow_library.OtlpLibrary(sys.argv[1]).shutdown()
heavy = {"opentelemetry", "google", "grpc", "pyarrow", "numpy"}
assert not heavy & {name.partition(".")[0] for name in sys.modules}, heavy & set(sys.modules)
""", tmp_path)
    assert done.returncode == 0, done.stderr
    assert not importlib.metadata.requires("otlp-arrow-library") or all(
        "extra ==" in line for line in importlib.metadata.requires("otlp-arrow-library"))


def test_the_extension_shows_nothing_but_its_entrance():
    shown = subprocess.run(["nm", "-D", "--defined-only", oal._core.__file__], check=True,
                           capture_output=True, text=True).stdout
    assert [line.split()[-1] for line in shown.splitlines()] == ["PyInit__core"]
    assert oal._core.__file__.endswith(".abi3.so")


def test_the_stubs_pass_mypy(tmp_path):
    user = tmp_path / "user.py"
    user.write_text("""
from otlp_arrow_library import (MetricExporter, MockOtlpService, OtlpLibrary, PyOtlpLibrary,
                                PyOtlpSpanExporterAdapter, SpanExporter, open_dir)

with OtlpLibrary("x", write_interval_secs=1, storage__compression="zstd") as library:
    exporter: SpanExporter = library.span_exporter()
    same: PyOtlpSpanExporterAdapter = exporter
    done: bool = library.flush(timeout=1.5)
    library.export_trace({"name": "x"})
    capsule: object = open_dir("x").traces(from_ns=5).__arrow_c_stream__()
    name: str = MetricExporter(library).temporality()
    port: str = MockOtlpService().start().protobuf_addr
""")
    for target in ((user,), ("-p", "otlp_arrow_library")):
        done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--no-error-summary",
                               "--cache-dir", tmp_path / "cache", *target], capture_output=True,
                              text=True, timeout=200, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from otlp_arrow_library import OtlpLibrary\nOtlpLibrary(5).flush('x')\n")
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir",
                           tmp_path / "cache", wrong], capture_output=True, text=True,
                          timeout=200, cwd=tmp_path)
    assert "arg-type" in done.stdout


def test_the_adapters_are_what_the_sdk_asks_for(tmp_path):
    with oal.PyOtlpLibrary(output_dir=str(tmp_path)) as library:
        assert isinstance(library.span_exporter_adapter(), trace_export.SpanExporter)
        assert isinstance(library.span_exporter(), oal.PyOtlpSpanExporterAdapter)
        assert isinstance(library.metric_exporter_adapter(), metrics_export.MetricExporter)
        assert isinstance(library.metric_exporter_adapter(), oal.PyOtlpMetricExporterAdapter)
        assert isinstance(library.log_exporter_adapter(), logs_export.LogRecordExporter)
        with pytest.raises(TypeError, match="output_dir"):
            oal.SpanExporter(library, output_dir="x")
        with pytest.raises(TypeError, match="library"):
            oal.SpanExporter("library")


def test_temporality_comes_from_the_constructor_or_the_environment(tmp_path, monkeypatch):
    variable = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
    with oal.OtlpLibrary(tmp_path) as library:
        for value, counter in (("delta", 1), ("LowMemory", 1), ("cumulative", 2), ("odd", 2)):
            monkeypatch.setenv(variable, value)
            exporter = oal.MetricExporter(library)
            official = OTLPMetricExporter(insecure=True)
            assert exporter._preferred_temporality == official._preferred_temporality
            assert exporter._preferred_temporality[Counter].value == counter
            official.shutdown()
        own = oal.MetricExporter(library, preferred_temporality={
            Histogram: AggregationTemporality.DELTA})
        assert own._preferred_temporality[Histogram] == AggregationTemporality.DELTA
        assert own._preferred_temporality[Counter] == AggregationTemporality.CUMULATIVE
        assert own.temporality() == "cumulative"
        own.set_temporality("delta")
        assert own.temporality() == "delta"
        assert own._preferred_temporality[Counter] == AggregationTemporality.DELTA
        with pytest.raises(ValueError, match="temporality"):
            own.set_temporality("sometimes")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                           "base2_exponential_bucket_histogram")
        assert "Exponential" in type(
            oal.MetricExporter(library)._preferred_aggregation[Histogram]).__name__


AUTOMATIC = """
import logging
from opentelemetry import metrics, trace
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
from opentelemetry._logs import LogRecord, get_logger
_OTelSDKConfigurator().configure(auto_instrumentation_version="1")
trace.get_tracer("t").start_span("automatic").end()
metrics.get_meter("m").create_counter("counted").add(5)
get_logger("l").emit(LogRecord(body="said"))
import otlp_arrow_library._shared as shared
assert len(shared._entries) == 1 and next(iter(shared._entries.values())).users == 3
"""


def test_environment_variables_alone_configure_everything(tmp_path):
    done = run(AUTOMATIC, OTEL_TRACES_EXPORTER="otlp_arrow", OTEL_METRICS_EXPORTER="otlp_arrow",
               OTEL_LOGS_EXPORTER="otlp_arrow", OTLP_OUTPUT_DIR=str(tmp_path / "out"),
               OTEL_SERVICE_NAME="shop")
    assert done.returncode == 0, done.stderr
    (span,) = columns.rows_of(tmp_path / "out", "traces")
    assert (span["name"], span["service_name"]) == ("automatic", "shop")
    assert "counted" in {r["metric_name"] for r in columns.rows_of(tmp_path / "out", "metrics")}
    (record,) = columns.rows_of(tmp_path / "out", "logs")
    assert record["body"] == "said"


def test_exporters_without_a_library_share_one(tmp_path):
    spans = pythonsdk.spans()[:4]
    first = oal.SpanExporter(output_dir=tmp_path)
    second = oal.LogExporter(output_dir=tmp_path)
    with pytest.raises(oal.OtlpConfigError, match="other settings"):
        oal.SpanExporter(output_dir=tmp_path, ack="write")
    first.shutdown()
    assert first.export(spans).name == "FAILURE"
    third = oal.SpanExporter(output_dir=tmp_path)
    assert third.export(spans).name == "SUCCESS"
    second.shutdown()
    third.shutdown()
    assert len(columns.rows_of(tmp_path, "traces")) == 4
    oal.OtlpLibrary(tmp_path).shutdown()  # the directory is free again


# --- stored data ---

def at(second):
    return datetime.datetime(2026, 1, 1, 0, 0, second, tzinfo=datetime.timezone.utc)


@pytest.fixture
def stored(tmp_path):
    with oal.OtlpLibrary(tmp_path) as library:
        for second in range(10):
            library.export_trace(GOOD | {"name": f"s{second}", "start_time": at(second)})
            library.flush()
        library.export_metrics({"name": "m", "type": "gauge", "points": [
            {"value": second, "time": at(second)} for second in range(10)]})
        library.export_logs([{"body": str(second), "time": at(second)} for second in range(10)])
        library.flush()
        yield oal.open_dir(tmp_path)  # of a library that is open


def test_pyarrow_polars_and_duckdb_take_what_is_stored(stored):
    for rows, column in ((stored.traces(), "name"), (stored.metrics(), "value_int"),
                         (stored.logs(), "body")):
        table = pyarrow.table(rows)
        table.validate(full=True)
        wanted = table[column].to_pylist()
        assert len(wanted) == 10
        assert pyarrow.RecordBatchReader.from_stream(rows).read_all() == table
        assert polars.DataFrame(rows)[column].to_list() == wanted
        assert len(table.schema.names) == len(duckdb.sql("FROM rows").columns)
        found = duckdb.sql(f"SELECT {column} FROM rows ORDER BY ALL").fetchall()
        assert [row[0] for row in found] == sorted(wanted)


def test_times_choose_rows(stored):
    def names(**arguments):
        return pyarrow.table(stored.traces(**arguments))["name"].to_pylist()

    assert names(from_ns=at(7)) == ["s7", "s8", "s9"]
    assert names(to_ns=at(2)) == ["s0", "s1"]
    start = int(at(3).timestamp()) * 10**9
    assert names(from_ns=start, to_ns=start + 1) == ["s3"]
    assert pyarrow.table(stored.logs(from_ns=at(9)))["body"].to_pylist() == ["9"]
    assert pyarrow.table(stored.metrics(from_ns=at(9)))["value_int"].to_pylist() == [9]
    for wrong, error in (("x", TypeError), (-1, ValueError), (True, TypeError)):
        with pytest.raises(error, match="from_ns"):
            stored.traces(from_ns=wrong)
    with pytest.raises(ValueError, match="to_ns"):
        stored.traces(from_ns=5, to_ns=5)


def test_what_is_not_there_and_what_is_empty(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        oal.open_dir(tmp_path / "nowhere")
    assert pyarrow.table(oal.open_dir(tmp_path).traces()).num_rows == 0
    stream = oal.open_dir(tmp_path).traces().__arrow_c_stream__()
    del stream  # one that nobody reads is released


# --- the mock service ---

def test_the_mock_shows_what_came_over_grpc():
    with oal.MockOtlpService() as mock:
        address = mock.addresses.protobuf_addr
        assert mock.start().protobuf_addr == address != mock.addresses.arrow_flight_addr
        spans = pythonsdk.spans()[:5]
        exporter = OTLPSpanExporter(endpoint=address, insecure=True)
        exporter.export(spans)
        mock.assert_traces_received(5)
        found = mock.received_spans()
        assert [span["name"] for span in found] == [span.name for span in spans]
        assert found[0]["trace_id"] == spans[0].context.trace_id.to_bytes(16, "big")
        assert found[0]["kind"] == spans[0].kind.name.lower()
        assert found[0]["resource"]["attributes"]["service.name"] == "shop"
        assert mock.grpc_calls_count() == 1 and mock.api_calls_count() == 0
        mock.receive_trace(GOOD)
        mock.receive_metric({"name": "m", "type": "gauge", "points": [{"value": 1}]})
        assert (mock.grpc_calls_count(), mock.api_calls_count()) == (1, 2)
        mock.assert_traces_received(6)
        mock.assert_metrics_received(1)
        with pytest.raises(AssertionError, match="6 spans were received, not 5"):
            mock.assert_traces_received(5)
        mock.reset()
        assert (mock.grpc_calls_count(), mock.api_calls_count()) == (0, 0)
        assert mock.received_spans() == mock.received_metrics() == []
        exporter.export(spans[:1])
        mock.assert_traces_received(1)
        exporter.shutdown()
    mock.stop()
    with pytest.raises(oal.OtlpError, match="not running"):
        mock.received_spans()


def test_what_the_mock_received_can_be_exported_again(tmp_path):
    with oal.MockOtlpService() as mock:
        for kind, batches in ((OTLPMetricExporter, pythonsdk.metrics()),
                              (OTLPLogExporter, [pythonsdk.logs()])):
            exporter = kind(endpoint=mock.addresses.protobuf_addr, insecure=True)
            for batch in batches:
                assert exporter.export(batch).name == "SUCCESS"
            exporter.shutdown()
        metrics, logs = mock.received_metrics(), mock.received_logs()
        mock.assert_logs_received(len(logs))
        for metric in metrics:
            mock.receive_metric(metric)
        again = mock.received_metrics()
        assert repr(again[len(metrics):]) == repr(again[:len(metrics)]) == repr(metrics)
        assert {log["severity_number"] for log in logs} == set(range(25))
        assert [log["body"] for log in logs if log["event_name"]][:2] == ["text", ""]


def test_two_mocks_live_side_by_side():
    with oal.MockOtlpService() as one, oal.MockOtlpService() as other:
        one.receive_trace(GOOD)
        assert one.addresses != other.addresses
        one.assert_traces_received(1)
        other.assert_traces_received(0)


# --- the documentation ---

def test_the_page_about_python_is_true(tmp_path):
    page = (ROOT / "docs/python.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(blocks) >= 5
    done = run("\n".join(blocks), cwd=tmp_path)
    assert done.returncode == 0, done.stderr + "\n".join(blocks)
    assert "Traceback" not in done.stderr
