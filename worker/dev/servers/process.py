"""Child processes that end with their parent, free ports, and the account that Postgres runs under."""

import contextlib
import os
import pwd
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from worker.dev.servers import watchdog

T = TypeVar("T")

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below every ephemeral range: in it, a client that retries a stopped server could connect to itself."""

GRACE_S = 30.0
POLL_S = 0.02
LOG_TAIL_LINES = 25
START_ATTEMPTS_MAX = 5


class ServerError(Exception):
    """A server could not be fetched, started or stopped; the message says why, with the end of its log."""


class PortTakenError(ServerError):
    """Somebody else took the port between its choice and the server's start."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user that a child process drops to; None where the process keeps the caller's."""

    name: str
    uid: int
    gid: int


def unprivileged_account() -> Account | None:
    """`nobody` when the caller is root (Postgres refuses to run as root), else None."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def reachable(path: Path, account: Account | None) -> bool:
    """Whether the account may pass through every existing folder of this path."""
    if account is None:
        return True
    folders = [folder for folder in (path, *path.parents) if folder.is_dir()]
    return all(_may_enter(folder, account) for folder in folders)


def _may_enter(folder: Path, account: Account) -> bool:
    found = folder.stat()
    if found.st_uid == account.uid:
        return bool(found.st_mode & 0o100)
    if found.st_gid == account.gid:
        return bool(found.st_mode & 0o010)
    return bool(found.st_mode & 0o001)


class Child:
    """A running server process, its log file, and the watchdog that ends it when this process is gone.

    Raises OSError when the program cannot be executed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        stop_signal: signal.Signals,
        account: Account | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        self._stop_signal = stop_signal
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=_clean(environment),
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        self._watchdog = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-S",
                watchdog.__file__,
                str(self.pid),
                str(int(stop_signal)),
                str(GRACE_S),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

    def stop(self, stop_signal: signal.Signals | None = None) -> None:
        """Asks the server to end, and kills it after GRACE_S. Does nothing once it has ended."""
        if self.running:
            self._process.send_signal(stop_signal or self._stop_signal)
            try:
                self._process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._reap()

    def kill(self) -> None:
        """Ends the server by SIGKILL, as a crash would."""
        if self.running:
            self._process.kill()
        self._reap()

    def new_log(self) -> str:
        """What this process has logged since it was started."""
        with self.log.open("rb") as handle:
            handle.seek(self._log_start)
            return handle.read().decode(errors="replace")

    def wait_until(self, ready: Callable[[], bool], *, what: str, deadline_s: float) -> None:
        """Waits until the server is ready.

        Raises PortTakenError or ServerError, and has ended the server then, when it ends by itself or is not
        ready within the deadline.
        """
        deadline = time.monotonic() + deadline_s
        while not ready():
            if not self.running:
                self._reap()
                raise self._failure(f"{what} ended by itself with exit code {self._process.returncode}")
            if time.monotonic() > deadline:
                self.kill()
                raise self._failure(f"{what} was not ready within {deadline_s:.0f} s")
            time.sleep(POLL_S)

    def _failure(self, message: str) -> ServerError:
        log = self.new_log()
        taken = "Address already in use" in log
        tail = "\n".join(f"    {line}" for line in log.splitlines()[-LOG_TAIL_LINES:])
        kind = PortTakenError if taken else ServerError
        return kind(f"{message}; the end of its log {self.log}:\n{tail}")

    def _reap(self) -> None:
        self._process.wait()
        stdin = self._watchdog.stdin
        assert stdin is not None
        if not stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                stdin.write(b"q")
                stdin.flush()
            stdin.close()
        self._watchdog.wait()


def run_to_end(
    command: Sequence[str],
    *,
    what: str,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
    text: str = "",
) -> None:
    """Runs a helper program with `text` as its input.

    Raises ServerError with what it printed when it fails.
    """
    done = subprocess.run(
        command,
        input=text,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        env=_clean(environment),
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-LOG_TAIL_LINES:])
        raise ServerError(f"{what} failed with exit code {done.returncode}:\n{tail}")


def _clean(environment: Mapping[str, str] | None) -> dict[str, str]:
    """An environment without the caller's PG*, JAVA_TOOL_OPTIONS and the like."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **(environment or {})}


def free_ports() -> Iterator[int]:
    """Loopback ports that nobody listens on, in random order. Raises ServerError when there is none left."""
    # Seeded by the system, so that servers started at the same time by several processes rarely meet.
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        yield port
    raise ServerError(f"no free port on {LOOPBACK} between {PORTS.start} and {PORTS.stop}")


def with_free_port(port: int | None, start: Callable[[int], T]) -> T:
    """Starts something on the given port, or on a free one, again if another process was faster."""
    if port is not None:
        return start(port)
    candidates = free_ports()
    for _ in range(START_ATTEMPTS_MAX - 1):
        with contextlib.suppress(PortTakenError):
            return start(next(candidates))
    return start(next(candidates))
