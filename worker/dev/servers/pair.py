"""Both servers together: what nearly every caller wants."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from worker.dev.servers.artifacts import Progress, no_progress
from worker.dev.servers.kafka import EmbeddedKafka, prepare_kafka, start_kafka
from worker.dev.servers.postgres import EmbeddedPostgres, prepare_postgres, start_postgres


@dataclass(frozen=True, slots=True)
class Pair:
    """A running Postgres and a running Kafka."""

    postgres: EmbeddedPostgres
    kafka: EmbeddedKafka

    def stop(self) -> None:
        """Stops both in order, at the same time. Again: does nothing."""
        with ThreadPoolExecutor(2) as pool:
            for stopped in [pool.submit(self.kafka.stop), pool.submit(self.postgres.stop)]:
                stopped.result()

    def discard(self) -> None:
        """Ends both at once: the way to end a pair whose data is thrown away."""
        self.kafka.kill()
        self.postgres.stop(immediate=True)


def prepare(progress: Progress = no_progress) -> None:
    """Fetches and unpacks all that both servers need, once for this user. Raises ServerError."""
    prepare_postgres(progress)
    prepare_kafka(progress)


def start_pair(
    state_dir: Path,
    *,
    fresh: bool = False,
    heap_mb: int = 512,
    java_options: Sequence[str] = (),
    postgres_settings: Mapping[str, str] | None = None,
    kafka_settings: Mapping[str, str] | None = None,
) -> Pair:
    """Starts both servers at the same time, their data under `state_dir`; if one fails, both end.

    `fresh` throws an earlier run's data away. Raises ServerError.
    """
    prepare()
    with ThreadPoolExecutor(2) as pool:
        postgres = pool.submit(start_postgres, state_dir, settings=postgres_settings, fresh=fresh)
        kafka = pool.submit(
            start_kafka,
            state_dir,
            heap_mb=heap_mb,
            java_options=java_options,
            settings=kafka_settings,
            fresh=fresh,
        )
    try:
        return Pair(postgres.result(), kafka.result())
    except BaseException:
        if postgres.exception() is None:
            postgres.result().stop()
        if kafka.exception() is None:
            kafka.result().stop()
        raise
