"""Contracts of events that the worker tells itself; their answers and movements are like any other's."""

from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from schemas.contract import Contract, Id


class AuditRepaired(Contract):
    """An audit found a level or an order that contradicts itself: it is put right."""

    inventory_item_id: Id | None = None
    location_id: Id | None = None
    order_id: Id | None = None

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        level = self.inventory_item_id is not None and self.location_id is not None
        if level == (self.order_id is not None):
            raise PydanticCustomError("subject", "Either a level or an order must be named")
        return self
