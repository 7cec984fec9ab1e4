"""Processor time by stage: what each function takes for itself, without what it calls or waits for.

Several tasks take turns in one thread, so time is taken of each turn of a coroutine and not from its start to
its end. What no span claims (the event loop, the drivers' callbacks) is left over.
"""

import asyncio
import functools
import inspect
import time
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import patch


class Stage(NamedTuple):
    """A function or coroutine function whose time is taken: where its name is looked up, and whose it is."""

    name: str
    owner: object
    attribute: str


class Spans:
    """Seconds of processor time by name."""

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = clock
        self._inner: list[float] = []
        """Of each open span, the time that spans inside it took."""
        self.begun = 0.0
        """What the clock said when the first span began."""

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Take the time of the block, which must not give way to the event loop."""
        self._inner.append(0.0)
        begun = self._clock()
        if not self.seconds and not self._inner[1:]:
            self.begun = begun
        try:
            yield
        finally:
            elapsed = self._clock() - begun
            self.seconds[name] = self.seconds.get(name, 0.0) + elapsed - self._inner.pop()
            if self._inner:
                self._inner[-1] += elapsed

    @contextmanager
    def of(self, stages: Iterable[Stage]) -> Iterator[None]:
        """Take the time of these for the block. Raises AttributeError where one is not there any more."""
        with ExitStack() as patches:
            for name, owner, attribute in stages:
                timed = self._timed(name, getattr(owner, attribute))
                patches.enter_context(patch.object(owner, attribute, timed))
            yield

    def _timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def timed_turns(*arguments: Any, **named: Any) -> Any:
                return await _Turns(self, name, function(*arguments, **named))

            return timed_turns

        @functools.wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            with self.span(name):
                return function(*arguments, **named)

        return timed


class _Turns:
    """A coroutine whose turns are taken the time of."""

    def __init__(self, spans: Spans, name: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._spans = spans
        self._name = name
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        turns = self._coroutine.__await__()
        turn: Callable[[], Any] = partial(turns.send, None)
        while True:
            try:
                with self._spans.span(self._name):
                    waited_for = turn()
            except StopIteration as end:
                return end.value
            try:
                turn = partial(turns.send, (yield waited_for))
            except asyncio.CancelledError as error:
                turn = partial(turns.throw, error)
