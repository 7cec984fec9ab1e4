"""Worker processes of which one after the other is killed where chance says, and another takes its place."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from enum import Enum, auto
from typing import Any, NamedTuple

from aiokafka.errors import KafkaError

from tests.installation import DEADLINE_S, LOOK_AGAIN_S, Installation, WorkerProcess
from tests.proxy import (
    Api,
    Hold,
    Message,
    Proxy,
    is_commit,
    is_commit_reply,
    is_request,
    kafka_proxy,
    postgres_proxy,
)

MESSAGES_PASSED_MAX = 5
"""So many messages of a kind pass at the most before the one at which a worker dies."""
BATCH_RECORDS = (40, 150)
"""Records judged in one transaction at the most: small, so that there is much to die amid."""


class Point(Enum):
    """Where a worker dies: before a message of its own, or of a server's answers, has arrived."""

    FETCH = auto()
    COMMIT = auto()
    COMMIT_REPLY = auto()
    PRODUCE = auto()
    OFFSET_COMMIT = auto()
    SOMEWHERE = auto()
    """Wherever it is when some more events are judged."""


class Hand(NamedTuple):
    """A worker process, the proxies through which it reaches its servers, and what ends all three."""

    name: str
    worker: WorkerProcess
    kafka: Proxy
    postgres: Proxy
    leaving: AsyncExitStack


class Crew:
    """The workers of an installation that are alive; whom to kill, where and when is drawn."""

    def __init__(self, shop: Installation, chance: random.Random) -> None:
        self._shop = shop
        self._chance = chance
        self._hands: list[Hand] = []
        self._hired = 0

    async def hire(self, count: int = 1) -> None:
        """Starts so many workers; returns when they read."""
        numbers = range(self._hired + 1, self._hired + count + 1)
        self._hired += count
        sizes = [self._chance.randint(*BATCH_RECORDS) for _ in numbers]
        self._hands += await asyncio.gather(*map(self._hand, numbers, sizes))

    async def kill_one(self, most: int) -> None:
        """Kills a worker at some point, at the latest when all that was sent is judged; hires another.

        `most` is how many more events will be judged.
        """
        hand = self._drawn()
        point = self._chance.choice(list(Point))
        passing = self._chance.randint(0, MESSAGES_PASSED_MAX)
        hold = None
        if point is Point.SOMEWHERE:
            await self.amid(most)
        else:
            hold = _held(hand, point, passing)
            await _first_of(hold.reached.wait(), self._shop.settled())
        await hand.worker.kill()
        if hold is not None:
            # What it was about to say arrives after its death, or never.
            self._chance.choice((hold.release, hold.cut))()
        await self._replace(hand)

    async def kill_one_while(self, restart: Callable[[], None]) -> None:
        """Kills a worker while a server is down; hires another when it is back."""
        hand = self._drawn()
        async with asyncio.TaskGroup() as both:
            both.create_task(asyncio.to_thread(restart))
            both.create_task(hand.worker.kill())
        await self._replace(hand)

    async def amid(self, most: int) -> None:
        """Returns in the midst of things: when some, but at the most so many, more events are judged."""
        more = self._chance.randint(1, most)
        judged = await self._shop.one_value("select count(*) from event")
        await _first_of(self._shop.until_judged(judged + more), self._shop.settled())

    async def go_home(self) -> None:
        """Ends all workers in order."""
        while self._hands:
            hand = self._hands.pop()
            assert await hand.worker.stop() == 0, hand.worker.log
            await hand.leaving.aclose()

    async def leave(self) -> None:
        """Ends whoever is still there."""
        while self._hands:
            await self._hands.pop().leaving.aclose()

    def _drawn(self) -> Hand:
        return self._hands.pop(self._chance.randrange(len(self._hands)))

    async def _replace(self, hand: Hand) -> None:
        await hand.leaving.aclose()
        async with asyncio.timeout(DEADLINE_S):
            while not await self._is_forgotten(hand.name):  # noqa: ASYNC110 - a broker that starts tells nobody
                await asyncio.sleep(LOOK_AGAIN_S)
        await self.hire()

    async def _is_forgotten(self, name: str) -> bool:
        with contextlib.suppress(KafkaError):
            await self._shop.forget_member(name)
            return True
        return False

    async def _hand(self, number: int, batch_records_max: int) -> Hand:
        name = f"w{number}"
        async with AsyncExitStack() as leaving:
            kafka, bootstrap = await leaving.enter_async_context(kafka_proxy(self._shop.bootstrap))
            postgres, url = await leaving.enter_async_context(postgres_proxy(self._shop.database_url))
            worker = await leaving.enter_async_context(
                self._shop.worker(
                    name,
                    kafka_bootstrap=bootstrap,
                    database_url=url,
                    batch_records_max=batch_records_max,
                    availability_interval_ms=20,
                )
            )
            return Hand(name, worker, kafka, postgres, leaving.pop_all())
        raise AssertionError


@asynccontextmanager
async def crew(shop: Installation, chance: random.Random, count: int) -> AsyncIterator[Crew]:
    """So many workers that read; ended at the end of the block."""
    made = Crew(shop, chance)
    try:
        await made.hire(count)
        yield made
    finally:
        await made.leave()


def _held(hand: Hand, point: Point, passing: int) -> Hold:
    """Keeps back the message at which this worker dies, after so many others of its kind."""
    left = passing

    def counted(matches: Callable[[Message], bool]) -> Callable[[Message], bool]:
        def is_the_one(message: Message) -> bool:
            nonlocal left
            left -= matches(message)
            return left < 0 and matches(message)

        return is_the_one

    match point:
        case Point.COMMIT:
            return hand.postgres.hold(counted(is_commit))
        case Point.COMMIT_REPLY:
            return hand.postgres.hold(counted(is_commit_reply))
        case _:
            return hand.kafka.hold(counted(is_request(Api[point.name])))


async def _first_of(*waits: Coroutine[Any, Any, Any]) -> None:
    """Returns when one of them does. Raises what it raised."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
