"""Exact quantities: what the wire may say, and the integers the worker counts in.

A quantity on the wire is a JSON integer, a JSON decimal number or a decimal string with at most six decimal
places; exponents, signs other than a leading minus, underscores and other scripts' digits are violations
(DESIGN §2). A reader must hand numbers over from their text: a float has lost it and is refused.
Inside, item quantities are integers of the item's smallest unit, line quantities of a millionth of a unit.
"""

import re
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Annotated

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

QUANTITY_PLACES_MAX = 6
"""Most decimal places an item may have, and most that a quantity on the wire may carry."""

MICRO_PER_UNIT: int = 10**QUANTITY_PLACES_MAX
"""Line quantities count in millionths of a unit."""

SMALLEST_MAX = 2**63 - 1
"""Largest count of smallest units: what a bigint column holds."""

LINE_QUANTITY_MAX = 9_000_000_000
"""Largest quantity of a line in units: a thousand such lines in millionths still fit 64 bits."""

_TENS: tuple[int, ...] = tuple(10**places for places in range(QUANTITY_PLACES_MAX + 1))
_DECIMAL_PATTERN = r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,6})?"
_DECIMAL_TEXT = re.compile(_DECIMAL_PATTERN)
_EXACT = Context(prec=64, traps=[Inexact, InvalidOperation])


@dataclass(frozen=True, slots=True)
class Bounds:
    """Pydantic annotation for `int | Decimal`: quantities from `least` to `most` units, with or without 0."""

    least: int
    most: int
    zero: bool

    def __get_pydantic_core_schema__(self, source: type[object], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Whole numbers are judged without entering Python; everything else by `exact`."""
        whole = [core_schema.int_schema(strict=True, ge=low, le=high) for low, high in self._whole_ranges()]
        return core_schema.custom_error_schema(
            core_schema.union_schema(
                [*whole, core_schema.no_info_plain_validator_function(self.exact)], mode="left_to_right"
            ),
            custom_error_type="quantity",
            custom_error_message=f"Input should be {self.words}",
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number: JsonSchemaValue = {"type": "number", "minimum": self.least, "maximum": self.most}
        if not self.zero:
            number["not"] = {"const": 0}
        text = {"type": "string", "pattern": f"^{_DECIMAL_PATTERN}$"}
        return {"anyOf": [number, text], "description": f"Quantity: {self.words}"}

    @property
    def words(self) -> str:
        """The rule as people read it, without a verb."""
        if self.zero:
            bounds = f"from {self.least} to {self.most}"
        elif self.least >= 0:
            bounds = f"above 0 and at most {self.most}"
        else:
            bounds = f"from {self.least} to {self.most} but not 0"
        return (
            f"a number or decimal string {bounds}, without exponent,"
            f" with at most {QUANTITY_PLACES_MAX} decimal places"
        )

    def exact(self, value: object) -> int | Decimal:
        """The quantity that a wire value spells: an int where it is whole. Raises `PydanticCustomError`."""
        number = _decimal(value)
        if number is None or not self.least <= number <= self.most or (number == 0 and not self.zero):
            raise PydanticCustomError("quantity", "not a quantity")
        whole = int(number)
        return whole if whole == number else number

    def _whole_ranges(self) -> list[tuple[int, int]]:
        if self.zero or self.least > 0:
            return [(self.least, self.most)]
        return [(low, high) for low, high in ((1, self.most), (self.least, -1)) if low <= high]


def _decimal(value: object) -> Decimal | None:
    """The number that a decimal string or a decimal number read from its text spells; None for all else.

    A subclass of Decimal is refused: it marks a number that was spelled in a way quantities may not be.
    """
    if isinstance(value, str):
        return Decimal(value) if _DECIMAL_TEXT.fullmatch(value) else None
    if type(value) is not Decimal or not value.is_finite():
        return None
    exponent = value.as_tuple().exponent
    return value if isinstance(exponent, int) and -QUANTITY_PLACES_MAX <= exponent <= 0 else None


LineQuantity = Annotated[int | Decimal, Bounds(least=0, most=LINE_QUANTITY_MAX, zero=False)]
"""Units of an order or cart line, or of a part in a recipe: above 0."""

EditedQuantity = Annotated[int | Decimal, Bounds(least=0, most=LINE_QUANTITY_MAX, zero=True)]
"""Units of a line of an order that was changed: 0 where the line was removed."""

StockQuantity = Annotated[int | Decimal, Bounds(least=0, most=SMALLEST_MAX, zero=True)]
"""Units counted in a bucket: 0 or more."""

AnyItemQuantity = Annotated[int | Decimal, Bounds(least=0, most=LINE_QUANTITY_MAX, zero=True)]
"""Units of whatever item it is, each counted in its own decimal places: 0 or more."""

SomeQuantity = Annotated[int | Decimal, Bounds(least=0, most=SMALLEST_MAX, zero=False)]
"""Units that arrive or travel: above 0."""

Delta = Annotated[int | Decimal, Bounds(least=-SMALLEST_MAX, most=SMALLEST_MAX, zero=False)]
"""Change of a bucket in units: never 0."""


_SPELLED_PATTERN = r"-?(0|[1-9][0-9]*)\.[0-9]{0,5}[1-9]"

SpelledQuantity = int | Annotated[str, Field(pattern=f"^{_SPELLED_PATTERN}$")]
"""A quantity as the worker writes it: an int where whole, else a decimal string without trailing zeros."""


def micro(quantity: int | Decimal) -> int:
    """Millionths of a unit in a quantity that keeps the wire's bounds."""
    if isinstance(quantity, int):
        return quantity * MICRO_PER_UNIT
    return int(_EXACT.scaleb(quantity, QUANTITY_PLACES_MAX))


def smallest(quantity: int | Decimal, decimal_places: int) -> int | None:
    """Smallest units (10^-decimal_places of a unit) in a quantity.

    None where the item cannot count it: a fraction of the smallest unit, or more than `SMALLEST_MAX` of them.
    """
    scaled = (
        quantity * _TENS[decimal_places]
        if isinstance(quantity, int)
        else _EXACT.scaleb(quantity, decimal_places)
    )
    count = int(scaled)
    return count if count == scaled and -SMALLEST_MAX <= count <= SMALLEST_MAX else None


def text(count: int, decimal_places: int) -> int | str:
    """How the wire spells a count of smallest units: int where whole, else a decimal string."""
    if decimal_places == 0:
        return count
    whole, rest = divmod(abs(count), _TENS[decimal_places])
    if rest == 0:
        return whole if count >= 0 else -whole
    sign = "" if count > 0 else "-"
    return f"{sign}{whole}.{rest:0{decimal_places}d}".rstrip("0")


def text_micro(count: int) -> int | str:
    """How the wire spells a count of millionths of a unit."""
    return text(count, QUANTITY_PLACES_MAX)
