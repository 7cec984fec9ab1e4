"""Topics that keep records longer than the inbox remembers them are found."""

import pytest

from schemas.topics import DAY_MS
from worker.runtime.topics import TopicState, kept_longer


def topic(name: str, **config: str) -> TopicState:
    settings = {name.replace("_", "."): value for name, value in config.items()}
    return TopicState(name, 1, 1, has_leaders=True, config=settings, differences=())


@pytest.mark.parametrize(
    ("config", "is_longer"),
    [
        ({"cleanup_policy": "delete", "retention_ms": str(30 * DAY_MS)}, False),
        ({"cleanup_policy": "delete", "retention_ms": str(30 * DAY_MS + 1)}, True),
        ({"cleanup_policy": "delete", "retention_ms": "-1"}, True),
        ({"cleanup_policy": "compact", "retention_ms": str(DAY_MS)}, True),
        ({"cleanup_policy": "compact,delete", "retention_ms": str(DAY_MS)}, True),
        ({}, False),
    ],
)
def test_a_topic_that_outlasts_the_inbox_is_told(config: dict[str, str], *, is_longer: bool) -> None:
    found = kept_longer([topic("order.placed", **config), topic("elsewhere", **config)], ["order.placed"], 30)
    assert found == (["order.placed"] if is_longer else [])
