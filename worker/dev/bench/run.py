"""A whole measurement: the ground is laid, everybody is warmed up, then each case has its turn."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvloop

from schemas.topics import PARTITIONS
from worker.dev.bench.cases import LIFECYCLE, NAIVE, WORKER, Orders, end_to_end, limit
from worker.dev.bench.databases import database, prepare_log
from worker.dev.bench.in_memory import fill
from worker.dev.bench.kafka import lay_ready
from worker.dev.bench.lifecycle import lifecycles
from worker.dev.bench.model import BenchOptions, BenchResult, MixResult, Run, mix_summary, summary
from worker.dev.bench.profile import busiest_functions, stage_times
from worker.dev.bench.servers import Servers, servers
from worker.dev.bench.workload import Message, Workload
from worker.dev.scratch import scratch_topics
from worker.runtime.migrate import migrate
from worker.runtime.topics import ensure_topics

Report = Callable[[str], None]

NAIVE_WARMUP_SHARE = 5
"""The naive worker is warmed up with one order for so many that are measured: it is slow."""


def run_bench(options: BenchOptions, report: Report) -> BenchResult:
    """Measure the worker, its limit and the naive worker on the same servers, tables and orders.

    `report` is told what is being done. Raises BenchError and ServerError, and of given servers what their
    clients raise.
    """
    report("starting servers")
    with servers(options) as where:
        return uvloop.run(_measured(options, where, report))


async def _measured(options: BenchOptions, where: Servers, report: Report) -> BenchResult:
    _end_on_sigterm()
    workload = Workload(options.items)
    orders = list(workload.orders(max(options.orders, options.naive_orders), options.seed))
    warmup = list(workload.orders(options.warmup_orders, options.seed + 1))
    report(f"catalogue and stock of {workload.items:,} items")
    async with (
        _ground(where, workload) as template_url,
        _laid_ready(where, orders[: options.orders]) as all_orders,
        _laid_ready(where, orders[: options.naive_orders]) as naive_orders,
        _laid_ready(where, warmup) as warmup_orders,
        _laid_ready(where, warmup[: options.naive_orders // NAIVE_WARMUP_SHARE]) as naive_warmup_orders,
    ):
        report("warming up")
        await prepare_log(where)
        await limit(where, template_url, warmup)
        await end_to_end(where, template_url, warmup_orders, WORKER)
        await end_to_end(where, template_url, naive_warmup_orders, NAIVE)
        runs: list[Run] = []
        for number in range(1, options.rounds + 1):
            report(f"round {number} of {options.rounds}: {options.orders:,} orders in memory")
            runs.append(await limit(where, template_url, all_orders.messages))
            report(f"round {number} of {options.rounds}: {options.orders:,} orders from Kafka to Kafka")
            runs.append(await end_to_end(where, template_url, all_orders, WORKER))
        report(f"{options.naive_orders:,} orders through the naive worker")
        runs.append(await end_to_end(where, template_url, naive_orders, NAIVE))
        if not options.profile:
            return summary(runs)
        report("profiling the worker")
        stages = await stage_times(where, template_url, all_orders)
        return summary(runs, stages, await busiest_functions(where, template_url, warmup_orders))


def run_mix(options: BenchOptions, report: Report) -> MixResult:
    """Measure the worker on whole lifecycles of orders, and on as many placements alone.

    `report` is told what is being done. Raises BenchError and ServerError, and of given servers what their
    clients raise.
    """
    report("starting servers")
    with servers(options) as where:
        return uvloop.run(_mix_measured(options, where, report))


async def _mix_measured(options: BenchOptions, where: Servers, report: Report) -> MixResult:
    _end_on_sigterm()
    workload = Workload(options.items)
    report(f"catalogue and stock of {workload.items:,} items")
    async with (
        _ground(where, workload) as template_url,
        _laid_ready(where, list(workload.orders(options.orders, options.seed))) as orders,
        _laid_ready(where, lifecycles(workload, options.orders, options.seed)) as events,
        _laid_ready(where, lifecycles(workload, options.warmup_orders, options.seed + 1)) as warmup,
    ):
        report("warming up")
        await prepare_log(where)
        await end_to_end(where, template_url, warmup, LIFECYCLE)
        runs: list[Run] = []
        for number in range(1, options.rounds + 1):
            report(f"round {number} of {options.rounds}: {len(orders.messages):,} orders")
            runs.append(await end_to_end(where, template_url, orders, WORKER))
            report(f"round {number} of {options.rounds}: {len(events.messages):,} events of their lifecycles")
            runs.append(await end_to_end(where, template_url, events, LIFECYCLE))
        return mix_summary(runs)


def _end_on_sigterm() -> None:
    task = asyncio.current_task()
    assert task is not None  # this runs in one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


@asynccontextmanager
async def _ground(where: Servers, workload: Workload) -> AsyncIterator[str]:
    """The URL of a database with schema, catalogue and stock, for the others to be copied from."""
    async with database(where) as url:
        await migrate(url)
        await fill(url, [workload.catalogue(), workload.stock()])
        yield url


@asynccontextmanager
async def _laid_ready(where: Servers, messages: list[Message]) -> AsyncIterator[Orders]:
    """The orders on a topic of their own for the block."""
    topic = f"bench.{secrets.token_hex(4)}"
    await ensure_topics(where.bootstrap, PARTITIONS, 1, input_topics=[topic])
    async with scratch_topics(where.bootstrap, [topic]):
        await lay_ready(where.bootstrap, topic, messages)
        yield Orders(topic, messages)
