"""The three cases, each on a database of its own that starts where all others start."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg

from schemas import EventType
from worker.dev.bench.databases import database
from worker.dev.bench.in_memory import answers, arrivals, batches, judge
from worker.dev.bench.kafka import Results, results
from worker.dev.bench.model import NAIVE_READY, Answer, Case, Run, tally
from worker.dev.bench.program import Program, as_environment, running
from worker.dev.bench.servers import Servers, cpu_seconds
from worker.dev.bench.workload import Message, event_ids
from worker.inspect.audit import audit
from worker.runtime.memory import garbage_collected_rarely, keep_freed_memory

log = logging.getLogger(__name__)

WORKER_NAME = "bench"


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders that lie ready on a topic of their own."""

    topic: str
    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A program that carries orders from Kafka to their answers on Kafka."""

    case: Case
    module: tuple[str, ...]
    ready_text: str


WORKER = Contestant(Case.WORKER, ("worker", "run"), f"worker {WORKER_NAME} reads")
LIFECYCLE = Contestant(Case.LIFECYCLE, WORKER.module, WORKER.ready_text)
NAIVE = Contestant(Case.NAIVE, ("worker.dev.bench.naive",), NAIVE_READY)


async def limit(where: Servers, template_url: str, messages: Sequence[Message]) -> Run:
    """The worker's own load, decide and write, on batches decoded before the clock starts."""
    keep_freed_memory()
    async with database(where, template_url) as url:
        batches_ready = list(batches(arrivals(messages)))
        told: list[Answer] = []
        async with judge(url) as one:
            with garbage_collected_rarely():
                before, begun = where.cpu(time.process_time()), time.perf_counter()
                committed = [await one.judge(batch) for batch in batches_ready]
                seconds = time.perf_counter() - begun
                cpu = where.cpu(time.process_time()).since(before)
        for batch in committed:
            told += answers(batch.records)
        return Run(
            Case.LIMIT, len(messages), seconds, tally(event_ids(messages), told), await _drift(url), cpu
        )


async def end_to_end(where: Servers, template_url: str, orders: Orders, contestant: Contestant) -> Run:
    """From the moment the program begins to read until the last answer is on Kafka.

    Raises BenchError when the program ends before.
    """
    asked = event_ids(orders.messages)
    async with database(where, template_url) as url, results(where.bootstrap) as watch:
        environment = as_environment(worker_settings(where, url, orders))
        async with running(contestant.module, environment, contestant.ready_text) as program:
            await program.wait_until_ready()
            before, begun = where.cpu(cpu_seconds(program.pid)), time.perf_counter()
            await _answered(watch, len(asked), program)
            seconds = time.perf_counter() - begun
            cpu = where.cpu(cpu_seconds(program.pid)).since(before)
        told = await watch.read()
        return Run(contestant.case, len(asked), seconds, tally(asked, told), await _drift(url), cpu)


def worker_settings(where: Servers, url: str, orders: Orders) -> dict[str, object]:
    """The settings of a worker that reads these orders, as the only one of its group; else the defaults."""
    return {
        "kafka_bootstrap": where.bootstrap,
        "database_url": url,
        "consumer_group": urlsplit(url).path.removeprefix("/"),
        "topic_types": {orders.topic: EventType.ORDER_PLACED.value},
        "worker_name": WORKER_NAME,
    }


async def _answered(watch: Results, count: int, program: Program) -> None:
    """Wait for so many answers, or until no more come. Raises BenchError when the program ends before."""
    waiting = asyncio.ensure_future(watch.wait_for(count))
    ended = asyncio.ensure_future(program.ended())
    await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        raise program.failure("ended by itself")
    ended.cancel()
    if not waiting.result():
        log.error("%s", program.failure("does not answer any more"))


async def _drift(url: str) -> int:
    auditor = await asyncpg.connect(url)
    try:
        return (await audit(auditor)).drift
    finally:
        await auditor.close()
