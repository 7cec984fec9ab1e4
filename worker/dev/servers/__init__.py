"""A real Postgres and a real Kafka with no hand installs: fetched, unpacked, started on loopback."""

from worker.dev.servers.artifacts import Progress, cache_dir, no_progress
from worker.dev.servers.kafka import SHORT_LIVED, EmbeddedKafka, start_kafka
from worker.dev.servers.pair import Pair, prepare, start_pair
from worker.dev.servers.postgres import BENCH_SETTINGS, EmbeddedPostgres, start_postgres
from worker.dev.servers.process import ServerError

__all__ = [
    "BENCH_SETTINGS",
    "SHORT_LIVED",
    "EmbeddedKafka",
    "EmbeddedPostgres",
    "Pair",
    "Progress",
    "ServerError",
    "cache_dir",
    "no_progress",
    "prepare",
    "start_kafka",
    "start_pair",
    "start_postgres",
]
