"""A measurement as tables, for people."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from worker.dev.bench.model import BenchResult, Case, MixResult, Run

WHO: Mapping[Case, str] = {
    Case.LIMIT: "limit: load, decide, write in memory",
    Case.WORKER: "worker: Kafka in, answer on Kafka",
    Case.NAIVE: "naive: one message, one transaction",
    Case.LIFECYCLE: "worker: whole lifecycles",
}


def tables(result: BenchResult) -> RenderableType:
    """All figures; every run has its line, and the medians stand below."""
    table = _runs("Two-line orders", "order", result.runs)
    table.add_row("worker / limit", "", "", f"{result.ratio_to_limit:.2f}")
    table.add_row("worker / naive", "", "", f"{result.speedup_over_naive:,.1f}")
    return Group(table, *_spans(result), _verdict(result))


def mix_tables(result: MixResult) -> RenderableType:
    """The same of whole lifecycles against placements alone."""
    table = _runs("Two-line orders and their lifecycles", "event", result.runs)
    table.add_row("lifecycle / orders", "", "", f"{result.ratio_to_orders:.2f}")
    return Group(table, _verdict(result))


def _runs(title: str, one: str, runs: Sequence[Run]) -> Table:
    """A line for each run, in units of `one`."""
    table = Table(title=title, caption=f"µs: processor time an {one}", caption_justify="right")
    table.add_column("")
    for heading in (f"{one}s", "seconds", f"{one}s/s", "worker µs", "database µs", "broker µs", "wrong"):
        table.add_column(heading, justify="right")
    for run in runs:
        table.add_row(
            WHO[run.case],
            f"{run.orders:,}",
            f"{run.seconds:.1f}",
            f"{run.orders_per_s:,.0f}",
            *(_us(run.us_per_order(seconds)) for seconds in run.cpu),
            _wrong(run),
        )
    table.add_section()
    return table


def _spans(result: BenchResult) -> list[RenderableType]:
    if result.spans_us_per_order is None:
        return []
    table = Table(title="The worker's processor time, µs an order")
    table.add_column("stage")
    table.add_column("µs", justify="right")
    for name, us in result.spans_us_per_order.items():
        table.add_row(name, f"{us:.1f}")
    table.add_section()
    table.add_row("all", f"{sum(result.spans_us_per_order.values()):.1f}")
    return [table, Text(result.busiest_functions or "")]


def _verdict(result: BenchResult | MixResult) -> Text:
    if result.is_right:
        return Text("Everything was answered once, and the books agree.", style="green")
    return Text(
        f"WRONG: {result.lost} lost, {result.duplicated} duplicated, {result.refused} refused,"
        f" {result.drift} contradictions in the books",
        style="bold red",
    )


def _us(us: float | None) -> str:
    return "" if us is None else f"{us:,.1f}"


def _wrong(run: Run) -> str:
    counts = run.tally.lost + run.tally.duplicated + run.tally.refused + run.drift
    return f"{counts:,}"
