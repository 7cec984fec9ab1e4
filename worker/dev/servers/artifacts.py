"""The files of the embedded servers: fetched once by Maven coordinates, checked against committed sums.

The lock files beside this module list every jar with its sum and size. They have the form of jgo's own
`jgo.lock.toml` (with the sizes added, for progress bars) and name no host: where the jars come from is jgo's
business, or a mirror's that INVENTORY_MAVEN_REPOSITORY names.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker.dev.servers.process import ServerError, reachable, unprivileged_account

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

LOCKS = Path(__file__).parent / "locks"
SYSTEM_CACHE = Path("/var/cache/inventory-worker")
DOWNLOAD_TIMEOUT_S = 60

Progress = Callable[[str, int, int], None]
"""Called with what is being done, bytes done and bytes in all; `done == total` ends it."""


def no_progress(what: str, done: int, total: int) -> None:
    """A Progress that shows nothing."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked file: its Maven coordinates, sha256 as hex, size in bytes."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """Its name in a Maven repository."""
        return f"{self.artifact}-{self.version}.jar"


def cache_dir() -> Path:
    """The folder for downloaded and unpacked files; made if it is missing.

    INVENTORY_CACHE_DIR, else `inventory-worker` under XDG_CACHE_HOME or ~/.cache; or SYSTEM_CACHE for root,
    whose own cache is mostly closed to the account that Postgres runs under. Raises ServerError.
    """
    account = unprivileged_account()
    given = os.environ.get("INVENTORY_CACHE_DIR")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(given).absolute() if given else Path(base, "inventory-worker")
    if not reachable(folder, account):
        if given:
            raise ServerError(
                f"INVENTORY_CACHE_DIR {folder} is closed to the user `nobody` that Postgres runs as"
            )
        folder = SYSTEM_CACHE
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServerError(
            f"cannot make the cache folder {folder}: {error}; set INVENTORY_CACHE_DIR"
        ) from error
    return folder


def kafka_jars() -> tuple[Jar, ...]:
    """Every jar of the broker's class path, in the order of the lock."""
    return _locked("kafka.lock.toml")


def postgres_jar() -> Jar:
    """The jar that holds Postgres for this machine.

    Raises ServerError where there is none for it.
    """
    name = f"embedded-postgres-binaries-{_platform()}"
    for jar in _locked("postgres.lock.toml"):
        if jar.artifact == name:
            return jar
    message = (
        f"no embedded Postgres for {platform.system()} on {platform.machine()}; "
        "set INVENTORY_DATABASE_URL and INVENTORY_KAFKA_BOOTSTRAP to servers of your own"
    )
    raise ServerError(message)


def fetched(jars: tuple[Jar, ...], cache: Path, what: str, progress: Progress = no_progress) -> list[Path]:
    """Gives the paths of these jars in the cache, fetching what is missing or damaged.

    `what` names them in the progress. Several processes may call it at once. Raises ServerError when a file
    cannot be had, or is not the one that the lock names.
    """
    repository = cache / "maven"
    repository.mkdir(parents=True, exist_ok=True)
    paths = [_path(jar, repository) for jar in jars]
    mark = cache / f"{what}-{_digest_of(jars)}.checked"
    if mark.exists() and all(path.exists() for path in paths):
        return paths
    with locked_folder(cache):
        _fetch_missing(jars, repository, what, progress)
        mark.touch()
    return paths


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Holds a folder's lock for the block; another process that wants it waits."""
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _fetch_missing(jars: tuple[Jar, ...], repository: Path, what: str, progress: Progress) -> None:
    total = sum(jar.size for jar in jars)
    done = 0

    def advance(bytes_more: int) -> None:
        nonlocal done
        done = min(done + bytes_more, total)
        progress(f"{what}: downloading", done, total)

    context = _maven(repository, advance)
    for jar in jars:
        path = _path(jar, repository)
        if path.exists() and _sha256(path) == jar.sha256:
            advance(jar.size)
        else:
            path.unlink(missing_ok=True)
            _fetch(jar, context, path)


def _fetch(jar: Jar, context: "MavenContext", path: Path) -> None:
    import requests

    artifact: Artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    try:
        context.resolver.download(artifact)
    except (requests.RequestException, RuntimeError, OSError) as error:
        path.unlink(missing_ok=True)
        raise ServerError(f"cannot fetch {jar.file_name}: {error}") from error
    found = _sha256(path)
    if found != jar.sha256:
        path.unlink()
        raise ServerError(f"{jar.file_name} is not the locked file: sha256 {found}, expected {jar.sha256}")


def _maven(repository: Path, advance: Callable[[int], None]) -> "MavenContext":
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        message = "the embedded servers need the extra `dev`: pip install 'inventory-worker[dev]'"
        raise ServerError(message) from error

    @contextlib.contextmanager
    def file_progress(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield advance

    mirror = os.environ.get("INVENTORY_MAVEN_REPOSITORY")
    return MavenContext(
        resolver=PythonResolver(progress_callback=file_progress),
        repo_cache=repository,
        remote_repos={"central": mirror.rstrip("/")} if mirror else None,
        timeout=DOWNLOAD_TIMEOUT_S,
    )


def _locked(name: str) -> tuple[Jar, ...]:
    entries: list[dict[str, Any]] = tomllib.loads((LOCKS / name).read_text())["dependencies"]
    return tuple(
        Jar(entry["groupId"], entry["artifactId"], entry["version"], entry["sha256"], entry["size"])
        for entry in entries
    )


def _path(jar: Jar, repository: Path) -> Path:
    return repository.joinpath(*jar.group.split("."), jar.artifact, jar.version, jar.file_name)


def _platform() -> str:
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform, sys.platform)
    machine = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64v8", "arm64": "arm64v8"}.get(
        platform.machine().lower(), platform.machine()
    )
    return f"{system}-{machine}"


def _digest_of(jars: tuple[Jar, ...]) -> str:
    return hashlib.sha256("\n".join(jar.sha256 for jar in jars).encode()).hexdigest()[:16]


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
