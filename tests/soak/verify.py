#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every cut and every flip of small real files, given to verify and repair.

Each file is cut after every byte, and every byte of it is flipped in three
ways.  verify must see every cut and every flip but those in values; what
repair makes of them must be well and hold all that stood before the damage.

    ./dev soak verify --step 1
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import damage  # noqa: E402
import otlpgen  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--step", type=int, default=1, help="damage every STEPth byte only")
    parser.add_argument("--repair-step", type=int, default=50, help="the same for repair")
    parser.add_argument("--compression", action="append", choices=("none", "lz4", "zstd"))
    parser.add_argument("--signal", action="append", choices=otlpgen.SIGNALS)
    chosen = parser.parse_args()
    began = time.monotonic()
    seen = repaired = values = unseen = 0
    with tempfile.TemporaryDirectory(prefix="oa_verify_") as place:
        for compression in chosen.compression or ("none", "lz4", "zstd"):
            files = damage.small_files(Path(place) / compression, compression)
            for signal in chosen.signal or otlpgen.SIGNALS:
                original = damage.Original(signal, files[signal])
                size = len(original.data)
                every = [(at, bits) for at in range(0, size, chosen.step) for bits in (None, *damage.FLIPS)]
                in_values, not_seen = damage.verify_all(place, original, every)
                some = [(at, bits) for at in range(0, size, chosen.repair_step) for bits in (None, 0xFF)]
                damage.repair_all(place, original, some)
                seen += len(every)
                repaired += len(some)
                values += in_values
                unseen += not_seen
                print(f"{compression} {signal}: {size} bytes, {len(every)} damages verified, "
                      f"{len(some)} repaired, {time.monotonic() - began:.0f} s", flush=True)
    print(f"verify: {seen} damaged files, 0 unseen outside of values, {unseen} of {values} flips in values "
          f"became other valid ones; {repaired} repaired, 0 rows before the damage lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
