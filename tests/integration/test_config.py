# SPDX-License-Identifier: Apache-2.0
"""A mistake in the configuration is named, with its place, and ends the start."""

import os
import socket
from pathlib import Path

import pytest

import harness

FREE = ("--set", "protocols.protobuf_port=0", "--set", "protocols.arrow_flight_port=0", "--set",
        "dashboard.port=0")


def write(tmp_path, text):
    path = tmp_path / "service.yaml"
    path.write_text(text)
    return path


def validate(*arguments, environment=None):
    return harness.run_service(*arguments, "--validate", environment=environment)


MISTAKES = [
    # text of the file, line, words that the message must have
    ("output_dir: /tmp/x\nwrite_intervall_secs: 5\n", 2, ("write_intervall_secs", "write_interval_secs")),
    ("storage:\n  compresion: zstd\n", 2, ("compresion", "storage.compression")),
    ("strage:\n  compression: zstd\n", 1, ("strage", "storage")),
    ("storage:\n  compression: brotli\n", 2, ("storage.compression", "brotli", "none", "lz4", "zstd")),
    ("\n\nwrite_interval_secs: soon\n", 3, ("write_interval_secs", "soon")),
    ("write_interval_secs: 3601\n", 1, ("write_interval_secs", "3601")),
    ("write_interval_secs: 0\n", 1, ("write_interval_secs",)),
    ("max_trace_buffer_size: 0\n", 1, ("max_trace_buffer_size",)),
    ("max_trace_buffer_size: 16777217\n", 1, ("max_trace_buffer_size",)),
    ("trace_cleanup_interval_secs: 59\n", 1, ("trace_cleanup_interval_secs",)),
    ("protocols:\n  protobuf_port: 65536\n", 2, ("protocols.protobuf_port", "65536")),
    ("protocols:\n  protobuf_port: -1\n", 2, ("protocols.protobuf_port",)),
    ("protocols:\n  protobuf_enabled: maybe\n", 2, ("protocols.protobuf_enabled", "maybe")),
    ("bind_address: localhost.example\n", 1, ("bind_address",)),
    ("output_dir: ''\n", 1, ("output_dir",)),
    ("output_dir: [a, b]\n", 1, ("output_dir",)),
    ("storage: 5\n", 1, ("storage",)),
    ("output_dir: a\noutput_dir: b\n", 2, ("output_dir",)),
    ("output_dir: ${env:OA_NO_SUCH_NAME}\n", 1, ("OA_NO_SUCH_NAME",)),
    ("output_dir: ${file:/no/such/file}\n", 1, ("/no/such/file",)),
    ("output_dir: \"a\n", 1, ()),
    ("- a\n- b\n", 1, ()),
    ("memory_limit: 256 elephants\n", 1, ("memory_limit", "elephants")),
]


@pytest.mark.parametrize("text, line, words", MISTAKES)
def test_a_mistake_in_the_file_is_named_with_its_line(tmp_path, text, line, words):
    path = write(tmp_path, text)
    done = validate("--config", path)
    assert done.returncode == 2, done.stderr
    assert f"{path}:{line}" in done.stderr or not words and str(path) in done.stderr, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3, done.stderr


@pytest.mark.parametrize("key, value, feature", [
    ("forwarding.enabled", "true", "forwarding"),
    ("forwarding.authentication.auth_type", "api_key", "forwarding"),
    ("storage.attributes_json", "true", "JSON"),
    ("dashboard.static_dir", "/srv", "dashboard"),
])
def test_a_key_whose_feature_is_absent_is_refused_by_name(tmp_path, key, value, feature):
    parts = key.split(".")
    text = "".join("  " * i + f"{part}:\n" for i, part in enumerate(parts[:-1]))
    text += "  " * (len(parts) - 1) + f"{parts[-1]}: {value}\n"
    for done in (validate("--config", write(tmp_path, text)), validate("--set", f"{key}={value}")):
        assert done.returncode == 2, done.stderr
        assert key in done.stderr and feature in done.stderr, done.stderr


def test_a_missing_file_is_named(tmp_path):
    for path in (tmp_path / "nothing.yaml", tmp_path):
        done = validate("--config", path)
        assert done.returncode == 2, done.stderr
        assert str(path) in done.stderr


def test_environment_mistakes_are_named():
    done = validate(environment={"OTLP_WRITE_INTERVALL_SECS": "5"})
    assert done.returncode == 2
    assert "OTLP_WRITE_INTERVALL_SECS" in done.stderr and "OTLP_WRITE_INTERVAL_SECS" in done.stderr
    done = validate(environment={"OTLP_WRITE_INTERVAL_SECS": "often"})
    assert done.returncode == 2
    assert "OTLP_WRITE_INTERVAL_SECS" in done.stderr and "often" in done.stderr


@pytest.mark.parametrize("arguments", (
    ("--nonsense",), ("--set",), ("--set", "novalue"), ("--set", "no.such.key=1"), ("extra",),
    ("--config",), ("--set", "=1")))
def test_wrong_usage_exits_2(arguments):
    done = harness.run_service(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip()


def test_values_that_do_not_fit_together_are_refused():
    for settings in (("protocols.protobuf_enabled=false", "protocols.arrow_flight_enabled=false"),
                     ("protocols.protobuf_port=5000", "protocols.arrow_flight_port=5000")):
        done = validate(*[word for setting in settings for word in ("--set", setting)])
        assert done.returncode == 2, done.stderr
        assert "arrow_flight" in done.stderr


def test_help_and_version():
    done = harness.run_service("--help")
    assert done.returncode == 0
    for word in ("--config", "--set", "--validate", "--version"):
        assert word in done.stdout
    for program in (harness.run_service, harness.run_tool):
        done = program("--version")
        assert done.returncode == 0 and any(c.isdigit() for c in done.stdout)
    done = harness.run_tool("--help")
    assert done.returncode == 0
    for word in ("inspect", "convert", "tail"):
        assert word in done.stdout


def test_validate_prints_the_effective_configuration(tmp_path):
    path = write(tmp_path, "write_interval_secs: 500ms\nstorage:\n  max_file_size: 1MiB\n")
    done = validate("--config", path, "--set", "storage.compression=lz4")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "output_dir").exists()
    assert "500ms" in done.stdout and "lz4" in done.stdout and "1MiB" in done.stdout
    again = tmp_path / "again.yaml"
    again.write_text(done.stdout)
    second = validate("--config", again)
    assert second.returncode == 0, second.stderr
    assert "500ms" in second.stdout and "lz4" in second.stdout


def test_flag_beats_environment_beats_file_beats_default(tmp_path):
    path = write(tmp_path, "storage:\n  batch_rows: 111\n")

    def effective(arguments=(), environment=None):
        done = validate(*arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        (line,) = [line for line in done.stdout.splitlines() if "batch_rows" in line]
        return int(line.split("#")[0].split(":")[1])

    env = {"OTLP_STORAGE_BATCH_ROWS": "222"}
    flag = ("--set", "storage.batch_rows=333")
    assert effective() == 32768
    assert effective(("--config", path)) == 111
    assert effective(("--config", path), env) == 222
    assert effective((*flag, "--config", path), env) == 333
    assert effective(flag) == 333


def test_file_and_environment_are_expanded(tmp_path, start):
    name = tmp_path / "name"
    name.write_text("lz4\n")
    path = write(tmp_path, "output_dir: ${env:OA_TEST_DIR}/here\n"
                           f"storage:\n  compression: ${{file:{name}}}\n")
    wanted = tmp_path / "target"
    service = start("output_dir=-", arguments=("--config", str(path)),
                    environment={"OA_TEST_DIR": str(wanted)})
    assert (wanted / "here" / "otlp").is_dir()
    assert service.stop() == 0


@pytest.mark.parametrize("key", ("protocols.protobuf_port", "protocols.arrow_flight_port",
                                 "dashboard.port"))
def test_a_taken_port_is_one_line_and_exit_1(tmp_path, key):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = harness.run_service("--set", f"output_dir={tmp_path}/out", *FREE, "--set",
                                   f"{key}={port}")
    assert done.returncode == 1, done.stderr
    errors = [line for line in done.stderr.splitlines() if str(port) in line]
    assert len(errors) == 1 and "in use" in errors[0], done.stderr


def test_a_port_of_another_instance_is_taken(start, tmp_path):
    """Threads share a port among themselves, processes do not."""
    service = start()
    done = harness.run_service("--set", f"output_dir={tmp_path}/other", *FREE, "--set",
                               f"protocols.protobuf_port={service.port}")
    assert done.returncode == 1, done.stderr
    assert "in use" in done.stderr


def test_an_unusable_directory_is_one_line_and_exit_1(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    readonly = tmp_path / "readonly"
    readonly.mkdir()
    readonly.chmod(0o555)
    unusable = [(file, file), (file / "below", file), (Path("/proc/otlp-arrow"),) * 2]
    if os.geteuid() != 0:  # root writes anywhere
        unusable.append((readonly / "out", readonly))
    for path, culprit in unusable:
        done = harness.run_service("--set", f"output_dir={path}", *FREE)
        assert done.returncode == 1, (path, done.stderr)
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1 and str(culprit) in lines[0], done.stderr


def test_the_start_up_line_says_where_how_long_and_how(start):
    service = start()
    (line,) = [line for line in service.lines if "ready" in line]
    for word in (str(service.directory), "127.0.0.1", str(service.port), "24h", "memory"):
        assert word in line, line
    assert service.stop() == 0


def test_json_log_lines_are_json(start):
    import json

    service = start("log.format=json", "log.level=debug")
    assert service.stop() == 0
    assert service.lines
    for line in service.lines:
        assert isinstance(json.loads(line), dict), line
