"""Contracts of transfer events: goods that travel between two locations."""

from typing import Annotated, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from schemas.contract import Contract, Id, Lines, Listed, NullIs
from schemas.quantity import SomeQuantity
from schemas.stock import NamesItem


class TransferLine(NamesItem):
    """Units of an item that travel; lines of the same item are added up."""

    quantity: SomeQuantity


class TransferShipped(Contract):
    """Goods left one location for another; refused whole where more than is available would leave."""

    transfer_id: Id
    from_location_id: Id
    to_location_id: Id
    lines: Lines[TransferLine]

    @model_validator(mode="after")
    def _between_two_locations(self) -> Self:
        if self.from_location_id == self.to_location_id:
            raise PydanticCustomError("same_location", "A transfer leads from one location to another")
        return self


class TransferReceived(Contract):
    """Goods of a transfer arrived, all or a part of them, or more than were sent."""

    transfer_id: Id
    lines: Listed[TransferLine] | None = None
    """Absent: all that is still on its way. Empty only where the transfer is `closed`."""
    closed: Annotated[bool, NullIs(value=False)] = False
    """What is still missing after this receipt is on its way no longer."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.lines == () and not self.closed:
            raise PydanticCustomError(
                "nothing_received", "lines may be empty only where the transfer is closed"
            )
        return self
