"""Exact quantities: what the wire may say, and what it becomes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.quantity import (
    LINE_QUANTITY_MAX,
    SMALLEST_MAX,
    Delta,
    LineQuantity,
    StockQuantity,
    micro,
    smallest,
    text,
    text_micro,
)
from worker.runtime.exact_json import read

LINE: TypeAdapter[int | Decimal] = TypeAdapter(LineQuantity)
STOCK: TypeAdapter[int | Decimal] = TypeAdapter(StockQuantity)
DELTA: TypeAdapter[int | Decimal] = TypeAdapter(Delta)


def _told(contract: TypeAdapter[int | Decimal], wire: str) -> int | Decimal:
    value, _ = read(wire.encode())
    return contract.validate_python(value)


@pytest.mark.parametrize(
    ("contract", "wire", "quantity"),
    [
        (LINE, "1", 1),
        (LINE, "1.0", 1),
        (LINE, "1.000000", 1),
        (LINE, '"1"', 1),
        (LINE, '"1.0"', 1),
        (LINE, "0.25", Decimal("0.25")),
        (LINE, '"0.25"', Decimal("0.25")),
        (LINE, "0.000001", Decimal("0.000001")),
        (LINE, str(LINE_QUANTITY_MAX), LINE_QUANTITY_MAX),
        (STOCK, "0", 0),
        (STOCK, "-0", 0),
        (STOCK, "-0.0", 0),
        (STOCK, '"-0"', 0),
        (STOCK, "0.0", 0),
        (STOCK, str(SMALLEST_MAX), SMALLEST_MAX),
        (STOCK, "1234567890123456.123456", Decimal("1234567890123456.123456")),
        (STOCK, '"1234567890123456.123456"', Decimal("1234567890123456.123456")),
        (DELTA, "-3", -3),
        (DELTA, '"-0.5"', Decimal("-0.5")),
        (DELTA, str(-SMALLEST_MAX), -SMALLEST_MAX),
    ],
)
def test_a_quantity_is_read_exactly(
    contract: TypeAdapter[int | Decimal], wire: str, quantity: int | Decimal
) -> None:
    told = _told(contract, wire)
    assert told == quantity
    assert type(told) is type(quantity)


@pytest.mark.parametrize(
    ("contract", "wire"),
    [
        (LINE, "0"),
        (LINE, "0.0"),
        (LINE, '"0"'),
        (LINE, '"0.000000"'),
        (LINE, "-1"),
        (LINE, '"-1"'),
        (LINE, str(LINE_QUANTITY_MAX + 1)),
        (LINE, f'"{LINE_QUANTITY_MAX}.000001"'),
        (LINE, f"{LINE_QUANTITY_MAX}.000001"),
        (LINE, "0.0000001"),
        (LINE, "1.0000000"),
        (LINE, '"1.0000000"'),
        (LINE, "1e0"),
        (LINE, "1E2"),
        (LINE, "1.5e1"),
        (LINE, "1e-2"),
        (LINE, '"1e0"'),
        (LINE, '"+1"'),
        (LINE, '"1_000"'),
        (LINE, '"1,5"'),
        (LINE, '" 1"'),
        (LINE, '"1 "'),
        (LINE, '"1\\n"'),
        (LINE, '"01"'),
        (LINE, '".5"'),
        (LINE, '"1."'),
        (LINE, '""'),
        (LINE, '"-"'),
        (LINE, '"NaN"'),
        (LINE, '"Infinity"'),
        (LINE, '"١"'),
        (LINE, '"１"'),
        (LINE, '"0x1"'),
        (LINE, '"' + "9" * 1000 + '"'),
        (LINE, "true"),
        (LINE, "false"),
        (LINE, "null"),
        (LINE, "[1]"),
        (LINE, '{"value": 1}'),
        (STOCK, "-1"),
        (STOCK, "-0.000001"),
        (STOCK, str(SMALLEST_MAX + 1)),
        (STOCK, f"{SMALLEST_MAX}.5"),
        (STOCK, f'"{SMALLEST_MAX}.5"'),
        (STOCK, "1e3"),
        (DELTA, "0"),
        (DELTA, "-0"),
        (DELTA, "0.0"),
        (DELTA, '"-0.0"'),
        (DELTA, str(SMALLEST_MAX + 1)),
        (DELTA, str(-SMALLEST_MAX - 1)),
    ],
)
def test_what_is_no_quantity_is_refused(contract: TypeAdapter[int | Decimal], wire: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _told(contract, wire)
    assert [error["type"] for error in caught.value.errors()] == ["quantity"]


@pytest.mark.parametrize(
    "number", [1.0, 0.5, float("nan"), float("inf"), Decimal("NaN"), Decimal("Infinity")]
)
def test_a_number_that_lost_its_text_is_refused(number: object) -> None:
    with pytest.raises(ValidationError):
        LINE.validate_python(number)


@pytest.mark.parametrize(
    ("quantity", "decimal_places", "count"),
    [
        (3, 0, 3),
        (3, 2, 300),
        (Decimal("1.5"), 1, 15),
        (Decimal("1.5"), 6, 1_500_000),
        (Decimal("1.50"), 1, 15),
        (Decimal("-0.5"), 1, -5),
        (Decimal("1.5"), 0, None),
        (Decimal("0.000001"), 5, None),
        (SMALLEST_MAX, 0, SMALLEST_MAX),
        (SMALLEST_MAX, 1, None),
        (-SMALLEST_MAX, 0, -SMALLEST_MAX),
        (Decimal("1234567890123456.123456"), 6, None),
        (Decimal("1234567890123.123456"), 6, 1_234_567_890_123_123_456),
    ],
)
def test_an_item_counts_its_smallest_units(
    quantity: int | Decimal, decimal_places: int, count: int | None
) -> None:
    assert smallest(quantity, decimal_places) == count


def test_millionths_are_exact() -> None:
    assert micro(Decimal("1234567890123456.123456")) == 1_234_567_890_123_456_123_456
    assert micro(LINE_QUANTITY_MAX) * 1000 <= SMALLEST_MAX


@pytest.mark.parametrize(
    ("count", "decimal_places", "spelled"),
    [
        (0, 0, 0),
        (0, 3, 0),
        (15, 1, "1.5"),
        (150, 2, "1.5"),
        (100, 2, 1),
        (-5, 1, "-0.5"),
        (-100, 2, -1),
        (1, 6, "0.000001"),
        (SMALLEST_MAX, 6, "9223372036854.775807"),
    ],
)
def test_a_count_is_spelled_without_idle_digits(count: int, decimal_places: int, spelled: int | str) -> None:
    assert text(count, decimal_places) == spelled


@given(st.integers(-SMALLEST_MAX, SMALLEST_MAX), st.integers(0, 6))
def test_what_is_spelled_is_read_back(count: int, decimal_places: int) -> None:
    spelled = text(count, decimal_places)
    quantity = spelled if isinstance(spelled, int) else Decimal(spelled)
    assert smallest(quantity, decimal_places) == count


@given(st.decimals(min_value=0, max_value=LINE_QUANTITY_MAX, places=6).filter(lambda number: number > 0))
def test_a_line_quantity_survives_the_wire(number: Decimal) -> None:
    for wire in (format(number, "f"), f'"{number:f}"'):
        quantity = _told(LINE, wire)
        assert quantity == number
        assert Decimal(text_micro(micro(quantity))) == number
