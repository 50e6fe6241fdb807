# SPDX-License-Identifier: Apache-2.0
"""The Rust crates: their own tests, what a package of them contains, and that the
exporters inside a program store what the SDK's own exporter has a service store.

All of it is built once, into build/rust.
"""

import functools
import itertools
import json
import math
import re
import shutil
import subprocess

import pytest

import clients
import columns
import harness

RUST = harness.ROOT / "rust"
TARGET = harness.ROOT / "build" / "rust"
SIGNALS = ("traces", "metrics", "logs")
# Rows say by these which of them came in one message.  Both sides choose their
# messages by themselves.
GROUPING = {"resource_ord", "scope_ord", "metric_ord", "point_ord"}

# The first test may have to wait for the build.
pytestmark = pytest.mark.timeout(1800)


def cargo(*arguments, cwd=RUST, **environment):
    clients.need_tool("cargo")
    command = ["nice", "-n", "15", "cargo", *map(str, arguments)]
    settings = {"CARGO_TARGET_DIR": str(TARGET), "LIBOTLP_ARROW_STATIC": "1",
                "RUST_BACKTRACE": "0", **environment}
    if shutil.which("ccache"):
        settings["CMAKE_C_COMPILER_LAUNCHER"] = "ccache"
    return subprocess.run(command, cwd=cwd, text=True, capture_output=True, check=False,
                          env=harness.clean_environment(settings))


@functools.cache
def comparison(name):
    """A program of rust/comparison."""
    done = cargo("build", "--release", "--locked", "-p", "otlp-arrow-comparison")
    assert done.returncode == 0, done.stderr[-6000:]
    return TARGET / "release" / name


def plain_rows(directory, signal):
    """All rows without their grouping, in an order that does not depend on it."""
    rows = [{k: v for k, v in row.items() if k not in GROUPING}
            for row in columns.rows_of(directory, signal)]
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


@pytest.fixture(name="told", scope="module", params=["cumulative", "delta", "lowmemory"])
def fixture_told(request, tmp_path_factory):
    """The folders of what one program told the library and a service."""
    folder = tmp_path_factory.mktemp(request.param)
    program = comparison("both")
    service = harness.Service(folder / "service")
    try:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{service.port}"}
        done = subprocess.run([program, folder / "library", request.param], text=True,
                              capture_output=True, check=False, timeout=120,
                              env=harness.clean_environment(environment))
        assert done.returncode == 0, done.stderr
        assert service.stop() == 0
    finally:
        service.kill()
    return folder, json.loads(done.stdout)


@pytest.mark.parametrize("signal", SIGNALS)
def test_both_ways_give_the_same_rows(told, signal):
    folder, counts = told
    ours, theirs = (plain_rows(folder / side, signal) for side in ("library", "service"))
    assert len(ours) == len(theirs) >= counts.get({"traces": "spans"}.get(signal, signal), 100)
    for mine, other in zip(ours, theirs):
        assert mine == other
    names = {"traces": "name", "metrics": "metric_name", "logs": "severity_number"}
    assert len({row[names[signal]] for row in ours}) >= 10


# The comparison would mean little if both sides had nothing: what the story tells.

EVERY_TYPE = {
    "text": "é\U0001f980", "none": "", "owned": "x" * 70_000, "smallest": -2**63,
    "largest": 2**63 - 1, "double": 2.5, "infinity": math.inf, "minus zero": 0.0, "yes": True,
    "texts": ["a", "", "é"], "numbers": [1, -2], "doubles": [0.5, -math.inf],
    "bools": [True, False], "nothing": [],
}
# What the SDK has, under the names that the story gives it: type, kind of number and
# whether it is monotonic (1 gauge, 2 sum, 3 histogram, 4 exponential histogram).
INSTRUMENTS = {
    "orders": (2, "int", True), "turnover": (2, "double", True),
    "stock": (2, "int", False), "balance": (2, "double", False),
    "visitors": (1, "int", None), "floor": (1, "int", None), "temperature": (1, "double", None),
    "duration": (3, None, None), "bytes": (3, None, None), "own.bounds": (3, None, None),
    "no.bounds": (3, None, None),
    "observed.counter": (2, "int", True), "observed.turnover": (2, "double", True),
    "observed.updown": (2, "int", False), "observed.balance": (2, "double", False),
    "observed.visitors": (1, "int", None), "observed.floor": (1, "int", None),
    "observed.gauge": (1, "double", None),
    # By views.
    "size": (4, None, None), "size.whole": (4, None, None), "weight": (3, None, None),
    "new.name": (2, "int", True), "few.attributes": (2, "int", True),
    "crowded": (2, "int", True), "as.sum": (2, "double", True), "as.last": (2, "int", True),
}


def has_every_type(attributes):
    found = columns.attributes(attributes)
    return EVERY_TYPE.items() <= found.items() and math.isnan(found["nan"])


def test_the_story_has_every_kind_of_span(told):
    spans = plain_rows(told[0] / "library", "traces")
    assert {row["kind"] for row in spans} == {1, 2, 3, 4, 5}
    assert {(row["kind"], row["status_code"] or 0) for row in spans} >= set(
        itertools.product(range(1, 6), range(3)))
    for column in ("dropped_attributes_count", "dropped_events_count", "dropped_links_count",
                   "trace_state", "parent_span_id", "scope_attributes", "scope_schema_url",
                   "resource_schema_url", "status_message", "events", "links"):
        assert any(row[column] for row in spans), column
    assert {row["flags"] for row in spans} == {0x101, 0x301, 0x103, 0x303}
    assert any(has_every_type(row["attributes"]) for row in spans)
    events = [event for row in spans for event in row["events"]]
    links = [link for row in spans for link in row["links"]]
    exceptions = [event for event in events if event["name"] == "exception"]
    assert any("exception.message" in columns.attributes(e["attributes"]) for e in exceptions)
    assert any(event["dropped_attributes_count"] for event in events)
    assert any(link["dropped_attributes_count"] for link in links)
    assert any(link["trace_state"] for link in links) and any(link["flags"] for link in links)
    assert any(link["attributes"] for link in links)


def number_of(row):
    return next((kind for kind in ("int", "double") if row[f"value_{kind}"] is not None), None)


def test_the_story_has_every_instrument(told):
    folder, _ = told
    points = plain_rows(folder / "library", "metrics")
    found = {row["metric_name"]: (row["metric_type"], number_of(row), row["is_monotonic"])
             for row in points}
    assert found == INSTRUMENTS
    wanted = {"cumulative": {2}, "delta": {1, 2}, "lowmemory": {1, 2}}[folder.name.rstrip("0")]
    assert {row["aggregation_temporality"] for row in points
            if row["metric_type"] != 1} == wanted
    assert any(has_every_type(row["attributes"]) for row in points)
    keys = {name: {key for row in points if row["metric_name"] == name
                   for key in columns.attributes(row["attributes"])} for name in INSTRUMENTS}
    assert keys["few.attributes"] == {"shelf"}
    assert keys["crowded"] == {"guest", "otel.metric.overflow"}
    sizes = [row for row in points if row["metric_name"] == "size"]
    assert any(row["zero_count"] and row["positive_bucket_counts"]
               and row["negative_bucket_counts"] for row in sizes)
    assert any(row["min"] is None for row in points if row["metric_name"] == "weight")
    # The SDK of Rust has no exemplars; docs/rust.md says so until it has.
    assert not any(row["exemplars"] for row in points)


def test_the_story_has_every_severity_and_body(told):
    logs = plain_rows(told[0] / "library", "logs")
    assert {row["severity_number"] or 0 for row in logs} == set(range(25))
    assert {row["body_type"] or 0 for row in logs} == set(range(8))
    assert {pair["type"] for row in logs for pair in row["attributes"]} == set(range(1, 8))
    assert {row["scope_name"] for row in logs} >= {"shop::till", "full", "plain"}
    assert any(row["event_name"] for row in logs) and any(row["span_id"] for row in logs)
    assert any(row["time_unix_nano"] for row in logs)
    assert {row["flags"] for row in logs} == {0, 1}


def test_the_crates_own_tests_pass():
    """Those of the documentation included, docs/rust.md too."""
    done = cargo("test", "--release", "--locked", "--workspace")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = [int(n) for n in re.findall(r"test result: ok\. (\d+) passed", done.stdout)]
    assert sum(passed) >= 50, done.stdout


def run_example(name, folder, **environment):
    return cargo("run", "-q", "--release", "--locked", "-p", "otlp-arrow-library", "--example",
                 name, "--", folder, "--once", **environment)


@pytest.mark.parametrize("name", ("standalone", "embedded", "demo-app"))
def test_an_example_does_what_it_says(name, tmp_path):
    done = run_example(name, tmp_path / "files")
    assert done.returncode == 0, done.stderr[-4000:]
    rows = {signal: columns.rows_of(tmp_path / "files", signal) for signal in SIGNALS}
    told = json.loads(done.stdout.splitlines()[-1])
    assert {signal: len(found) for signal, found in rows.items()} == told
    assert told["traces"] > 0


def test_the_environment_counts_where_the_program_says_nothing(tmp_path):
    done = run_example("standalone", tmp_path / "files", OTLP_STORAGE_FILE_EXTENSION="arrows")
    assert done.returncode == 0, done.stderr[-4000:]
    (found,) = (tmp_path / "files" / "otlp" / "traces").glob("otlp_*")
    assert found.suffix == ".arrows"
    done = run_example("standalone", tmp_path / "none", OTLP_WRITE_INTERVAL_SECS="soon")
    assert done.returncode != 0 and "OTLP_WRITE_INTERVAL_SECS" in done.stderr
    assert not (tmp_path / "none").exists()


def test_a_package_has_what_it_needs():
    """Unpacked elsewhere, it builds by itself from the sources in it."""
    # Always the same folder, as compiler caches take its name for an option.
    folder = TARGET / "packaged"
    shutil.rmtree(folder, ignore_errors=True)
    done = cargo("package", "--locked", "--allow-dirty", "--no-verify", "-p", "otlp-arrow-sys",
                 CARGO_TARGET_DIR=str(folder))
    assert done.returncode == 0, done.stderr[-4000:]
    (package,) = (folder / "package").glob("otlp-arrow-sys-*.crate")
    subprocess.run(["tar", "-xzf", package, "-C", folder], check=True, timeout=60)
    (unpacked,) = (p for p in folder.glob("otlp-arrow-sys-*") if p.is_dir())
    assert not [p for p in unpacked.rglob("*") if p.is_symlink()]
    packed = {p.relative_to(unpacked / "c" / "src") for p in (unpacked / "c" / "src").rglob("*.c")}
    here = harness.ROOT / "src"
    assert packed == {p.relative_to(here) for p in here.rglob("*.c")}
    done = cargo("test", "--release", "--lib", cwd=unpacked,
                 CARGO_TARGET_DIR=str(folder / "target"))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert list((folder / "target").rglob("libotlp_arrow.a"))


def test_an_installed_library_is_found(tmp_path):
    """pkg-config first: what is installed is linked with and nothing is built."""
    build = harness.BIN
    if not (build / "cmake_install.cmake").exists():
        pytest.skip(f"{build} is no build folder, so nothing can be installed from it")
    subprocess.run(["cmake", "--install", build, "--prefix", tmp_path / "usr"], check=True,
                   capture_output=True, timeout=60)
    (found,) = (tmp_path / "usr").rglob("otlp-arrow.pc")
    done = cargo("test", "--release", "--locked", "-p", "otlp-arrow-sys", "--lib", "-vv",
                 CARGO_TARGET_DIR=str(tmp_path / "target"), LIBOTLP_ARROW_STATIC="",
                 PKG_CONFIG_PATH=str(found.parent), LD_LIBRARY_PATH=str(found.parents[1]))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert not list((tmp_path / "target").rglob("CMakeCache.txt"))
