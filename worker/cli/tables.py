"""What commands found, as tables for people."""

import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import JustifyMethod

    from worker.bulk.rows import Imported
    from worker.dev.simulate import Simulated
    from worker.dlq.desk import Stats
    from worker.dlq.predict import Prediction
    from worker.inspect.audit import Audit
    from worker.inspect.offsets import Offsets
    from worker.inspect.repair import Repaired
    from worker.inspect.rows import Json
    from worker.inspect.status import Status
    from worker.inspect.why import Why
    from worker.runtime.topics import TopicState
    from worker.settings import Settings

LEVELS_SHOWN = 12
NOTE_LENGTH_MAX = 90
TO_THE_SECOND = len("2026-05-04T12:30:00")

_LEVEL_COLUMNS = (
    "stocked",
    "reserved",
    "available",
    "incoming",
    "damaged",
    "quarantined",
    "shortfall",
    "level_version",
)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table; columns whose name begins with `#` hold figures."""
    made = Table(title=title, title_justify="left")
    for column in columns:
        justify: JustifyMethod = "right" if column.startswith("#") else "left"
        made.add_column(column.removeprefix("#"), justify=justify, overflow="fold")
    for row in rows:
        made.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return made


# ── Operating ───────────────────────────────────────────────────────────────────────────────────────


def topics(found: "Sequence[TopicState]") -> RenderableType:
    """Topics with their partitions, and how they differ from what would be made."""
    rows = (
        (
            topic.name,
            topic.partitions or "missing",
            topic.replication,
            "" if topic.has_leaders else "no leader",
            "; ".join(topic.differences),
        )
        for topic in found
    )
    return table("Topics", ("topic", "#partitions", "#replicas", "state", "differs"), rows)


def settings(found: "Settings") -> RenderableType:
    """Settings by the names of their variables."""
    from worker.settings import ENV_PREFIX

    fields = type(found).model_fields
    rows = (
        (f"{ENV_PREFIX}{name.upper()}", value, fields[name].description)
        for name, value in found.shown().items()
    )
    return table("Settings in force", ("setting", "value", "meaning"), rows)


def status(found: "Status") -> RenderableType:
    """The verdict, and the figures it rests on."""
    good = found.exit_code == 0
    verdict = Text.assemble(
        (found.verdict.value, "bold green" if good else "bold yellow"), f": {found.message}"
    )
    if found.facts is None:
        return verdict
    facts = found.facts
    rows = (
        ("workers in the group", facts.members),
        ("records not read yet", f"{facts.lag:,}"),
        ("read while watching", f"{facts.read:,} in {facts.seconds:.0f} s"),
        ("came meanwhile", f"{facts.came:,}"),
        ("parked", facts.parked),
        ("dead letters open", facts.dead_letters),
        ("batches not published", facts.batches_unpublished),
        ("last batch", facts.batch_last_at),
    )
    return Group(verdict, table("", ("", "#"), rows))


def dead_letters_listed(found: "Sequence[Json]") -> RenderableType:
    """Dead letters of a topic, one a row."""
    rows = (
        (
            one["dead_letter"],
            one["at"][:TO_THE_SECOND],
            one["state"],
            one["reason"],
            one["type"],
            one["order_id"] or one["id"],
            None if one["topic"] is None else f"{one['topic']} {one['partition']}/{one['offset']}",
            one["attempts"],
            (one["error_message"] or "")[:NOTE_LENGTH_MAX],
        )
        for one in found
    )
    columns = ("letter", "died", "state", "reason", "type", "order or event", "stood at", "#tries", "message")
    return table("Dead letters", columns, rows)


def dead_letter(found: "Json") -> RenderableType:
    """All of a dead letter."""
    facts = ((name, value) for name, value in found.items() if name not in ("headers", "value"))
    headers = ((one["name"], one["value"]) for one in found["headers"])
    value = found["value"]
    told = value if isinstance(value, str) or value is None else json.dumps(value, indent=2)
    return Group(
        table("Dead letter", ("", ""), facts),
        table("Headers", ("name", "value"), headers),
        Text(f"Value\n{told}"),
    )


def dead_letter_stats(found: "Stats") -> RenderableType:
    """Dead letters by what they have in common."""
    tables = (table(f"By {name}", (name, "#"), counts.items()) for name, counts in found.by.items())
    return Group(Text(f"{found.total:,} dead letters"), *tables)


def predictions(found: "Sequence[Prediction]") -> RenderableType:
    """What would become of dead letters, one a row, and in sum."""
    rows = []
    for one in found:
        told = one.as_json()
        event = (told["type"], told["order_id"] or told["id"])
        rows.append((told["dead_letter"], *event, told["expected"], told["why"], told["message"]))
    sums = Counter(one.expected.value for one in found)
    return Group(
        table("If replayed now", ("letter", "type", "order or event", "expected", "why", "message"), rows),
        Text(_pairs(sums) if found else "no dead letter chosen"),
    )


def dead_letter_runs(found: "Sequence[Json]") -> RenderableType:
    """Runs of the replay tool, the newest first."""
    rows = (
        (
            run["run_id"],
            run["kind"],
            run["who"],
            run["started_at"][:TO_THE_SECOND],
            run["ended"] or "under way",
            run["dlq_topic"],
            _pairs(run["selection"]),
            _pairs(run["counts"]),
            run["reason"],
        )
        for run in found
    )
    columns = ("run", "kind", "who", "began", "ended", "topic", "chosen", "counts", "because")
    return table("Runs", columns, rows)


def audit(found: "Audit") -> RenderableType:
    """The audit's verdict, and every finding."""
    looked = (
        f"{found.levels:,} levels, {found.movements:,} movements, {found.reservations:,} reservations,"
        f" {found.events:,} events"
    )
    if found.is_clean:
        return Text.assemble(("Audit clean", "bold green"), f": {looked}")
    verdict = Text.assemble((f"Audit: {found.drift:,} contradictions", "bold red"), f" in {looked}")
    rows = (
        (finding.kind, _pairs(finding.figures), "\n".join(map(_explanation, finding.explained_by)))
        for finding in found.findings
    )
    return Group(verdict, table("Findings", ("kind", "where", "look at"), rows))


def repaired(found: "Repaired") -> RenderableType:
    """What an audit found, what was put right, and what it finds then."""
    if found.before.is_clean:
        return audit(found.before)
    rows = (
        (
            one.get("order_id") or one["inventory_item_id"],
            one.get("location_id"),
            "\n".join(_pairs(part) for part in (*one.get("corrections", ()), *one.get("released", ()))),
            one["cause_id"],
        )
        for one in found.repairs
    )
    return Group(
        audit(found.before),
        table("Put right", ("item or order", "location", "what", "event audit.repaired"), rows),
        audit(found.after),
    )


def retention(found: "Json", done: "Json") -> RenderableType:
    """How far back an installation remembers, and what was archived just now."""
    rows = (
        (name.replace("_", " "), "\n".join(value) if isinstance(value, list) else value)
        for name, value in {**found, **(done or {})}.items()
    )
    return table("Retention", ("", "#"), rows)


def offsets(found: "Offsets") -> RenderableType:
    """Each partition by Kafka and by the database, and what is to be said of it."""
    rows = (
        (
            one.topic,
            one.partition,
            one.committed,
            one.next_offset,
            None if one.bounds is None else one.bounds.begin,
            None if one.bounds is None else one.bounds.end,
            one.starts_at,
            "\n".join(finding.message for finding in one.findings),
        )
        for one in found.partitions
    )
    verdict = Text.assemble(
        (found.message, "bold yellow" if found.exit_code else "bold green"),
        f"; group {found.group}, {found.members} members",
    )
    columns = ("topic", "#partition", "#Kafka", "#database", "#first", "#end", "#begins at", "finding")
    return Group(verdict, table("Next offsets", columns, rows))


def rewind(found: "Offsets") -> RenderableType:
    """What a rewind would do."""
    if not found.moves:
        return Text.assemble(("nothing to rewind", "bold green"), f"; check: {found.message}")
    rows = (
        (
            move.topic,
            move.partition,
            move.starts_at,
            move.rewind_to,
            f"{move.end - move.rewind_to:,}",
        )
        for move in found.moves
    )
    columns = ("topic", "#partition", "#would begin at", "#will begin at", "#to be read")
    return table(f"Rewind of {found.group}", columns, rows)


def imported(what: str, found: "Imported") -> RenderableType:
    """What came of a file of orders or levels, and its bad rows."""
    counts = f"{found.imported:,} {what} imported, {found.already_there:,} were there already"
    if not found.bad_rows:
        return Text.assemble((counts, "bold green"))
    rows = ((row.line_no, row.subject, row.reason) for row in found.bad_rows)
    verdict = Text.assemble((f"{counts}, {len(found.bad_rows):,} rows did not come in", "bold red"))
    return Group(verdict, table("Bad rows", ("#line", found.subject, "reason"), rows))


def _explanation(one: "Mapping[str, Json]") -> str:
    named = {name: value for name, value in one.items() if name != "reason" and value is not None}
    return f"{one['reason']}: {_pairs(named)}"


def why(found: "Why") -> RenderableType:
    """An item's movements, what each kind of event comes to, and where that leads."""
    name = found.inventory_item_id if found.sku is None else f"{found.inventory_item_id} ({found.sku})"
    at = found.question.at
    moment = "now" if at is None else f"at {at.isoformat()}"
    seen = [
        bucket
        for bucket in ("stocked", "reserved", "available", "incoming", "damaged", "quarantined", "shortfall")
        if bucket in ("stocked", "reserved", "available") or any(row[bucket] for row in found.movements)
    ]
    movements = (
        (
            row["location_id"],
            row["level_version"],
            (row["at"] or "")[:TO_THE_SECOND],
            row["type"],
            f"{row['event_id']} ({row['source']})",
            _for_whom(row),
            row["bucket"],
            _signed(row["delta"]),
            *(row[bucket] for bucket in seen),
        )
        for row in found.movements
    )
    sums = ((row["location_id"], row["bucket"], row["type"], _signed(row["delta"])) for row in found.sums)
    cause = ("time", "type", "event", "order or cart")
    columns = ("location", "#version", *cause, "bucket", "#change", *(f"#{bucket}" for bucket in seen))
    level_columns = ("location", *(f"#{column}" for column in _LEVEL_COLUMNS))
    stands = ((row["location_id"], *(row[column] for column in _LEVEL_COLUMNS)) for row in found.levels)
    return Group(
        table(f"Movements of {name}", columns, movements),
        table("What they come to", ("location", "bucket", "by", "#change"), sums),
        table(f"Levels {moment}", level_columns, stands),
    )


def _for_whom(row: "Json") -> str:
    if row["cart_id"] is not None:
        return f"cart {row['cart_id']}"
    return "" if row["order_id"] is None else f"{row['order_id']} {row['line_item_id'] or ''}"


def _signed(delta: "Json") -> str:
    text = str(delta)
    return text if text.startswith("-") else f"+{text}"


# ── Simulations ─────────────────────────────────────────────────────────────────────────────────────


def simulated(found: "Simulated") -> RenderableType:
    """Every answer, then what stands in the end."""
    answers = (
        (
            one["cause_id"],
            one["type"],
            one["outcome"],
            "" if one["final"] else "not final",
            _note(one["data"]),
        )
        for one in found.answers
    )
    return Group(
        table("Answers", ("event", "type", "outcome", "", "about"), answers),
        levels(found.levels),
        _reservations(found.reservations),
        _parked(found.parked),
        _dead_letters(found.dead_letters),
        _alerts(found.alerts),
        _rate(found),
        audit(found.audit),
    )


def day(found: "Simulated") -> RenderableType:
    """A day in summary: answers by kind, levels worth a look, shortages, dead letters, rate, audit."""
    return Group(
        _answers_by_kind(found.answers),
        levels(_worth_a_look(found.levels), "Levels worth a look"),
        _shortages(found.answers),
        _alerts_by_kind(found.alerts),
        _dead_letters_by_reason(found.dead_letters),
        _parked(found.parked),
        _rate(found),
        audit(found.audit),
    )


def levels(found: "Sequence[Json]", title: str = "Levels") -> RenderableType:
    """Levels with all their buckets."""
    rows = (
        (
            one["sku"] or one["inventory_item_id"],
            one["location_id"],
            *(one[column] for column in _LEVEL_COLUMNS),
        )
        for one in found
    )
    headings = (f"#{column.replace('level_version', 'version')}" for column in _LEVEL_COLUMNS)
    return table(title, ("item", "location", *headings), rows)


def to_try(state_dir: Path, day_file: Path) -> RenderableType:
    """Three commands for the data just made, as they have to be typed here."""
    program = _program()
    commands = (
        (f"{program} audit --state-dir {state_dir}", "look for contradictions in the data"),
        (f"{program} simulate {day_file} --shuffle 7", "the same day, its events in another order"),
        (f"{program} dev --state-dir {state_dir}", "the servers again with this data and a worker"),
    )
    lines = Table.grid(padding=(0, 2))
    for command, meaning in commands:
        lines.add_row(Text(f"  {command}", style="bold"), Text(meaning))
    return Group(Text("Try on the data just made:"), lines)


def _answers_by_kind(answers: "Sequence[Json]") -> RenderableType:
    counts = Counter((str(one["type"]), str(one["outcome"])) for one in answers)
    rows = []
    last = ""
    for (type_name, outcome), count in sorted(counts.items(), key=lambda pair: (pair[0][0], -pair[1])):
        rows.append((type_name if type_name != last else "", outcome, f"{count:,}"))
        last = type_name
    return table(f"Answers: {len(answers):,}", ("type", "outcome", "#answers"), rows)


def _worth_a_look(found: "Sequence[Json]") -> "list[Json]":
    """Oversold levels first, then those with returns that cannot be sold, then the scarcest."""

    def interest(one: "Json") -> tuple[bool, bool, float]:
        unsellable = float(one["damaged"]) + float(one["quarantined"])
        return float(one["shortfall"]) == 0, unsellable == 0, float(one["available"])

    return sorted(found, key=interest)[:LEVELS_SHOWN]


def _shortages(answers: "Sequence[Json]") -> RenderableType:
    refused: Counter[str] = Counter()
    wanted: dict[str, float] = {}
    for one in answers:
        for line in one["data"].get("short_lines", ()):
            item = line["sku"] or line["inventory_item_id"]
            refused[item] += 1
            wanted[item] = max(wanted.get(item, 0), float(line["wanted"]))
    rows = ((item, count, f"{wanted[item]:g}") for item, count in refused.most_common())
    return table("Shortages", ("item", "#times short", "#most wanted at once"), rows)


def _alerts_by_kind(alerts: "Sequence[Json]") -> RenderableType:
    rows = Counter(one["kind"] for one in alerts).most_common()
    return table("Stock alerts", ("kind", "#alerts"), rows)


def _dead_letters_by_reason(letters: "Sequence[Json]") -> RenderableType:
    rows = Counter(one["reason"] for one in letters).most_common()
    return table("Dead letters", ("reason", "#letters"), rows)


def _reservations(found: "Sequence[Json]") -> RenderableType:
    columns = ("order_id", "cart_id", "line_item_id", "inventory_item_id", "location_id", "quantity")
    rows = (tuple(one[column] or "" for column in columns) for one in found)
    return table("Reservations", ("order", "cart", "line", "item", "location", "#quantity"), rows)


def _parked(found: "Sequence[Json]") -> RenderableType:
    rows = (
        (one["cause_id"], one["type"], f"{one['waits_for']['kind']} {one['waits_for']['key']}", one["until"])
        for one in found
    )
    return table("Parked", ("event", "type", "waits for", "until"), rows)


def _dead_letters(found: "Sequence[Json]") -> RenderableType:
    columns = ("line", "reason", "topic", "cause_id", "message")
    rows = (tuple(one[column] for column in columns) for one in found)
    return table("Dead letters", ("#line", "reason", "topic", "event", "message"), rows)


def _alerts(found: "Sequence[Json]") -> RenderableType:
    rows = (
        (
            one["kind"],
            one["inventory_item_id"],
            one["location_id"] or one["sales_channel_id"],
            one["available"],
            one["cause_id"],
        )
        for one in found
    )
    return table("Stock alerts", ("kind", "item", "location or channel", "#available", "event"), rows)


def _rate(found: "Simulated") -> RenderableType:
    rate = found.records / found.seconds if found.seconds else 0
    return Text(
        f"{rate:,.0f} events/s: {found.records:,} in {found.seconds:.1f} s until the last answer was on Kafka"
    )


def _note(data: "Json") -> str:
    """What an answer is about, and what it says of it, in a few words."""
    subjects = ("order_id", "cart_id", "variant_id", "location_id", "sales_channel_id", "inventory_item_id")
    said = [str(data[name]) for name in subjects if data.get(name) is not None]
    if data.get("waits_for"):
        said.append(f"waits for {data['waits_for']['kind']} {data['waits_for']['key']}")
    if data.get("message"):
        said.append(str(data["message"]))
    text = ": ".join(said)
    return text if len(text) <= NOTE_LENGTH_MAX else f"{text[:NOTE_LENGTH_MAX]}…"


def _pairs(figures: "Json") -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items())


def _program() -> str:
    """How this program is called from here."""
    name = Path(sys.argv[0])
    if name.name == "__main__.py":
        return f"{sys.executable} -m worker"
    if shutil.which(name.name) == str(name):
        return name.name
    return str(name.relative_to(Path.cwd())) if name.is_relative_to(Path.cwd()) else str(name)
