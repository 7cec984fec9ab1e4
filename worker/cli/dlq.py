"""Commands about dead letters: list, show, stats, replay, discard, history."""

import inspect
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.options import (
    NOT_NEEDED_KAFKA,
    DatabaseOption,
    JsonOption,
    KafkaOption,
    quiet_log,
    settings_from,
)

if TYPE_CHECKING:
    from worker.dlq.replay import Done
    from worker.dlq.selection import Selection

dlq = typer.Typer(no_args_is_help=True)

EXIT_CODES = (
    "Exit codes: 0 done · 1 not all of it could be done · 2 a wrong option, or no such dead letter ·"
    " 130 interrupted."
)

FromOption = Annotated[str, typer.Option("--from", metavar="TOPIC", help="The dead-letter topic.")]
WhoOption = Annotated[
    str | None, typer.Option("--who", help="Who does it, for the history; else the user and host.")
]
DLQ_TOPIC = "inventory.dlq"
_CHOICE = "Which dead letters"


def _option(name: str, help_: str, metavar: str | None = None) -> Any:
    return typer.Option(f"--{name}", help=help_, metavar=metavar, rich_help_panel=_CHOICE)


def _selection(
    *,
    state: Annotated[str, _option("state", "open, replayed, discarded, or all.")] = "open",
    reason: Annotated[str | None, _option("reason", "Why they died.")] = None,
    fingerprint: Annotated[str | None, _option("fingerprint", "What they have in common.")] = None,
    topic: Annotated[str | None, _option("topic", "Where the record stood.")] = None,
    partition: Annotated[int | None, _option("partition", "Its partition there.")] = None,
    offset_min: Annotated[int | None, _option("offset-min", "Its offset there, at least.")] = None,
    offset_max: Annotated[int | None, _option("offset-max", "Its offset there, at most.")] = None,
    since: Annotated[str | None, _option("since", "When it died, or later.", "TIME")] = None,
    until: Annotated[str | None, _option("until", "When it died, or earlier.", "TIME")] = None,
    key: Annotated[str | None, _option("key", "Key of the record.")] = None,
    event_type: Annotated[str | None, _option("type", "Type of the event.")] = None,
    order: Annotated[str | None, _option("order", "Order that it is about.")] = None,
    where: Annotated[
        str | None, _option("where", "JMESPath over what `show --json` tells.", "EXPRESSION")
    ] = None,
) -> "Selection":
    """The options that choose dead letters; each that is given has to hold."""
    from worker.dlq.selection import Selection
    from worker.dlq.store import State
    from worker.settings import SettingsError

    if state != "all" and state not in list(State):
        raise SettingsError(f"--state is open, replayed, discarded or all, not {state}")
    return Selection(
        state=None if state == "all" else state,
        reason=reason,
        fingerprint=fingerprint,
        topic=topic,
        partition=partition,
        offset_min=offset_min,
        offset_max=offset_max,
        since=since,
        until=until,
        key=key,
        type=event_type,
        order=order,
        where=where,
    )


def _with_selection(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options above as its own; it is given the selection that they make."""
    choosing = inspect.signature(_selection).parameters
    own = [one for name, one in inspect.signature(command).parameters.items() if name != "selection"]

    def chosen(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in choosing}
        command(selection=_selection(**given), **arguments)

    parameters = [*own, *choosing.values()]
    chosen.__doc__ = command.__doc__
    chosen.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # as inspect reads it
    chosen.__annotations__ = {one.name: one.annotation for one in parameters}
    return chosen


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(dlq, name="dlq")


@dlq.callback(epilog=EXIT_CODES)
def _dlq() -> None:
    """Look into dead letters: of the worker, Spring, Kafka Connect, Kafka Streams or share groups.

    Any dead-letter topic will do; no consumer group is used. For example:

        inventory-worker dlq stats
        inventory-worker dlq list --reason contract_violation --since 2026-05-04
        inventory-worker dlq show 3/17
        inventory-worker dlq replay --order o1 --dry-run
    """


@dlq.command("list", epilog=EXIT_CODES)
@_with_selection
def list_(
    *,
    selection: "Selection",
    from_topic: FromOption = DLQ_TOPIC,
    letters_max: Annotated[int, typer.Option("--limit", min=1, help="The newest so many.")] = 100,
    kafka: KafkaOption = None,
    database_url: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List dead letters, the open ones unless another state is asked for.

    For example:

    inventory-worker dlq list --order o1 --state all
    """  # the example belongs to the sentence
    from worker.cli import loop, tables, terminal
    from worker.dlq.desk import desk, listed

    async def work() -> list[dict[str, Any]]:
        async with desk(settings, from_topic) as at:
            return await listed(at, selection, letters_max)

    settings = _settings(kafka, database_url)
    found = loop.run(work())
    if as_json:
        typer.echo(json.dumps(found))
    else:
        terminal.show(tables.dead_letters_listed(found))


@dlq.command("show", epilog=EXIT_CODES)
def show(
    letter: Annotated[str, typer.Argument(metavar="PARTITION/OFFSET", help="Where it stands, as listed.")],
    *,
    from_topic: FromOption = DLQ_TOPIC,
    kafka: KafkaOption = None,
    database_url: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show all of a dead letter: why, since when, its headers and its value.

    For example:

    inventory-worker dlq show 3/17
    """  # the example belongs to the sentence
    from worker.cli import loop, tables, terminal
    from worker.dlq.desk import desk, shown
    from worker.settings import SettingsError

    partition, _, offset = letter.partition("/")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise SettingsError(f"not a place like 3/17: {letter}")

    async def work() -> dict[str, Any] | None:
        async with desk(settings, from_topic) as at:
            return await shown(at, int(partition), int(offset))

    settings = _settings(kafka, database_url)
    found = loop.run(work())
    if found is None:
        raise SettingsError(f"no dead letter stands at {letter} of {from_topic}")
    if as_json:
        typer.echo(json.dumps(found))
    else:
        terminal.show(tables.dead_letter(found))


@dlq.command("stats", epilog=EXIT_CODES)
@_with_selection
def stats(
    *,
    selection: "Selection",
    from_topic: FromOption = DLQ_TOPIC,
    kafka: KafkaOption = None,
    database_url: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count dead letters by reason, fingerprint, topic, hour and state.

    For example:

    inventory-worker dlq stats --state all
    """  # the example belongs to the sentence
    from worker.cli import loop, tables, terminal
    from worker.dlq import desk as desks

    async def work() -> desks.Stats:
        async with desks.desk(settings, from_topic) as at:
            return await desks.stats(at, selection)

    settings = _settings(kafka, database_url)
    found = loop.run(work())
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        terminal.show(tables.dead_letter_stats(found))


@dlq.command("replay", epilog=EXIT_CODES)
@_with_selection
def replay(
    *,
    selection: "Selection",
    from_topic: FromOption = DLQ_TOPIC,
    to_topic: Annotated[
        str | None, typer.Option("--to", metavar="TOPIC", help="Instead of where each came from.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would become of each; nothing is changed.")
    ] = False,
    rate: Annotated[int, typer.Option(min=1, max=100_000, help="Records a second at the most.")] = 100,
    max_replays: Annotated[
        int, typer.Option("--max-replays", min=1, help="Leave what was replayed so often.")
    ] = 3,
    stop_after: Annotated[
        int, typer.Option("--stop-after", min=1, help="Stop at so many new dead letters.")
    ] = 10,
    max_lag: Annotated[
        int, typer.Option("--max-lag", min=0, help="Stop when more records wait for the workers.")
    ] = 10_000,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="RUN", help="Go on with a run that did not end.")
    ] = None,
    who: WhoOption = None,
    kafka: KafkaOption = None,
    database_url: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send dead letters again: each is judged afresh, and running it twice changes nothing.

    Only what stands on the topic at its start is sent. Ctrl-C is safe at any time: `--resume` goes on. All
    dead letters of an `--order` go as its life went. For example:

        inventory-worker dlq replay --fingerprint 1f0c2a7b9d3e4f55 --dry-run
        inventory-worker dlq replay --order o1
    """
    from worker.cli import loop, tables, terminal
    from worker.dlq.commands import dry_run_of, replay_of
    from worker.dlq.replay import Limits

    settings = _settings(kafka, database_url)
    if dry_run:
        found = loop.run(dry_run_of(settings, from_topic, selection, to_topic, max_replays))
        if as_json:
            typer.echo(json.dumps([one.as_json() for one in found]))
        else:
            terminal.show(tables.predictions(found))
        return
    limits = Limits(rate, max_replays, stop_after, max_lag)
    with terminal.counting("dead letters") as bar:
        done = loop.run(replay_of(settings, from_topic, selection, to_topic, limits, _who(who), resume, bar))
    _tell(done, as_json=as_json)


@dlq.command("discard", epilog=EXIT_CODES)
@_with_selection
def discard(
    *,
    selection: "Selection",
    because: Annotated[str, typer.Option("--because", metavar="TEXT", help="Why; it is kept.")],
    from_topic: FromOption = DLQ_TOPIC,
    who: WhoOption = None,
    kafka: KafkaOption = None,
    database_url: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put dead letters away: they are not open any more, and stay on their topic.

    For example:

        inventory-worker dlq discard --reason unknown_type --because "a test of the shop's"
    """
    from worker.cli import loop, terminal
    from worker.dlq.commands import discard_of

    settings = _settings(kafka, database_url)
    with terminal.counting("dead letters") as bar:
        done = loop.run(discard_of(settings, from_topic, selection, because, _who(who), bar))
    _tell(done, as_json=as_json)


@dlq.command("history", epilog=EXIT_CODES)
def history(
    *,
    runs_max: Annotated[int, typer.Option("--limit", min=1, help="The newest so many.")] = 20,
    database_url: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the runs of replay and discard: who, when, which dead letters, and what came of it.

    For example:

        inventory-worker dlq history --json
    """
    from worker.cli import loop, tables, terminal
    from worker.dlq.commands import history_of

    found = loop.run(history_of(_settings(NOT_NEEDED_KAFKA, database_url), runs_max))
    if as_json:
        typer.echo(json.dumps(found))
    else:
        terminal.show(tables.dead_letter_runs(found))


def _tell(done: "Done", *, as_json: bool) -> None:
    """Print how a run ended, and exit with 1 where something is left."""
    if as_json:
        typer.echo(json.dumps(done.as_json()))
    else:
        told = (
            ", ".join(f"{name} {count:,}" for name, count in done.counts.items()) or "no dead letter chosen"
        )
        typer.echo(f"run {done.run.run_id} {done.ended.value}: {told}")
    raise typer.Exit(0 if done.is_whole else 1)


def _who(given: str | None) -> str:
    import getpass
    import socket

    return given or f"{getpass.getuser()}@{socket.gethostname()}"


def _settings(kafka: str | None, database_url: str | None) -> Any:
    quiet_log("WARNING")
    return settings_from(kafka, database_url)
