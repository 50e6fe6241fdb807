#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when docs/schema.md and src/otlp/schema.c name different columns.

The document has a table for each group of columns; the line above it,
`<!-- columns: GROUP -->`, names the group, and the first cell of each row is
the column in backquotes.  GROUP is the name of the table in schema.c.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = "src/otlp/schema.c"
DOCUMENT = "docs/schema.md"

# Tables of schema.c: `..._fields[...] = {` and the macro of common columns.
TABLE = re.compile(
    r"static const oa_field (\w+)_fields\[\w+\] = \{(.*?)^\};", re.S | re.M)
COMMON = re.compile(r"#define COMMON_FIELDS(.*?[^\\])\n", re.S)
COLUMN = re.compile(r'\[OA_\w+\]\s*=\s*\\?\s*\w+\(\s*"(\w+)"', re.S)

MARK = re.compile(r"^<!-- columns: (\w+) -->$")
ROW = re.compile(r"^\| `(\w+)` \|")


def from_source(text):
    groups = {name: COLUMN.findall(body) for name, body in TABLE.findall(text)}
    groups["common"] = COLUMN.findall(COMMON.search(text)[1])
    return groups


def from_document(text):
    groups, group = {}, None
    for line in text.splitlines():
        mark, row = MARK.match(line), ROW.match(line)
        if mark:
            group = mark[1]
            groups[group] = []
        elif row and group:
            groups[group].append(row[1])
        elif line and not line.startswith("|"):
            group = None
    return groups


def main():
    source = from_source((ROOT / SOURCE).read_text())
    document = from_document((ROOT / DOCUMENT).read_text())
    found = 0
    for group in sorted(source.keys() | document.keys()):
        code, docs = source.get(group, []), document.get(group, [])
        for name in code:
            if name not in docs:
                print(f"{DOCUMENT}: group {group} lacks `{name}`")
                found += 1
        for name in docs:
            if name not in code:
                print(f"{DOCUMENT}: `{name}` of group {group} is not a column")
                found += 1
        if sorted(code) == sorted(docs) and code != docs:
            print(f"{DOCUMENT}: group {group} is not in the schema's order")
            found += 1
    if not source or any(not columns for columns in source.values()):
        print(f"{SOURCE}: a table could not be read; adapt this script")
        found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
