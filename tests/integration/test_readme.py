# SPDX-License-Identifier: Apache-2.0
"""What the README tells a newcomer to run does what it says."""

import re
import subprocess
import sys

import harness


def test_the_python_examples_run_as_printed(start, tmp_path):
    """Only the port and the waiting time differ from the text."""
    text = (harness.ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert blocks, "the README has no Python example"
    (tmp_path / "output_dir").mkdir()
    service = start("write_interval_secs=0.2", directory=tmp_path / "output_dir")
    for block in blocks:
        assert "127.0.0.1:4317" in block or "4317" not in block
        program = block.replace("127.0.0.1:4317", service.target)
        assert "time.sleep(6)" in program or "sleep" not in program
        program = program.replace("time.sleep(6)", "time.sleep(1)")
        done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True,
                              text=True, timeout=60, env=harness.clean_environment(), check=False)
        assert done.returncode == 0, done.stderr
        assert "shop" in done.stdout and "checkout" in done.stdout, done.stdout
    assert service.stop() == 0


def test_commands_that_the_readme_names_exist():
    text = (harness.ROOT / "README.md").read_text(encoding="utf-8")
    commands = set(re.findall(r"^build/release/otlp-arrow (\w+)", text, re.M))
    assert commands
    helped = harness.run_tool("--help").stdout
    assert all(command in helped for command in commands), commands
