# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md says what is, all of it and nothing else."""

import re
import signal as signals

import harness

PAGE = (harness.ROOT / "docs" / "operations.md").read_text()


def test_every_metric_is_explained_and_there(start):
    _, text = start().get("/metrics")
    served = {line.split("{")[0].split(" ")[0] for line in text.splitlines()
              if not line.startswith("#")}
    tables = "\n".join(line for line in PAGE.splitlines() if line.startswith("|"))
    explained = set(re.findall(r"`((?:otlp_arrow|process)_[a-z_]+)`", tables))
    assert served - explained == set()
    assert explained - served == set()
    assert set(re.findall(r"otlp_arrow_[a-z_]+", PAGE)) <= served


def test_every_reason_is_explained(start):
    _, text = start().get("/metrics")
    reasons = set(re.findall(r'reason="([a-z_]+)"', text))
    sentence = PAGE[PAGE.index("The reasons:"):PAGE.index("| name | is |")]
    assert set(re.findall(r"`([a-z_]+)`", sentence)) == reasons


def another(key, value):
    """A value of KEY that is not VALUE."""
    words = {"zstd": "lz4", "text": "json", "info": "debug"}
    if value in words:
        return words[value]
    return {"storage.compression_level": "5"}.get(
        key, "70MiB" if key.endswith("_size") and key.startswith("storage") else "3000")


def test_the_keys_that_a_reload_changes_are_those_of_the_page(start, tmp_path):
    sentence = PAGE[PAGE.index("A reload puts in force"):PAGE.index("; of `protocols.tls`")]
    named = set(re.findall(r"`([a-z_.]+)`", sentence))
    assert len(named) > 10
    printed = harness.run_service("--validate").stdout
    path = tmp_path / "service.yaml"
    path.write_text("")
    service = start(arguments=("--config", str(path)))
    lines, section = [], []
    for line in printed.splitlines():
        found = re.match(r"( *)([a-z_]+):(?: (.*?))?(?:\s+#.*)?$", line)
        if not found:
            continue
        depth = len(found[1]) // 2
        section = [*section[:depth], found[2]]
        if ".".join(section) in named:
            lines.append((".".join(section), (found[3] or "").strip('"')))
    assert {key for key, _ in lines} == named
    text = ""
    for head in ("", "storage", "log"):
        chosen = [(key, value) for key, value in lines if key.rpartition(".")[0] == head]
        text += f"{head}:\n" if head else ""
        text += "".join(f"{'  ' if head else ''}{key.rpartition('.')[2]}: {another(key, value)}\n"
                        for key, value in chosen)
    path.write_text(text)
    service.process.send_signal(signals.SIGHUP)
    line = harness.wait_until(
        lambda: next((one for one in service.lines if "reloaded:" in one), None),
        what="a word about the reload")
    told = set(re.findall(r"[a-z_]+(?:\.[a-z_]+)?(?=[,\"]|$)", line.partition("reloaded: ")[2]))
    assert told == named, text
    assert "restart" not in service.output()
