"""Commands that bring their own servers: dev, demo, simulate, bench."""

import json
from contextlib import AbstractAsyncContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from worker.cli.options import JsonOption, quiet_log

if TYPE_CHECKING:
    from worker.dev.stage import Stage

DEV_DIR, DEMO_DIR = Path(".state/dev"), Path(".state/demo")

GivenKafka = Annotated[
    str | None, typer.Option("--kafka", metavar="HOST:PORT", help="A Kafka to use instead of starting one.")
]
GivenDatabase = Annotated[
    str | None,
    typer.Option("--database-url", metavar="URL", help="A Postgres to use instead of starting one."),
]
EVENTS_FILE = """\
A line is `{"type": …, "id": …, "source": …, "time": …, "data": {…}}`. Without an id the line's number and
content make one; without a source that is `simulate`. A line `{"record": {"topic": …, "key": …, "value": …,
"headers": {…}}}` is sent as it is, with `value_base64` and `headers_base64` for what is no text. A line that
is neither is sent too, for the worker to say what is wrong with it.

--shuffle keeps catalogue and stock events in place and lets nothing pass them, nor a move of a reservation a
shipment of the same order: these do not commute.
"""

WorkersOption = Annotated[int, typer.Option(min=1, max=32, help="How many workers.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(dev)
    app.command()(demo)
    app.command(epilog=EVENTS_FILE)(simulate)
    app.command()(bench)


def dev(
    *,
    state_dir: Annotated[
        Path, typer.Option(help="Where the servers keep their data.", file_okay=False)
    ] = DEV_DIR,
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw that data away first.")] = False,
    workers: WorkersOption = 1,
) -> None:
    """Start Kafka, Postgres and a worker on this machine, and stay up until Ctrl-C. Nothing to install.

    Migrates, makes the topics, and prints both addresses; other shells find them in DIR/servers.env.
    For example:

        inventory-worker dev --fresh
        set -a; . .state/dev/servers.env; set +a; inventory-worker status
    """
    from worker.cli import loop, terminal
    from worker.dev.develop import develop
    from worker.dev.home import servers_in

    quiet_log("INFO")
    terminal.prepare_servers()
    with ExitStack() as ending:
        with terminal.waiting("starting Kafka and Postgres"):
            servers = ending.enter_context(servers_in(state_dir, fresh=fresh))
        loop.run(develop(servers, workers, lambda: terminal.show_servers(servers, state_dir)))


def demo(
    *,
    state_dir: Annotated[
        Path, typer.Option(help="Made anew; the data stays there.", file_okay=False)
    ] = DEMO_DIR,
    seed: Annotated[int, typer.Option(help="Another seed, another day.")] = 2026,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Only write the day's events, for `simulate`.")
    ] = None,
) -> None:
    """Run a shop's sample day on a real Kafka and a real Postgres, and show what came of it.

    Exits with 0 only when the audit is clean. For example:

        inventory-worker demo
        inventory-worker demo --seed 7 --write day.jsonl
    """
    from worker.cli import loop, tables, terminal
    from worker.dev.demo import DAY_FILE
    from worker.dev.demo import demo as run_day
    from worker.dev.home import servers_in
    from worker.dev.sample_day import sample_day, write_sample_day

    phases = sample_day(seed)
    if write is not None:
        typer.echo(f"{write_sample_day(write, phases):,} events in {write}")
        return
    quiet_log("WARNING")
    terminal.prepare_servers()
    with ExitStack() as ending:
        with terminal.waiting("starting Kafka and Postgres"):
            servers = ending.enter_context(servers_in(state_dir, fresh=True))
        day_file = state_dir / DAY_FILE
        write_sample_day(day_file, phases)
        with terminal.feeding() as progress:
            result = loop.run(run_day(servers, phases, progress))
    terminal.show(tables.day(result))
    terminal.show(tables.to_try(state_dir, day_file))
    raise typer.Exit(0 if result.audit.is_clean else 1)


def simulate(
    events: Annotated[
        Path, typer.Argument(metavar="EVENTS.jsonl", help="One event a line.", exists=True, dir_okay=False)
    ],
    *,
    as_json: JsonOption = False,
    shuffle: Annotated[
        int | None,
        typer.Option(
            metavar="SEED", help="Orders', carts' and reservations' events in another order, unpaced."
        ),
    ] = None,
    duplicate: Annotated[int, typer.Option(min=0, max=100, help="Send each event so many more times.")] = 0,
    workers: WorkersOption = 1,
    kafka: GivenKafka = None,
    database_url: GivenDatabase = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="On the given servers as they are; what happens there stays.")
    ] = False,
) -> None:
    """Show what would happen if these events came: every answer, then what stands in the end.

    The events go through a real Kafka to real workers on a fresh pair of servers. On given servers they get
    a database, a group and input topics of their own, taken away afterwards; --keep goes on with what is
    there. Each event is sent once the one before is answered, parked or a dead letter, and what that released
    is judged.

    Exits with 0 when the audit is clean. For example:

        inventory-worker simulate what-if.jsonl
        inventory-worker simulate day.jsonl --shuffle 7 --duplicate 1 --workers 2 --json
        inventory-worker simulate more.jsonl --keep --kafka localhost:9092 --database-url postgresql://…
    """
    from worker.cli import loop, tables, terminal
    from worker.dev import simulate as simulation
    from worker.dev.event_lines import read_lines

    quiet_log("WARNING")
    lots = simulation.lots_of(read_lines(events), shuffle, duplicate)
    stage = _stage(kafka, database_url, workers, keep=keep)

    async def work() -> simulation.Simulated:
        async with stage as place:
            with terminal.feeding() as progress:
                return await simulation.simulate(
                    place, lots, workers, lambda fed, total: progress("", fed, total)
                )

    result = loop.run(work())
    if as_json:
        typer.echo(json.dumps(result.as_json(), ensure_ascii=False))
    else:
        terminal.show(tables.simulated(result))
    raise typer.Exit(0 if result.audit.is_clean else 1)


def _stage(
    kafka: str | None, database_url: str | None, workers: int, *, keep: bool
) -> "AbstractAsyncContextManager[Stage]":
    """Where the simulation takes place. Raises typer.BadParameter for options that do not go together."""
    from worker.cli import terminal
    from worker.dev.stage import embedded_stage, kept_stage, scratch_stage

    if kafka is not None and database_url is not None:
        return (
            kept_stage(kafka, database_url)
            if keep
            else scratch_stage(kafka, database_url, partitions=workers)
        )
    if kafka is not None or database_url is not None:
        raise typer.BadParameter("--kafka and --database-url go together")
    if keep:
        raise typer.BadParameter("--keep needs --kafka and --database-url")
    terminal.prepare_servers()
    return embedded_stage(workers)


def bench(
    *,
    mix: Annotated[
        Literal["orders", "lifecycle"],
        typer.Option(help="Placements alone, or all that becomes of orders against them."),
    ] = "orders",
    orders: Annotated[int, typer.Option(min=1, help="Two-line orders of a round.")] = 50_000,
    naive_orders: Annotated[int, typer.Option(min=1, help="Orders for the naive worker.")] = 1_500,
    rounds: Annotated[int, typer.Option(min=1, help="Medians of so many rounds count.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="A fifth of the orders: a rough figure.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Also tell where the time goes.")] = False,
    kafka: GivenKafka = None,
    database_url: GivenDatabase = None,
    state_dir: Annotated[
        Path | None, typer.Option(help="For the servers' data; on a real disk.", file_okay=False)
    ] = None,
) -> None:
    """Measure orders per second, against a naive worker and against the limit of the project's own core.

    The last line of stdout is JSON. Exits with 0 only when nothing was lost, doubled or wrong. For example:

        inventory-worker bench --rounds 3
        inventory-worker bench --quick --profile
        inventory-worker bench --mix lifecycle
    """
    from worker.cli import terminal
    from worker.dev.bench import BenchOptions, run_bench, run_mix
    from worker.dev.bench.table import mix_tables, tables

    quiet_log("ERROR")
    terminal.prepare_servers()
    share = 5 if quick else 1
    options = BenchOptions(
        orders=-(-orders // share),
        naive_orders=-(-naive_orders // share),
        rounds=rounds,
        profile=profile,
        kafka=kafka,
        database_url=database_url,
        state_dir=state_dir,
    )
    if mix == "lifecycle":
        mixed = run_mix(options, terminal.say)
        terminal.show(mix_tables(mixed))
        typer.echo(mixed.json())
        raise typer.Exit(0 if mixed.is_right else 1)
    result = run_bench(options, terminal.say)
    terminal.show(tables(result))
    typer.echo(result.json())
    raise typer.Exit(0 if result.is_right else 1)
