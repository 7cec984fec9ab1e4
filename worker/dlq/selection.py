"""Which dead letters a command is about."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from worker.dlq.letter import Json, Letter
from worker.inspect.rows import moment_of
from worker.settings import SettingsError


@dataclass(frozen=True)
class Selection:
    """Every condition that is given has to hold. An empty one means every open dead letter."""

    state: str | None = "open"
    """None: any state."""
    reason: str | None = None
    fingerprint: str | None = None
    topic: str | None = None
    """The original one; so are partition and offsets."""
    partition: int | None = None
    offset_min: int | None = None
    offset_max: int | None = None
    since: str | None = None
    """When the letter was written, RFC 3339, as `until`, which itself is not in."""
    until: str | None = None
    key: str | None = None
    type: str | None = None
    order: str | None = None
    where: str | None = None
    """JMESPath over what `show --json` tells; what is true of it by that language's rules is chosen."""

    def __post_init__(self) -> None:
        """Raise SettingsError where a time or the expression cannot be read."""
        _ = self._since_ms, self._until_ms, self._expression

    @cached_property
    def _since_ms(self) -> float:
        return _ms(self.since) if self.since else float("-inf")

    @cached_property
    def _until_ms(self) -> float:
        return _ms(self.until) if self.until else float("inf")

    @cached_property
    def _expression(self) -> Any:
        if self.where is None:
            return None
        try:
            return jmespath.compile(self.where)
        except JMESPathError as error:
            message = f"not a JMESPath expression: {str(error).partition(chr(10))[0]}"
            raise SettingsError(message) from error

    def has(self, letter: Letter, state: str) -> bool:
        """Whether a dead letter in this state is chosen."""
        if self.state not in (None, state):
            return False
        if not self._since_ms <= letter.timestamp_ms < self._until_ms:
            return False
        if self.order is not None and self.order not in (letter.order_id, _decoded(letter.key)):
            return False
        wanted_told = (
            (self.reason, letter.reason),
            (self.fingerprint, letter.fingerprint),
            (self.key, _decoded(letter.key)),
            (self.type, letter.type),
        )
        if any(wanted is not None and wanted != told for wanted, told in wanted_told):
            return False
        return self._is_from(letter) and self._is_true_of(letter, state)

    def _is_from(self, letter: Letter) -> bool:
        original = letter.original
        if original is None:
            return (self.topic, self.partition, self.offset_min, self.offset_max) == (None,) * 4
        return (
            self.topic in (None, original.topic)
            and self.partition in (None, original.partition)
            and (self.offset_min is None or self.offset_min <= original.offset)
            and (self.offset_max is None or original.offset <= self.offset_max)
        )

    def _is_true_of(self, letter: Letter, state: str) -> bool:
        if self._expression is None:
            return True
        try:
            found = self._expression.search(letter.whole_json(state))
        except JMESPathError:  # of another type than its functions take: not what was looked for
            return False
        return bool(found) or (found == 0 and found is not False)  # the language takes 0 for true

    def as_json(self) -> dict[str, Json]:
        """The conditions given, to be kept with a run."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def of_json(cls, kept: Mapping[str, Json]) -> "Selection":
        """The selection that `as_json` gave."""
        return cls(**{"state": None, **kept})


def _ms(text: str) -> float:
    try:
        return moment_of(text).timestamp() * 1000
    except ValueError:
        raise SettingsError(f"not a time: {text}; for example 2026-05-04T12:00:00Z") from None


def _decoded(key: bytes | None) -> str | None:
    return None if key is None else key.decode(errors="replace")
