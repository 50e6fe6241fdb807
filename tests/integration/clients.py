# SPDX-License-Identifier: Apache-2.0
"""Builds the senders of tests/clients, once, into build/clients, and runs them.

A build is done again only when a file of its folder or the tool chain has
changed; of several test workers one builds while the others wait.
"""

import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import harness

SOURCES = harness.ROOT / "tests" / "clients"
BUILT = harness.ROOT / "build" / "clients"

# The oldest that the clients build with, and how each says its version.
TOOLS = {
    "go": ((1, 26), ["go", "version"]),
    "javac": ((11,), ["javac", "-version"]),
    "mvn": ((3, 6), ["mvn", "-v"]),
    "node": ((18, 19), ["node", "--version"]),
    "npm": ((9,), ["npm", "--version"]),
    "cargo": ((1, 88), ["cargo", "--version"]),
    "curl": ((7,), ["curl", "--version"]),
}
NEEDS = {"python": (), "go": ("go",), "java": ("javac", "mvn"), "javascript": ("node", "npm"),
         "rust": ("cargo",), "collector": ("go",)}


def missing(reason):
    """A sender that cannot be had here; where CI runs it has to be."""
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        pytest.skip(reason)
    pytest.fail(f"{reason}, and CI is set")


@functools.cache
def tool_version(name):
    """(what is wrong or None, the version as the tool prints it)"""
    least, command = TOOLS[name]
    wanted = ".".join(map(str, least))
    if shutil.which(name) is None:
        return f"{name} ({wanted} or newer) is not installed", ""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    text = done.stdout + done.stderr
    found = re.search(r"(\d+(?:\.\d+)+)", text)
    if found is None:
        return f"{name} does not tell its version: {text[:200]}", text
    version = tuple(map(int, found[1].split(".")))
    if version < least:
        return f"{name} is {found[1]}: the clients need {wanted} or newer", text
    return None, text


def need_tool(name):
    wrong, version = tool_version(name)
    if wrong:
        missing(wrong)
    return version


def run_step(command, cwd, **environment):
    """One step of a build; builds yield to whatever else is running."""
    done = subprocess.run(["nice", "-n", "15", *map(str, command)], cwd=cwd, text=True,
                          capture_output=True, env={**os.environ, **environment}, check=False)
    assert done.returncode == 0, (f"{' '.join(map(str, command))} in {cwd}:\n"
                                  f"{(done.stdout + done.stderr)[-6000:]}")


# What is here is used and no newer tool chain is looked for.
GO = {"GOTOOLCHAIN": "local", "GOFLAGS": "-trimpath -buildvcs=false", "GOWORK": "off",
      "CGO_ENABLED": "0"}


def build_go(source, target):
    run_step(["go", "build", "-o", target / "client", "."], source, **GO)
    return [target / "client"]


def build_java(source, target):
    shutil.rmtree(target / "lib", ignore_errors=True)
    run_step(["mvn", "-q", "-B", "dependency:copy-dependencies",
              f"-DoutputDirectory={target / 'lib'}"], source)
    run_step(["javac", "-encoding", "UTF-8", "--release", "11", "-d", target / "classes",
              "-cp", target / "lib" / "*", *sorted((source / "src").glob("*.java"))], source)
    # A short-lived program: the second compiler would not pay for itself.
    return ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp",
            f"{target / 'classes'}:{target / 'lib' / '*'}", "Client"]


def build_javascript(source, target):
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copy(source / name, target)
    run_step(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
             target)
    return ["node", target / "client.mjs"]


def build_rust(source, target):
    run_step(["cargo", "build", "--locked"], source, CARGO_TARGET_DIR=str(target))
    return [target / "debug" / "otlp-arrow-client-rust"]


def build_collector(source, target):
    """The Collector with its own builder, and telemetrygen."""
    run_step(["go", "install", "tool"], source, GOBIN=str(target), **GO)
    generated = target / "collector-source"
    generated.mkdir(exist_ok=True)
    run_step([target / "builder", "--config", source / "builder.yaml", "--skip-compilation",
              "--skip-get-modules"], generated, **GO)
    for name in ("go.mod", "go.sum"):  # the builder's own idea of them is not pinned
        shutil.copy(source / name, generated)
    run_step(["go", "build", "-ldflags", "-s -w", "-o", target / "collector", "."], generated,
             **GO)
    return [target / "collector"]


BUILDERS = {"go": build_go, "java": build_java, "javascript": build_javascript,
            "rust": build_rust, "collector": build_collector}


def digest_of(folder, versions):
    """Changes with each file and each tool."""
    digest = hashlib.sha256("".join(versions).encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    # How it is built is part of what is built.
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()


@functools.cache
def command_of(name):
    """The command line that runs a client, which is built if it has to be."""
    versions = [need_tool(tool) for tool in NEEDS[name]]
    source, target = SOURCES / name, BUILT / name
    if name == "python":
        return [sys.executable, str(source / "client.py")]
    target.mkdir(parents=True, exist_ok=True)
    stamp = BUILT / f"{name}.json"
    digest = digest_of(source, versions)
    with open(BUILT / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = json.loads(stamp.read_text()) if stamp.exists() else {}
        if known.get("digest") != digest:
            stamp.unlink(missing_ok=True)
            command = [str(word) for word in BUILDERS[name](source, target)]
            known = {"digest": digest, "command": command}
            stamp.write_text(json.dumps(known))
    return known["command"]


def telemetrygen():
    return str(Path(command_of("collector")[0]).with_name("telemetrygen"))


# --- running ---

RESOURCE = {"service.namespace": "test", "service.instance.id": "i-1", "answer": "42"}


def settings(protocol, compression, port, temporality="cumulative"):
    """What a user would export, the same for every SDK."""
    chosen = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": temporality,
        # Where the SDK reads which exporters to use, the default is not always this.
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_SERVICE_NAME": "shop",
        "OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{k}={v}" for k, v in RESOURCE.items()),
    }
    if compression != "none":  # a word that the gRPC exporter of Python refuses
        chosen["OTEL_EXPORTER_OTLP_COMPRESSION"] = compression
    return chosen


def run_client(name, count, environment):
    """Gives what the client says that it sent: {signal: number}."""
    done = subprocess.run([*command_of(name), str(count)], capture_output=True, text=True,
                          timeout=60, env=harness.clean_environment(environment), check=False)
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    told = json.loads(done.stdout)
    return {"traces": told["spans"], "metrics": told["points"], "logs": told["logs"]}
