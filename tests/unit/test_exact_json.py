"""JSON read without losing anything, and its one canonical form."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.runtime.exact_json import (
    NESTING_DEPTH_MAX,
    NUMBER_LENGTH_MAX,
    ExponentNumber,
    JsonError,
    canonical,
    read,
)


def _value(text: str) -> Any:
    return read(text.encode())[0]


def _form(text: str) -> bytes:
    return read(text.encode())[1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-0", 0),
        ("1.0", 1),
        ("-0.0", 0),
        ("1.10", Decimal("1.10")),
        ("1234567890123456.123456", Decimal("1234567890123456.123456")),
        ("0.1", Decimal("0.1")),
        ("18446744073709551616", 18446744073709551616),
        ("-9223372036854775809", -9223372036854775809),
        ("9" * NUMBER_LENGTH_MAX, int("9" * NUMBER_LENGTH_MAX)),
        ("1e2", ExponentNumber("1e2")),
        ("1.5E-2", ExponentNumber("0.015")),
    ],
)
def test_numbers_are_read_from_their_text(text: str, value: int | Decimal) -> None:
    told = _value(text)
    assert told == value
    assert type(told) is type(value)


@pytest.mark.parametrize(
    ("spellings", "form"),
    [
        (["1", "1.0", "1.000000", "1.0000000", "1e0", "1E+0", "10e-1", "0.1e1"], b"1"),
        (["0", "-0", "0.0", "-0.0", "-0.0000000", "0e5", "-0e0"], b"0"),
        (["1.5", "1.50", "15e-1", "0.15E1"], b"1.5"),
        (["-0.000001", "-1e-6"], b"-0.000001"),
        (
            ["18446744073709551616", "18446744073709551616.0", "18446744073709551616e0"],
            b"18446744073709551616",
        ),
        (["100000000000000000000000000000", "1e29"], b"100000000000000000000000000000"),
        (["0.1"], b"0.1"),
    ],
)
def test_every_spelling_of_a_number_has_one_form(spellings: list[str], form: bytes) -> None:
    assert {_form(spelling) for spelling in spellings} == {form}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("json_syntax", b""),
        ("json_syntax", b"   "),
        ("json_syntax", b"{"),
        ("json_syntax", b"{} {}"),
        ("json_syntax", b"{'a': 1}"),
        ("json_syntax", b"{a: 1}"),
        ("json_syntax", b'{"a": 1,}'),
        ("json_syntax", b"[1,]"),
        ("json_syntax", b"// c\n{}"),
        ("json_syntax", b"NaN"),
        ("json_syntax", b"[Infinity]"),
        ("json_syntax", b"-Infinity"),
        ("json_syntax", b"01"),
        ("json_syntax", b"+1"),
        ("json_syntax", b".5"),
        ("json_syntax", b"1."),
        ("json_syntax", b"1_000"),
        ("json_syntax", b"0x10"),
        ("json_syntax", "١".encode()),
        ("json_syntax", b'"a\nb"'),
        ("json_syntax", b'"\x00"'),
        ("json_syntax", b'"\\x41"'),
        ("json_syntax", b'"\\ud800 and more text"'),
        ("json_syntax", b'"\\udc00\\ud800 and more text"'),
        ("json_syntax", b'{"\\ud800": "and more text"}'),
        ("json_syntax", b"\xef\xbb\xbf{}"),
        ("json_syntax", '{"a": 1}'.encode("utf-16")),
        ("json_encoding", b'"\xff"'),
        ("json_encoding", b'"\xc0\x80"'),
        ("json_encoding", b'"\xed\xa0\x80"'),
        ("json_encoding", '"é"'.encode("latin-1")),
        ("json_depth", b"[" * (NESTING_DEPTH_MAX + 55) + b"]" * (NESTING_DEPTH_MAX + 55)),
        ("json_depth", b'{"a":' * 300 + b"1" + b"}" * 300),
        ("json_depth", b"[" * 100_000),
        ("json_depth", b'[{"a":' * 50_000),
        ("json_number", b"9" * (NUMBER_LENGTH_MAX + 1)),
        ("json_number", b"[-" + b"9" * 5000 + b"]"),
        ("json_number", b"0." + b"1" * NUMBER_LENGTH_MAX),
        ("json_number", b"1e101"),
        ("json_number", b"1e-101"),
        ("json_number", b"1e999999999999999999999"),
        ("json_null_character", b'"\\u0000"'),
        ("json_null_character", b'{"a": ["b", {"c": "d\\u0000"}]}'),
        ("json_null_character", b'{"a\\u0000": 1}'),
        ("json_doubled_key", b'{"a": 1, "a": 1}'),
        ("json_doubled_key", b'{"a":1,"a":2}'),
        ("json_doubled_key", b'[{"x": {"a": 1, "b": 2, "a": 1}}]'),
        ("json_doubled_key", b'{"a": 1, "\\u0061": 1}'),
        ("json_doubled_key", b'{"a":1,"a":1e20}'),
        ("json_doubled_key", b'{"a":"\\u0022","a":"\\u0022"}'),
        ("json_doubled_key", b'{"a": "", "a": "", "b": "\\u0022\\u0022\\u0022\\u0022"}'),
        ("json_doubled_key", b'{"a":1,"a":123456789012345678901}'),
    ],
)
def test_what_cannot_be_taken_is_refused(kind: str, text: bytes) -> None:
    with pytest.raises(JsonError) as caught:
        read(text)
    assert caught.value.kind == kind


def test_deep_but_not_too_deep_is_read() -> None:
    text = b'[{"a":' * (NESTING_DEPTH_MAX // 2) + b"1.5e1" + b"}]" * (NESTING_DEPTH_MAX // 2)
    assert read(text)[1] == text.replace(b"1.5e1", b"15")


def test_an_escaped_backslash_is_no_null_character() -> None:
    assert _value('"\\\\u0000"') == "\\u0000"


def test_messages_do_not_repeat_the_text() -> None:
    for text in (
        b'{"secret": secret}',
        b'{"secret":1,"secret":2}',
        b'["secret\\u0000"]',
        b'["secret", 1e999]',
    ):
        with pytest.raises(JsonError) as caught:
            read(text)
        assert "secret" not in str(caught.value)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | texts | st.decimals(-1000, 1000, places=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)


def _spelled(value: Any, draw: Any) -> str:
    """A JSON text of a value, with spaces, key order and escapes as chance has it."""
    space = draw(st.sampled_from(["", " ", "\n\t"]))
    match value:
        case dict():
            members = draw(st.permutations(list(value.items())))
            inner = [f"{_spelled(key, draw)}{space}:{_spelled(one, draw)}" for key, one in members]
            return f"{{{space}{','.join(inner)}{space}}}"
        case list():
            return f"[{space}{f'{space},'.join(_spelled(one, draw) for one in value)}]"
        case str():
            return json.dumps(value, ensure_ascii=draw(st.booleans()))
        case Decimal():
            spellings = [format(value, "f"), f"{value:f}00", f"{value * 10:f}e-1"]
            return str(draw(st.sampled_from(spellings)))
        case bool() | None:
            return json.dumps(value)
        case _:
            return str(value)


@given(values, st.data())
def test_the_form_does_not_depend_on_the_spelling(value: Any, data: st.DataObject) -> None:
    first = _spelled(value, data.draw)
    second = _spelled(value, data.draw)
    assert _form(first) == _form(second)


@given(values, st.data())
def test_the_form_says_the_same(value: Any, data: st.DataObject) -> None:
    form = _form(_spelled(value, data.draw))
    assert json.loads(form, parse_float=Decimal) == value
    again, form_again = read(form)
    assert form_again == form == canonical(again)


@given(values, values)
def test_other_values_have_other_forms(one: Any, other: Any) -> None:
    forms = [
        _form(json.dumps(value, default=lambda number: {"decimal": str(number)})) for value in (one, other)
    ]
    assert (forms[0] == forms[1]) is (one == other and _kinds(one) == _kinds(other))


def _kinds(value: Any) -> Any:
    """The value with truth values told apart from 0 and 1."""
    match value:
        case dict():
            return {key: _kinds(inner) for key, inner in value.items()}
        case list():
            return [_kinds(inner) for inner in value]
        case bool():
            return str(value)
        case Decimal():
            return f"decimal {value}"
        case _:
            return value
