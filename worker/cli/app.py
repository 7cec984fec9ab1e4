"""All commands together."""

from importlib.metadata import version
from typing import Annotated

import typer

from worker.cli import develop, dlq, levels, offsets, operate, orders, report, stock

app = typer.Typer(
    help="Keeps a shop's stock and reservations in Postgres, driven by commerce events on Kafka.",
    epilog="Settings come from INVENTORY_* variables: `inventory-worker config` shows them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(version("inventory-worker"))
        raise typer.Exit


@app.callback()
def _main(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Keeps a shop's stock and reservations in Postgres, driven by commerce events on Kafka."""


operate.add_to(app)
report.add_to(app)
orders.add_to(app)
levels.add_to(app)
offsets.add_to(app)
stock.add_to(app)
dlq.add_to(app)
develop.add_to(app)
