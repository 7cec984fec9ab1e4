"""Commands about orders: import."""

import json
from pathlib import Path
from typing import Annotated

import typer

from worker.cli.options import NOT_NEEDED_KAFKA, DatabaseOption, JsonOption, StateDirOption, settings_from

orders = typer.Typer()

ORDER_ROW = """\
A line is one order: `{"order_id": …, "sales_channel_id": …, "lines": [{"line_item_id": …, "variant_id": …,
"quantity": 3, "held": [{"location_id": …, "quantity": 1}], "shipped": [{"location_id": …, "quantity": 2,
"fulfillment_id": …}], "returned": [{"location_id": …, "quantity": 1, "return_id": …, "disposition":
"sellable"}]}]}`. Quantities are units of the line; with an `inventory_item_id`, what is held is units of that
item. Only `held` must be there, perhaps empty. An order may name its `cart_id`, `policy`,
`strategy` and `version`.

What is held is held from then on, as shortfall where no stock is counted behind it. What was shipped and came
back moves nothing: count the stock as it is after it. Name the ids of shipments and returns, so that the same
ones told again by event are known.
"""


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(orders, name="orders")


@orders.callback()
def _orders() -> None:
    """Bring in the orders that are open on the day of installation.

    For example:

        inventory-worker orders import open-orders.jsonl
    """


@orders.command("import", epilog=ORDER_ROW)
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.jsonl", help="One order a line.", exists=True, dir_okay=False)
    ],
    *,
    database_url: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring in open orders with what they hold, shipped and got back, so that their later events apply.

    Channels, locations, variants and stock come first. Each order comes in whole or not at all; rows that
    cannot are told with their line, and exit code 1. The same file again changes nothing. For example:

        inventory-worker orders import open-orders.jsonl
    """
    from worker.bulk.orders import import_orders
    from worker.cli import tables, terminal
    from worker.cli.database import on_database

    with terminal.counting("orders") as progress:
        found = on_database(
            lambda url: import_orders(settings_from(NOT_NEEDED_KAFKA, url), file, progress),
            database_url,
            state_dir,
        )
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        terminal.show(tables.imported("orders", found))
    raise typer.Exit(1 if found.bad_rows else 0)
