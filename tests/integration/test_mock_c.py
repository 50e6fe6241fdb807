# SPDX-License-Identifier: Apache-2.0
"""The mock service of the C library: examples/mock.c waits for what the stock
OpenTelemetry SDK for Python sends, and shows all of it."""
import re
import subprocess

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpSpanExporter,
)

import compare
import harness
import otlpgen
import otlpjson
import pythonsdk
from test_c_api import COMPILER, compile_program

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")

EXAMPLE = harness.ROOT / "examples" / "mock.c"


@pytest.fixture(scope="module", name="program")
def compiled(tmp_path_factory):
    return compile_program(EXAMPLE, tmp_path_factory.mktemp("mock") / "mock", "-std=c11")


class Test:
    """The example while it runs, in a directory of its own."""

    __test__ = False

    def __init__(self, program, expected, directory):
        self.process = subprocess.Popen(
            [program, str(expected)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=directory, env=harness.clean_environment({"OTLP_ACK": "never",
                                                          "OTLP_OUTPUT_DIR": "/nowhere"}))
        ports = re.fullmatch(r"ports (\d+) (\d+)\n", self.process.stdout.readline())
        self.ports = [int(port) for port in ports.groups()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def result(self):
        said, complained = self.process.communicate(timeout=60)
        return self.process.returncode, said, complained


def exporters(ports):
    """Both ports take both transports."""
    return [OTLPSpanExporter(endpoint=f"127.0.0.1:{ports[0]}", insecure=True),
            HttpSpanExporter(endpoint=f"http://127.0.0.1:{ports[0]}/v1/traces"),
            OTLPSpanExporter(endpoint=f"127.0.0.1:{ports[1]}", insecure=True),
            HttpSpanExporter(endpoint=f"http://127.0.0.1:{ports[1]}/v1/traces")]


def export(exporter, spans):
    assert exporter.export(spans).name == "SUCCESS"
    exporter.shutdown()


def test_what_an_sdk_exports_is_shown_whole(program, tmp_path):
    spans = pythonsdk.spans()
    with Test(program, 4 * len(spans), tmp_path) as test:
        for exporter in exporters(test.ports):
            export(exporter, spans)
        code, said, complained = test.result()
    assert (code, complained) == (0, "")
    *lines, batches, requests = said.splitlines()
    assert requests == "4 requests"
    # The exporters wait for their answers, so each is a batch by itself.
    assert batches == f"{4 * len(spans)} spans in 4 batches"
    sent = compare.canonical_bytes("traces", encode_spans(spans).SerializeToString())
    received = [compare.canonical("traces", otlpjson.decode(otlpgen.REQUEST_CLASS["traces"], line))
                for line in lines]
    assert received == [sent] * 4
    assert list(tmp_path.iterdir()) == []


def test_too_many_spans_are_told_with_both_numbers(program, tmp_path):
    spans = pythonsdk.spans()
    with Test(program, len(spans) - 1, tmp_path) as test:
        export(exporters(test.ports)[0], spans)
        assert test.result() == (
            1, "", f"expected {len(spans) - 1} spans, received {len(spans)}\n")


def test_too_few_spans_are_told_after_the_wait(program, tmp_path):
    spans = pythonsdk.spans()[:2]
    with Test(program, 3, tmp_path) as test:
        export(exporters(test.ports)[1], spans)
        assert test.result() == (1, "", "expected 3 spans, received 2 within 10000 ms\n")
