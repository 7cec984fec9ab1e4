"""The replay tool on a real Kafka and Postgres, with dead letters of a running worker and of others."""

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.installation import Installation, Sent, cloud_event, installation
from tests.kafka_tools import make_topic, producer, read
from tests.providers import Kafka
from worker.dlq import commands
from worker.dlq.desk import desk, listed, shown, stats
from worker.dlq.replay import Limits, begun
from worker.dlq.selection import Selection
from worker.dlq.store import Kind
from worker.settings import Settings, load_settings

DLQ = "inventory.dlq"
USUAL = Limits()


@pytest.fixture
async def shop(
    kafka_server: Kafka, database_url: str, unique_name: str, tmp_path: Path
) -> AsyncIterator[Installation]:
    """An installation with a location, a channel, a variant and its stock, and no worker yet."""
    async with installation(kafka_server.bootstrap, database_url, unique_name, tmp_path) as made:
        await made.send(
            cloud_event("loc", "location.created", "A", location_id="A"),
            cloud_event("web", "sales_channel.updated", "web", sales_channel_id="web", location_ids=["A"]),
            cloud_event("v1", "variant.created", "v1", variant_id="v1", sku="v1"),
            cloud_event("set", "stock.set", "v1", sku="v1", location_id="A", quantity=10),
        )
        yield made


def settings_of(shop: Installation) -> Settings:
    return load_settings(
        {
            "kafka_bootstrap": shop.bootstrap,
            "database_url": shop.database_url,
            "consumer_group": shop.group,
            "topic_types": shop.topic_types,
        }
    )


def order(event_id: str, order_id: str, quantity: object = 2) -> Sent:
    """A placement; with a quantity that is none it is a dead letter."""
    lines = [{"line_item_id": "L1", "variant_id": "v1", "quantity": quantity}]
    return cloud_event(
        event_id, "order.placed", order_id, order_id=order_id, sales_channel_id="web", lines=lines
    )


def bad_json(event_id: str, order_id: str) -> Sent:
    return order(event_id, order_id)._replace(value=b"{not json")


def of(shop: Installation, **conditions: str | None) -> Selection:
    """Dead letters of this installation: all share one topic."""
    return Selection(topic=f"{shop.name}.orders", **conditions)  # type: ignore[arg-type]  # texts only


async def test_dead_letters_are_listed_counted_and_shown(shop: Installation) -> None:
    await shop.send(
        bad_json("e1", "o1"), order("e2", "o2", "two"), order("e3", "o3", "3.0.0"), order("e4", "o4")
    )
    async with shop.worker():
        await shop.settled()

    async with desk(settings_of(shop)) as at:
        found = await listed(at, of(shop))
        assert sorted((one["id"], one["reason"], one["order_id"], one["state"]) for one in found) == [
            ("e1", "malformed_json", None, "open"),
            ("e2", "contract_violation", "o2", "open"),
            ("e3", "contract_violation", "o3", "open"),
        ]
        assert len(await listed(at, of(shop), 1)) == 1
        assert [one["id"] for one in await listed(at, of(shop, order="o1"))] == ["e1"]

        counted = (await stats(at, of(shop))).as_json()
        assert counted["total"] == 3
        assert counted["by_reason"] == {"contract_violation": 2, "malformed_json": 1}
        assert list(counted["by_fingerprint"].values()) == [2, 1]

        e2 = next(one for one in found if one["id"] == "e2")
        partition, offset = map(int, e2["dead_letter"].split("/"))
        whole = await shown(at, partition, offset)
        assert whole is not None
        assert whole["value"]["lines"][0]["quantity"] == "two"
        assert {"name": "ce_id", "value": "e2"} in whole["headers"]
        assert await shown(at, partition, 10**9) is None
        assert await shown(at, 10**6, 0) is None


async def test_bytes_that_a_share_group_left_out_are_fetched_from_where_they_stood(
    shop: Installation, unique_name: str
) -> None:
    origin = await make_topic(shop.bootstrap, f"{unique_name}.origin")
    letters = await make_topic(shop.bootstrap, f"{unique_name}.letters")
    async with producer(shop.bootstrap) as client:
        await (await client.send(origin, b'{"order_id":"o1"}', key=b"k", headers=[("x", b"1")]))
        builder = client.create_batch()
        for offset in (b"0", b"5"):
            headers = [
                ("__dlq.errors.topic", origin.encode()),
                ("__dlq.errors.partition", b"0"),
                ("__dlq.errors.offset", offset),
            ]
            assert builder.append(timestamp=None, key=None, value=None, headers=headers)
        await (await client.send_batch(builder, letters, partition=0))

    async with desk(settings_of(shop), letters) as at:
        assert [one["lacks_bytes"] for one in await listed(at, Selection())] == [True, True]
        whole = await shown(at, 0, 0)
        assert whole is not None
        assert (whole["key"], whole["value"]) == ("k", {"order_id": "o1"})
        assert whole["headers"] == [{"name": "x", "value": "1"}]
        gone = await shown(at, 0, 1)
        assert gone is not None
        assert gone["value"] is None


# ── Replay ────────────────────────────────────────────────────────────────────────────────────────────


async def replayed(
    shop: Installation, selection: Selection, limits: Limits = USUAL, resume: str | None = None
) -> dict[str, Any]:
    """A run of replay; how it ended, as `--json` tells."""
    done = await commands.replay_of(
        settings_of(shop), DLQ, selection, None, limits, "tester", resume, lambda _done, _most: None
    )
    return done.as_json()


async def expected(shop: Installation, selection: Selection) -> dict[str, str]:
    """What a dry run tells, by event id."""
    found = await commands.dry_run_of(settings_of(shop), DLQ, selection, None, 3)
    return {one.as_json()["id"]: one.expected.value for one in found}


def shipped(event_id: str, order_id: str) -> Sent:
    return cloud_event(
        event_id, "order.fulfilled", order_id, order_id=order_id, fulfillment_id=f"f-{order_id}"
    )


async def open_letters(shop: Installation, count: int) -> None:
    await shop.until("select count(*) = $1 from dead_letter where state = 'open'", count)


async def test_a_replay_does_what_its_dry_run_told_and_done_twice_changes_nothing(
    shop: Installation,
) -> None:
    await shop.send(shipped("early", "o1"), bad_json("bad", "o2"))
    async with shop.worker(parked_deadline_s=1):
        await open_letters(shop, 2)
        await shop.send(order("placed", "o1"))
        await shop.settled()
        books = "select stocked || '/' || reserved from v_level"
        assert await shop.one_value(books) == "10/2"

        assert await expected(shop, of(shop)) == {"early": "applied", "bad": "still_failing"}
        assert await shop.one_value(books) == "10/2"
        assert await shop.one_value("select count(*) from dead_letter where state = 'open'") == 2

        done = await replayed(shop, of(shop))
        assert (done["ended"], done["counts"]) == ("done", {"replayed": 2})
        await shop.until("select count(*) = 1 from v_event where event_id = 'early' and outcome = 'applied'")
        await shop.until("select count(*) = 3 from dead_letter")
        assert await shop.one_value(books) == "8/0"

        # The one that died again is another dead letter, and knows of its past.
        async with desk(settings_of(shop)) as at:
            [again] = await listed(at, of(shop))
        assert (again["id"], again["replay_count"], again["attempts"]) == ("bad", 1, 2)
        assert again["replay_id"] == done["run_id"]

        assert await expected(shop, of(shop, state="replayed", type="order.fulfilled")) == {
            "early": "duplicate"
        }
        assert (await replayed(shop, of(shop, state="replayed", type="order.fulfilled")))["counts"] == {
            "replayed": 1
        }
        assert (await replayed(shop, of(shop), Limits(replays_max=1)))["counts"] == {"replayed_too_often": 1}
        assert await shop.one_value(books) == "8/0"
    await shop.check()


async def test_what_is_discarded_is_open_no_more_and_every_run_stands_in_the_history(
    shop: Installation,
) -> None:
    await shop.send(bad_json("e1", "o1"), bad_json("e2", "o2"))
    async with shop.worker():
        await shop.settled()
    done = await commands.discard_of(
        settings_of(shop), DLQ, of(shop, key="o1"), "a test", "tester", lambda _done, _most: None
    )

    assert done.as_json()["counts"] == {"discarded": 1}
    async with desk(settings_of(shop)) as at:
        assert [one["id"] for one in await listed(at, of(shop))] == ["e2"]
        assert [one["id"] for one in await listed(at, of(shop, state="discarded"))] == ["e1"]
    assert await shop.one_value("select count(*) from dead_letter where state = 'discarded'") == 1
    command = await shop.started("dlq", "history", "--json", name="history")
    assert await command.ended() == 0
    [run] = json.loads(command.log)
    assert (run["kind"], run["who"], run["reason"], run["ended"]) == ("discard", "tester", "a test", "done")
    assert run["selection"] == {"state": "open", "topic": f"{shop.name}.orders", "key": "o1"}


async def test_an_interrupted_replay_is_gone_on_with_and_sends_each_once(shop: Installation) -> None:
    bad = [bad_json(f"e{n}", "o1") for n in range(4)]
    await shop.send(*bad)
    async with shop.worker():
        await shop.settled()
    topic = f"{shop.name}.orders"
    command = await shop.started("dlq", "replay", "--topic", topic, "--rate", "1", name="replay")
    await shop.until("select count(*) = 1 from dlq_run where (counts ->> 'replayed')::int >= 1")
    assert await command.interrupted() == 130
    [run] = await commands.history_of(settings_of(shop), 9)
    assert run["ended"] == "interrupted"
    assert 1 <= run["counts"]["replayed"] < len(bad)

    done = await replayed(shop, Selection(), resume=run["run_id"])
    assert (done["run_id"], done["ended"], done["counts"]) == (run["run_id"], "done", {"replayed": len(bad)})
    [partition] = [one for one in shop.ends if one.topic == topic]
    found = await read(shop.bootstrap, topic, 2 * len(bad))
    assert [(one.partition, dict(one.headers)["ce_id"]) for one in found[len(bad) :]] == [
        (partition.partition, f"e{n}".encode()) for n in range(len(bad))
    ]


async def test_all_dead_letters_of_an_order_are_judged_as_its_life_went(shop: Installation) -> None:
    db = await asyncpg.connect(shop.database_url)
    await db.execute("alter table level add constraint of_the_test check (reserved <= 1)")
    await shop.send(shipped("early", "o1"))
    async with shop.worker(parked_deadline_s=1):
        await open_letters(shop, 1)
        await shop.send(order("placed", "o1"), bad_json("other", "o2"))
        await open_letters(shop, 3)
        await db.execute("alter table level drop constraint of_the_test")
        await db.close()

        chosen = of(shop, order="o1")
        assert await expected(shop, chosen) == {"placed": "applied", "early": "applied"}
        assert await expected(shop, of(shop, order="o1", type="order.fulfilled")) == {"early": "parked"}

        # A number that is rolled back is used up, and there are not many for topics.
        number = "select last_value from topic_topic_no_seq"
        other = await make_topic(shop.bootstrap, f"{shop.name}.other")
        await commands.dry_run_of(settings_of(shop), DLQ, chosen, other, 3)
        used = await shop.one_value(number)
        await commands.dry_run_of(settings_of(shop), DLQ, chosen, other, 3)
        assert await shop.one_value(number) == used

        command = await shop.started("dlq", "replay", "--order", "o1", "--json", name="replay")
        assert await command.ended() == 0
        await shop.until(
            "select count(*) = 2 from v_event where event_id in ('early', 'placed') and outcome = 'applied'"
        )
        assert await shop.one_value("select stocked || '/' || reserved from v_level") == "8/0"
        assert await shop.one_value("select count(*) from dead_letter where state = 'open'") == 1
    await shop.check()


async def test_a_run_sends_nothing_that_came_after_it_began(shop: Installation) -> None:
    """A letter that dies of its replay again would feed the run that sent it, for ever."""
    await shop.send(bad_json("e1", "o1"))
    async with desk(settings_of(shop)) as at:
        run = await commands._run(at, Kind.REPLAY, of(shop), "tester")
        async with shop.worker():
            await shop.settled()
        assert len(await listed(at, of(shop))) == 1
        done = await begun(at, run, USUAL, lambda _count: None)
    assert (done.ended.value, done.counts) == ("done", {})


async def test_a_letter_that_was_cut_is_sent_whole_or_not_at_all(
    shop: Installation, unique_name: str
) -> None:
    origin = await make_topic(shop.bootstrap, f"{unique_name}.origin")
    letters = await make_topic(shop.bootstrap, f"{unique_name}.letters")
    whole = b"x" * 5000
    async with producer(shop.bootstrap) as client:
        await (await client.send(origin, whole, key=b"k"))
        for digest in (sha256(whole).hexdigest(), "00"):
            headers = {
                "dlq-original-topic": origin,
                "dlq-original-partition": "0",
                "dlq-original-offset": "0",
                "dlq-truncated-sha256": digest,
            }
            encoded = [(name, value.encode()) for name, value in headers.items()]
            await (await client.send(letters, whole[:100], key=b"k", headers=encoded))

    done = await commands.replay_of(
        settings_of(shop), letters, Selection(), None, USUAL, "tester", None, lambda _done, _most: None
    )
    assert done.counts == {"replayed": 1, "bytes_gone": 1}
    assert [one.value for one in await read(shop.bootstrap, origin, 2)] == [whole, whole]


async def test_a_replay_stops_by_itself_at_lag_and_at_new_dead_letters(
    shop: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.send(*(bad_json(f"e{n}", "o1") for n in range(3)))
    async with shop.worker():
        await shop.settled()

    stopped = await replayed(shop, of(shop), Limits(1, lag_max=0))
    assert (stopped["ended"], stopped["counts"]) == ("stopped", {"replayed": 1})

    async with desk(settings_of(shop)) as at:
        run = await commands._run(at, Kind.REPLAY, of(shop), "tester")
        ends, grown = at.topic.ends, iter((0, 5))

        async def more_each_time() -> dict[int, int]:
            more = next(grown, 5)
            return {partition: end + more for partition, end in (await ends()).items()}

        monkeypatch.setattr(at.topic, "ends", more_each_time)
        done = await begun(at, run, Limits(1, new_letters_max=5), lambda _count: None)
    assert (done.ended.value, done.counts) == ("stopped", {"replayed": 1})


async def test_a_named_topic_takes_what_is_replayed_to_it(shop: Installation, unique_name: str) -> None:
    await shop.send(bad_json("e1", "o1"))
    async with shop.worker():
        await shop.settled()
    other = await make_topic(shop.bootstrap, f"{unique_name}.other")

    done = await commands.replay_of(
        settings_of(shop), DLQ, of(shop), other, Limits(), "tester", None, lambda _done, _most: None
    )

    assert done.is_whole
    [found] = await read(shop.bootstrap, other, 1)
    assert (found.key, found.value) == (b"o1", b"{not json")
    headers = dict(found.headers)
    assert headers["ce_id"] == b"e1"
    assert {name for name in headers if name.startswith("dlq-")} == {
        "dlq-replay-id",
        "dlq-replay-count",
        "dlq-attempts",
        "dlq-first-failed-at",
    }
