"""What storefronts are told while delivery is at its worst: workers that tell them die, stall, and overtake
each other at random; in the end the topic says what is available.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from schemas.orders import Policy
from schemas.topics import Output
from tests.books import contradictions
from tests.in_process import GROUP, SOURCE, Crash, backoff, on, value_of
from tests.integration.test_delivery_model import WORKERS, Delivery, Fate, SharedTopics, hold_the_claims
from worker.runtime.answer import AnswerWriter
from worker.runtime.errors import Transient
from worker.runtime.load import Usual
from worker.runtime.publish import Refused
from worker.runtime.records import OutRecord
from worker.runtime.storefront import Storefront, StorefrontSettings

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "25"))

numbers = st.integers(0, WORKERS - 1)
fates_of_few = st.lists(st.sampled_from(Fate), max_size=2)


class StallingTopics(SharedTopics):
    """Something else happens before the next records arrive."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def publish(self, records: Sequence[OutRecord], deadline_s: float) -> list[Refused]:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return await super().publish(records, deadline_s)


class Telling(Delivery):
    """The workers of the delivery model, each with a storefront loop of which a turn is a step."""

    def __init__(self) -> None:
        super().__init__()
        self.tellers = [self._teller(number) for number in range(WORKERS)]

    def _teller(self, number: int) -> Storefront:
        return Storefront(
            StorefrontSettings(f"s{number}", Usual(Policy.ALL_OR_NOTHING)),
            self.bench.pools[number],
            StallingTopics(self.published),
            AnswerWriter(SOURCE, GROUP, "0"),
            backoff,
            lambda: datetime.now(UTC),
        )

    @rule(number=numbers, fates=fates_of_few)
    def tell(self, number: int, fates: list[Fate]) -> None:
        self.bench.await_(self._tell(number, fates))

    @rule()
    def tell_both_at_once(self) -> None:
        self.bench.await_(self._tell_both())

    @rule(number=numbers, counts=st.tuples(st.integers(1, 8), st.integers(1, 8)))
    def tell_while_both_are_at_work(self, number: int, counts: tuple[int, int]) -> None:
        self.bench.await_(self._tell_amid(number, counts))

    @rule(number=numbers, fates=fates_of_few)
    def the_claim_ends_and_another_tells(self, number: int, fates: list[Fate]) -> None:
        self.bench.await_(self._take_the_claim(number, fates))

    @rule(number=numbers, counts=st.tuples(st.integers(0, 3), st.integers(0, 3)))
    def be_overtaken_while_telling(self, number: int, counts: tuple[int, int]) -> None:
        self.bench.await_(self._be_overtaken(number, *counts))

    async def _tell(self, number: int, fates: list[Fate]) -> None:
        teller = self.tellers[number]
        publisher = teller._publisher
        assert isinstance(publisher, StallingTopics)
        publisher.fates = list(fates)
        try:
            await teller.turn()
        except Transient:
            pass
        except Crash:
            self.tellers[number] = self._teller(number)
        publisher.fates, publisher.meanwhile = [], None

    async def _tell_amid(self, number: int, counts: tuple[int, int]) -> None:
        batches = [(at, self._next(at, count)) for at, count in enumerate(counts)]
        at_work = asyncio.ensure_future(self._at_once(batches))
        while not at_work.done():
            await self._tell(number, [])
        await at_work

    async def _tell_both(self) -> None:
        await asyncio.gather(*(self._tell(number, []) for number in range(WORKERS)))

    async def _take_the_claim(self, number: int, fates: list[Fate]) -> None:
        await self.bench.db.execute("update availability_state set held_until = '-infinity'")
        await self._tell(number, fates)

    async def _be_overtaken(self, number: int, first: int, second: int) -> None:
        """It has counted and is about to publish; another takes the claim and tells what came since."""

        async def meanwhile() -> None:
            await self._count_stock(second)
            await self._take_the_claim((number + 1) % WORKERS, [])

        await self._count_stock(first)
        publisher = self.tellers[number]._publisher
        assert isinstance(publisher, StallingTopics)
        publisher.meanwhile = meanwhile
        await self._take_the_claim(number, [])

    async def _count_stock(self, quantity: int) -> None:
        self.topics.event("stock.set", sku="S1", location_id="A", quantity=quantity)
        for number in range(WORKERS):
            await self._deliver(number, self._next(number, 1000))

    async def _settle(self) -> None:
        await super()._settle()
        # Under the present claim, by which not everything is counted anew, and under a new one.
        for _ in range(4):
            await self._tell_both()
        assert await contradictions(self.bench.db) == []
        for _ in range(4):
            await self._take_the_claim(0, [])

    async def _check_the_end(self) -> None:
        await super()._check_the_end()
        last = {}
        for record in on(Output.AVAILABILITY, self.published):
            value = value_of(record)
            last[value["variant_id"], value["sales_channel_id"]] = value["availability_version"]
        rows = await self.bench.db.fetch(
            "select variant_id, sales_channel_id, version from availability"
            " join variant using (variant_no) join sales_channel using (channel_no)"
        )
        assert last == {(row["variant_id"], row["sales_channel_id"]): row["version"] for row in rows}
        assert await self.bench.db.fetchval("select variants_from is null from availability_state")
        known = await self.bench.db.fetchval(
            "select (select count(*) from variant where known)"
            " * (select count(*) from sales_channel where known)"
        )
        assert len(rows) >= known


@pytest.mark.slow
def test_in_the_end_storefronts_are_told_what_is_available(database_url: str) -> None:
    hold_the_claims(database_url, Telling, ROUNDS)
