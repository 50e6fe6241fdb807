# SPDX-License-Identifier: Apache-2.0
"""`./dev bench [NAME...]` comes here: runs the benchmark NAME."""
import sys

import acks
import ingest
import protocols
import python
import rust
import stages

BENCHES = {"acks": acks.main, "ingest": ingest.main,
           "protocols": protocols.main, "python": python.main,
           "rust": rust.main, "stages": stages.main}


def main(arguments):
    name, rest = (arguments or ["ingest"])[0], arguments[1:]
    if name.startswith("-"):  # `./dev bench --quick` means ingest
        name, rest = "ingest", arguments
    if name not in BENCHES:
        known = ", ".join(sorted(BENCHES))
        sys.exit(f"bench: no benchmark named '{name}'; there is: {known}")
    return BENCHES[name](rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
