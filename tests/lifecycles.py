"""Whole lifecycles of orders, as scenarios spell them: placed, changed, shipped, undone, returned, canceled.

Of these ADR 12 promises one end, whatever the order of arrival: stock is enough; no version orders less than
leaves, or more than the placement did of what leaves; what is undone did not come back.
"""

from collections.abc import Iterator

from hypothesis import strategies as st

from tests.scenarios import Told, told

BEFORE = """
    cup: A 99
    tea (2 places): A 99
    pack = 3 cup
    box = 1 cup + 0.25 tea
    gift: unmanaged
"""
VARIANTS = ("cup", "pack", "box", "gift")


@st.composite
def lifecycles(draw: st.DrawFn, order_id: str) -> list[str]:
    """The events of one order, in the order in which its shop tells them."""
    variants = draw(st.lists(st.sampled_from(VARIANTS), min_size=1, max_size=3))
    versions = draw(st.integers(0, 2))
    quantities = [[draw(st.integers(1, 4)) for _ in variants] for _ in range(versions + 1)]
    events = [f"place {order_id}: {_lines(variants, quantities[0])}"]
    for number, ordered in enumerate(quantities[1:], 2):
        extra = draw(st.sampled_from(("", ", 2 cup", ", 0 cup")))
        events.append(f"edit {order_id}: {_lines(variants, ordered)}{extra} version={number}")
    shipped: list[str] = []
    for number, of_line in enumerate(zip(*quantities, strict=True), 1):
        shipped += draw(_facts(order_id, number, min(of_line), len(shipped)))
    canceled = draw(st.sampled_from(("", f"cancel {order_id}", f"cancel {order_id}: L1")))
    return [*events, *shipped, *([canceled] if canceled else [])]


def _lines(variants: list[str], quantities: list[int]) -> str:
    return ", ".join(f"{quantity} {variant}" for quantity, variant in zip(quantities, variants, strict=True))


@st.composite
def _facts(draw: st.DrawFn, order_id: str, line: int, most: int, number: int) -> list[str]:
    """Shipments of one line, one by one; some of them are undone, or else some come back."""
    shipped = draw(st.integers(0, most))
    facts = [f"ship {order_id}/f{number + at}: L{line} 1" for at in range(shipped)]
    ends = draw(st.sampled_from(("stay", "undone", "returned")))
    ended = draw(st.integers(0, shipped))
    if ends == "undone":
        facts += [f"unship {order_id}/f{number + at}" for at in range(ended)]
    if ends == "returned":
        state = draw(st.sampled_from(("", " damaged", " discarded")))
        facts += [f"return {order_id}/r{line}x{at}: L{line} 1{state}" for at in range(ended)]
    return facts


@st.composite
def histories(draw: st.DrawFn) -> list[Told]:
    """Two orders' lifecycles, one after the other; every event has its own id."""
    texts = [*draw(lifecycles("o1")), *draw(lifecycles("o2"))]
    return list(_told(texts))


def _told(texts: list[str]) -> Iterator[Told]:
    for number, text in enumerate(texts, 1):
        yield told(text, f"e{number}")
