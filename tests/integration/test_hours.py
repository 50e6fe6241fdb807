# SPDX-License-Identifier: Apache-2.0
"""The long, steady load of tests/soak/hours.py, for some seconds."""

import struct
import sys
from pathlib import Path

import otlpgen

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "soak"))
import hours  # noqa: E402


def make_pack(path):
    """Twenty requests of a hundred spans."""
    with path.open("wb") as pack:
        for number in range(20):
            request = otlpgen.REQUEST_CLASS["traces"]()
            scope = request.resource_spans.add().scope_spans.add()
            for i in range(hours.SIZE):
                scope.spans.add(name=f"span {i % 7}", span_id=struct.pack(">II", number + 1, i))
            raw = request.SerializeToString()
            pack.write(struct.pack(">BI", 0, len(raw)) + raw)
    return path


def test_a_steady_load_is_stored_and_accounted_for(tmp_path):
    found = hours.run(tmp_path / "out", make_pack(tmp_path / "pack"), 6, 5000, ["storage.max_file_size=64KiB",
                                          "write_interval_secs=200ms"])
    assert found["failed"] == 0 and found["exit"] == 0
    assert found["stored"] == found["spans"] == 30000
    assert found["disagreement"] == 0
    assert found["peak_mib"] < 128
