# SPDX-License-Identifier: Apache-2.0
"""What is stored is sent on, whatever becomes of the process.

The kills are a short run of tests/soak/forward.py with a fixed seed."""
import re
import sys
import urllib.request

import harness
import pytest
from test_c_api import COMPILER, compile_program

sys.path.insert(0, str(harness.ROOT / "tests" / "soak"))
import forward  # noqa: E402

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")


def test_kill_9_leaves_nothing_out_and_repeats_only_the_last_moments(tmp_path):
    killer, figures = forward.run(tmp_path, cycles=4, seed=3)
    assert len(killer.kills) == 4
    assert len(killer.acked) > 50, figures


def test_what_forwarding_does_is_among_the_metrics(tmp_path):
    program = compile_program(harness.ROOT / "examples" / "breaker.c", tmp_path / "breaker",
                              "-std=c11")
    gate, port = tmp_path / "open", harness.free_port()
    breaker = forward.start(program, gate, OTLP_OUTPUT_DIR=str(tmp_path / "kept"),
                            OTLP_ACK="write", OTLP_DASHBOARD_PORT=str(port))

    def metrics():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        return {name: int(value) for name, _, value in
                (line.rpartition(" ") for line in lines if line.startswith("otlp_arrow_forward"))}

    try:
        sender = forward.Sender(forward.port_of(breaker), 0)
        sender.start()
        harness.wait_until(lambda: sender.acked, what="an answer")
        sender.enough.set()
        sender.join(30)
        sent = forward.BATCH * len(sender.acked)
        harness.wait_until(lambda: metrics()["otlp_arrow_forward_breaker_state"] == 2,
                           what="the breaker")
        before = metrics()
        assert before['otlp_arrow_forward_waiting_items{signal="logs"}'] == sent
        assert before['otlp_arrow_forwarded_items_total{signal="logs"}'] == 0
        gate.write_text("")
        harness.wait_until(
            lambda: metrics()['otlp_arrow_forwarded_items_total{signal="logs"}'] == sent,
            what="the rows")
        after = metrics()
        assert breaker.communicate("\n", timeout=30) and breaker.returncode == 0
    finally:
        breaker.kill()
    assert after['otlp_arrow_forward_waiting_items{signal="logs"}'] == 0
    assert after["otlp_arrow_forward_failures_total"] == 0
    assert after["otlp_arrow_forward_breaker_state"] == 0
    page = (harness.ROOT / "docs" / "forwarding.md").read_text()
    for name in after:
        assert f"`{name.split('{')[0]}`" in page, name
    for reason in {found[1] for found in (re.search(r'reason="(\w+)"', name) for name in after)
                   if found}:
        assert f"`{reason}`" in page, reason
