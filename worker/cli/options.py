"""Options that several commands have."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from worker.settings import Settings

KafkaOption = Annotated[
    str | None,
    typer.Option("--kafka", metavar="HOST:PORT", help="Kafka, instead of INVENTORY_KAFKA_BOOTSTRAP."),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option("--database-url", metavar="URL", help="Postgres, instead of INVENTORY_DATABASE_URL."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
StateDirOption = Annotated[
    Path | None,
    typer.Option(
        "--state-dir", help="The servers of `inventory-worker dev --state-dir DIR`.", file_okay=False
    ),
]

NOT_NEEDED_KAFKA = "not-needed:9092"
NOT_NEEDED_DATABASE = "postgresql://not-needed/"


def settings_from(
    kafka: str | None = None, database_url: str | None = None, state_dir: Path | None = None
) -> "Settings":
    """The settings in force: what options and a folder's running servers say goes before the environment."""
    from worker.settings import load_settings

    given = {"kafka_bootstrap": kafka, "database_url": database_url}
    if state_dir is not None:
        from worker.dev.home import running_in
        from worker.dev.servers import ServerError

        servers = running_in(state_dir)
        if servers is None:
            raise ServerError(f"no servers run in {state_dir}: inventory-worker dev --state-dir {state_dir}")
        given = {"kafka_bootstrap": servers.kafka_bootstrap, "database_url": servers.database_url}
    return load_settings({name: value for name, value in given.items() if value is not None})


def moment(value: str) -> datetime:
    """A moment as RFC 3339 or a date; without a zone it is UTC."""
    from worker.inspect.rows import moment_of

    try:
        return moment_of(value)
    except ValueError:
        raise typer.BadParameter("write 2026-05-04T12:30:00Z, or only the date") from None


def log_as(settings: "Settings") -> None:
    """Log as the settings say, on standard error."""
    from worker.runtime.logs import LogStyle, configure_logging

    configure_logging(LogStyle(settings.log_format), settings.log_level)


def postgres_at(url: str) -> str:
    """The server of a database by its address, for people."""
    from urllib.parse import urlsplit

    return f"Postgres at {urlsplit(url).netloc.rpartition('@')[2]}"


def quiet_log(level: str) -> None:
    """Log on standard error from this level on, unless INVENTORY_LOG_LEVEL is set; Kafka's client is mute."""
    import logging
    import os

    from worker.runtime.logs import LogStyle, configure_logging

    configure_logging(LogStyle.TEXT, os.environ.get("INVENTORY_LOG_LEVEL", level))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
