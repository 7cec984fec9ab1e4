"""Commands about stock: import, export."""

import json
from pathlib import Path
from typing import Annotated

import typer

from worker.cli.options import NOT_NEEDED_KAFKA, DatabaseOption, JsonOption, StateDirOption, settings_from

stock = typer.Typer()

LEVEL_ROW = """\
The first line names the columns: `location_id`, and `inventory_item_id` or `sku` or both; then any of
`stocked` (or `quantity`), `incoming`, `damaged`, `quarantined`, `low_stock_threshold`, `safety_stock`,
`backorder_limit`. An empty cell leaves things as they are. What is reserved stays reserved: a count below it
is told as `oversold`.

A file is one count. The same file again changes nothing, also after an import that was broken off; a
corrected file is another count, and sets all its rows again. Where stock has moved since, correct the bad
rows in a file of their own.
"""


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(stock, name="stock")


@stock.callback()
def _stock() -> None:
    """Bring in the stock of a shop from a file, and write it to one.

    For example:

        inventory-worker stock import count.csv
        inventory-worker stock export levels.csv
    """


@stock.command("import", epilog=LEVEL_ROW)
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="One level a line.", exists=True, dir_okay=False)
    ],
    *,
    database_url: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set levels to what a file counts, while the workers work.

    Each row is applied whole or not at all; rows that cannot be are told with their line, and exit code 1.
    Items and locations must be known. For example:

        inventory-worker stock import count.csv
    """
    from worker.bulk.stock import import_stock
    from worker.cli import tables, terminal
    from worker.cli.database import on_database

    with terminal.counting("levels") as progress:
        found = on_database(
            lambda url: import_stock(settings_from(NOT_NEEDED_KAFKA, url), file, progress),
            database_url,
            state_dir,
        )
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        terminal.show(tables.imported("levels", found))
    raise typer.Exit(1 if found.bad_rows else 0)


@stock.command("export")
def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE.csv]", help="Standard output if left out.", dir_okay=False)
    ] = None,
    *,
    database_url: DatabaseOption = None,
    state_dir: StateDirOption = None,
) -> None:
    """Write all levels in the columns that `stock import` reads, as of one moment.

    For example:

        inventory-worker stock export > levels.csv
    """
    import sys
    from contextlib import nullcontext

    from worker.bulk.stock import export_stock
    from worker.cli.database import on_database

    with nullcontext(sys.stdout.buffer) if file is None else file.open("wb") as out:

        async def write(piece: bytes) -> None:
            out.write(piece)

        on_database(lambda url: export_stock(url, write), database_url, state_dir)
