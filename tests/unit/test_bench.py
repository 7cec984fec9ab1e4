"""The measurement's own arithmetic: its orders, its tally, its figures, its timed stages."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import pytest

from schemas.event_type import EventType
from schemas.outcome import Outcome
from worker.dev.bench.in_memory import arrivals, batches
from worker.dev.bench.lifecycle import lifecycles
from worker.dev.bench.model import Answer, Case, Cpu, Run, Tally, summary, tally
from worker.dev.bench.spans import Spans, Stage
from worker.dev.bench.workload import LOCATION_IDS, Workload, event_ids, skewed

CLEAN = Tally(lost=0, duplicated=0, refused=0)


def run(case: Case, orders: int, seconds: float, **wrong: int) -> Run:
    drift = wrong.pop("drift", 0)
    return Run(
        case,
        orders,
        seconds,
        Tally(**{"lost": 0, "duplicated": 0, "refused": 0, **wrong}),
        drift,
        Cpu(seconds),
    )


# ── Workload ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_seed_gives_the_same_orders_to_the_byte() -> None:
    assert list(Workload().orders(50, 7)) == list(Workload().orders(50, 7))


def test_fewer_orders_are_the_first_of_more() -> None:
    assert list(Workload().orders(10, 7)) == list(Workload().orders(50, 7))[:10]


def test_another_seed_gives_other_ids() -> None:
    one, other = (list(Workload().orders(50, seed)) for seed in (1, 2))
    assert not event_ids(one) & event_ids(other)
    assert not {message.key for message in one} & {message.key for message in other}


def test_ids_are_unique_and_in_the_order_of_time() -> None:
    ids = [message.event_id for message in Workload().orders(500, 1)]
    assert len(set(ids)) == 500
    assert ids == sorted(ids)


def test_an_order_has_two_lines_seven_headers_and_some_600_bytes() -> None:
    for message in Workload().orders(200, 1):
        assert len(json.loads(message.value)["lines"]) == 2
        assert len(message.headers) == 7
        assert 570 < len(message.value) < 650


def test_every_event_of_the_workload_keeps_its_contract() -> None:
    workload = Workload(items=20)
    messages = [*workload.catalogue(), *workload.stock(), *workload.orders(20, 1)]
    assert len(list(arrivals(messages))) == len(LOCATION_IDS) + 1 + 20 + 20 * len(LOCATION_IDS) + 20


def test_lifecycles_hold_every_event_of_orders_in_the_order_of_their_times() -> None:
    events = lifecycles(Workload(items=20), 400, 1)
    assert lifecycles(Workload(items=20), 400, 1) == events
    assert {message.type for message in events} == {
        EventType.CART_VALIDATED,
        EventType.STOCK_ADJUSTED,
        EventType.ORDER_PLACED,
        EventType.ORDER_UPDATED,
        EventType.RESERVATION_MOVED,
        EventType.ORDER_CANCELED,
        EventType.ORDER_FULFILLED,
        EventType.FULFILLMENT_CANCELED,
        EventType.ORDER_RETURNED,
    }
    times = [dict(message.headers)["ce_time"] for message in events]
    assert times == sorted(times, key=lambda one: datetime.fromisoformat((one or b"").decode()))
    assert len(list(arrivals(events))) == len(event_ids(events)) == len(events)


def test_a_fifth_of_the_items_has_four_fifths_of_the_lines() -> None:
    places = [skewed(at / 10_000, 1_000) for at in range(10_000)]
    assert min(places) == 0
    assert max(places) == 999
    assert sum(place < 200 for place in places) == pytest.approx(8_000, abs=20)


def test_the_best_seller_has_more_than_a_quarter_of_the_lines() -> None:
    lines = Counter(
        line["variant_id"]
        for message in Workload().orders(5_000, 1)
        for line in json.loads(message.value)["lines"]
    )
    assert 0.25 < lines.most_common(1)[0][1] / lines.total() < 0.31


def test_batches_are_full_but_for_the_last() -> None:
    ready = arrivals(Workload(items=5).orders(4_500, 1))
    assert [len(batch) for batch in batches(ready)] == [2_000, 2_000, 500]


# ── Tally ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ([Answer("a", Outcome.APPLIED), Answer("b", Outcome.APPLIED)], Tally(0, 0, 0)),
        ([Answer("a", Outcome.APPLIED)], Tally(1, 0, 0)),
        ([Answer("a", Outcome.APPLIED), Answer("b", Outcome.PARKED)], Tally(1, 0, 0)),
        (
            [Answer("a", Outcome.APPLIED), Answer("a", Outcome.APPLIED), Answer("b", Outcome.APPLIED)],
            Tally(0, 1, 0),
        ),
        (
            [Answer("a", Outcome.APPLIED), Answer("b", Outcome.APPLIED), Answer("c", Outcome.APPLIED)],
            Tally(0, 1, 0),
        ),
        ([Answer("a", Outcome.APPLIED), Answer("b", Outcome.INSUFFICIENT_STOCK)], Tally(0, 0, 1)),
        (
            [Answer("b", Outcome.PARKED), Answer("b", Outcome.APPLIED), Answer("a", Outcome.APPLIED)],
            Tally(0, 0, 0),
        ),
    ],
    ids=[
        "all well",
        "lost",
        "only parked",
        "answered twice",
        "not asked for",
        "refused",
        "parked, then applied",
    ],
)
def test_two_orders_are_tallied(answers: list[Answer], found: Tally) -> None:
    assert tally({"a", "b"}, answers) == found


# ── Figures ───────────────────────────────────────────────────────────────────────────────────────────


def test_figures_are_medians_and_the_ratio_is_that_of_each_round() -> None:
    runs = [
        run(Case.LIMIT, 1_000, 1.0),
        run(Case.WORKER, 1_000, 2.0),
        run(Case.LIMIT, 1_000, 0.5),
        run(Case.WORKER, 1_000, 0.625),
        run(Case.LIMIT, 1_000, 4.0),
        run(Case.WORKER, 1_000, 5.0),
        run(Case.NAIVE, 100, 10.0),
    ]
    result = summary(runs)
    assert result.rounds == 3
    assert result.orders_per_s == 500
    assert result.limit_orders_per_s == 1_000
    assert result.naive_orders_per_s == 10
    assert result.speedup_over_naive == 50
    assert result.ratio_to_limit == 0.8
    assert result.worker_cpu_us_per_order == 2_000
    assert result.database_cpu_us_per_order is None
    assert result.is_right


@pytest.mark.parametrize("what", ["lost", "duplicated", "refused", "drift"])
@pytest.mark.parametrize("spoilt", Case)
def test_one_wrong_order_in_any_run_spoils_the_result(spoilt: Case, what: str) -> None:
    assert summary([run(case, 10, 1.0) for case in Case]).is_right
    runs = [run(case, 10, 1.0, **({what: 1} if case is spoilt else {})) for case in Case]
    assert not summary(runs).is_right


def test_the_result_is_one_line_of_json_with_the_promised_figures() -> None:
    result = summary([run(Case.LIMIT, 10, 1.0), run(Case.WORKER, 10, 1.0), run(Case.NAIVE, 10, 1.0)])
    assert "\n" not in result.json()
    assert {
        "orders_per_s",
        "naive_orders_per_s",
        "speedup_over_naive",
        "limit_orders_per_s",
        "ratio_to_limit",
        "worker_cpu_us_per_order",
        "database_cpu_us_per_order",
        "broker_cpu_us_per_order",
        "lost",
        "duplicated",
        "drift",
    } <= json.loads(result.json()).keys()


# ── Timed stages ──────────────────────────────────────────────────────────────────────────────────────


class Clockwork:
    """Work that takes the seconds it is told to, by a clock of its own."""

    def __init__(self) -> None:
        self.now = 100.0

    def sync(self, seconds: float) -> None:
        self.now += seconds

    async def turns(self, *seconds: float) -> str:
        for one in seconds:
            self.now += one
            await asyncio.sleep(0)
        return "done"

    async def outer(self) -> None:
        self.now += 1
        self.sync(2)
        await self.turns(4)
        self.now += 8


STAGES = [
    Stage("sync", Clockwork, "sync"),
    Stage("turns", Clockwork, "turns"),
    Stage("outer", Clockwork, "outer"),
]


@pytest.fixture
def clockwork() -> Iterator[tuple[Clockwork, Spans]]:
    work = Clockwork()
    spans = Spans(lambda: work.now)
    with spans.of(STAGES):
        yield work, spans


async def test_a_stage_is_charged_without_what_it_calls(clockwork: tuple[Clockwork, Spans]) -> None:
    work, spans = clockwork
    await work.outer()
    assert spans.seconds == {"sync": 2, "turns": 4, "outer": 9}
    assert spans.begun == 100


async def test_tasks_that_take_turns_are_charged_for_their_own(clockwork: tuple[Clockwork, Spans]) -> None:
    work, spans = clockwork
    await asyncio.gather(work.turns(1, 1, 1), work.turns(10, 10), work.outer())
    assert spans.seconds == {"sync": 2, "turns": 3 + 20 + 4, "outer": 9}


async def test_a_timed_coroutine_gives_its_result(clockwork: tuple[Clockwork, Spans]) -> None:
    assert await clockwork[0].turns(1, 1) == "done"


async def test_a_timed_coroutine_can_be_cancelled(clockwork: tuple[Clockwork, Spans]) -> None:
    work, spans = clockwork
    task = asyncio.ensure_future(work.turns(1, 1, 1))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert spans.seconds == {"turns": 1}


async def test_stages_are_untimed_again_after_the_block() -> None:
    work = Clockwork()
    spans = Spans(lambda: work.now)
    with spans.of(STAGES):
        pass
    work.sync(1)
    assert spans.seconds == {}
