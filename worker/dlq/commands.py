"""What the commands of the replay tool do, each from its connections to its result."""

from collections.abc import Callable
from uuid import UUID, uuid4

from worker.dlq import replay, store
from worker.dlq.desk import Desk, database, desk
from worker.dlq.letter import Json
from worker.dlq.outbound import Sender
from worker.dlq.predict import Prediction, predicted
from worker.dlq.selection import Selection
from worker.dlq.store import Kind, Run
from worker.settings import Settings, SettingsError

Bar = Callable[[int, int], None]
"""Called with how many dead letters are dealt with, and of how many at the most."""


async def dry_run_of(
    settings: Settings, dlq_topic: str, selection: Selection, to_topic: str | None, replays_max: int
) -> list[Prediction]:
    """What would become of each dead letter chosen, if it were replayed now."""
    async with desk(settings, dlq_topic) as at:
        run = await _run(at, Kind.REPLAY, selection, "dry run", to_topic=to_topic)
        sender = Sender(at.topic, run, replays_max)
        letters = [letter async for lot in at.chosen(selection, run.ends) for letter, _ in lot]
        return await predicted(at, sender, letters)


async def replay_of(
    settings: Settings,
    dlq_topic: str,
    selection: Selection,
    to_topic: str | None,
    limits: replay.Limits,
    who: str,
    resume: str | None,
    bar: Bar,
) -> replay.Done:
    """Replay the dead letters chosen, or go on with a run. Raises SettingsError where there is none."""
    async with desk(settings, dlq_topic) as at:
        if resume is None:
            run = await _run(at, Kind.REPLAY, selection, who, to_topic=to_topic)
            return _at_the_end(await replay.begun(at, run, limits, _told(run, bar)), bar)
        kept = await store.read_run(at.db, _run_id(resume))
        if kept is None:
            raise SettingsError(f"there is no run {resume}: `inventory-worker dlq history`")
        run, counts = kept
        return _at_the_end(await replay.resumed(at, run, counts, limits, _told(run, bar)), bar)


async def discard_of(
    settings: Settings, dlq_topic: str, selection: Selection, reason: str, who: str, bar: Bar
) -> replay.Done:
    """Put the dead letters chosen away."""
    async with desk(settings, dlq_topic) as at:
        run = await _run(at, Kind.DISCARD, selection, who, reason=reason)
        return _at_the_end(await replay.discarded(at, run, _told(run, bar)), bar)


async def history_of(settings: Settings, runs_max: int) -> list[dict[str, Json]]:
    """The newest runs."""
    async with database(settings) as db:
        return await store.history(db, runs_max)


async def _run(
    at: Desk,
    kind: Kind,
    selection: Selection,
    who: str,
    *,
    to_topic: str | None = None,
    reason: str | None = None,
) -> Run:
    """A new run, over what stands on the topic now."""
    return Run(uuid4(), kind, who, at.topic.name, selection, await at.topic.ends(), to_topic, reason)


def _told(run: Run, bar: Bar) -> replay.OnTold:
    most = sum(run.ends.values())
    return lambda count: bar(count, max(count, most))


def _at_the_end(done: replay.Done, bar: Bar) -> replay.Done:
    """What was chosen is known only now: the bar shows all of it."""
    count = sum(done.counts.values())
    bar(count, count)
    return done


def _run_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise SettingsError(f"not the id of a run: {text}") from None
