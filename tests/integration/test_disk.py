# SPDX-License-Identifier: Apache-2.0
"""Disks that are full, out of inodes, read-only, over quota, failing or gone.

Short runs of tests/soak/disk.py; small disks are mounted in a namespace of
their own where this user may not mount."""

import subprocess
import sys

import pytest

import harness

SOAK = harness.ROOT / "tests" / "soak" / "disk.py"
NO_MOUNTS = 77
MOUNTED = ("full", "full_fsync", "no_inodes", "retention")
FAILING = ("no_space", "read_only", "quota", "failing", "gone")


def run_case(name):
    done = subprocess.run([sys.executable, SOAK, "--case", name, "--seconds", "0.5"],
                          capture_output=True, text=True, timeout=120, check=False)
    text = done.stdout + done.stderr
    if done.returncode == NO_MOUNTS:
        pytest.skip("no mounts are allowed here, not even in a namespace of our own")
    assert done.returncode == 0, text
    assert "WRONG" not in text and text.startswith("disk: "), text


@pytest.mark.parametrize("name", MOUNTED)
def test_a_small_disk_refuses_and_recovers_and_loses_nothing(name):
    run_case(name)


@pytest.mark.parametrize("name", FAILING)
def test_a_failing_disk_refuses_and_recovers_and_loses_nothing(name):
    run_case(name)
