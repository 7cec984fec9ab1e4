"""The command line: help, exit codes, one line for what went wrong, and no secret ever."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError

from worker.cli import main
from worker.cli.failures import failure_of
from worker.dev.event_lines import LineError
from worker.dev.servers import ServerError
from worker.runtime.errors import Fatal, Transient
from worker.runtime.migrate import SchemaMismatch
from worker.settings import SettingsError, load_settings

COMMANDS = (
    *("run", "migrate", "topics", "config", "status", "audit", "levels", "why", "retention"),
    *("orders", "stock", "dlq", "offsets", "offsets check", "offsets rewind"),
    *("dev", "demo", "simulate", "bench"),
)
PASSWORD = "s3kret-Passw0rd"
HEAVY = ("asyncpg", "aiokafka", "faststream", "pydantic", "orjson", "uvloop", "jgo")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("INVENTORY_KAFKA_BOOTSTRAP", "INVENTORY_DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)


def run(*arguments: str) -> int | str | None:
    """The exit code of the program."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*command.split(), "--help") == 0
    told = capsys.readouterr().out
    assert f"inventory-worker {command}" in told.partition("example:")[2]


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    told = capsys.readouterr().out
    assert all(command.split()[0] in told for command in COMMANDS)


def test_help_loads_nothing_heavy() -> None:
    program = f"import sys, worker.cli.app; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_keeps_to_no_color() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "worker", "--help"],
        capture_output=True,
        check=True,
        env={"NO_COLOR": "1", "PATH": ""},
    )
    assert b"\x1b[" not in done.stdout


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.count(".") == 2


@pytest.mark.parametrize(
    ("arguments", "setting"),
    [
        (["run"], "INVENTORY_KAFKA_BOOTSTRAP"),
        (["migrate"], "INVENTORY_DATABASE_URL"),
        (["topics"], "INVENTORY_KAFKA_BOOTSTRAP"),
        (["topics", "list"], "INVENTORY_KAFKA_BOOTSTRAP"),
        (["audit"], "INVENTORY_DATABASE_URL"),
        (["why", "shirt"], "INVENTORY_DATABASE_URL"),
        (["offsets", "check"], "INVENTORY_KAFKA_BOOTSTRAP"),
        (["status", "--kafka", "localhost:1"], "INVENTORY_DATABASE_URL"),
        (["config", "--kafka", "localhost:1", "--database-url", "mysql://h/d"], "INVENTORY_DATABASE_URL"),
    ],
)
def test_a_wrong_setting_is_named_and_exits_with_2(
    arguments: Sequence[str], setting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    told = capsys.readouterr().err
    assert setting in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["simulate", "no-such-file.jsonl"],
        ["simulate", __file__, "--keep"],
        ["simulate", __file__, "--kafka", "localhost:1"],
        ["simulate", __file__, "--workers", "0"],
        ["dev", "--workers", "many"],
        ["why"],
        ["orders", "import", "no-such-file.jsonl"],
        ["why", "shirt", "--at", "yesterday"],
        ["offsets", "rewind", "--since", "yesterday"],
    ],
)
def test_wrong_options_exit_with_2(arguments: Sequence[str]) -> None:
    assert run(*arguments) == 2


def test_a_line_that_cannot_be_sent_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text('{"record": {"topic": "elsewhere"}}')
    assert run("simulate", str(file)) == 2
    assert "line 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ("migrate",),
        ("audit",),
        ("run", "--kafka", "127.0.0.1:1"),
        ("offsets", "check", "--kafka", "127.0.0.1:1"),
    ],
)
def test_a_server_that_is_away_is_one_clear_line_in_the_end(
    command: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INVENTORY_START_DEADLINE_S", "0.01")
    assert run(*command, "--database-url", f"postgresql://u:{PASSWORD}@127.0.0.1:1/d") == 1
    told = capsys.readouterr().err
    assert "cannot reach Postgres" in told.splitlines()[-1]
    assert PASSWORD not in told


@pytest.mark.parametrize("as_json", [False, True])
def test_config_shows_settings_without_secrets(
    *, as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INVENTORY_BATCH_RECORDS_MAX", "77")
    url = f"postgresql://u:{PASSWORD}@db.example/inventory"
    assert run("config", "--kafka", "k:9092", "--database-url", url, *(["--json"] if as_json else [])) == 0
    told = capsys.readouterr().out
    assert PASSWORD not in told
    assert "db.example" in told
    assert "77" in told
    if as_json:
        assert json.loads(told)["batch_records_max"] == 77


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{PASSWORD}@h/d",
        f"postgresql://h/d?user=u&password={PASSWORD}",
        f"postgresql://u:{PASSWORD}@[::1/d",
    ],
)
def test_no_spelling_of_a_database_url_shows_its_password(url: str) -> None:
    settings = load_settings({"kafka_bootstrap": "k:9092", "database_url": url})
    assert PASSWORD not in json.dumps(settings.shown())
    assert PASSWORD not in repr(settings)


@pytest.mark.parametrize(("lease_s", "deadline_s"), [(59, 30), (60, 30.5)])
def test_a_lease_must_outlast_a_publication(lease_s: int, deadline_s: float) -> None:
    given = {"kafka_bootstrap": "k:9092", "database_url": "postgresql://h/d"}
    with pytest.raises(SettingsError, match=r"^INVENTORY_PUBLISH_LEASE_S: must be at least twice"):
        load_settings({**given, "publish_lease_s": lease_s, "publish_deadline_s": deadline_s})


def test_the_sample_day_is_written_for_simulate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "day.jsonl"
    assert run("demo", "--write", str(file), "--seed", "5") == 0
    assert len(file.read_text().splitlines()) >= 2000
    assert str(file) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (SettingsError("x"), 2),
        (LineError("x"), 2),
        (Transient("x"), 1),
        (Fatal("x"), 1),
        (SchemaMismatch("x"), 1),
        (ServerError("x"), 1),
        (KafkaConnectionError("x"), 1),
        (asyncpg.InvalidPasswordError("x"), 1),
        (ConnectionRefusedError("x"), 1),
        (ExceptionGroup("many", [ExceptionGroup("one", [Fatal("x")])]), 1),
    ],
)
def test_what_is_nobodys_bug_is_told_in_a_line(error: Exception, exit_code: int) -> None:
    failure = failure_of(error)
    assert failure is not None
    assert failure.exit_code == exit_code
    assert "x" in failure.message


def test_a_defect_keeps_its_traceback() -> None:
    assert failure_of(AssertionError("a defect")) is None
