"""Fetches and unpacks the embedded servers, with a progress bar: `python -m worker.dev.servers`."""

import sys

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from worker.dev.servers.artifacts import cache_dir
from worker.dev.servers.pair import prepare
from worker.dev.servers.process import ServerError


def main() -> int:
    """Prepares both servers. Gives the exit code: 0, or 1 where something could not be had."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    try:
        with Progress(*columns, console=console) as bars:
            tasks: dict[str, TaskID] = {}

            def show(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(what, total=total)
                bars.update(tasks[what], completed=done)

            prepare(show)
    except ServerError as error:
        console.print(f"[red]{error}[/red]", highlight=False)
        return 1
    console.print(f"Postgres and Kafka are ready in {cache_dir()}", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
