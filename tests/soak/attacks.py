# SPDX-License-Identifier: Apache-2.0
"""Attacks on a running service, with a good client beside each.

    ./dev soak attacks [--frames 1000000] [--connections 10000] [--only NAME ...]

For each: what was sent, how long it took, the service's CPU seconds and memory,
the good client's p50 and p99 before (quiet) and during the attack (!), and what the
service answered.  An attacker whose connection is ended makes a new one and goes
on.  Attackers run at the lowest priority, as they would be on machines of their
own; but they take their share of this machine's cores and memory all the same.
What that costs shows a bystander: the same good client of another service on the
machine, which nobody attacks, at the same time (=).
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import attack_bodies as bodies
import attack_crowds as crowds
import attack_floods as floods
import attack_slow as slow
from attack_measure import Good, Meter, harness, quantile
from attack_run import Run
from certificates import Authority

ATTACKS = [floods.rapid_reset, floods.rapid_reset_within, floods.made_you_reset,
           floods.continuation_flood, floods.empty_continuations, floods.hpack_bomb,
           floods.one_byte_data, floods.empty_data, floods.settings_flood, floods.ping_flood,
           floods.priority_flood, floods.window_flood, floods.unread_pings, bodies.gzip_bombs,
           bodies.zstd_bombs, bodies.empty_things, bodies.deep_nesting, bodies.large_bodies,
           bodies.crawling_bodies, bodies.tiny_requests, bodies.pipelined_requests,
           slow.idle_connections, slow.slow_loris, crowds.connection_flood, crowds.descriptors_gone,
           slow.tls_half_handshakes, slow.tls_hello_flood, slow.tls_idle_connections]
NAMED = {attack.__name__: attack for attack in ATTACKS}
# With two I/O threads the good client would have one to itself.
SETTINGS = {crowds.connection_flood: ["limits.connections=200"],
           bodies.empty_things: ["net.io_threads=1"]}


def start(attack, folder, authority):
    """A service for ATTACK, and one beside it."""
    settings = list(SETTINGS.get(attack, []))
    if attack.__name__.startswith("tls"):
        certificate, key = authority.issue()
        settings += [f"protocols.tls.cert_file={certificate}", f"protocols.tls.key_file={key}"]
    service = harness.Service(folder / "out", *settings)
    try:
        return service, harness.Service(folder / "beside", *settings)
    except BaseException:
        service.kill()
        raise


def measure(attack, frames, connections, rate=30, quiet=5.0, least=5.0):
    """Runs ATTACK against a fresh service and gives one line of figures."""
    nice = os.nice(0)
    with tempfile.TemporaryDirectory() as folder:
        secure = attack.__name__.startswith("tls")
        authority = Authority(Path(folder) / "ca") if secure else None
        service, beside = start(attack, Path(folder), authority)
        try:
            certificate = authority.file if secure else None
            good = Good(service, rate, certificate)
            time.sleep(quiet)
            control = good.end()
            time.sleep(0.5)
            good = Good(service, rate, certificate)
            bystander = Good(beside, rate, certificate)
            run = Run(service, frames, connections, authority)
            if nice < 19 and os.geteuid() == 0:
                os.setpriority(os.PRIO_PROCESS, 0, 19)
            with Meter(service) as meter:
                attack(run)
                while time.monotonic() - meter.began < least:
                    attack(run)
                time.sleep(max(0.0, 1.0 - (time.monotonic() - meter.began)))
            os.setpriority(os.PRIO_PROCESS, 0, nice)
            seen, elsewhere = good.end(), bystander.end()
            time.sleep(4)
            after = service.memory()
            alive = service.alive() and service.get("/readyz")[0] == 200
            metrics = service.get("/metrics")[1]
            code = service.stop()
        finally:
            service.kill()
            beside.kill()
    return {"name": attack.__name__, "sent": run.sent, "opened": run.opened,
            "seconds": meter.seconds, "cpu": meter.cpu, "before": meter.before,
            "peak": meter.peak, "after": after, "control": control, "good": seen,
            "beside": elsewhere,
            "seen": run.seen, "notes": run.notes, "alive": alive, "code": code,
            "metrics": metrics}


def doubled(result):
    """Whether the good client waited for the attack: its p99 is over twice that
    before it, and over twice that of the client that is not attacked."""
    good, quiet, beside = (quantile(result[who]["took"], .99)
                           for who in ("good", "control", "beside"))
    return good > 2 * max(quiet, beside)


def line(result):
    quiet, good = result["control"]["took"], result["good"]["took"]
    beside = result["beside"]["took"]
    seen = ", ".join(f"{count} x {what}" for what, count in result["seen"].most_common(4))
    return (f"{result['name']:<21}{result['sent']:>9}{result['opened']:>8}"
            f"{result['seconds']:>7.1f}{result['cpu']:>7.2f}"
            f"{result['before'] / 1024:>6.0f}{result['peak'] / 1024:>6.0f}"
            f"{result['after'] / 1024:>6.0f}"
            f"{quantile(quiet, .5):>7.1f}{quantile(quiet, .99):>7.1f}"
            f"{quantile(good, .5):>7.1f}{quantile(good, .99):>7.1f}"
            f"{quantile(beside, .5):>7.1f}{quantile(beside, .99):>7.1f}"
            f"{result['good']['failed']:>5}  {seen}"
            f"{'; ' if result['notes'] else ''}{', '.join(result['notes'])}"
            f"{'' if result['alive'] and result['code'] == 0 else '  NOT WELL'}")


TITLE = (f"{'attack':<21}{'sent':>9}{'conns':>8}{'s':>7}{'cpu s':>7}{'MiB':>6}{'peak':>6}"
         f"{'after':>6}{'p50':>7}{'p99':>7}{'p50 !':>7}{'p99 !':>7}{'p50 =':>7}{'p99 =':>7}{'lost':>5}"
         "  answers")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1000000)
    parser.add_argument("--connections", type=int, default=10000)
    parser.add_argument("--rate", type=float, default=30, help="requests/s of the good client")
    parser.add_argument("--only", nargs="*", default=None)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = min(arguments.connections, hard - 500)
    print(TITLE, flush=True)
    bad = slow = 0
    for attack in ATTACKS:
        if arguments.only and attack.__name__ not in arguments.only:
            continue
        result = measure(attack, arguments.frames, connections, arguments.rate)
        print(line(result), flush=True)
        slow += doubled(result)
        bad += not result["alive"] or result["code"] != 0 or result["good"]["failed"] > 0
    print(f"{slow} attacks more than doubled the p99 of the good client")
    print(f"{'all' if not bad else f'NOT all ({bad})'} attacks left the service and the good "
          f"client well", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
