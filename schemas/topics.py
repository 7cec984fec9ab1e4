"""The topics: what travels on which, how its records are keyed, and how each should be set up."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from schemas.event_type import EventType

PARTITIONS = 8
"""Of every topic; as many workers can share the reading."""

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """How a topic is made where it is not there; replication is the cluster's matter."""

    partitions: int = PARTITIONS
    compacted: bool = False
    """True: the newest record of each key is kept; else all records for `retention_ms`."""
    retention_ms: int = 14 * DAY_MS
    message_bytes_max: int | None = None
    """None: the broker's own limit."""

    @property
    def config(self) -> dict[str, str]:
        """The topic's configuration by Kafka's names."""
        config = (
            {"cleanup.policy": "compact"}
            if self.compacted
            else {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}
        )
        if self.message_bytes_max is not None:
            config["max.message.bytes"] = str(self.message_bytes_max)
        return config


@dataclass(frozen=True, slots=True)
class InputTopic:
    """A topic that the worker reads."""

    event_type: EventType
    """The type of its records that carry no CloudEvents attributes."""
    key: str
    """The field by which producers should key their records, so that events about one thing stay in order."""
    settings: TopicSettings = TopicSettings()

    @property
    def name(self) -> str:
        """By default each event type has its own topic (DESIGN §3)."""
        return self.event_type.value


INPUT_TOPICS: Final = (
    InputTopic(EventType.VARIANT_CREATED, "variant_id"),
    InputTopic(EventType.VARIANT_UPDATED, "variant_id"),
    InputTopic(EventType.VARIANT_DELETED, "variant_id"),
    InputTopic(EventType.LOCATION_CREATED, "location_id"),
    InputTopic(EventType.LOCATION_UPDATED, "location_id"),
    InputTopic(EventType.LOCATION_DELETED, "location_id"),
    InputTopic(EventType.SALES_CHANNEL_UPDATED, "sales_channel_id"),
    InputTopic(EventType.STOCK_SET, "inventory_item_id, sku or variant_id"),
    InputTopic(EventType.STOCK_ADJUSTED, "inventory_item_id, sku or variant_id"),
    InputTopic(EventType.STOCK_RECEIVED, "inventory_item_id, sku or variant_id"),
    InputTopic(EventType.TRANSFER_SHIPPED, "transfer_id"),
    InputTopic(EventType.TRANSFER_RECEIVED, "transfer_id"),
    InputTopic(EventType.CART_VALIDATED, "cart_id"),
    InputTopic(EventType.CART_RELEASED, "cart_id"),
    InputTopic(EventType.ORDER_PLACED, "order_id"),
    InputTopic(EventType.ORDER_UPDATED, "order_id"),
    InputTopic(EventType.ORDER_CANCELED, "order_id"),
    InputTopic(EventType.ORDER_FULFILLED, "order_id"),
    InputTopic(EventType.FULFILLMENT_CANCELED, "order_id"),
    InputTopic(EventType.ORDER_RETURNED, "order_id"),
    InputTopic(EventType.RESERVATION_MOVED, "order_id"),
)

TYPES_BY_TOPIC: Final[Mapping[str, str]] = MappingProxyType(
    {topic.name: topic.event_type.value for topic in INPUT_TOPICS}
)
"""The event type of records that carry no CloudEvents attributes, by topic."""


class Output(Enum):
    """What the worker says, by the topic that it says it on (DESIGN §5)."""

    RESULTS = (
        "inventory.results",
        "inventory.result",
        "the order, cart, transfer, variant, location, sales channel or inventory item that it is about",
        TopicSettings(message_bytes_max=4 << 20),
    )
    INSUFFICIENT = (
        "inventory.insufficient-stock",
        "inventory.insufficient-stock",
        "the order or cart",
        TopicSettings(message_bytes_max=4 << 20),
    )
    LEVELS = (
        "inventory.level-changed",
        "inventory.level-changed",
        "inventory_item_id|location_id",
        TopicSettings(compacted=True),
    )
    AVAILABILITY = (
        "inventory.availability-changed",
        "inventory.availability-changed",
        "variant_id|sales_channel_id",
        TopicSettings(compacted=True),
    )
    ALERTS = (
        "inventory.stock-alerts",
        "inventory.stock-alert",
        "inventory_item_id|location_id, the latter empty for alerts over a sales channel",
        TopicSettings(),
    )
    DEAD_LETTERS = (
        "inventory.dlq",
        None,
        "the key of the original record",
        TopicSettings(retention_ms=90 * DAY_MS, message_bytes_max=2 << 20),
    )

    def __init__(self, topic: str, event_type: str | None, key: str, settings: TopicSettings) -> None:
        self.topic = topic
        self.key = key
        """What its records are keyed by, for people."""
        self.settings = settings
        self._event_type = event_type

    @property
    def event_type(self) -> str:
        """CloudEvents type of its records. Raises ValueError for dead letters: they keep what they had."""
        if self._event_type is None:
            raise ValueError(f"records on {self.topic} have no type in common")
        return self._event_type
