# SPDX-License-Identifier: Apache-2.0
"""tests/soak/threads.py for some seconds: everything at once under
ThreadSanitizer, with the service that `./dev tsan` builds."""

import sys
from pathlib import Path

import harness

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "soak"))
import threads  # noqa: E402


def test_everything_at_once_races_nowhere(tmp_path, monkeypatch):
    service = harness.ROOT / "build" / "tsan" / "otlp-arrow-service"
    assert service.exists(), "it is built by ./dev test and ./dev tsan"
    monkeypatch.setattr(harness, "SERVICE", service)
    done, status, output = threads.run(tmp_path, 6)
    assert "ThreadSanitizer" not in output, output[:20000]
    assert status == 0, output[-2000:]
    assert set(done) == {*threads.WAYS, "write", "fsync", "read", "reload", "metrics", "readyz"}
