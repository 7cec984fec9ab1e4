"""The embedded servers' files: fetched from a small Maven repository on loopback, and checked."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from worker.dev.servers.artifacts import Jar, cache_dir, fetched, kafka_jars, postgres_jar
from worker.dev.servers.process import Account, ServerError, reachable

CONTENT = b"the content of a jar" * 1000
JAR = Jar("org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = tmp_path / "repository"
    (root / "org/example/thing/1.0").mkdir(parents=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(root))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("INVENTORY_MAVEN_REPOSITORY", f"http://127.0.0.1:{server.server_port}")
        yield root / "org/example/thing/1.0/thing-1.0.jar"
        server.shutdown()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def test_a_file_is_fetched_once_with_its_progress(repository: Path, cache: Path) -> None:
    repository.write_bytes(CONTENT)
    steps: list[tuple[int, int]] = []
    [path] = fetched((JAR,), cache, "thing", lambda _what, done, total: steps.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert steps == sorted(steps)
    assert steps[-1] == (JAR.size, JAR.size)

    repository.unlink()
    assert fetched((JAR,), cache, "thing") == [path]


def test_a_damaged_file_is_fetched_again(repository: Path, cache: Path) -> None:
    repository.write_bytes(CONTENT)
    [path] = fetched((JAR,), cache, "thing")
    path.write_bytes(CONTENT[:100])
    next(cache.glob("*.checked")).unlink()
    assert fetched((JAR,), cache, "thing")[0].read_bytes() == CONTENT


def test_a_file_that_is_not_the_locked_one_is_refused_and_not_kept(repository: Path, cache: Path) -> None:
    repository.write_bytes(b"something else")
    with pytest.raises(ServerError, match=r"thing-1\.0\.jar is not the locked file"):
        fetched((JAR,), cache, "thing")
    assert list(cache.rglob("*.jar")) == []


@pytest.mark.usefixtures("repository")
def test_a_file_that_is_not_there_is_named(cache: Path) -> None:
    with pytest.raises(ServerError, match=r"cannot fetch thing-1\.0\.jar"):
        fetched((JAR,), cache, "thing")


def test_the_locks_hold_a_broker_and_a_postgres_for_this_machine() -> None:
    assert {"kafka_2.13", "kafka-clients", "log4j-slf4j-impl"} <= {jar.artifact for jar in kafka_jars()}
    assert len({jar.version for jar in kafka_jars() if jar.group == "org.apache.kafka"}) == 1
    assert postgres_jar().version == "18.6.0"


def test_the_cache_is_where_the_setting_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    chosen = tmp_path / "here"
    monkeypatch.setenv("INVENTORY_CACHE_DIR", str(chosen))
    monkeypatch.setattr("worker.dev.servers.artifacts.unprivileged_account", lambda: None)
    assert cache_dir() == chosen
    assert chosen.is_dir()


def test_a_folder_behind_a_closed_one_is_not_reachable(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    inner = closed / "inner"
    inner.mkdir(parents=True)
    closed.chmod(0o700)
    stranger = Account("stranger", 65_533, 65_533)
    assert reachable(inner, None)
    assert not reachable(inner, stranger)
