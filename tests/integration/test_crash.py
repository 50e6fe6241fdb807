# SPDX-License-Identifier: Apache-2.0
"""The process or the power goes: nothing that was promised is lost.

Short runs of tests/soak/kill9.py and power.py with a fixed seed."""

import sys

import pytest

import harness

sys.path.insert(0, str(harness.ROOT / "tests" / "soak"))
import kill9  # noqa: E402
import power  # noqa: E402


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
