# SPDX-License-Identifier: Apache-2.0
"""More than the service can take, for some seconds; tests/soak/overload.py has
the long runs."""

import sys

import harness

sys.path.insert(0, str(harness.ROOT / "tests" / "soak"))

import overload  # noqa: E402
import oversize  # noqa: E402

SANITIZED = b"__asan_init" in harness.SERVICE.read_bytes()


def test_three_times_too_much_on_a_slow_disk_costs_no_memory_and_no_goodput(tmp_path):
    found = overload.run(tmp_path, 64, 6, disk=1_000_000, senders=2)
    told = overload.line(found)
    assert found["bad"] == [] and found["broken"] == 0, told
    refused = sum(count for code, count in found["codes"].items() if code != 200)
    assert refused > 0 and found["codes"].get(200, 0) > 0, told
    assert all(0 < delay <= overload.LONGEST for delay in found["delays"]), told
    # Half of the peak: the stages are short and the machine has other work.
    assert found["rate"] > 0.5 * found["peak"] > 0, told
    if not SANITIZED:
        assert found["over_limit"] <= oversize.SLACK + 16, told
    print(told)
