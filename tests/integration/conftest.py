# SPDX-License-Identifier: Apache-2.0
"""Fixtures: running services that never outlive their test."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

import harness

HERE = Path(__file__).resolve().parent


def pytest_sessionstart(session):
    for program in (harness.SERVICE, harness.TOOL):
        if not program.exists():
            raise pytest.UsageError(f"{program} is missing: build first, or set OA_BIN_DIR")


@pytest.fixture
def start(tmp_path):
    """start("key=value", ...) runs a service in the test's own folder."""
    running = []

    def run(*settings, directory=None, **options):
        service = harness.Service(directory or tmp_path / "out", *settings, **options)
        running.append(service)
        return service

    yield run
    for service in running:
        service.kill()


@pytest.fixture(scope="session")
def node_modules():
    """arrow-js and its codecs, installed once from the lock file."""
    folder = HERE / "node_modules"
    if shutil.which("npm") is None:
        pytest.fail("npm is needed for the arrow-js reader")
    with open(HERE / "package-lock.json", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of the workers installs
        wanted = lock.read()
        stamp = folder / ".oa-lock-copy"
        if not stamp.exists() or stamp.read_bytes() != wanted:
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                           cwd=HERE, check=True, capture_output=True, timeout=200)
            stamp.write_bytes(wanted)
    return folder
