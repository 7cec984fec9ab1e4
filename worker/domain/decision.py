"""What a decision gives back: one verdict per judged event, and everything that has to be written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from schemas.outcome import DeadReason, Outcome
from worker.domain.event import Event
from worker.domain.model import (
    Bucket,
    Cart,
    Channel,
    Fulfillment,
    Guard,
    Item,
    Level,
    Line,
    Location,
    Order,
    Return,
    SetKey,
    Transfer,
    Variant,
    WaitsFor,
)

Json = dict[str, Any]
"""A JSON object of an answer or alert, ready to be encoded."""


@dataclass(slots=True)
class Verdict:
    """The judgement of one event: its outcome, its answer, and what else is to be told because of it."""

    event: Event
    outcome: Outcome
    answer: Json
    """Fields of the answer beside type, cause and outcome (the answer builder adds those)."""
    order: Order | None = None
    """The subject; its key is the answer's key where there is one."""
    waits_for: WaitsFor | None = None
    """Set exactly when the outcome is `parked`."""
    until: datetime | None = None
    insufficient: Json | None = None
    """Data of an insufficient-stock event."""
    alerts: list[Json] = field(default_factory=list)
    released: bool = False
    """True where the event was parked before this batch: its inbox row exists already.

    Released and still parked means that it now waits for something else: its row changes, nothing is told.
    """
    superseded: bool = False
    """True of a `parked` verdict whose event this same batch judged for good later on.

    Its answer is told where it is not `released`, as in a batch of one; no row is parked.
    """
    reason: DeadReason | None = None
    """Set exactly when the outcome is `dead_lettered`; the answer's message says what is wrong."""


class Movement(NamedTuple):
    """One ledger row: a level's bucket changed by `delta`, making the level's `version`."""

    level: Level
    version: int
    bucket: Bucket
    delta: int
    verdict_no: int
    """Index into `Decision.verdicts`: the event that caused it."""
    line_no: int | None


class ItemPut(NamedTuple):
    """An inventory item made or changed; `attributes` are the columns beside id, sku and places."""

    item: Item
    attributes: Json


class VariantPut(NamedTuple):
    """A variant made or changed; `recipe_is_new` where its recipe has to be written."""

    variant: Variant
    title: str | None
    recipe_is_new: bool


@dataclass(slots=True)
class Decision:
    """Everything a batch changes. Lists are in the order in which the events were judged."""

    verdicts: list[Verdict] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)
    levels_new: list[Level] = field(default_factory=list)
    levels_changed: dict[Level, None] = field(default_factory=dict)
    """Levels with movements (an ordered set), new ones included."""
    levels_reconfigured: dict[Level, None] = field(default_factory=dict)
    """Levels whose thresholds, safety stock or backorder limit were set."""
    lines_new: list[tuple[Order, Line]] = field(default_factory=list)
    orders_touched: dict[Order, None] = field(default_factory=dict)
    """Orders whose reservations or placement changed beyond `lines_new` (an ordered set)."""
    orders_put: dict[Order, None] = field(default_factory=dict)
    """Orders whose row says something that their first placement did not: canceled, or edited."""
    lines_changed: list[tuple[Order, Line]] = field(default_factory=list)
    """Lines of which another quantity is ordered than before."""
    fulfillments_new: list[tuple[Order, Fulfillment, int]] = field(default_factory=list)
    """With the verdict_no of the event that made it; likewise returns."""
    fulfillments_canceled: list[tuple[Order, Fulfillment, int]] = field(default_factory=list)
    """With the verdict_no of the event that undid it."""
    returns_new: list[tuple[Order, Return, int]] = field(default_factory=list)
    transfers_touched: dict[Transfer, None] = field(default_factory=dict)
    """Transfers that were shipped, received or closed (an ordered set)."""
    left_behind: dict[tuple[Order, Location], None] = field(default_factory=dict)
    """Orders that hold on to something at a deleted location, because no other has room (an ordered set)."""
    items_put: list[ItemPut] = field(default_factory=list)
    items_removed: list[Item] = field(default_factory=list)
    """Items that went with their variants; their levels are empty."""
    variants_put: list[VariantPut] = field(default_factory=list)
    locations_put: list[Location] = field(default_factory=list)
    channels_put: list[Channel] = field(default_factory=list)
    set_guards_put: dict[SetKey, Guard] = field(default_factory=dict)
    levels_repaired: dict[Level, tuple[int, ...]] = field(default_factory=dict)
    """Levels put right, with those of their versions whose movement is lost."""
    carts_touched: dict[Cart, None] = field(default_factory=dict)
    """Carts of which something else is held than before, or that became an order (an ordered set)."""
    movement_carts: dict[int, int] = field(default_factory=dict)
    """Place in `movements` -> number of the cart whose hold moved; such a movement is no order's."""
    movement_orders: dict[int, int] = field(default_factory=dict)
    """Place in `movements` -> order number, where it is not that of the verdict's order."""
    follow_up: bool = False
    """Whether it is worth looking what the state of things makes due, right after the commit."""
    provided: dict[WaitsFor, None] = field(default_factory=dict)
    """What parked events of other subjects may now be waiting for no longer: looked up after the commit."""


@dataclass(frozen=True, slots=True)
class Finer:
    """Items have to be counted in more decimal places before an event can be decided, and all behind it."""

    decimal_places: Mapping[int, int]
    """By item number."""
    event: Event


@dataclass(frozen=True, slots=True)
class Lacking:
    """The decision needs rows that were not loaded: load them under the same locks and decide again."""

    levels: frozenset[Level]
    """Levels whose reservations an `oversold` alert has to name."""
