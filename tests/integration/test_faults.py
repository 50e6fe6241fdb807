# SPDX-License-Identifier: Apache-2.0
"""File calls and allocations fail: senders hear what they can act on, nothing
acknowledged is lost, and the service goes on.

Short runs of tests/soak/io_faults.py and alloc_faults.py."""

import sys

import pytest

import harness

sys.path.insert(0, str(harness.ROOT / "tests" / "soak"))
import alloc_faults  # noqa: E402
import io_faults  # noqa: E402

# (class of call, what it says, which of them)
SOME = [("write", "ENOSPC", (3, 9)), ("write", "short", (4, 8)), ("sync", "EIO", (2, 7)),
        ("rename", "ENOSPC", (1, 3)), ("open", "EMFILE", (5, 12)), ("size", "EIO", (1,)),
        ("mkdir", "EROFS", (1,)), ("read", "EIO", (3, 9)), ("unlink", "EIO", (1,)),
        ("list", "EIO", (2,)), ("write", "EINTR", (5,)), ("open", "EINTR", (1, 6))]


@pytest.mark.parametrize("level", ["memory", "fsync"])
def test_a_file_call_that_fails_costs_nothing_acknowledged(tmp_path, level):
    reached = {}
    for kind, code, numbers in SOME:
        folder = tmp_path / f"{kind}-{code}"
        folder.mkdir()
        reached[kind, code], _ = io_faults.run_class(folder, kind, code, level, numbers)
    assert [key for key, number in reached.items() if number == 0] == []


def test_an_allocation_that_fails_at_start_is_said_or_survived(tmp_path):
    run = alloc_faults.Run(tmp_path)
    run.starting([1, 2, 5, 20, 77, 300, 900])
    assert run.reached >= 3
    assert run.refused >= 1


@pytest.mark.parametrize("level", ["memory", "fsync"])
def test_an_allocation_that_fails_in_a_request_is_retryable(tmp_path, level):
    run = alloc_faults.Run(tmp_path, level)
    counts = run.serving(range(1, 2000, 4))
    assert len(counts) == 15
    assert min(counts.values()) >= 1, counts
    assert run.refused >= 5


def test_a_crowd_connects_although_libuv_gets_no_memory(tmp_path):
    assert alloc_faults.Run(tmp_path).crowd(700) == 0
