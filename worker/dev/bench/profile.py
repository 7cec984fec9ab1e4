"""Where the worker's processor time goes: the worker itself, in this process, with its stages timed."""

import asyncio
import cProfile
import io
import pstats
import time

from worker.dev.bench.cases import Orders, worker_settings
from worker.dev.bench.databases import database
from worker.dev.bench.kafka import results
from worker.dev.bench.servers import Servers
from worker.dev.bench.spans import Spans, Stage
from worker.runtime import process
from worker.runtime.app import Worker
from worker.runtime.consume import Intake
from worker.runtime.load import Loaded, Loader
from worker.runtime.pipeline import Pipeline
from worker.runtime.process import Processor
from worker.runtime.publish import Publisher
from worker.settings import load_settings

STAGES = (
    Stage("take over, offsets", Intake, "_receive"),
    Stage("take over, offsets", Intake, "commit"),
    Stage("decode", Pipeline, "_decode"),
    Stage("inbox", Processor, "_read_inbox"),
    Stage("load", Loader, "load"),
    Stage("load", Loaded, "snapshot"),
    Stage("decide", process, "decide"),
    Stage("write", process, "write"),
    Stage("encode", Processor, "_records"),
    Stage("outbox", Processor, "_write_outbox"),
    Stage("publish", Publisher, "publish"),
)
REST = "fetch, drivers, event loop"

FUNCTIONS_SHOWN = 30


async def stage_times(where: Servers, template_url: str, orders: Orders) -> dict[str, float]:
    """Microseconds an order that each stage takes of the worker's one thread, and what they leave over."""
    spans = Spans()
    with spans.of(STAGES):
        ended = await _worked_off(where, template_url, orders)
    seconds = {**spans.seconds, REST: ended - spans.begun - sum(spans.seconds.values())}
    return {name: round(taken / len(orders.messages) * 1e6, 1) for name, taken in seconds.items()}


async def busiest_functions(where: Servers, template_url: str, orders: Orders) -> str:
    """The functions that take most time for themselves, as a table; under a profiler all are slower."""
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        await _worked_off(where, template_url, orders)
    finally:
        profiler.disable()
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(FUNCTIONS_SHOWN)
    return text.getvalue()


async def _worked_off(where: Servers, template_url: str, orders: Orders) -> float:
    """Have the orders carried by a worker in this thread; what the thread's clock says as they are answered.

    Raises what the worker ends with before.
    """
    async with database(where, template_url) as url, results(where.bootstrap) as watch:
        worker = Worker(load_settings(worker_settings(where, url, orders)))
        running = asyncio.ensure_future(worker.run())
        waiting = asyncio.ensure_future(watch.wait_for(len(orders.messages)))
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        ended = time.thread_time()
        waiting.cancel()
        worker.stop()
        await running
    return ended
