#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints line coverage by folder of src/ after a run of the cover build.

    cover.py BUILD_FOLDER
"""
import collections
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def executed(build):
    """For each source file the lines that have code, and whether they ran."""
    lines = collections.defaultdict(dict)
    # Notes stand there for each object, also for those that no test links.
    for notes in sorted(pathlib.Path(build).resolve().rglob("*.gcno")):
        if "otlp_arrow_objects.dir" not in str(notes):
            continue
        out = subprocess.run(["gcov", "--json-format", "--stdout", str(notes)],
                             cwd=ROOT, capture_output=True, check=True).stdout
        for document in out.splitlines():
            for file in json.loads(document)["files"]:
                path = (ROOT / file["file"]).resolve()
                if ROOT / "src" not in path.parents:
                    continue
                ran = lines[path.relative_to(ROOT / "src")]
                for line in file["lines"]:
                    number = line["line_number"]
                    ran[number] = ran.get(number, False) or line["count"] > 0
    return lines


def main():
    folders = collections.defaultdict(lambda: [0, 0])
    for path, lines in sorted(executed(sys.argv[1]).items()):
        ran, total = sum(lines.values()), len(lines)
        folders[path.parts[0]][0] += ran
        folders[path.parts[0]][1] += total
        print(f"{100 * ran / max(total, 1):6.1f} % of {total:5}  src/{path}")
    print()
    for folder, (ran, total) in sorted(folders.items()):
        print(f"{100 * ran / max(total, 1):6.1f} % of {total:5}  {folder}")
    return 0 if folders else 1


if __name__ == "__main__":
    sys.exit(main())
