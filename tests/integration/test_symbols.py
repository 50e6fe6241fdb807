# SPDX-License-Identifier: Apache-2.0
"""What the shared library shows to the world is what its headers declare."""
import re
import subprocess

from harness import BIN, ROOT

LIBRARY = BIN / "libotlp_arrow.so"
DECLARED = re.compile(r"\bOA_API\b[^;(]*?\b(oa_\w+)\s*\(")


def declared():
    """The functions of the public headers."""
    names = set()
    for header in sorted((ROOT / "include").glob("*.h")):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.S)
        names |= set(DECLARED.findall(text))
    return names


def test_the_library_exports_what_the_headers_declare_and_nothing_else():
    listed = subprocess.run(["nm", "-D", "--defined-only", LIBRARY],
                            check=True, capture_output=True, text=True).stdout
    exported = {line.split()[-1] for line in listed.splitlines()}
    assert len(exported) > 50
    assert exported == declared()


def test_the_library_has_a_soname_and_needs_no_executable_stack():
    told = subprocess.run(["readelf", "-dlW", LIBRARY],
                          check=True, capture_output=True, text=True).stdout
    assert "[libotlp_arrow.so.0]" in told
    (stack,) = re.findall(r"GNU_STACK.*", told)
    assert " RW " in stack and "RWE" not in stack
