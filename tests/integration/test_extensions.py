# SPDX-License-Identifier: Apache-2.0
"""Programs that bring a part of their own, as the examples have them."""
import json
import re
import subprocess
import urllib.error
import urllib.request

import harness
import pyarrow as pa
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


def test_an_authenticator_says_who_may_send(tmp_path):
    program = compile_program(harness.ROOT / "examples" / "authenticator.c",
                              tmp_path / "receiver", "-std=c11")
    directory = tmp_path / "kept"
    receiver = start(program, directory, "shop", "billing")
    try:
        port = int(re.search(r"port (\d+)", receiver.stdout.readline())[1])
        assert post(port, {"x-tenant": "shop"}) == 200
        assert post(port, {"x-tenant": "billing"}) == 200
        for strangers in ({}, {"x-tenant": ""}, {"x-tenant": "shops"}, {"x-tenant": "sho"},
                          {"x-tenant": "Shop"}, {"x-tenants": "shop"}):
            assert post(port, strangers) == 401, strangers
        _, complained = receiver.communicate("\n", timeout=30)
    finally:
        receiver.kill()
    assert receiver.returncode == 0, complained
    stored, = harness.files_of(directory, "logs")
    assert pa.ipc.open_stream(stored).read_all().num_rows == 4


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


def lines_of(path):
    return path.read_text().splitlines()


def test_an_exporter_gets_what_is_stored_and_goes_on_where_it_stood(tmp_path):
    program = compile_program(harness.ROOT / "examples" / "exporter.c", tmp_path / "exporter",
                              "-std=c11")
    directory, out = tmp_path / "kept", tmp_path / "lines.txt"
    for run in range(1, 4):
        exporter = start(program, out, OTLP_OUTPUT_DIR=str(directory), OTLP_ACK="write")
        try:
            port = int(re.search(r"port (\d+)", exporter.stdout.readline())[1])
            assert post(port) == 200
            if run == 1:
                harness.wait_until(lambda: len(lines_of(out)) == 2, what="two rows")
            assert post(port) == 200
            _, complained = exporter.communicate("\n", timeout=30)
        finally:
            exporter.kill()
        assert exporter.returncode == 0, complained
        # What the stop found was delivered too, and nothing twice.
        assert lines_of(out) == ["log 0 shop"] * 4 * run
    assert sum(1 for _ in directory.glob("otlp/logs/*.arrow")) == 3
    checked = harness.run_tool("verify", directory)
    assert checked.returncode == 0, checked.stdout


def test_a_breaker_keeps_rows_back_until_it_opens(tmp_path):
    program = compile_program(harness.ROOT / "examples" / "breaker.c", tmp_path / "breaker",
                              "-std=c11")
    gate = tmp_path / "open"
    breaker = start(program, gate, OTLP_OUTPUT_DIR=str(tmp_path / "kept"), OTLP_ACK="write")
    try:
        port = int(re.search(r"port (\d+)", breaker.stdout.readline())[1])
        for _ in range(3):
            assert post(port) == 200
        gate.write_text("")
        rows = 0
        while rows < 6:
            line = breaker.stdout.readline()
            assert line.endswith(" log records\n"), line
            rows += int(line.split()[0])
        gate.unlink()
        assert post(port) == 200
        said, complained = breaker.communicate("\n", timeout=30)
    finally:
        breaker.kill()
    assert breaker.returncode == 0, complained
    assert said == "" and rows == 6, said


def test_memory_and_log_lines_are_the_programs_own(tmp_path):
    program = compile_program(harness.ROOT / "examples" / "host.c", tmp_path / "host", "-std=c11")
    done = subprocess.run([program, str(tmp_path / "kept")], capture_output=True, text=True,
                          timeout=60, env=harness.clean_environment(), check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"[1-9][0-9]+ allocations, 0 blocks left\n", done.stdout), done.stdout
    assert done.stderr, "no line came"
    assert all(line.startswith(f"{program}: info: ") for line in done.stderr.splitlines())
    assert len(harness.files_of(tmp_path / "kept", "logs")) == 1
