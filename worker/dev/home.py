"""A folder whose embedded servers keep their data from one start to the next."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from worker.dev.servers import ServerError, start_pair, start_postgres
from worker.settings import ENV_PREFIX

ADDRESSES = "servers.env"
"""Where the running servers of a folder are: a file that a shell can read too."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where running servers are."""

    kafka_bootstrap: str
    database_url: str
    """As the database's owner, with the password."""


@contextmanager
def servers_in(folder: Path, *, fresh: bool) -> Iterator[Servers]:
    """A pair on the folder's data for the block; `fresh` throws the data away first. Raises ServerError."""
    folder.mkdir(parents=True, exist_ok=True)
    pair = start_pair(folder.resolve(), fresh=fresh)
    addresses = folder / ADDRESSES
    try:
        servers = Servers(pair.kafka.bootstrap, pair.postgres.url)
        _write(addresses, servers)
        yield servers
    finally:
        addresses.unlink(missing_ok=True)
        pair.stop()


@contextmanager
def database_in(folder: Path) -> Iterator[str]:
    """The URL of the folder's database for the block, started if it does not run. Raises ServerError."""
    running = running_in(folder)
    if running is not None:
        yield running.database_url
        return
    if not (folder / "postgres").exists():
        raise ServerError(f"{folder} holds no data: `inventory-worker dev --state-dir {folder}` makes some")
    postgres = start_postgres(folder.resolve())
    try:
        yield postgres.url
    finally:
        postgres.stop()


def running_in(folder: Path) -> Servers | None:
    """Where the folder's servers are, if they run."""
    try:
        lines = (folder / ADDRESSES).read_text().splitlines()
    except OSError:
        return None
    values = dict(line.removeprefix(ENV_PREFIX).split("=", 1) for line in lines if "=" in line)
    servers = Servers(values["KAFKA_BOOTSTRAP"], values["DATABASE_URL"].strip("'"))
    return servers if _listens(servers.database_url) else None


def _write(path: Path, servers: Servers) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(
        f"{ENV_PREFIX}KAFKA_BOOTSTRAP={servers.kafka_bootstrap}\n"
        f"{ENV_PREFIX}DATABASE_URL='{servers.database_url}'\n"
    )


def _listens(url: str) -> bool:
    """Whether somebody is there: the file of servers that were killed stays behind."""
    address = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname or "", address.port or 0)) == 0
