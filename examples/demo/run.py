# SPDX-License-Identifier: Apache-2.0
"""`./dev demo`: the shops of this folder, with a service beside them.

    python run.py DIRECTORY [--customers N] [--no-rust]

What the Python shop does goes into files of its own process and to a service,
and both must know the same of it; the Rust shop
(rust/otlp-arrow-library/examples/demo-app.rs) writes in process.  The files stay
in DIRECTORY, to be looked at.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

import shop

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("OA_BIN_DIR", ROOT / "build" / "release"))


def start_service(directory):
    """A service on free ports, and where it takes OTLP/gRPC."""
    ports = [f"--set={key}=0" for key in
             ("protocols.protobuf_port", "protocols.arrow_flight_port", "dashboard.port")]
    service = subprocess.Popen(
        [BIN / "otlp-arrow-service", f"--set=output_dir={directory}", *ports],
        stderr=subprocess.PIPE, text=True)
    for line in service.stderr:
        print(line, end="")
        found = re.search(r"Arrow Flight on (\S+)", line)
        if found:
            return service, found[1]
    raise SystemExit(f"the service did not start: exit code {service.wait()}")


def run_rust(directory):
    """The Rust shop, where there is a cargo to build it."""
    if shutil.which("cargo") is None:
        print("no cargo: the Rust shop stays closed")
        return
    print("building the Rust shop")
    environment = {**os.environ, "LIBOTLP_ARROW_STATIC": "1",
                   "CARGO_TARGET_DIR": str(ROOT / "build" / "rust")}
    subprocess.run(["cargo", "run", "-q", "--locked", "--example", "demo-app", "--",
                    directory, "--once"], cwd=ROOT / "rust", env=environment, check=True)
    shop.ask(directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--customers", default="300")
    parser.add_argument("--no-rust", action="store_true")
    given = parser.parse_args()

    inside, beside = given.directory / "in-process", given.directory / "service"
    service, address = start_service(beside)
    try:
        subprocess.run([sys.executable, pathlib.Path(shop.__file__), inside, "--customers",
                        given.customers, "--service", address], check=True)
    finally:
        service.terminate()
        service.wait()
    spans, _, records = shop.ask(inside)
    if shop.ask(beside)[::2] != (spans, records):
        raise SystemExit("the two do not know the same")
    print("both know the same")
    if not given.no_rust:
        run_rust(given.directory / "rust")


if __name__ == "__main__":
    main()
