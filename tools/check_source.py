#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules that no compiler checks: license line, calls, lengths, open ends.

A rule that stands in the way for a good reason is changed here, with its
reason, and not silenced in the file that breaks it.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

MAX_FILE_LINES = 700
MAX_FUNCTION_LINES = 80

# Heap memory is asked for in one place, so that tests can make it fail.
HEAP_CALLS = re.compile(
    r"\b(malloc|calloc|realloc|free|strdup|strndup|aligned_alloc|"
    r"posix_memalign)\s*\("
)
# Unbounded, silent about errors, or both; alloca makes stacks overflow.
BAD_CALLS = re.compile(
    r"\b(sprintf|vsprintf|strcpy|strcat|strtok|atoi|atol|atoll|atof|gets|"
    r"alloca|rand|tmpnam|mktemp)\s*\("
)
# A test may start a compiler; the library starts nothing.
SHELL_CALLS = re.compile(r"\b(system|popen)\s*\(")
# Work that was left open belongs into an issue.  Spelled so that this line
# is not found.
OPEN_ENDS = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")

LICENSE = "SPDX-License-Identifier: Apache-2.0"
SKIP = {"node_modules", "__pycache__", "corpus", "golden"}
TEXT = {".c", ".h", ".cc", ".py", ".pyi", ".sh", ".md", ".cmake", ".js", ".mjs", ".rs", ".txt"}
CODE = TEXT - {".md", ".txt"}

COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)


def files():
    """Our own text files."""
    for name in ("dev", ".ci/run", "CMakeLists.txt", "pyproject.toml", "README.md",
                 "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"):
        if (ROOT / name).is_file():
            yield ROOT / name
    for folder in ("cmake", "docs", "packaging", "tools", "src", "include",
                   "python", "rust", "tests", "bench", "examples"):
        for path in sorted((ROOT / folder).rglob("*")):
            parts = set(path.relative_to(ROOT).parts)
            if path.suffix in TEXT and path.is_file() and not parts & SKIP:
                yield path


def blank(match):
    """Comments and strings as spaces, line breaks kept."""
    return re.sub(r"[^\n]", " ", match[0])


def check_calls(path, text):
    layer = path.relative_to(ROOT).parts[:2]
    bare = COMMENT.sub(blank, text)
    for number, line in enumerate(bare.splitlines(), 1):
        match = BAD_CALLS.search(line)
        if match:
            yield number, f"{match[1]}() is not used here"
        match = SHELL_CALLS.search(line)
        if match and layer[0] == "src":
            yield number, f"{match[1]}() is not used here"
        match = HEAP_CALLS.search(line)
        if match and layer[0] == "src" and layer != ("src", "base"):
            yield number, f"{match[1]}(): use oa_{match[1]} of base/mem.h"


def check_lengths(text):
    """Functions as clang-format lays them out: from a line that starts in
    the first column to a closing brace there."""
    lines = text.splitlines()
    if len(lines) > MAX_FILE_LINES:
        yield 1, f"{len(lines)} lines; {MAX_FILE_LINES} are the wall"
    start = None
    for number, line in enumerate(lines, 1):
        if re.match(r"[A-Za-z_].*[^;,]$", line) and "(" in line and not (
                line.startswith(("typedef", "enum", "#")) or "= {" in line):
            start, inside = number, line.endswith("{")
        elif start is not None and not inside:
            # A declaration ends before a body begins.
            inside = line.endswith("{")
            start = None if line.endswith(";") else start
        elif line == "}" and start is not None:
            length = number - start + 1
            if length > MAX_FUNCTION_LINES:
                yield start, (f"a function of {length} lines; "
                              f"{MAX_FUNCTION_LINES} are the wall")
            start = None


def findings():
    for path in files():
        text = path.read_text()
        head = "\n".join(text.splitlines()[:3])
        is_code = path.suffix in CODE or path.name in (
            "dev", "run", "CMakeLists.txt")
        if is_code and LICENSE not in head:
            yield path, 1, f"the line '{LICENSE}' is missing"
        for number, line in enumerate(text.splitlines(), 1):
            match = OPEN_ENDS.search(line)
            if match:
                yield path, number, f"{match[1]}: finish it or open an issue"
            if line != line.rstrip():
                yield path, number, "spaces at the end of the line"
        if text and not text.endswith("\n"):
            yield path, 1, "no line break at the end of the file"
        if path.suffix in (".c", ".h", ".cc"):
            problems = list(check_calls(path, text))
            if path.relative_to(ROOT).parts[0] in ("src", "include", "python"):
                problems += check_lengths(text)
            for number, problem in problems:
                yield path, number, problem


def main():
    found = list(findings())
    for path, number, problem in found:
        print(f"{path.relative_to(ROOT)}:{number}: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
