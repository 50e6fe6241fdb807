#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy over src/ and python/src/, one file a core, and remembers
clean files.

A file is clean as long as neither it, nor a header of ours that it includes,
nor the settings change: its stamp in build/lint/tidy is named after a hash
of all of them.
"""
import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import sysconfig

ROOT = pathlib.Path(__file__).resolve().parent.parent
STAMPS = ROOT / "build" / "lint" / "tidy"
TIDY = "clang-tidy-14"
FLAGS = ["-std=c11", "-D_POSIX_C_SOURCE=200809L", '-DOA_VERSION="0"',
         "-Isrc", "-Iinclude"]
# What oa_error_set() returns; the file that defines it cannot take the macro.
MODEL = ["-include", "tools/analyzer_model.h"]
UNMODELED = ROOT / "src" / "base" / "error.c"
PYTHON = ROOT / "python" / "src"
PYTHON_FLAGS = ["-DPy_LIMITED_API=0x030b0000", "-isystem",
                sysconfig.get_paths()["include"]]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def inputs(path, seen):
    """PATH and the headers of ours that it includes, directly or not."""
    if path in seen or not path.is_file():
        return
    seen.add(path)
    for name in INCLUDE.findall(path.read_text()):
        for folder in ("src", "include", "python/src"):
            inputs(ROOT / folder / name, seen)


def stamp(path, settings):
    seen = set()
    inputs(path, seen)
    digest = hashlib.sha256(settings)
    for name in sorted(seen):
        digest.update(str(name.relative_to(ROOT)).encode() + b"\0")
        digest.update(name.read_bytes() + b"\0")
    return STAMPS / digest.hexdigest()


def check(path, settings):
    """What clang-tidy says about PATH; "" when it is clean."""
    mark = stamp(path, settings)
    if mark.exists():
        return ""
    flags = FLAGS if path == UNMODELED else FLAGS + MODEL
    if PYTHON in path.parents:
        flags = FLAGS + PYTHON_FLAGS
    done = subprocess.run(
        [TIDY, "--quiet", str(path.relative_to(ROOT)), "--", *flags],
        cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0 and not done.stdout.strip():
        mark.touch()
        return ""
    return done.stdout + ("" if done.stdout else done.stderr)


def main():
    STAMPS.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([TIDY, "--version"], capture_output=True,
                             check=True).stdout
    settings = (version + (ROOT / ".clang-tidy").read_bytes()
                + (ROOT / MODEL[1]).read_bytes()
                + " ".join(FLAGS + PYTHON_FLAGS).encode())
    files = sorted((ROOT / "src").rglob("*.c")) + sorted(PYTHON.glob("*.c"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        texts = list(pool.map(lambda path: check(path, settings), files))
    for text in texts:
        sys.stdout.write(text)
    return 1 if any(texts) else 0


if __name__ == "__main__":
    sys.exit(main())
