"""The replay tool on a real Kafka and Postgres, with dead letters of a running worker and of others."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.installation import Installation, Sent, cloud_event, installation
from tests.kafka_tools import make_topic, producer
from tests.providers import Kafka
from worker.dlq.desk import desk, listed, shown, stats
from worker.dlq.selection import Selection
from worker.settings import Settings, load_settings


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
