"""The demo, and what can be tried on its data afterwards: each command as it is typed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "worker")
DEADLINE_S = 120


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=DEADLINE_S
    )


@contextmanager
def developing(folder: Path) -> Iterator[str]:
    """`dev` on the folder for the block; gives what it printed when it was ready."""
    with subprocess.Popen([*COMMAND, "dev", "--state-dir", str(folder)], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        try:
            yield "".join(program.stdout.readline().decode() for _ in range(3))
        finally:
            os.kill(program.pid, signal.SIGTERM)
            assert program.wait(DEADLINE_S) == 0


@pytest.mark.slow
def test_a_day_ends_clean_and_its_data_can_be_looked_at(server_folder: Path, unique_name: str) -> None:
    folder = server_folder / unique_name
    day = run("demo", "--state-dir", str(folder))
    assert day.returncode == 0, day.stderr
    for part in ("Answers", "Levels", "Shortages", "Dead letters", "events/s", "Audit clean"):
        assert part in day.stdout
    for command in ("audit --state-dir", "simulate", "dev --state-dir"):
        assert command in day.stdout.partition("Try on the data just made")[2]

    asleep = run("audit", "--state-dir", str(folder), "--json")
    assert asleep.returncode == 0, asleep.stderr
    assert json.loads(asleep.stdout)["checked"]["events"] > 2000

    with developing(folder) as addresses:
        assert "127.0.0.1:" in addresses
        assert "postgresql://" in addresses
        awake = run("audit", "--state-dir", str(folder), "--json")
        found = run("status", "--state-dir", str(folder), "--json")
    assert json.loads(awake.stdout)["checked"] == json.loads(asleep.stdout)["checked"]
    assert json.loads(found.stdout)["lag"] == 0
    nobody = run("status", "--state-dir", str(folder))
    assert nobody.returncode == 1
    assert "no servers run" in nobody.stderr
