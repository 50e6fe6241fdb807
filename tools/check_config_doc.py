#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when docs/configuration.md does not say what the program knows.

The keys come from the program's own table (src/config/config_table.c), which
is compiled with a few lines that print it.  In the document every key is a
row that begins with the key and its environment variable in backquotes; a key
that works also shows its default there.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = "docs/configuration.md"
TABLE = "src/config/config_table.c"

PRINTER = """
#include <stdio.h>
#include "config/config_table.h"
int main(void) {
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const oa_config_key *key = &oa_config_keys[i];
    char env[OA_CONFIG_NAME_SIZE];
    oa_config_key_env(key, env);
    printf("%s\\t%s\\t%s\\t%d\\n", key->path, env, key->def,
           key->state != OA_KEY_ABSENT);
  }
  return 0;
}
"""

ROW = re.compile(r"^\| `([\w.]+)` \| `(\w+)` \| ([^|]*) \|")


def known():
    """Rows of the program's table: path, variable, default, works."""
    with tempfile.TemporaryDirectory() as folder:
        source, program = f"{folder}/print.c", f"{folder}/print"
        pathlib.Path(source).write_text(PRINTER)
        subprocess.run([os.environ.get("CC", "gcc"), "-std=c11",
                        "-D_POSIX_C_SOURCE=200809L", "-Isrc", "-Iinclude",
                        source, TABLE, "-o", program], cwd=ROOT, check=True)
        out = subprocess.run([program], capture_output=True, text=True,
                             check=True).stdout
    return [line.split("\t") for line in out.splitlines()]


def documented():
    rows = {}
    for line in (ROOT / DOCUMENT).read_text().splitlines():
        match = ROW.match(line)
        if match:
            rows[match[1]] = (match[2], match[3].strip().strip("`"))
    return rows


def main():
    rows, problems, paths = documented(), [], set()
    for path, env, default, works in known():
        paths.add(path)
        if path not in rows:
            problems.append(f"`{path}` is missing")
            continue
        if rows[path][0] != env:
            problems.append(f"`{path}`: the variable is `{env}`")
        if works == "1" and rows[path][1] != default:
            problems.append(f"`{path}`: the default is `{default}`")
    problems += [f"`{path}` is no key of the program"
                 for path in rows if path not in paths]
    for problem in problems:
        print(f"{DOCUMENT}: {problem}")
    return 1 if problems or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
