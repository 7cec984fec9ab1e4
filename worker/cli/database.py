"""Commands that need the database alone: that of the settings, or one in a folder, started for them."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from worker.cli.options import NOT_NEEDED_KAFKA, log_as, postgres_at, settings_from

T = TypeVar("T")


def on_database(
    work: Callable[[str], Coroutine[Any, Any, T]], database_url: str | None, state_dir: Path | None
) -> T:
    """The result of work on the database at the URL that it is given; waits for a server that is away."""
    from worker.cli import loop

    if state_dir is None:
        settings = settings_from(NOT_NEEDED_KAFKA, database_url)
        log_as(settings)
        url = settings.database_url.get_secret_value()
        return loop.run_patiently(postgres_at(url), lambda: work(url), settings.start_deadline_s)
    from worker.dev.home import database_in

    with database_in(state_dir) as url:
        return loop.run(work(url))
