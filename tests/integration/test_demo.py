# SPDX-License-Identifier: Apache-2.0
"""The demo: what a shop exports in process and what it sends to a service is the
same, and failed orders can be found in it."""
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from otlp_arrow_library import open_dir

import clients
import columns
from harness import BIN, ROOT

CUSTOMERS = 150
SIGNALS = ("traces", "metrics", "logs")


def run_demo(directory, shop, timeout=120, **environment):
    run = subprocess.run(
        [sys.executable, ROOT / "examples" / "demo" / "run.py", directory,
         "--customers", str(CUSTOMERS), "--only", shop],
        env={**os.environ, "OA_BIN_DIR": str(BIN), **environment},
        capture_output=True, text=True, timeout=timeout, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_the_demo_runs_and_both_ways_know_the_same(tmp_path):
    assert "both know the same" in run_demo(tmp_path, "python")
    stored = open_dir(tmp_path / "python" / "in-process")
    spans, records = pa.table(stored.traces()), pa.table(stored.logs())
    front = spans.filter(pc.equal(spans["service_name"], "frontend"))
    assert front.num_rows == CUSTOMERS
    known = set(spans["span_id"].to_pylist())
    assert records.num_rows > 0 and set(records["span_id"].to_pylist()) <= known
    failed = front.filter(pc.equal(front["status_code"], 2))
    events = pc.struct_field(pc.list_flatten(failed["events"]), "name").to_pylist()
    assert failed.num_rows > 0 and events.count("exception") == failed.num_rows


def ids(rows):
    return sorted((row["trace_id"], row["span_id"]) for row in rows)


@pytest.mark.timeout(1800)  # it may have to wait for the build
def test_the_rust_shop_tells_both_ways_the_same(tmp_path):
    clients.need_tool("cargo")
    assert "both know the same" in run_demo(tmp_path, "rust", timeout=1780)
    ours, theirs = ({signal: columns.rows_of(tmp_path / "rust" / way, signal)
                     for signal in SIGNALS} for way in ("in-process", "service"))
    numbers = {signal: len(rows) for signal, rows in ours.items()}
    assert numbers == {signal: len(rows) for signal, rows in theirs.items()}
    # Each order and its payment; its record; the sum and the histogram of each of
    # four shelves (the sum once more for what was not paid), and two others.
    assert numbers == {"traces": 2 * CUSTOMERS, "metrics": 4 * 2 + 4 + 2, "logs": CUSTOMERS}
    assert ids(ours["traces"]) == ids(theirs["traces"])
    assert ids(ours["logs"]) == ids(theirs["logs"])
    orders = [row for row in ours["traces"] if row["name"] == "POST /order"]
    assert ids(ours["logs"]) == ids(orders), "a record belongs to the span of its order"
    payments = [row for row in ours["traces"] if row["name"] == "pay"]
    assert {row["parent_span_id"] for row in payments} == {row["span_id"] for row in orders}
    failed = [row for row in payments if row["status_code"] == 2]
    assert len(failed) == len(range(6, CUSTOMERS, 7))
    assert all([event["name"] for event in row["events"]] == ["exception"] for row in failed)
    for rows in (ours, theirs):
        orders = [row["value_int"] for row in rows["metrics"]
                  if row["metric_name"] == "shop.orders"]
        assert len(orders) == 8 and sum(orders) == CUSTOMERS


def test_without_a_cargo_that_is_new_enough_the_rust_shop_stays_closed(tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    (old / "cargo").write_text("#!/bin/sh\necho 'cargo 1.70.0 (ec8a8a0ca 2023-04-25)'\n")
    (old / "cargo").chmod(0o755)
    for path, reason in ((old, "1.70.0"), (tmp_path / "empty", "there is none")):
        said = run_demo(tmp_path / "files", "rust", PATH=str(path))
        assert "stays closed" in said and reason in said, said
        assert not (tmp_path / "files").exists()
