"""The servers measured on: an embedded pair, or given ones, and how much processor time they take."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from worker.dev.bench.model import BenchOptions, Cpu
from worker.dev.servers import BENCH_SETTINGS, start_kafka, start_postgres

KAFKA_HEAP_MB = 512

POSTGRES_SETTINGS = {**BENCH_SETTINGS, "autovacuum_naptime": "1h"}
"""No autovacuum by chance in one of the runs: none of them is long enough to be due for one."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where they are; the last three are known of embedded ones only."""

    bootstrap: str
    database_url: str
    superuser_url: str | None = None
    postgres_pid: int | None = None
    kafka_pid: int | None = None

    def cpu(self, worker: float) -> Cpu:
        """Processor time so far of the servers, beside that of who uses them."""
        return Cpu(
            worker,
            None if self.postgres_pid is None else cpu_seconds(self.postgres_pid),
            None if self.kafka_pid is None else cpu_seconds(self.kafka_pid),
        )


@contextlib.contextmanager
def servers(options: BenchOptions) -> Iterator[Servers]:
    """The given servers, and embedded ones where none is given. Raises ServerError."""
    with contextlib.ExitStack() as ending:
        folder = options.state_dir or _temporary_folder(ending)
        found = Servers(options.kafka or "", options.database_url or "")
        if options.kafka is None:
            kafka = start_kafka(folder, heap_mb=KAFKA_HEAP_MB, fresh=True)
            ending.callback(kafka.kill)
            found = Servers(kafka.bootstrap, found.database_url, kafka_pid=kafka.pid)
        if options.database_url is None:
            postgres = start_postgres(folder, settings=POSTGRES_SETTINGS, fresh=True)
            ending.callback(postgres.stop, immediate=True)
            found = Servers(
                found.bootstrap, postgres.url, postgres.superuser_url, postgres.pid, found.kafka_pid
            )
        yield found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its threads and all its children, ended ones included."""
    import psutil

    root = psutil.Process(pid)
    seconds = 0.0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            seconds += sum(process.cpu_times()[:4])
    return seconds


def _temporary_folder(ending: contextlib.ExitStack) -> Path:
    """Postgres may run as another user than we do: the folder lets it through."""
    folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="inventory-bench-")))
    folder.chmod(0o711)
    return folder
