# SPDX-License-Identifier: Apache-2.0
"""The front desk: `./dev` has every command that it and the documents name."""
import re
import subprocess
import sys

import pytest

from harness import ROOT


def dev(*arguments):
    return subprocess.run([ROOT / "dev", *arguments], capture_output=True, text=True,
                          timeout=60, check=False)


def names_of(verb):
    """What `./dev VERB` can be followed by, as it says when nothing follows."""
    said = dev(verb)
    assert said.returncode == 2 and f"usage: ./dev {verb}" in said.stderr
    return set(said.stderr.split("\n")[1:]) - {""}


def named_in_documents(verb):
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    return {name for path in documents
            for name in re.findall(rf"\./dev {verb} ([a-z0-9_]+)", path.read_text())}


def test_every_command_of_the_help_is_there():
    text = (ROOT / "dev").read_text()
    said = dev("help")
    named = set(re.findall(r"^\./dev ([a-z]+)(?: \| ([a-z]+))?", said.stdout, re.M))
    verbs = {verb for pair in named for verb in pair if verb}
    assert {"run", "test", "bench", "soak", "fuzz", "lint"} <= verbs
    missing = {verb for verb in verbs if f"\nverb_{verb}() {{" not in text}
    assert not missing


def test_an_unknown_command_is_refused_with_the_help():
    said = dev("no-such-thing")
    assert said.returncode == 2
    assert "no such command: no-such-thing" in said.stderr and "./dev run" in said.stderr


@pytest.mark.parametrize("verb", ("soak", "fuzz"))
def test_what_documents_name_is_there(verb):
    assert named_in_documents(verb) - {"all"} <= names_of(verb)
    assert names_of(verb)


def test_every_soak_says_how_it_is_used():
    for name in sorted(names_of("soak")):
        said = subprocess.run([sys.executable, ROOT / "tests" / "soak" / f"{name}.py", "--help"],
                              capture_output=True, text=True, timeout=60, check=False)
        assert said.returncode == 0 and said.stdout.startswith("usage: "), name + said.stderr
