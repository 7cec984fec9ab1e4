"""A small measurement: whatever the speed, every order is answered once and nothing drifts."""

import json
from pathlib import Path

from tests.providers import Kafka, Postgres
from worker.dev.bench import BenchOptions, run_bench, run_mix
from worker.dev.bench.table import mix_tables, tables


def test_worker_limit_and_naive_worker_answer_every_order_once(
    kafka_server: Kafka, postgres_server: Postgres, tmp_path: Path
) -> None:
    said: list[str] = []
    options = BenchOptions(
        orders=300,
        naive_orders=50,
        warmup_orders=20,
        items=40,
        kafka=kafka_server.bootstrap,
        database_url=postgres_server.url,
        profile=True,
        state_dir=tmp_path,
    )
    result = run_bench(options, said.append)
    figures = json.loads(result.json())
    assert [run.orders for run in result.runs] == [300, 300, 50]
    assert {name: figures[name] for name in ("lost", "duplicated", "refused", "drift")} == {
        "lost": 0,
        "duplicated": 0,
        "refused": 0,
        "drift": 0,
    }
    assert result.is_right
    # Whose servers are given, their processes are not ours to look at.
    assert figures["worker_cpu_us_per_order"] is not None
    assert figures["database_cpu_us_per_order"] is None
    assert {"decode", "load", "decide", "write", "encode", "publish"} <= figures["spans_us_per_order"].keys()
    assert "busiest_functions" not in figures
    assert said[0] == "starting servers"
    assert tables(result) is not None


def test_whole_lifecycles_are_applied_event_by_event(
    kafka_server: Kafka, postgres_server: Postgres, tmp_path: Path
) -> None:
    options = BenchOptions(
        orders=200,
        warmup_orders=20,
        items=40,
        kafka=kafka_server.bootstrap,
        database_url=postgres_server.url,
        state_dir=tmp_path,
    )
    result = run_mix(options, lambda _doing: None)
    assert [run.case.value for run in result.runs] == ["worker", "lifecycle"]
    assert result.runs[0].orders == 200
    assert result.events > 3 * 200
    assert result.is_right, result
    assert json.loads(result.json())["events"] == result.events
    assert mix_tables(result) is not None
