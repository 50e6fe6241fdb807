# SPDX-License-Identifier: Apache-2.0
"""Programs that bring a part of their own, as the examples have them."""
import json
import re
import subprocess
import urllib.error
import urllib.request

import harness
import pytest
from test_c_api import COMPILER, compile_program

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")

LOGS = {"resourceLogs": [{
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
    "scopeLogs": [{"logRecords": [{"severityNumber": 9}, {"severityNumber": 17}]}]}]}


def post(port, headers=()):
    """The status of sending two log records."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/logs", json.dumps(LOGS).encode(),
        {"content-type": "application/json", **dict(headers)})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def start(program, *arguments, **variables):
    return subprocess.Popen(
        [program, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
        env={**harness.clean_environment(), "OTLP_PROTOBUF_PORT": "0",
             "OTLP_ARROW_FLIGHT_PORT": "0", "OTLP_DASHBOARD_PORT": "0", **variables})


def test_a_sink_gets_the_batches_and_no_file_is_made(tmp_path):
    program = compile_program(harness.ROOT / "examples" / "sink.c", tmp_path / "sink", "-std=c11")
    directory = tmp_path / "none"
    counter = start(program, OTLP_OUTPUT_DIR=str(directory))
    try:
        port = int(re.search(r"port (\d+)", counter.stdout.readline())[1])
        assert post(port) == 200
        # The answer came after the batch was taken.
        assert counter.stdout.readline() == "2 rows of signal 2 from shop\n"
        assert post(port) == 200
        said, complained = counter.communicate("\n", timeout=30)
    finally:
        counter.kill()
    assert counter.returncode == 0, complained
    assert said.endswith("0 spans, 0 data points, 4 log records\n"), said
    assert not directory.exists()
