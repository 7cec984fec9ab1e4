"""Where things are on earth, and when they are to leave: what locations and orders say of it."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from schemas.contract import Contract

_DAY_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _degrees(value: object) -> object:
    """Numbers come read from their text; no more of them matters here than a float holds."""
    return float(value) if isinstance(value, Decimal) else value


def _day(value: object) -> object:
    """The day that a text spells, in the one form that JSON Schema calls a date."""
    if isinstance(value, str) and _DAY_TEXT.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise PydanticCustomError("day", "Input should be a day as YYYY-MM-DD")


_Degrees = Annotated[float, BeforeValidator(_degrees)]

Day = Annotated[date, BeforeValidator(_day)]
"""A day of the calendar, YYYY-MM-DD."""


class Coordinates(Contract):
    """A point on earth, in degrees as GPS gives them."""

    latitude: Annotated[_Degrees, Field(ge=-90, le=90)]
    longitude: Annotated[_Degrees, Field(ge=-180, le=180)]
