"""An embedded PostgreSQL 18 on loopback: the real server, from the binaries that Java's test suites use."""

import contextlib
import hashlib
import lzma
import os
import secrets
import shutil
import signal
import tarfile
import time
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from worker.dev.servers.artifacts import (
    Jar,
    Progress,
    cache_dir,
    fetched,
    locked_folder,
    no_progress,
    postgres_jar,
)
from worker.dev.servers.process import (
    LOOPBACK,
    Account,
    Child,
    ServerError,
    reachable,
    run_to_end,
    unprivileged_account,
    with_free_port,
)

OWNER = "inventory_owner"
SUPERUSER = "postgres"
DATABASE = "inventory"
START_DEADLINE_S = 60.0
SYSTEM_STATE = Path("/var/lib/inventory-worker")

PG_HBA = f"""\
host all         all {LOOPBACK}/32 scram-sha-256
host replication all {LOOPBACK}/32 scram-sha-256
"""

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",
        "fsync": "on",
        "synchronous_commit": "on",
        "wal_compression": "off",
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "max_connections": "200",
        "log_line_prefix": "%m [%p] %d %a ",
        "log_lock_waits": "on",
    }
)
"""What a development server runs with; durability as in production, so that a crash is a real one."""

BENCH_SETTINGS: Mapping[str, str] = MappingProxyType(
    {"shared_buffers": "1GB", "max_wal_size": "8GB", "min_wal_size": "4GB", "max_connections": "50"}
)
"""What measurements add: no checkpoint within a run, and WAL segments that are recycled, not created."""


class EmbeddedPostgres:
    """A running Postgres; `start_postgres` makes one. Port, password and data stay the same over restarts."""

    def __init__(self, child: Child, server: "_Installation", port: int) -> None:
        self._child = child
        self._server = server
        self._port = port

    @property
    def url(self) -> str:
        """The database `inventory` as its owner, who may create databases and roles but is no superuser."""
        return f"postgresql://{OWNER}:{self._server.password}@{LOOPBACK}:{self._port}/{DATABASE}"

    @property
    def superuser_url(self) -> str:
        """The database `inventory` as the server's superuser."""
        return f"postgresql://{SUPERUSER}:{self._server.password}@{LOOPBACK}:{self._port}/{DATABASE}"

    @property
    def pid(self) -> int:
        """The postmaster's process id; another one after each restart."""
        return self._child.pid

    @property
    def data_dir(self) -> Path:
        """The data directory."""
        return self._server.data

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self._child.log

    def stop(self, *, immediate: bool = False) -> None:
        """Stops the server, breaking connections off. Again: does nothing.

        `immediate` leaves out the last checkpoint: for data that is thrown away or may be recovered.
        """
        self._child.stop(signal.SIGQUIT if immediate else None)

    def kill(self) -> None:
        """Ends the postmaster by SIGKILL; its backends end by themselves. The next start recovers.

        Shared memory stays behind until then: end a server whose data is thrown away by an immediate stop.
        """
        self._child.kill()

    def restart(self, *, immediate: bool = False) -> None:
        """Stops the server and starts it on the same port and data.

        `immediate` stops it as a crash would, without a checkpoint: the start then recovers from the log. A
        server that is not running any more is only started. Raises ServerError.
        """
        self.stop(immediate=immediate)
        self._child = self._server.start(self._port)


def start_postgres(
    state_dir: Path,
    *,
    port: int | None = None,
    settings: Mapping[str, str] | None = None,
    fresh: bool = False,
) -> EmbeddedPostgres:
    """Starts a Postgres whose data lives under `state_dir`/postgres, making the database where there is none.

    `settings` are added to SETTINGS; `fresh` throws an earlier run's data away. Blocks until connections are
    accepted. The server ends with this process at the latest. Raises ServerError.
    """
    server = _Installation(prepare_postgres(), state_dir / "postgres", {**SETTINGS, **(settings or {})})
    if fresh:
        server.remove()
    server.create()

    def start(chosen: int) -> EmbeddedPostgres:
        return EmbeddedPostgres(server.start(chosen), server, chosen)

    return with_free_port(port, start)


def prepare_postgres(progress: Progress = no_progress) -> Path:
    """Gives the folder of Postgres' programs, fetched and unpacked on the first call. Raises ServerError."""
    jar = postgres_jar()
    cache = cache_dir()
    programs = cache / f"{jar.artifact.removeprefix('embedded-postgres-binaries-')}-postgres-{jar.version}"
    if not programs.exists():
        [path] = fetched((jar,), cache, "Postgres", progress)
        with locked_folder(cache):
            if not programs.exists():
                _unpack(jar, path, programs, progress)
    return programs


def _unpack(jar: Jar, path: Path, programs: Path, progress: Progress) -> None:
    """Unpacks the archive inside the jar beside its final place, and moves it there when it is whole."""
    half = programs.with_suffix(".unpacking")
    shutil.rmtree(half, ignore_errors=True)
    try:
        with zipfile.ZipFile(path) as outer:
            [name] = [name for name in outer.namelist() if name.endswith(".txz")]
            with outer.open(name) as packed, tarfile.open(fileobj=packed, mode="r|xz") as archive:
                # Older Pythons have no filter; the archive's sum was checked, so nothing rests on it.
                archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
                for member in archive:
                    archive.extract(member, half)
                    progress("Postgres: unpacking", packed.tell(), outer.getinfo(name).file_size)
    except (OSError, tarfile.TarError, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise ServerError(f"cannot unpack {jar.file_name} into {programs}: {error}") from error
    half.chmod(0o755)
    half.rename(programs)


class _Installation:
    """The programs, data directory and settings of one server, running or not."""

    def __init__(self, programs: Path, home: Path, settings: Mapping[str, str]) -> None:
        self._account = unprivileged_account()
        self._bin = programs / "bin"
        self._settings = settings
        self._link = home
        home.parent.mkdir(parents=True, exist_ok=True)
        self._home = _open_home(home, self._account)
        self.data = self._home / "data"
        # Written last, so its presence says that the data directory is complete.
        self._password_file = self._home / "password"

    @property
    def password(self) -> str:
        """The random password of both roles, kept beside the data."""
        return self._password_file.read_text()

    def remove(self) -> None:
        """Throws the data away."""
        self._password_file.unlink(missing_ok=True)
        shutil.rmtree(self._home, ignore_errors=True)

    def create(self) -> None:
        """Makes data directory, roles and database, where an earlier call has not."""
        if self._password_file.exists():
            return
        self.remove()
        self._home.mkdir(parents=True, mode=0o755)
        if self._link != self._home and not self._link.is_symlink():
            self._link.symlink_to(self._home)
        self.data.mkdir(mode=0o700)
        if self._account is not None:
            os.chown(self.data, self._account.uid, self._account.gid)
        self._initdb()
        password = secrets.token_urlsafe(18)
        self._create_roles(password)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(password)

    def start(self, port: int) -> Child:
        """Starts the server on this port. Raises PortTakenError or another ServerError."""
        settings = {**self._settings, "port": str(port)}
        command = [str(self._bin / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        deadline = time.monotonic() + START_DEADLINE_S
        while True:
            child = Child(command, log=self._home / "log", stop_signal=signal.SIGINT, account=self._account)
            try:
                child.wait_until(partial(self._ready, child), what="Postgres", deadline_s=START_DEADLINE_S)
            except ServerError:
                # After a SIGKILL the old backends hold the shared memory for a moment.
                if "shared memory block" not in child.new_log() or time.monotonic() > deadline:
                    raise
            else:
                return child

    def _ready(self, child: Child) -> bool:
        with contextlib.suppress(FileNotFoundError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return len(lines) > 7 and lines[0] == str(child.pid) and lines[7].strip() == "ready"
        return False

    def _initdb(self) -> None:
        run_to_end(
            [
                str(self._bin / "initdb"),
                f"--pgdata={self.data}",
                f"--username={SUPERUSER}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--locale=C.UTF-8",
                "--no-instructions",
                "--no-sync",
            ],
            what="initdb",
            account=self._account,
        )
        # initdb asks for passwords only where it may read one from a file; the roles get theirs below,
        # before any connection is possible.
        (self.data / "pg_hba.conf").write_text(PG_HBA)

    def _create_roles(self, password: str) -> None:
        """Runs the first statements in single-user mode: one statement a line, and no client."""
        statements = (
            f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'",
            f"CREATE ROLE {OWNER} LOGIN CREATEDB CREATEROLE PASSWORD '{password}'",
            f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
        )
        run_to_end(
            [str(self._bin / "postgres"), "--single", "-D", str(self.data), "postgres"],
            what="creating the database",
            account=self._account,
            text="".join(f"{statement}\n" for statement in statements),
        )


def _open_home(home: Path, account: Account | None) -> Path:
    """The folder itself, or one under SYSTEM_STATE where its parents are closed to the account."""
    if reachable(home.parent.resolve(), account):
        return home.resolve()
    name = hashlib.sha256(bytes(home.parent.resolve() / home.name)).hexdigest()[:16]
    return SYSTEM_STATE / name
