# SPDX-License-Identifier: Apache-2.0
"""The C API under valgrind's memcheck: 64 threads that export, flush and shut
down touch no memory that is not theirs, use nothing that was never written, and
leave nothing behind."""
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ["test_service_export", "test_service_fork", "test_service_sink",
            "test_service_threads", "test_api_builder", "test_api_builder_absent",
            "test_api_builder_values"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_memcheck_finds_nothing(name):
    program = ROOT / "build" / "debug" / name
    valgrind = shutil.which("valgrind")
    if valgrind is None or not program.exists():
        missing = "valgrind is not installed" if valgrind is None else f"no {program}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    run = subprocess.run(
        [valgrind, "-q", "--error-exitcode=9", "--leak-check=full",
         "--errors-for-leak-kinds=definite", "--fair-sched=try", program],
        cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    assert "PASSED" in run.stdout + run.stderr
