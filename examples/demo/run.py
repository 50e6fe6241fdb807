# SPDX-License-Identifier: Apache-2.0
"""`./dev demo`: the shops of this folder, each with a service beside it.

    python run.py DIRECTORY [--customers N] [--only python|rust]

What a shop does goes into files of its own process and, by the SDK's own exporter,
to a service; both must know the same of it.  The files stay in DIRECTORY, to be
looked at.  The Rust shop is rust/, and needs a cargo.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

import shop

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
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


def python_shop(customers):
    """The command that opens the shop in DIRECTORY for a service at ADDRESS."""
    return lambda directory, address: [
        sys.executable, HERE / "shop.py", directory, "--customers", customers,
        "--service", address]


def rust_shop(customers):
    """The same, where there is a cargo to build it, and that is new enough."""
    with open(HERE / "rust" / "Cargo.toml", "rb") as file:
        needed = tomllib.load(file)["package"]["rust-version"]
    if shutil.which("cargo") is None:
        print(f"the Rust shop stays closed: it needs cargo {needed}, and there is none")
        return None
    told = subprocess.run(["cargo", "--version"], cwd=HERE / "rust", capture_output=True,
                          text=True, check=False)
    found = re.search(r"(\d+)\.(\d+)", told.stdout)
    if found is None or tuple(map(int, found.groups())) < tuple(map(int, needed.split("."))):
        print(f"the Rust shop stays closed: it needs cargo {needed}, and there is "
              f"{(told.stdout or told.stderr).strip()!r}")
        return None
    print("building the Rust shop", flush=True)
    environment = {"LIBOTLP_ARROW_STATIC": "1", "CARGO_TARGET_DIR": str(ROOT / "build" / "rust")}
    if shutil.which("ccache"):
        environment["CMAKE_C_COMPILER_LAUNCHER"] = "ccache"
    environment |= os.environ
    built = subprocess.run(["cargo", "build", "-q", "--release", "--locked"], cwd=HERE / "rust",
                           env=environment, check=False)
    if built.returncode != 0:
        raise SystemExit("cargo could not build the Rust shop")
    program = pathlib.Path(environment["CARGO_TARGET_DIR"]) / "release" / "otlp-arrow-demo"
    return lambda directory, address: [program, directory, f"http://{address}", customers]


def sell(directory, command):
    """Runs a shop, and compares what its files and the service's know."""
    inside, beside = directory / "in-process", directory / "service"
    service, address = start_service(beside)
    try:
        subprocess.run(command(inside, address), check=True)
    finally:
        service.terminate()
        service.wait()
    ours, theirs = shop.ask(inside), shop.ask(beside)
    if ours != theirs:
        raise SystemExit(f"the two do not know the same: {ours} and {theirs}")
    print("both know the same")


def main():
    shops = {"python": python_shop, "rust": rust_shop}
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--customers", default="300")
    parser.add_argument("--only", choices=shops)
    given = parser.parse_args()
    for name in [given.only] if given.only else shops:
        command = shops[name](given.customers)
        if command is not None:
            sell(given.directory / name, command)


if __name__ == "__main__":
    main()
