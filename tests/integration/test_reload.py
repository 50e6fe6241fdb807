# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: what changes in a running service, what does not, and what is said."""

import signal as signals
import time

import pytest

import columns
import harness
import httpclient
import otlpgen

RECORDS = otlpgen.request("logs", 5).SerializeToString()
COUNT = otlpgen.count_items("logs", otlpgen.request("logs", 5))


@pytest.fixture
def configured(start, tmp_path):
    """A service with a file, and a function that rewrites it and reloads."""
    path = tmp_path / "service.yaml"

    def begin(text, *settings, **options):
        path.write_text(text)
        return start(*settings, arguments=("--config", str(path)), **options)

    def reload(service, text, *words):
        """What is said, with WORDS in it."""
        path.write_text(text)
        before = len(service.lines)
        service.process.send_signal(signals.SIGHUP)

        def said():
            return "\n".join(service.lines[before:])
        harness.wait_until(lambda: all(word in said() for word in words),
                           what=f"{words} about the reload")
        return said()

    begin.reload = reload
    begin.path = path
    return begin


def send(service):
    for result in service.send("logs", [RECORDS]):
        assert not isinstance(result, Exception), result


def stored(service):
    return httpclient.metric_of(service, "otlp_arrow_stored_items_total", signal="logs")


def test_what_can_change_does_and_is_named(configured):
    service = configured("write_interval_secs: 3600\n")
    send(service)
    time.sleep(0.5)
    assert stored(service) == 0
    said = configured.reload(service, "write_interval_secs: 0.05\nlog:\n  level: warn\n"
                                      "storage:\n  max_total_size: 1GiB\n",
                             # Said although the new level would not have it.
                             "reloaded: write_interval_secs, storage.max_total_size, log.level")
    harness.wait_until(lambda: stored(service) == COUNT, what="the new interval")
    assert "no setting has changed" not in said
    before = len(service.lines)
    service.process.send_signal(signals.SIGHUP)
    time.sleep(0.5)
    assert len(service.lines) == before


def test_names_of_changes_are_logged(configured):
    service = configured("write_interval_secs: 3600\n")
    configured.reload(
        service, "write_interval_secs: 5\nmax_log_buffer_size: 1000\n"
                 "log_cleanup_interval_secs: 7200\n",
        "reloaded: write_interval_secs, log_cleanup_interval_secs, max_log_buffer_size")
    configured.reload(service, configured.path.read_text(), "reloaded: no setting has changed")


def test_what_needs_a_restart_is_named_and_stays(configured):
    service = configured("write_interval_secs: 3600\n")
    send(service)
    configured.reload(service, "write_interval_secs: 0.05\nbind_address: 0.0.0.0\n"
                               "net:\n  io_threads: 1\nack: fsync\n",
                      "changed, but needs a restart: ack, bind_address, net.io_threads")
    harness.wait_until(lambda: stored(service) == COUNT, what="what could change")
    send(service)
    # It is said again each time, as it is still so.
    configured.reload(service, configured.path.read_text(), "needs a restart: ack, bind_address")
    assert service.stop() == 0


BROKEN = {
    "write_interval_secs: 0.05\nwrite_interval: 5\n": ":2:1",
    "write_interval_secs: 0.05\nprotocols:\n  max_request_size: none\n": ":3:",
    "write_interval_secs: 0.05\nlog: [\n": "service.yaml:",
    "write_interval_secs: 0.05\nprotocols:\n  tls:\n    cert_file: /x\n": "protocols.tls.key_file",
    None: "service.yaml",
}


@pytest.mark.parametrize("text", BROKEN)
def test_an_invalid_configuration_changes_nothing(configured, text):
    service = configured("write_interval_secs: 3600\n")
    send(service)
    if text is None:
        configured.path.unlink()
        before = len(service.lines)
        service.process.send_signal(signals.SIGHUP)
        harness.wait_until(lambda: "nothing has changed" in service.output(), what="the refusal")
        said = "\n".join(service.lines[before:])
    else:
        said = configured.reload(service, text, "nothing has changed")
    assert BROKEN[text] in said
    time.sleep(0.5)
    assert stored(service) == 0
    assert service.get("/readyz")[0] == 200
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "logs")) == COUNT


def test_the_command_line_still_counts_more_than_the_file(configured):
    service = configured("log:\n  level: info\n", "write_interval_secs=3600")
    send(service)
    configured.reload(service, "write_interval_secs: 0.05\n", "no setting has changed")
    time.sleep(0.5)
    assert stored(service) == 0


def test_the_log_changes_its_form(configured):
    service = configured("log:\n  format: text\n")
    configured.reload(service, "log:\n  format: json\n", '"message":"reloaded: log.format"')


def test_a_secret_that_changes_is_not_logged(configured):
    keys = ("protocols:\n  authentication:\n    auth_type: bearer_token\n"
            "    credentials:\n      token: {}\n")
    service = configured(keys.format("first-of-all-secrets"))
    configured.reload(service, keys.format("second-of-all-secrets"),
                      "reloaded: protocols.authentication.credentials.token")
    assert "of-all-secrets" not in service.output()
    for token, wanted in (("first", 401), ("second", 200)):
        answer = httpclient.post(service, "logs", RECORDS,
                                 authorization=f"Bearer {token}-of-all-secrets")
        assert answer.status == wanted


def test_the_next_file_has_the_new_compression(configured):
    size = ("write_interval_secs: 0.05\nstorage:\n  max_file_size: 64KiB\n"
            "  compression: {}\n")
    service = configured(size.format("none"))
    request = otlpgen.REQUEST_CLASS["logs"]()
    records = request.resource_logs.add().scope_logs.add().log_records
    for i in range(500):
        records.add().body.string_value = f"{i} " + "x" * 300
    raw = request.SerializeToString()

    def fill(files):
        def full():
            service.send("logs", [raw])
            return len(service.files("logs")) >= files
        harness.wait_until(full, what="a new file")

    fill(2)
    configured.reload(service, size.format("lz4"), "storage.compression")
    fill(5)
    assert service.stop() == 0
    first, last = service.files("logs")[0], service.files("logs")[-1]
    assert "lz4" not in harness.run_tool("inspect", first).stdout
    assert "lz4" in harness.run_tool("inspect", last).stdout


def test_reloads_under_load_lose_nothing(configured):
    service = configured("write_interval_secs: 0.05\n")
    call = service.stub("logs")
    futures = []
    for i in range(30):
        futures += [call.future(RECORDS, timeout=20) for _ in range(20)]
        configured.path.write_text(f"write_interval_secs: 0.0{i % 9 + 1}\n"
                                   f"max_log_buffer_size: {100000 + i}\n")
        service.process.send_signal(signals.SIGHUP)
    for future in futures:
        future.result(20)
    assert service.stop() == 0
    assert len(columns.rows_of(service.directory, "logs")) == 600 * COUNT
