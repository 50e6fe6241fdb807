# SPDX-License-Identifier: Apache-2.0
"""The process or the power goes: nothing that was promised is lost.

Short runs of tests/soak/kill9.py and power.py with a fixed seed."""

import random
import sys
import time

import pyarrow as pa
import pytest

import harness
import otlpgen

sys.path.insert(0, str(harness.ROOT / "tests" / "soak"))
import kill9  # noqa: E402
import power  # noqa: E402
import startup  # noqa: E402


@pytest.mark.parametrize("level", ["memory", "write", "fsync"])
def test_kill_9_at_random_moments_keeps_what_was_acknowledged(tmp_path, level):
    killer = kill9.run(tmp_path / "out", level, cycles=6, seed=11, rate=20_000)
    assert killer.cycles == 6
    assert killer.acked > 20, killer.figures()
    if level != "memory":
        assert killer.lost == 0, killer.figures()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_power_cut_at_ack_fsync_keeps_what_was_acknowledged(tmp_path, seed):
    total = power.run(tmp_path, seed, cuts=12, per_run=12, seconds=0.5)
    assert total["cuts"] == 12
    assert total["acked"] > 5 and total["files"] > 12, power.figures(total)


def test_the_model_of_a_power_cut_finds_acks_that_come_too_early(tmp_path, monkeypatch):
    """Without this the tests above would prove nothing: at ack=memory some
    of what was acknowledged must be missing after some cut."""
    init = power.Run.__init__

    def weaker(self, *arguments, **options):
        init(self, *arguments, **options)
        self.settings[0] = "ack=memory"

    monkeypatch.setattr(power.Run, "__init__", weaker)
    with pytest.raises(AssertionError, match="are lost"):
        power.run(tmp_path, 3, cuts=40, per_run=20, seconds=0.5)


def test_files_that_a_restart_of_the_machine_left_are_read_while_new_data_is_taken(tmp_path):
    """Killed again and again while it reads them, it begins anew, and neither
    they nor what was acknowledged meanwhile is lost."""
    rng = random.Random(5)
    samples = startup.make_open(tmp_path / "samples", startup.usual, 24 << 20)
    root = tmp_path / "root"
    left, rows = {}, 0
    for signal, sample in samples.items():
        folder = root / "otlp" / signal
        folder.mkdir(parents=True)
        left[signal] = folder / f"otlp_{signal}_{startup.STAMP}_000001.arrow"
        sample.rename(left[signal])
    startup.restart_machine(root)
    before = {signal: path.read_bytes() for signal, path in left.items()}
    early = 0
    for _ in range(4):
        service = harness.Service(root, "ack=write", "storage.merge=false")
        try:
            early += not any(startup.ended(path) for path in left.values())
            for signal in otlpgen.SIGNALS:
                (answer,) = service.send(signal, [startup.usual(signal, rng, 100).SerializeToString()])
                assert not isinstance(answer, Exception), answer
            rows += 100
            time.sleep(rng.random() * 0.3)
        finally:
            service.kill()
    assert early > 0  # nobody waits for the old files
    service = harness.Service(root, "storage.merge=false")
    try:
        until = time.monotonic() + 150
        while not all(map(kill9.ended, root.glob("otlp/*/*.arrow"))):
            assert time.monotonic() < until, service.output()
            time.sleep(0.05)
        assert service.stop() == 0, service.output()
    finally:
        service.kill()
    checked = harness.run_tool("verify", root)
    assert checked.returncode == 0, checked.stdout
    for signal, path in left.items():
        kept = path.read_bytes()
        assert before[signal].startswith(kept[:-8]) and len(kept) > len(before[signal]) // 2
        new = sum(pa.ipc.open_stream(p.read_bytes()).read_all().num_rows
                  for p in harness.files_of(root, signal) if p != path)
        assert new == rows
