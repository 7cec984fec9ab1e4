"""Contract of the question whether a cart's lines can be bought."""

from typing import Self

from pydantic import model_validator

from schemas.contract import Contract, Id, Lines, refuse_doubled
from schemas.quantity import LineQuantity


class CartLine(Contract):
    """A line of a cart."""

    line_item_id: Id
    variant_id: Id
    quantity: LineQuantity


class CartValidated(Contract):
    """A cart asks what its sales channel has of each line; nothing is reserved."""

    cart_id: Id
    sales_channel_id: Id
    lines: Lines[CartLine]

    @model_validator(mode="after")
    def _lines_once(self) -> Self:
        refuse_doubled((line.line_item_id for line in self.lines), "line_item_id")
        return self
