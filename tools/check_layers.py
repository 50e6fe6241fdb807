#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when an #include points up or sideways.

The layers are the folders of src/.  Each may use itself and what the table
names; docs/architecture.md draws the same picture.  The second table says
which layer may know which library, so that one can be replaced in one place.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

LOW = {"base", "codec", "wire", "arrow", "net"}
STORED = LOW | {"otlp", "store"}
EXITS = STORED | {"otap", "flight", "forward"}
TAKEN = EXITS | {"ingest", "config"}

ALLOWED = {
    "base": set(),
    "codec": {"base"},
    "wire": {"base"},
    "arrow": {"base", "codec"},
    "net": {"base", "codec"},
    "otlp": {"base", "wire", "arrow"},
    "store": {"base", "codec", "arrow"},
    "otap": {"base", "codec", "wire", "arrow", "otlp"},
    "flight": {"base", "codec", "wire", "arrow", "otlp"},
    "forward": {"base", "codec", "arrow", "otlp", "store"},
    "ingest": STORED,
    "config": {"base", "net", "ingest", "include"},
    "receive": TAKEN,
    "service": TAKEN | {"receive"},
    "api": TAKEN | {"receive", "service", "include"},
    "cli": {"include", "cli"},
}

# The statuses, the error text and the extension points are public as they are,
# so base/ takes them from here; the rest of the public headers is for api/ and cli/.
PUBLIC_BASE = ("otlp_arrow_base.h", "otlp_arrow_extend.h")
# Structs that a specification defines, and nothing of ours: arrow/ fills and
# reads them.
PUBLIC_ARROW = "otlp_arrow_c_data.h"

LIBRARIES = {
    "uv.h": {"base", "net", "store", "forward", "ingest", "service"},
    "nghttp2/": {"net"},
    "openssl/": {"net", "receive", "service"},
    "libdeflate.h": {"codec"},
    "zstd": {"codec"},
    "lz4": {"codec"},
    "xxhash.h": {"base", "codec", "otlp"},
    "microhttpd.h": {"service"},
    "yaml.h": {"config"},
    "jansson.h": {"otlp", "service", "cli"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def check_own(layer, target, headers):
    """What is wrong with #include "TARGET" in LAYER, or None."""
    if target in headers:
        if "include" in ALLOWED[layer]:
            return None
        if layer == "base" and target in PUBLIC_BASE:
            return None
        if layer == "arrow" and target == PUBLIC_ARROW:
            return None
        return f"{layer} may not include the public header {target}"
    folder = target.split("/")[0]
    if "/" not in target or ".." in target or folder not in ALLOWED:
        return f'write "folder/{target}" as seen from src/'
    if folder != layer and folder not in ALLOWED[layer]:
        return f"{layer} may not use {folder}"
    return None


def check_library(layer, target, headers):
    """The same for #include <TARGET>."""
    if target in headers:
        return check_own(layer, target, headers)
    for prefix, layers in LIBRARIES.items():
        if target.startswith(prefix) and layer not in layers:
            return f"{layer} may not use {target}"
    return None


def findings():
    headers = {path.name for path in (ROOT / "include").glob("*.h")}
    for path in sorted((ROOT / "src").rglob("*.[ch]")):
        layer = path.relative_to(ROOT / "src").parts[0]
        if layer not in ALLOWED:
            yield path, 1, f"unknown layer {layer}: see ALLOWED in this script"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            check = check_own if match[1] == '"' else check_library
            problem = check(layer, match[2], headers)
            if problem:
                yield path, number, problem


def main():
    found = list(findings())
    for path, number, problem in found:
        print(f"{path.relative_to(ROOT)}:{number}: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
