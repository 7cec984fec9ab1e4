"""The terminal: tables on standard output, what is going on on standard error. NO_COLOR is kept."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

if TYPE_CHECKING:
    from worker.dev.home import Servers

WIDTH_ELSEWHERE = 160
"""Columns where the output is no terminal."""


def show(what: RenderableType) -> None:
    """Print on standard output."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH_ELSEWHERE)
    console.print(what)


def say(text: str) -> None:
    """Tell on standard error what is being done."""
    Console(stderr=True, highlight=False).print(text, markup=False)


def waiting(text: str) -> AbstractContextManager[object]:
    """Show for the block that something takes its time."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        console.print(text, markup=False)
    return console.status(text)


def prepare_servers() -> None:
    """Fetch and unpack what the embedded servers need, with a bar and sizes where anything is missing.

    Raises ServerError.
    """
    from worker.dev.servers import prepare

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def show_bytes(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        prepare(show_bytes)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for rows or records; gives what is to be called with how many are done, and of how many."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(what, total=None)

        def progress(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        yield progress


@contextmanager
def feeding() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for records fed; gives what is to be called with the present part, how many, and of how many."""
    columns = (
        TextColumn("{task.description:14}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("starting", total=None)

        def progress(part: str, fed: int, total: int) -> None:
            bars.update(task, description=part or "events", completed=fed, total=total)

        yield progress


def show_servers(servers: "Servers", state_dir: Path) -> None:
    """Print where running servers are."""
    print(  # whole lines at once, for whoever reads them from a pipe
        f"Kafka     {servers.kafka_bootstrap}\n"
        f"Postgres  {servers.database_url}\n"
        f"Settings  {shlex.quote(str(state_dir / 'servers.env'))}\n"
        "Ctrl-C ends them; the data stays.",
        flush=True,
    )
