#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints "PASSED FAILED" for a JUnit file.

    count_tests.py FILE STATUS

STATUS is the exit status of the command that wrote FILE.  A command that
failed although no test did (a build error, a crash of the runner) counts as
one failure.  Skipped tests count as neither.
"""
import sys
import xml.etree.ElementTree as ElementTree


def count(path):
    """Returns (passed, failed) of the file, zeros when it cannot be read."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return 0, 0
    passed = failed = 0
    for case in root.iter("testcase"):
        if case.get("status") == "notrun" or case.find("skipped") is not None:
            continue
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.get("status", "run") in ("run", "passed"):
            passed += 1
        else:
            failed += 1
    return passed, failed


def main():
    passed, failed = count(sys.argv[1])
    if failed == 0 and sys.argv[2] != "0":
        failed = 1
    print(passed, failed)


if __name__ == "__main__":
    main()
