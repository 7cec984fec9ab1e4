"""A TCP proxy before a real server, that stops messages where a test wants a process to die or to wait.

It knows just enough of Postgres' and Kafka's framing to tell one message from the next.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

import pytest

from tests import skips

LOOPBACK = "127.0.0.1"
DEADLINE_S = 30.0

_LENGTH = struct.Struct(">i")
_API_KEY = struct.Struct(">h")
_LENGTH_BYTES = 4


class Side(Enum):
    """Who sent a message."""

    CLIENT = auto()
    SERVER = auto()


class Message(NamedTuple):
    """One message of a protocol, whole, as it stands on the wire."""

    side: Side
    wire: bytes


class Framing(Protocol):
    """How one server's messages are told apart, and what of them is changed on the way."""

    async def read(self, side: Side, reader: asyncio.StreamReader, *, is_first: bool) -> bytes:
        """The next message. Raises IncompleteReadError at the end of the stream."""

    def passed_on(self, message: Message) -> bytes:
        """The message as the other side gets it."""


class Hold:
    """Keeps back the first message that matches, and all behind it; `release` or `cut` end that."""

    def __init__(self, matches: Callable[[Message], bool]) -> None:
        self.matches = matches
        self.reached = asyncio.Event()
        self._may_pass: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._client: asyncio.StreamWriter | None = None

    async def wait(self) -> None:
        """Returns when a message is held."""
        async with asyncio.timeout(DEADLINE_S):
            await self.reached.wait()

    def release(self) -> None:
        """Passes on what is held; nothing is held from now on."""
        if not self._may_pass.done():
            self._may_pass.set_result(True)

    def cut(self) -> None:
        """Breaks the connections of what is held, from both sides; nothing is held from now on."""
        if not self._may_pass.done():
            self._may_pass.set_result(False)

    def lose_the_client(self) -> None:
        """Breaks the client's connection; the server keeps its own until what is held is released."""
        assert self._client is not None
        self._client.close()

    async def lets_pass(self, message: Message, client: asyncio.StreamWriter) -> bool:
        """Whether the message goes on its way; waits while it is held."""
        if self._may_pass.done() or not self.matches(message):
            return True
        self._client = client
        self.reached.set()
        return await asyncio.shield(self._may_pass)


class Proxy:
    """A proxy before one server, on a socket that listens already."""

    def __init__(self, framing: Framing, target: tuple[str, int], listening: socket.socket) -> None:
        self._framing = framing
        self._target = target
        self._listening = listening
        self._holds: list[Hold] = []
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Takes connections from now on."""
        self._server = await asyncio.start_server(self._accept, sock=self._listening)

    async def stop(self) -> None:
        """Breaks all connections and listens no more."""
        assert self._server is not None
        self._server.close()
        clients = dict(self._clients)
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        for writer in clients.values():
            writer.close()
        await self._server.wait_closed()

    def hold(self, matches: Callable[[Message], bool]) -> Hold:
        """Keeps back the next message that matches."""
        hold = Hold(matches)
        self._holds.append(hold)
        return hold

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # asyncio does this itself only for sockets that name their protocol; without it small messages wait
        # 40 ms for the other side's acknowledgement.
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._clients[task] = writer
        task.add_done_callback(self._clients.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                await self._between(reader, writer)
        finally:
            writer.close()

    async def _between(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(*self._target)
        pumps = [
            asyncio.ensure_future(self._pump(Side.CLIENT, reader, server_writer, writer)),
            asyncio.ensure_future(self._pump(Side.SERVER, server_reader, writer, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server_writer.close()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(
        self,
        side: Side,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
    ) -> None:
        is_first = True
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                message = Message(side, await self._framing.read(side, reader, is_first=is_first))
                is_first = False
                for hold in self._holds:
                    if not await hold.lets_pass(message, client):
                        return
                writer.write(self._framing.passed_on(message))
                await writer.drain()


class PostgresFraming:
    """Postgres without TLS."""

    async def read(self, side: Side, reader: asyncio.StreamReader, *, is_first: bool) -> bytes:
        kind = b"" if side is Side.CLIENT and is_first else await reader.readexactly(1)
        length = await reader.readexactly(_LENGTH_BYTES)
        (count,) = _LENGTH.unpack(length)
        return kind + length + await reader.readexactly(count - _LENGTH_BYTES)

    def passed_on(self, message: Message) -> bytes:
        return message.wire


class KafkaFraming:
    """Kafka without TLS; where an answer tells the broker's address, the proxy's is put in its place."""

    def __init__(self, broker_port: int, proxy_port: int) -> None:
        self._address = LOOPBACK.encode() + _LENGTH.pack(broker_port)
        self._own_address = LOOPBACK.encode() + _LENGTH.pack(proxy_port)

    async def read(self, side: Side, reader: asyncio.StreamReader, *, is_first: bool) -> bytes:
        length = await reader.readexactly(_LENGTH_BYTES)
        return length + await reader.readexactly(*_LENGTH.unpack(length))

    def passed_on(self, message: Message) -> bytes:
        if message.side is Side.CLIENT:
            return message.wire
        return message.wire.replace(self._address, self._own_address)


class Api(Enum):
    """Requests to Kafka, by their api key."""

    PRODUCE = 0
    FETCH = 1
    OFFSET_COMMIT = 8


def is_request(api: Api) -> Callable[[Message], bool]:
    """Matches a client's request of this kind."""

    def matches(message: Message) -> bool:
        (key,) = _API_KEY.unpack_from(message.wire, _LENGTH_BYTES)
        return message.side is Side.CLIENT and key == api.value

    return matches


def is_commit(message: Message) -> bool:
    """Matches a client's COMMIT to Postgres."""
    return message.side is Side.CLIENT and message.wire[:1] == b"Q" and message.wire[5:11] == b"COMMIT"


def is_commit_reply(message: Message) -> bool:
    """Matches Postgres' word that a transaction is committed."""
    return message.side is Side.SERVER and message.wire[:1] == b"C" and message.wire[5:] == b"COMMIT\0"


@asynccontextmanager
async def postgres_proxy(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before a Postgres, and the URL that leads through it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    listening = socket.create_server((LOOPBACK, 0))
    account = parts.netloc.rpartition("@")[0]
    through = parts._replace(netloc=f"{account}@{LOOPBACK}:{_port(listening)}", query="sslmode=disable")
    async with _running(Proxy(PostgresFraming(), (parts.hostname, parts.port or 5432), listening)) as proxy:
        yield proxy, through.geturl()


@asynccontextmanager
async def kafka_proxy(bootstrap: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before a broker that calls itself by loopback, and the address that leads through it."""
    host, _, port = bootstrap.rpartition(":")
    if host != LOOPBACK:
        pytest.skip(skips.SERVERS_GIVEN)
    listening = socket.create_server((LOOPBACK, 0))
    framing = KafkaFraming(int(port), _port(listening))
    async with _running(Proxy(framing, (host, int(port)), listening)) as proxy:
        yield proxy, f"{LOOPBACK}:{_port(listening)}"


@asynccontextmanager
async def _running(proxy: Proxy) -> AsyncIterator[Proxy]:
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


def _port(listening: socket.socket) -> int:
    port: int = listening.getsockname()[1]
    return port
