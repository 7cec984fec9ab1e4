"""JSON read without losing anything, and written in the one form that body hashes are taken over.

Numbers are read from their text: integers as int at any size, decimal numbers as Decimal (int where whole),
numbers spelled with an exponent as `ExponentNumber`, so that contracts can tell them apart.
Refused beside what is no JSON: doubled keys, null characters (Postgres cannot store them), unpaired
surrogates, numbers of absurd length, and nesting deeper than `NESTING_DEPTH_MAX`.
"""

import json
from decimal import Context, Decimal

import msgspec
import orjson

NESTING_DEPTH_MAX = 200
"""Deepest nesting of arrays and objects that is certain to be read; from 255 on it is certainly refused."""

NUMBER_LENGTH_MAX = 100
"""Most characters of a number, and largest exponent it may be spelled with."""

_WHOLE_PLACES_MAX = 6
"""A whole number with so many decimal places (`1.0`) is read as int; more break the contracts anyway."""

_EXACT = Context(prec=4 * NUMBER_LENGTH_MAX)


class JsonError(ValueError):
    """The text cannot be taken as JSON. `kind` is a stable short name; the message echoes nothing."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class ExponentNumber(Decimal):
    """A number that the text spells with an exponent: a number like any other, but not a quantity."""

    __slots__ = ()


def read(text: bytes) -> tuple[object, bytes]:
    """The value that a JSON text says, and its canonical form. Raises `JsonError`."""
    value = _parse(text)
    try:
        encoded = orjson.dumps(value, _decimal, orjson.OPT_SORT_KEYS)
        spelled_longer = False
    except orjson.JSONEncodeError:
        encoded = _canonical_of_any(value)
        spelled_longer = True
    if b"\\u0000" in text and _holds_null_character(value):
        raise JsonError("json_null_character", "text must not hold the null character")
    # The parser keeps the last of doubled keys, and drops the others.
    if (spelled_longer or len(encoded) != len(text)) and _may_have_dropped(text, encoded):
        _refuse_doubled_keys(text)
    return value, encoded


def canonical(value: object) -> bytes:
    """The canonical form of a value from `read`: no spaces, sorted keys, one spelling of each number."""
    try:
        return orjson.dumps(value, _decimal, orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return _canonical_of_any(value)


def _number(text: str) -> Decimal | int:
    """The number that a text with a decimal point or an exponent spells. Raises ValueError (too long)."""
    if len(text) > NUMBER_LENGTH_MAX:
        raise ValueError(f"number of more than {NUMBER_LENGTH_MAX} characters")
    _, exponent_sign, exponent = text.lower().partition("e")
    if exponent_sign:
        if abs(int(exponent)) > NUMBER_LENGTH_MAX:
            raise ValueError(f"number with an exponent beyond {NUMBER_LENGTH_MAX}")
        return ExponentNumber(text)
    whole, _, places = text.partition(".")
    if len(places) <= _WHOLE_PLACES_MAX and not places.strip("0"):
        return int(whole)
    return Decimal(text)


_decoder = msgspec.json.Decoder(float_hook=_number)


def _parse(text: bytes) -> object:
    try:
        return _decoder.decode(text)
    except UnicodeDecodeError:
        raise JsonError("json_encoding", "not UTF-8") from None
    except msgspec.ValidationError as error:
        # Without a type to validate against, only numbers can be refused.
        raise JsonError("json_number", str(error)) from None
    except msgspec.DecodeError as error:
        raise JsonError("json_syntax", str(error)) from None
    except RecursionError:
        raise JsonError("json_depth", f"nested deeper than {NESTING_DEPTH_MAX} levels") from None


def _decimal(value: object) -> orjson.Fragment:
    """What the encoder writes for a decimal number: never longer than it was spelled."""
    if type(value) is not Decimal:
        raise TypeError(type(value).__name__)
    return _digits(value)


def _digits(value: Decimal) -> orjson.Fragment:
    """All digits, no exponent, no trailing zeros."""
    return orjson.Fragment(format(value.normalize(_EXACT), "f").encode() if value else b"0")


def _canonical_of_any(value: object) -> bytes:
    """The canonical form where the encoder alone does not do: long integers and numbers with exponents."""
    if _depth(value) > NESTING_DEPTH_MAX:
        raise JsonError("json_depth", f"nested deeper than {NESTING_DEPTH_MAX} levels")
    return orjson.dumps(_with_numbers_spelled(value), option=orjson.OPT_SORT_KEYS)


def _with_numbers_spelled(value: object) -> object:
    match value:
        case dict():
            return {key: _with_numbers_spelled(inner) for key, inner in value.items()}
        case list():
            return [_with_numbers_spelled(inner) for inner in value]
        case Decimal():
            return _digits(value)
        case int() if value.bit_length() > 63:
            if abs(value) >= 10**NUMBER_LENGTH_MAX:
                raise JsonError("json_number", f"number of more than {NUMBER_LENGTH_MAX} characters")
            return orjson.Fragment(str(value).encode())
        case _:
            return value


def _depth(value: object) -> int:
    """Levels of arrays and objects in a value; found level by level, for it may be too deep to recurse."""
    depth = 0
    level = _containers([value])
    while level:
        depth += 1
        level = [inner for outer in level for inner in _containers(outer)]
    return depth


def _containers(outer: dict[str, object] | list[object]) -> list[dict[str, object] | list[object]]:
    inner = outer.values() if isinstance(outer, dict) else outer
    return [value for value in inner if isinstance(value, dict | list)]


def _holds_null_character(value: object) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any("\0" in key for key in value) or any(map(_holds_null_character, value.values()))
        case list():
            return any(map(_holds_null_character, value))
        case _:
            return False


def _may_have_dropped(text: bytes, encoded: bytes) -> bool:
    """Whether members of objects in the text may be missing in its canonical form.

    A dropped member takes its quotation marks along. Only a quotation mark inside a text can be spelled
    without one, and so hide that from the count.
    """
    return text.count(b'"') != encoded.count(b'"') or b"\\u0022" in text


def _refuse_doubled_keys(text: bytes) -> None:
    json.loads(text, object_pairs_hook=_refuse_doubled_pairs, parse_float=str, parse_int=str)


def _refuse_doubled_pairs(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise JsonError("json_doubled_key", "an object must not have the same key twice")
