# SPDX-License-Identifier: Apache-2.0
"""The service under a manager: notifications, watchdog, inherited sockets."""

import configparser
import re
import shutil
import signal as signals
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

import columns
import harness
import httpclient
import manager
import otlpgen

PACKAGING = harness.ROOT / "packaging"


@pytest.fixture(params=("path", "abstract"))
def watcher(request, tmp_path):
    name = str(tmp_path / "n") if request.param == "path" else f"@oa-{tmp_path}"
    one = manager.Manager(name[:100])
    yield one
    one.close()


@pytest.fixture
def one_watcher(tmp_path):
    one = manager.Manager(f"@oa-{tmp_path}"[:100])
    yield one
    one.close()


def test_start_reload_and_stop_are_told(start, watcher):
    service = start(environment=watcher.environment())
    ready = watcher.next()
    assert ready["READY"] == "1"
    assert str(service.port) in ready["STATUS"]
    before = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    service.process.send_signal(signals.SIGHUP)
    reloading = watcher.next()
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= before + 60e6
    assert watcher.next()["READY"] == "1"
    service.process.send_signal(signals.SIGTERM)
    assert watcher.next()["STOPPING"] == "1"
    assert service.process.wait(20) == 0
    assert watcher.next(0.1) is None


def test_a_start_that_fails_is_not_ready(one_watcher, tmp_path):
    done = harness.run_service("--set", f"output_dir={tmp_path}", "--set",
                               "protocols.tls.cert_file=/nowhere",
                               environment=one_watcher.environment())
    assert done.returncode == 2
    assert one_watcher.next(0.1) is None


def test_a_socket_that_cannot_be_used_does_not_keep_it_from_serving(start):
    service = start(environment={"NOTIFY_SOCKET": "vsock:2:1"})
    assert "NOTIFY_SOCKET" in service.output()
    assert service.get("/readyz")[0] == 200
    assert service.stop() == 0


def test_the_watchdog_is_fed_at_half_its_time(start, one_watcher):
    start(environment=one_watcher.environment(WATCHDOG_USEC="400000"))
    one_watcher.wait_for("READY")
    one_watcher.drain()
    # 15 in 3 s on a machine with time to spare.
    assert 3 <= one_watcher.count("WATCHDOG", 3) <= 18


def test_another_ones_watchdog_is_not_fed(start, one_watcher):
    start(environment=one_watcher.environment(WATCHDOG_USEC="200000", WATCHDOG_PID="1"))
    one_watcher.wait_for("READY")
    assert one_watcher.count("WATCHDOG", 1) == 0


def test_a_stuck_thread_starves_the_watchdog(start, one_watcher, tmp_path):
    disk = manager.Disk(tmp_path)
    service = start("write_interval_secs=0.05",
                    environment=one_watcher.environment(WATCHDOG_USEC="500000",
                                                        **disk.environment))
    one_watcher.wait_for("READY")
    disk.stands_still()
    service.send("logs", [otlpgen.request("logs", 5).SerializeToString()])
    harness.wait_until(lambda: "the watchdog is not fed" in service.output(),
                       what="the end of the feeding")
    assert "the writer thread has stood still for" in service.output()
    one_watcher.drain()
    assert one_watcher.count("WATCHDOG", 1.5) == 0
    disk.works()
    assert one_watcher.wait_for("WATCHDOG")
    assert service.stop() == 0


def test_a_full_disk_is_no_reason_to_be_killed(start, one_watcher, tmp_path):
    disk = manager.Disk(tmp_path)
    service = start("write_interval_secs=0.05",
                    environment=one_watcher.environment(WATCHDOG_USEC="500000",
                                                        **disk.environment))
    one_watcher.wait_for("READY")
    disk.is_full()
    service.send("logs", [otlpgen.request("logs", 5).SerializeToString()])
    harness.wait_until(lambda: service.get("/readyz")[0] == 503, what="the failure")
    # Longer than a thread may be silent.
    assert one_watcher.count("WATCHDOG", 6) >= 6
    disk.works()
    harness.wait_until(lambda: service.get("/readyz")[0] == 200, what="the recovery")
    assert service.stop() == 0


# --- sockets ---


def settled(service):
    """The three ports as the start line tells them."""
    return [*service.ports, int(service.http.rpartition(":")[2])]


def export(port):
    with httpclient.Sender(port) as sender:
        return sender.post("logs", otlpgen.request("logs", 5).SerializeToString()).status


def test_sockets_are_known_by_their_names(start):
    sockets = [manager.listening() for _ in range(3)]
    ports = [one.getsockname()[1] for one in sockets]
    service = start("net.io_threads=3",
                    **manager.handing_over(sockets, ["dashboard", "protobuf", "arrow-flight"]))
    assert settled(service) == [ports[1], ports[2], ports[0]]
    assert service.get("/readyz")[0] == 200
    # All threads take from one queue, and nobody goes without an answer.
    assert {export(port) for port in ports[1:] for _ in range(30)} == {200}
    assert service.stop() == 0


@pytest.mark.parametrize("names", (None, ["otlp-arrow.socket"] * 3))
def test_sockets_without_our_names_go_by_their_order(start, names):
    sockets = [manager.listening() for _ in range(3)]
    service = start(**manager.handing_over(sockets, names))
    assert settled(service) == [one.getsockname()[1] for one in sockets]


def test_one_socket_leaves_the_other_ports_as_configured(start):
    own = manager.listening()
    service = start(**manager.handing_over([own], ["arrow-flight"]))
    ports = settled(service)
    assert ports[1] == own.getsockname()[1]
    assert len(set(ports)) == 3 and all(ports)
    assert export(ports[0]) == export(ports[1]) == 200


def test_an_ipv6_socket_is_shown_as_it_is(start):
    try:
        own = manager.listening(socket.AF_INET6, "::1")
    except OSError:
        pytest.skip("no IPv6 on this machine")
    service = start(**manager.handing_over([own], ["protobuf"]))
    assert f"[::1]:{own.getsockname()[1]}" in service.output()


def test_sockets_for_another_process_are_not_touched(start):
    own = manager.listening()
    service = start(**manager.handing_over([own], ["protobuf"], pid=1))
    assert own.getsockname()[1] not in settled(service)


def test_who_connects_before_the_start_or_between_two_is_served(start, tmp_path):
    own = manager.listening()
    port = own.getsockname()[1]
    answers = []

    def ask():
        answers.append(export(port))

    for run in range(3):
        early = [threading.Thread(target=ask) for _ in range(5)]
        for one in early:
            one.start()
        time.sleep(0.3)  # they have connected and sent, and wait
        assert len(answers) == 5 * run
        service = start(directory=tmp_path / "out", **manager.handing_over([own]))
        for one in early:
            one.join(20)
        assert answers == [200] * 5 * (run + 1)
        assert service.stop() == 0
    items = 15 * otlpgen.count_items("logs", otlpgen.request("logs", 5))
    assert len(columns.rows_of(tmp_path / "out", "logs")) == items


def unix_socket(tmp_path):
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    one.bind(str(tmp_path / "s"))
    one.listen(1)
    return one


WRONG = {
    "does not listen": lambda _: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "of another kind": unix_socket,
    "is a socket of another kind": lambda _: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "is not a socket": lambda tmp_path: open(tmp_path / "file", "w"),
}


@pytest.mark.parametrize("what", WRONG)
def test_descriptors_of_the_wrong_kind_end_the_start(tmp_path, what):
    with WRONG[what](tmp_path) as wrong:
        options = manager.handing_over([wrong], ["protobuf"])
        done = subprocess.run(
            [*options["prefix"], harness.SERVICE, "--set", f"output_dir={tmp_path / 'out'}"],
            pass_fds=options["pass_fds"], env=harness.clean_environment(options["environment"]),
            capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert what in done.stderr and "LISTEN_FDS" in done.stderr and "descriptor 3" in done.stderr


@pytest.mark.parametrize("count, names, what", (
    (2, ["protobuf", "protobuf"], "two sockets are called"),
    (4, None, "pass 1 to 3 sockets"),
))
def test_too_many_sockets_end_the_start(tmp_path, count, names, what):
    sockets = [manager.listening() for _ in range(count)]
    options = manager.handing_over(sockets, names)
    done = subprocess.run([*options["prefix"], harness.SERVICE], pass_fds=options["pass_fds"],
                          env=harness.clean_environment(options["environment"]),
                          capture_output=True, text=True, timeout=20, cwd=tmp_path)
    assert done.returncode == 1
    assert what in done.stderr


# --- the units that come with it ---


def unit(name):
    parser = configparser.ConfigParser(strict=False, interpolation=None,
                                       comment_prefixes=("#",), delimiters=("=",))
    parser.optionxform = str
    parser.read_string((PACKAGING / name).read_text())
    return parser


def test_the_units_fit_the_program():
    service, sockets = unit("otlp-arrow.service"), unit("otlp-arrow.socket")
    assert service["Service"]["Type"] == "notify"
    assert service["Service"]["NotifyAccess"] == "main"
    assert re.fullmatch(r"\d+(s|min)?", service["Service"]["WatchdogSec"])
    assert service["Service"]["ExecReload"].endswith("-HUP $MAINPID")
    assert service["Service"]["ExecStart"].split()[0] == "otlp-arrow-service"
    assert "4317" in sockets["Socket"]["ListenStream"]
    assert sockets["Socket"]["FileDescriptorName"] == "protobuf"
    assert sockets["Socket"]["Service"] == "otlp-arrow.service"


def test_systemd_understands_the_units(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine")
    paths = []
    for path in PACKAGING.glob("otlp-arrow*.s*"):
        text = path.read_text().replace("=otlp-arrow-service", f"={harness.SERVICE}")
        (tmp_path / path.name).write_text(text)
        paths.append(tmp_path / path.name)
    assert len(paths) >= 3
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *paths],
                          capture_output=True, text=True, timeout=60)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "otlp-arrow" in line]
    assert ours == [], done.stderr
