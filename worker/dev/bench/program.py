"""A program under measurement: a process of its own, which says on its log when it begins to work."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from worker.dev.bench.model import BenchError
from worker.settings import ENV_PREFIX

READY_S_MAX = 60.0
STOP_S_MAX = 30.0
LOG_LINES_KEPT = 20


class Program:
    """A running module; `running` makes one."""

    def __init__(self, process: Process, ready_text: str) -> None:
        self._process = process
        self._ready_text = ready_text
        self._ready = asyncio.Event()
        self._log: deque[str] = deque(maxlen=LOG_LINES_KEPT)
        self._reading = asyncio.ensure_future(self._read())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def wait_until_ready(self) -> None:
        """Returns as soon as the program says that it works. Raises BenchError when it does not get there."""
        ready = asyncio.ensure_future(self._ready.wait())
        await asyncio.wait({ready, self._reading}, timeout=READY_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            raise self.failure("did not begin to work")

    async def ended(self) -> None:
        """Returns when the program has ended."""
        await self._process.wait()

    def failure(self, what: str) -> BenchError:
        """What went wrong, with the end of the program's log."""
        tail = "".join(f"\n    {line}" for line in self._log)
        return BenchError(f"the measured program {what}; the end of its log:{tail}")

    async def stop(self) -> None:
        """Ends the program in order, or kills it after `STOP_S_MAX`."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        """Reads the log to its end, so that the program never waits for a reader."""
        assert self._process.stderr is not None  # asked for when it was started
        async for line in self._process.stderr:
            text = line.decode(errors="replace").rstrip()
            self._log.append(text)
            if self._ready_text in text:
                self._ready.set()


def as_environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Our environment with these worker settings in the place of all that are in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    given = {
        ENV_PREFIX + name.upper(): value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.items()
    }
    return kept | given


@asynccontextmanager
async def running(
    module: Sequence[str], environment: Mapping[str, str], ready_text: str
) -> AsyncIterator[Program]:
    """`python -m` this module, stopped at the end of the block.

    `ready_text` is in the line of its log that says that it begins to work.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *module, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, env=environment
    )
    program = Program(process, ready_text)
    try:
        yield program
    finally:
        await program.stop()
