"""Contracts of cart events: whether its lines can be bought, and what is held for it meanwhile."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.contract import Contract, Id, Lines, refuse_doubled
from schemas.quantity import LineQuantity

HOLD_S_MAX = 30 * 24 * 60 * 60


class HoldAsked(Contract):
    """The cart wants its lines held for it, instead of what it held before."""

    ttl_seconds: Annotated[int, Field(ge=1, le=HOLD_S_MAX)]
    """From the event's time on."""


class CartLine(Contract):
    """A line of a cart."""

    line_item_id: Id
    variant_id: Id
    quantity: LineQuantity


class CartValidated(Contract):
    """A cart asks what its sales channel has of each line."""

    cart_id: Id
    sales_channel_id: Id
    lines: Lines[CartLine]
    hold: HoldAsked | None = None
    """Absent: nothing is held that was not, and nothing given up that was."""

    @model_validator(mode="after")
    def _lines_once(self) -> Self:
        refuse_doubled((line.line_item_id for line in self.lines), "line_item_id")
        return self


class CartReleased(Contract):
    """A cart gives up what is held for it."""

    cart_id: Id
