#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the first inputs of the fuzz targets to tests/fuzz/corpus/.

Every input is small and valid, so that a fuzzer starts deep inside a parser.
The same inputs come out of every run.  Inputs that a fuzzer found are added by
hand beside these, which are named seed_*.  Needs the Python environment that
`./dev test` makes:

    .venv/bin/python tests/fuzz/seeds.py
"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import seeds_arrow  # noqa: E402
import seeds_http  # noqa: E402
import seeds_otap  # noqa: E402
import seeds_otlp  # noqa: E402
import seeds_service  # noqa: E402

# By the name of the target; a target without a line here needs one.
MAKERS = {
    "admin": seeds_http.admin,
    "service": seeds_service.service,
    "verify": seeds_service.verify,
    "ipc_read": seeds_arrow.streams,
    "append": seeds_arrow.telemetry_streams,
    "flight": seeds_otap.flight,
    "cursor": seeds_otlp.all_requests,
    "otlp_traces": lambda: seeds_otlp.requests("traces"),
    "otlp_metrics": lambda: seeds_otlp.requests("metrics"),
    "otlp_logs": lambda: seeds_otlp.requests("logs"),
    "builder": seeds_otlp.builder_calls,
    "cbor": seeds_otlp.cbor,
    "config": seeds_service.yaml,
    "codec": seeds_arrow.compressed,
    "grpc": seeds_http.grpc,
    "json": seeds_otlp.json_requests,
    "http1": seeds_http.http1,
    "http1_session": seeds_http.http1_sessions,
    "http2": seeds_http.http2,
    "grpc_frames": seeds_http.grpc_frames,
    "otap": seeds_otap.otap,
    "same_traces": lambda: seeds_otlp.requests("traces"),
    "same_metrics": lambda: seeds_otlp.requests("metrics"),
    "same_logs": lambda: seeds_otlp.requests("logs"),
    "c_data": tuple,  # none: any bytes make a tree of structs
}


def main():
    missing = 0
    for source in sorted(HERE.glob("fuzz_*.c")):
        target = source.stem.removeprefix("fuzz_")
        if target not in MAKERS:
            print(f"{target}: no seeds; add a line to MAKERS")
            missing += 1
            continue
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("seed_*"):
            old.unlink()
        for number, seed in enumerate(MAKERS[target]()):
            (folder / f"seed_{number:02}").write_bytes(seed)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
