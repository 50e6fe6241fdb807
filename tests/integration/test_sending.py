# SPDX-License-Identifier: Apache-2.0
"""The Collector, telemetrygen and curl send as docs/sending.md says; what they
sent is in the files."""

import gzip
import json
import re
import signal as signals
import socket
import subprocess

import pytest

import clients
import columns
import harness

DOCUMENT = harness.ROOT / "docs" / "sending.md"
TRANSPORTS = ("grpc", "http")
WORKERS = 2

pytestmark = pytest.mark.timeout(900)


def examples(language):
    text = DOCUMENT.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def redirected(text, service):
    """TEXT of the document with the ports of this test."""
    for number, port in zip((4317, 4318), service.ports):
        text = text.replace(f"127.0.0.1:{number}", f"127.0.0.1:{port}")
    return text


# --- telemetrygen ---

# What to ask for, and how many items that makes for each worker.
LOADS = {
    "traces": (["traces", "--traces", "150", "--child-spans", "2", "--span-links", "1"], 450),
    "gauges": (["metrics", "--metrics", "150", "--metric-type", "Gauge"], 150),
    "sums": (["metrics", "--metrics", "150", "--metric-type", "Sum",
              "--aggregation-temporality", "delta"], 150),
    "histograms": (["metrics", "--metrics", "150", "--metric-type", "Histogram", "--trace-id",
                    "ae87dadd90e9935a4bc9660628efd569", "--span-id", "5828fa4960140870"], 150),
    "exponential": (["metrics", "--metrics", "150", "--metric-type", "ExponentialHistogram"], 150),
    "logs": (["logs", "--logs", "150", "--body", "the body"], 150),
}
METRIC_TYPES = {"gauges": 1, "sums": 2, "histograms": 3, "exponential": 4}


def generate(port, transport="grpc"):
    """Sends every load at once, each under its name as the service."""
    running = {}
    for load, (words, _) in LOADS.items():
        command = [clients.telemetrygen(), *words, "--otlp-insecure", "--otlp-endpoint",
                   f"127.0.0.1:{port}", "--workers", str(WORKERS), "--rate", "0",
                   "--service", load]
        if transport == "http":
            command.append("--otlp-http")
        running[load] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                         stderr=subprocess.STDOUT,
                                         env=harness.clean_environment())
    try:
        for load, process in running.items():
            output, _ = process.communicate(timeout=60)
            assert process.returncode == 0, f"{load}: {output}"
    finally:
        for process in running.values():
            process.kill()


def check_generated(directory):
    rows = {signal: columns.rows_of(directory, signal) for signal in ("traces", "metrics", "logs")}
    counts = {}
    for row in [row for found in rows.values() for row in found]:
        counts[row["service_name"]] = counts.get(row["service_name"], 0) + 1
    assert counts == {load: WORKERS * items for load, (_, items) in LOADS.items()}
    spans = {row["span_id"]: row for row in rows["traces"]}
    assert len(spans) == len(rows["traces"])
    children = [row for row in rows["traces"] if row["parent_span_id"] is not None]
    assert len(children) == 2 * WORKERS * 150
    for row in children:
        assert row["trace_id"] == spans[row["parent_span_id"]]["trace_id"]
    for row in rows["metrics"]:
        assert row["metric_type"] == METRIC_TYPES[row["service_name"]]
        if row["service_name"] == "sums":
            assert row["aggregation_temporality"] == 1
        if row["service_name"] == "histograms":
            assert {e["span_id"] for e in row["exemplars"]} == {"x:5828fa4960140870"}
    assert {(row["body"], row["severity_number"]) for row in rows["logs"]} == {("the body", 9)}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_all_that_telemetrygen_sends_is_stored(start, transport):
    service = start()
    generate(service.ports[transport == "http"], transport)
    assert service.stop() == 0
    check_generated(service.directory)


# --- the Collector ---

def listens(port):
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


class Collector:
    """The Collector with the configuration of the document, but for its ports."""

    def __init__(self, service, exporter, extra, folder):
        (text,) = examples("yaml")
        assert "127.0.0.1:14317" in text and text.count("exporters: [otlp]") == 3
        self.port = harness.free_port()
        text = text.replace("127.0.0.1:14317", f"127.0.0.1:{self.port}")
        text = redirected(text, service).replace("exporters: [otlp]", f"exporters: [{exporter}]")
        (folder / "collector.yaml").write_text(text, encoding="utf-8")
        self.log = folder / "collector.log"
        # Its own metrics would be served on a fixed port.
        command = [*harness.DIE_WITH_PARENT, *clients.command_of("collector"),
                   "--config", str(folder / "collector.yaml"),
                   "--set", "service::telemetry::metrics::level=none"]
        for setting in extra:
            command += ["--set", f"exporters::{exporter}::{setting}"]
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                            env=harness.clean_environment())

    def __enter__(self):
        try:
            harness.wait_until(lambda: listens(self.port), 60, "the Collector's port")
        except AssertionError:
            self.process.kill()
            raise AssertionError(self.log.read_text()) from None
        return self

    def __exit__(self, *_):
        """It sends what it has, then ends."""
        self.process.send_signal(signals.SIGTERM)
        assert self.process.wait(60) == 0, self.log.read_text()


# Each exporter as it comes, and with what else it can do.
@pytest.mark.parametrize("exporter, extra", (
    ("otlp", ()), ("otlphttp", ()), ("otlp", ("compression=zstd",)),
    ("otlphttp", ("compression=zstd",)), ("otlphttp", ("compression=deflate",)),
    ("otlphttp", ("encoding=json",))), ids=lambda value: "".join(value))
def test_all_that_the_collector_passes_on_is_stored(start, tmp_path, exporter, extra):
    clients.command_of("collector")
    service = start()
    with Collector(service, exporter, extra, tmp_path) as collector:
        generate(collector.port)
    assert service.stop() == 0
    log = collector.log.read_text()
    assert not re.search(r"\terror\t|[Ee]xporting failed|[Dd]ropping", log), log
    check_generated(service.directory)


# --- curl and the examples ---

# HTTP/1.1; the same with an offer of HTTP/2 that a server may ignore; HTTP/2.
VERSIONS = ("--http1.1", "--http2", "--http2-prior-knowledge")
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
NANOS = "1767225600000000000"


def body_of(signal, count):
    attributes = [{"key": "n", "value": {"intValue": str(-(2**63))}},
                  {"key": "texts", "value": {"arrayValue": {"values": [{"stringValue": "é"}]}}},
                  {"key": "data", "value": {"bytesValue": "AQID"}}]
    origin = {"resource": {"attributes": [{"key": "service.name",
                                           "value": {"stringValue": "curl"}}]}}
    items = []
    for i in range(count):
        if signal == "traces":
            items.append({"traceId": TRACE, "spanId": f"{i + 1:016x}", "name": f"span {i}",
                          "kind": 2, "startTimeUnixNano": NANOS, "endTimeUnixNano": NANOS,
                          "attributes": attributes})
        elif signal == "metrics":
            items.append({"name": f"metric {i}", "gauge": {"dataPoints": [
                {"timeUnixNano": NANOS, "asDouble": i + 0.5, "attributes": attributes}]}})
        else:
            items.append({"timeUnixNano": NANOS, "body": {"stringValue": f"record {i}"},
                          "traceId": TRACE, "spanId": SPAN, "attributes": attributes})
    kind, inside = {"traces": ("Spans", "spans"), "metrics": ("Metrics", "metrics"),
                    "logs": ("Logs", "logRecords")}[signal]
    return {f"resource{kind}": [origin | {f"scope{kind}": [{inside: items}]}]}


@pytest.mark.parametrize("packed", (False, True))
@pytest.mark.parametrize("version", VERSIONS)
def test_json_from_curl_is_stored(start, tmp_path, version, packed):
    clients.need_tool("curl")
    service = start()
    for number, signal in enumerate(("traces", "metrics", "logs")):
        data = json.dumps(body_of(signal, 20)).encode()
        (tmp_path / "body").write_bytes(gzip.compress(data) if packed else data)
        command = ["curl", "-sS", version, "-w", r"\n%{http_code} %{content_type}",
                   f"http://127.0.0.1:{service.ports[number % 2]}/v1/{signal}", "-H",
                   "Content-Type: application/json", "--data-binary", f"@{tmp_path / 'body'}"]
        if packed:
            command += ["-H", "Content-Encoding: gzip"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        answer, status = done.stdout.rsplit("\n", 1)
        assert status == "200 application/json", done.stdout
        assert json.loads(answer).get("partialSuccess", {}) == {}
    assert service.stop() == 0
    expected = {"n": -(2**63), "texts": ["é"], "data": b"\x01\x02\x03"}
    names = {"traces": "name", "metrics": "metric_name", "logs": "body"}
    words = {"traces": "span", "metrics": "metric", "logs": "record"}
    for signal, column in names.items():
        rows = columns.rows_of(service.directory, signal)
        assert [row[column] for row in rows] == [f"{words[signal]} {i}" for i in range(20)]
        for i, row in enumerate(rows):
            assert row["service_name"] == "curl"
            assert columns.attributes(row["attributes"]) == expected
            if signal == "metrics":
                assert columns.as_double(row["value_double"]) == i + 0.5
            else:
                assert row["trace_id"] == f"x:{TRACE}"
            if signal == "traces":
                assert row["span_id"] == f"x:{i + 1:016x}"


@pytest.mark.parametrize("size", (20, 20_000, 200_000))
def test_curl_shows_what_was_wrong_over_http2(start, tmp_path, size):
    """The answer comes before the body has gone; a reset behind it would hide it."""
    clients.need_tool("curl")
    service = start()
    (tmp_path / "body").write_bytes(b"x" * size)
    for _ in range(10):
        done = subprocess.run(
            ["curl", "-sS", "--http2-prior-knowledge", f"http://127.0.0.1:{service.port}/v1/trace",
             "--data-binary", f"@{tmp_path / 'body'}"],
            capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        assert "no such path: /v1/trace; POST to /v1/traces" in done.stdout


def test_the_shell_examples_do_what_they_say(start, tmp_path):
    """Those of curl and telemetrygen, as printed but for the ports."""
    clients.need_tool("curl")
    telemetrygen = clients.telemetrygen()
    service = start()
    (tmp_path / "traces.json").write_text(json.dumps(body_of("traces", 3)), encoding="utf-8")
    blocks = [block for block in examples("sh") if "export OTEL" not in block]
    assert len(blocks) == 3
    for block in blocks:
        block = redirected(block, service).replace("telemetrygen ", f"{telemetrygen} --rate 0 ")
        # --rate belongs to the word after the program's name.
        block = re.sub(r"--rate 0 (traces|logs)", r"\1 --rate 0", block)
        done = subprocess.run(["sh", "-euc", block], cwd=tmp_path, capture_output=True, text=True,
                              timeout=60, env=harness.clean_environment(), check=False)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
    assert service.stop() == 0
    names = [row["service_name"] for row in columns.rows_of(service.directory, "traces")]
    assert names.count("curl") == 3 and names.count("telemetrygen") == 20
    bodies = [row["body"] for row in columns.rows_of(service.directory, "logs")]
    assert bodies.count("hello") == 1 and bodies.count("the message") == 10


def test_the_documented_variables_are_those_of_the_sdk_tests():
    """So that the matrix of SDKs proves what the document says."""
    lines = re.findall(r"^export (\w+)=(\S+)", "\n".join(examples("sh")), re.M)
    documented = [(name, value) for name, value in lines]
    assert len(documented) == 6
    tested = [clients.settings(protocol, "gzip", port) for protocol, port in
              (("grpc", 4317), ("http/protobuf", 4318))]
    for name, value in documented:
        assert value in [chosen.get(name) for chosen in tested], (name, value)
