"""Commands about levels as they stand: publish."""

import json
from typing import Annotated

import typer

from worker.cli.options import DatabaseOption, JsonOption, KafkaOption, quiet_log, settings_from

levels = typer.Typer(no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(levels, name="levels")


@levels.callback()
def _levels() -> None:
    """Levels and availabilities as they stand.

    For example:

        inventory-worker levels publish
    """


@levels.command("publish")
def publish(
    *,
    kafka: KafkaOption = None,
    database_url: DatabaseOption = None,
    rate: Annotated[int, typer.Option(min=1, max=1_000_000, help="Records a second at the most.")] = 5000,
    as_json: JsonOption = False,
) -> None:
    """Tell every level and availability again as it stands, for new readers of the compacted topics.

    While the workers run; the topics end on the present state all the same. It may be ended at any time: what
    is begun a worker sees through. For example:

        inventory-worker levels publish --rate 2000
    """
    from worker.cli import loop, terminal
    from worker.runtime.app import Worker

    quiet_log("WARNING")
    settings = settings_from(kafka, database_url)
    with terminal.counting("records") as progress:
        told = loop.run(Worker(settings).publish_levels(rate, progress))
    if as_json:
        typer.echo(json.dumps(told._asdict()))
    else:
        typer.echo(f"told again: {told.levels:,} levels, {told.availabilities:,} availabilities")
