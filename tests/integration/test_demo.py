# SPDX-License-Identifier: Apache-2.0
"""The demo: what the shop exports in process and what it sends to a service is the
same, and failed orders can be found in it."""
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.compute as pc
from harness import BIN, ROOT
from otlp_arrow_library import open_dir

CUSTOMERS = 150


def test_the_demo_runs_and_both_ways_know_the_same(tmp_path):
    run = subprocess.run(
        [sys.executable, ROOT / "examples" / "demo" / "run.py", tmp_path / "demo",
         "--customers", str(CUSTOMERS), "--no-rust"],
        env={**os.environ, "OA_BIN_DIR": str(BIN)}, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "both know the same" in run.stdout
    stored = open_dir(tmp_path / "demo" / "in-process")
    spans, records = pa.table(stored.traces()), pa.table(stored.logs())
    front = spans.filter(pc.equal(spans["service_name"], "frontend"))
    assert front.num_rows == CUSTOMERS
    known = set(spans["span_id"].to_pylist())
    assert records.num_rows > 0 and set(records["span_id"].to_pylist()) <= known
    failed = front.filter(pc.equal(front["status_code"], 2))
    events = pc.struct_field(pc.list_flatten(failed["events"]), "name").to_pylist()
    assert failed.num_rows > 0 and events.count("exception") == failed.num_rows
