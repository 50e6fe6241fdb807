# SPDX-License-Identifier: Apache-2.0
"""Each attack of tests/soak/attacks.py in small: what it is answered, what it
costs, and that a good client beside it does not notice."""

import resource
import sys
import threading
import time
from pathlib import Path

import grpc
import pytest

import harness
from certificates import Authority
from h2client import Connection

sys.path.append(str(Path(__file__).resolve().parents[1] / "soak"))

import attacks  # noqa: E402
from attack_measure import cpu_seconds, quantile, spans  # noqa: E402

CALM = "GOAWAY ENHANCE_YOUR_CALM"
FRAMES = 40000
CONNECTIONS = 300
# A growth that no attack may pass, and two bodies of 64 MiB that may be open
# at once, one a thread.
GROWTH = 24 * 1024
BODIES = 160 * 1024

# What ends the attacker's connections; None: nothing has to.
ANSWERS = {
    "rapid_reset": CALM, "made_you_reset": "GOAWAY PROTOCOL_ERROR", "continuation_flood": CALM,
    "empty_continuations": CALM, "hpack_bomb": CALM, "one_byte_data": CALM, "empty_data": CALM,
    "settings_flood": CALM, "ping_flood": CALM, "priority_flood": CALM, "window_flood": CALM,
    "rapid_reset_within": None, "unread_pings": None, "gzip_bombs": "HTTP 413",
    "zstd_bombs": "HTTP 413", "empty_things": "HTTP 200", "deep_nesting": "grpc-status 0", "large_bodies": None,
    "crawling_bodies": None, "tiny_requests": None, "pipelined_requests": "HTTP 200",
}


class Beside:
    """A good client on a thread; its waiting is compared with that before."""

    def __init__(self, service, credentials=None):
        channel = (grpc.secure_channel(f"localhost:{service.port}", credentials)
                   if credentials else grpc.insecure_channel(service.target))
        self.call = channel.unary_unary(harness.EXPORT_PATH["traces"])
        self.body = spans()
        self.call(self.body, timeout=20)
        self.stopping = threading.Event()
        self.took, self.failed = [], []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.wait(0.03):
            began = time.perf_counter()
            try:
                self.call(self.body, timeout=20)
                self.took.append(time.perf_counter() - began)
            except grpc.RpcError as error:
                self.failed.append(error)

    def end(self):
        # An attack may be over before it has had its turn.
        harness.wait_until(lambda: len(self.took) > 3 or self.failed, 60, "answers")
        self.stopping.set()
        self.thread.join(30)
        assert not self.failed, self.failed[:3]
        return quantile(sorted(self.took), 0.5)


def attack_beside(service, name, authority=None, credentials=None, connections=CONNECTIONS):
    """Runs the attack NAME and gives it with what it cost."""
    good = Beside(service, credentials)
    time.sleep(0.5)
    quiet = good.end()
    good = Beside(service, credentials)
    run = attacks.Run(service, FRAMES, connections, authority)
    before, cpu = service.memory(), cpu_seconds(service.pid)
    attacks.NAMED[name](run)
    time.sleep(0.3)
    busy = good.end()
    run.growth = service.memory("VmHWM") - before
    run.cpu = cpu_seconds(service.pid) - cpu
    # Only a service that has stopped serving would be that slow, here where
    # attacker and client share an interpreter.
    assert busy < 20 * quiet + 500, (busy, quiet)
    assert service.get("/readyz")[0] == 200
    return run


def metric(service, name):
    for line in service.get("/metrics")[1].splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError(f"no metric {name}")


@pytest.mark.parametrize("name", ANSWERS)
def test_an_attack_is_bounded_and_a_good_client_is_served(start, name):
    service = start()
    run = attack_beside(service, name)
    assert run.sent > 0
    if ANSWERS[name]:
        assert run.seen[ANSWERS[name]] > 0, run.seen
    if ANSWERS[name] == CALM:
        assert metric(service, "otlp_arrow_connections_flooded_total") > 0
    large = any(word in name for word in ("bombs", "bodies", "things"))
    assert run.growth < (BODIES if large else GROWTH), run.growth
    assert service.stop() == 0


def test_slow_connections_are_hung_up_on_in_every_state(start):
    service = start("limits.handshake_timeout=1s", "limits.body_timeout=2s")
    run = attack_beside(service, "slow_loris")
    assert run.seen["still open"] == 0
    assert run.seen["HTTP 408"] > 0
    assert run.seen["HTTP 503 without a delay"] == 0
    assert metric(service, "otlp_arrow_connections_late_total") > 0
    assert metric(service, "otlp_arrow_bodies_late_total") > 0
    assert service.stop() == 0


def test_half_handshakes_of_tls_end_with_their_time(start, tmp_path):
    authority = Authority(tmp_path / "ca")
    certificate, key = authority.issue()
    service = start("limits.handshake_timeout=1s", f"protocols.tls.cert_file={certificate}",
                    f"protocols.tls.key_file={key}")
    credentials = grpc.ssl_channel_credentials(authority.file.read_bytes())
    run = attack_beside(service, "tls_half_handshakes", authority, credentials, connections=1500)
    assert run.seen["still open"] == 0
    assert run.growth < GROWTH, run.growth
    served, never = run.newcomers
    assert served > 3 and never == 0, run.notes
    assert metric(service, "otlp_arrow_connections_late_total") >= 200
    assert service.stop() == 0


def test_clients_get_in_beside_a_flood_of_hellos(start, tmp_path):
    authority = Authority(tmp_path / "ca")
    certificate, key = authority.issue()
    service = start(f"protocols.tls.cert_file={certificate}", f"protocols.tls.key_file={key}")
    credentials = grpc.ssl_channel_credentials(authority.file.read_bytes())
    run = attack_beside(service, "tls_hello_flood", authority, credentials)
    assert run.growth < GROWTH, run.growth
    served, never = run.newcomers
    assert served > 0 and never == 0, run.notes
    assert service.stop() == 0


def test_more_connections_than_the_limit_are_refused_and_counted(start):
    service = start("limits.connections=50")
    run = attack_beside(service, "connection_flood")
    assert metric(service, "otlp_arrow_connections_refused_total") > 0
    assert any("served again" in note and "NOT" not in note for note in run.notes), run.notes
    assert sum("limits.connections" in line for line in service.lines) <= 4
    assert service.stop() == 0


def test_without_descriptors_open_connections_go_on_and_accepting_resumes(start):
    service = start()
    run = attack_beside(service, "descriptors_gone")
    assert metric(service, "otlp_arrow_accept_pauses_total") > 0
    assert any("served again" in note and "NOT" not in note for note in run.notes), run.notes
    # It rests instead of trying all the time, and says so once in a while.
    assert sum("cannot accept" in line for line in service.lines) <= 4
    assert service.stop() == 0


def test_limits_follow_the_process_limit_of_descriptors(start):
    """The soft limit is raised to the hard one first."""
    service = start("limits.connections=1000000", prefix=("prlimit", "--nofile=300:512"))
    assert resource.prlimit(service.pid, resource.RLIMIT_NOFILE) == (512, 512)
    assert any("may open 512 files only" in line and "limits.connections" in line
               for line in service.lines), service.output()
    assert service.stop() == 0


def test_plain_answers_over_http2_say_when_they_were_made(start):
    service = start()
    with Connection(service.port) as connection:
        answer = connection.call([(":method", "POST"), (":scheme", "http"), (":authority", "t"),
                                  (":path", "/v1/traces"),
                                  ("content-type", "application/x-protobuf")], b"")
    assert answer["date"].endswith(" GMT")
    then = time.mktime(time.strptime(answer["date"], "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone
    assert abs(then - time.time()) < 60
    assert service.stop() == 0
