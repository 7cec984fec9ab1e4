"""Scenarios a shopkeeper can read: what was there, what happened, what was answered, what is there then.

    Scenario(
        "B25 · no location has both, together they do: split",
        before="shirt: A 1, B 1",
        events='''
            cart c1: 2 shirt        -> applied, L1 has 2
            place o1: 2 shirt       -> applied
        ''',
        after="shirt: A 1/1, B 1/1",
    )

A scenario is data. Whoever runs it sends `setup` and then the steps' events, each as a plain `Told` (type,
id, source, time, data as JSON), and compares answers with `Step.expected` and levels with `levels_after`.
Nothing here knows how an event is judged: `tests.unit.world` runs scenarios in memory, and the real worker
can be given the same ones.

World: locations A, B, C with all roles, channel `web` selling from them in this order. `before` names items,
each with a variant of the same name: `shirt: A 10/3` is 10 stocked and 3 reserved (by an order of earlier),
`cloth (2 places): A 1.50` counts in hundredths, `set = 1 cup + 2 saucer` is a kit, `gift: unmanaged`.

Events begin with a verb (`set`, `receive`, `cart`, `place`, `ship`, …) and what the event is about; see
`VERBS` for their forms. Every event takes `key=value` options: those that are fields of the data
(`version=3`, `strategy=random`), and `id=`, `source=`, `time=` (seconds) of the event itself. Lines of carts
and orders are L1, L2, … in order; events are e1, e2, … in order. After `->` stands the answer; see
`Step.expected`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]

BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
BUCKETS = ("stocked", "reserved", "incoming", "damaged", "quarantined", "shortfall")


@dataclass(frozen=True)
class Told:
    """An event as its producer tells it. `time` is None where the producer does not say."""

    type: str
    id: str
    source: str
    time: datetime | None
    data: Json


@dataclass(frozen=True)
class Step:
    """One event, the answers it calls forth, and the line of the scenario it comes from."""

    told: Told
    expected: tuple[str, ...]
    """Facts, the outcome first: `applied`, `L1 has 2`, `short L2 shirt 5>3`, `waits for variant mug`,
    `unknown mug`, `alert out_of_stock shirt A`, `uncovered o1/L1 2`, `then e1 applied` (parked before)."""
    text: str


@dataclass(frozen=True)
class Scenario:
    """A row of a scenario table; its name is the rule it shows."""

    name: str
    events: str
    before: str = ""
    after: str = ""

    @property
    def setup(self) -> list[Told]:
        """Events that make what was there before; each is applied, in this order."""
        return list(_setup(_lines(self.before)))

    @property
    def steps(self) -> list[Step]:
        """The events of the scenario, in order."""
        return [_step(number, line) for number, line in enumerate(_lines(self.events), 1)]

    @property
    def levels_after(self) -> dict[tuple[str, str], dict[str, str]]:
        """(item, location) -> bucket -> quantity as text; a named item has levels exactly there."""
        return dict(_levels(_lines(self.after)))


def _lines(text: str) -> list[str]:
    """The lines that say something; one that ends with a comma goes on in the next."""
    whole = re.sub(r",\s*\n\s*", ", ", text)
    return [line for line in (line.strip() for line in whole.splitlines()) if line]


# ── Levels: "shirt: A 10/3, B 5 damaged=1 v=4" ─────────────────────────────────────────────────────────


def _levels(lines: list[str]) -> Iterator[tuple[tuple[str, str], dict[str, str]]]:
    for line in lines:
        item, places = line.split(":")
        for place in filter(None, (one.strip() for one in places.split(","))):
            location, counts, *more = place.split()
            stocked, _, reserved = counts.partition("/")
            level = dict.fromkeys(BUCKETS, "0") | {"stocked": stocked, "reserved": reserved or "0"}
            level |= dict(one.split("=") for one in more)
            yield (item.strip(), location), level


# ── Before ─────────────────────────────────────────────────────────────────────────────────────────────


def _setup(lines: list[str]) -> Iterator[Told]:
    for location in "ABC":
        yield _before("location.created", {"location_id": location})
    yield _before("sales_channel.updated", {"sales_channel_id": "web", "location_ids": ["A", "B", "C"]})
    for line in lines:
        if " = " in line:
            kit, parts = line.split(" = ")
            yield _before("variant.created", {"variant_id": kit, "inventory_items": _parts(parts)})
        elif line.endswith(": unmanaged"):
            variant_id = line.removesuffix(": unmanaged")
            yield _before("variant.created", {"variant_id": variant_id, "manage_inventory": False})
        else:
            yield from _setup_item(line)


def _setup_item(line: str) -> Iterator[Told]:
    name = re.match(r"(?P<item>\w+)(?: \((?P<places>\d) places\))?:", line)
    assert name is not None, f"cannot read {line!r}"
    item = name["item"]
    data: Json = {"variant_id": item, "sku": item}
    if name["places"]:
        data["decimal_places"] = int(name["places"])
    yield _before("variant.created", data)
    for (_, location), level in _levels([f"{item}:{line[name.end() :]}"]):
        place = {"sku": item, "location_id": location}
        yield _before("stock.set", {**place, "quantity": level["stocked"]})
        if level["reserved"] != "0":
            line_of_earlier = {
                "line_item_id": "L1",
                "variant_id": item,
                "quantity": level["reserved"],
                "location_id": location,
            }
            order = {"order_id": f"earlier-{item}-{location}", "sales_channel_id": "web"}
            yield _before("order.placed", {**order, "lines": [line_of_earlier]})


def _parts(text: str) -> list[Json]:
    """`1 cup + 2 #saucer`: parts by sku, or by item id after `#`."""
    parts = []
    for part in text.split("+"):
        required, name = part.split()
        named = {"inventory_item_id": name[1:]} if name.startswith("#") else {"sku": name}
        parts.append(named | {"required_quantity": required})
    return parts


def _before(event_type: str, data: Json) -> Told:
    return Told(event_type, f"before-{json.dumps([event_type, data])}"[:250], "before", None, data)


# ── Events ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Words:
    """A line's words after its verb, and its options."""

    words: list[str]
    options: dict[str, str] = field(default_factory=dict)

    @property
    def lines(self) -> list[tuple[str, str, list[str]]]:
        """`2 shirt @B, L2 1 mug` as (line id, quantity, further words)."""
        named = []
        for number, text in enumerate(" ".join(self.words).split(","), 1):
            words = text.split()
            line_id = words.pop(0) if re.fullmatch(r"L\d+", words[0]) else f"L{number}"
            named.append((line_id, words[0], words[1:]))
        return named


def _variant(subject: str, words: _Words) -> tuple[str, Json]:
    """`variant mug sku=M`, `variant set = 1 cup + 2 #tea`, `variant gift unmanaged`, `… deleted`."""
    data: Json = {"variant_id": subject}
    what = words.words.pop(0) if words.words[:1] in (["updated"], ["deleted"]) else "created"
    if "unmanaged" in words.words:
        data["manage_inventory"] = False
    elif words.words[:1] == ["="]:
        data["inventory_items"] = _parts(" ".join(words.words[1:]))
    return f"variant.{what}", data


def _location(subject: str, words: _Words) -> tuple[str, Json]:
    """`location D`, `location D updated`, `location D deleted`, with `roles=sells,ships`, `at=53.5,10`."""
    data: Json = {"location_id": subject}
    if "roles" in words.options:
        data["roles"] = [role for role in words.options.pop("roles").split(",") if role]
    if "at" in words.options:
        data["coordinates"] = _point(words.options.pop("at"))
    return f"location.{words.words[0] if words.words else 'created'}", data


def _channel(subject: str, words: _Words) -> tuple[str, Json]:
    """`channel web: A B`."""
    return "sales_channel.updated", {"sales_channel_id": subject, "location_ids": words.words}


def _set(subject: str, words: _Words) -> tuple[str, Json]:
    """`set shirt A 10`, `set shirt A 1 damaged`, `set by=variant_id shirt A 10`."""
    return "stock.set", _stock(subject, words, "quantity")


def _adjust(subject: str, words: _Words) -> tuple[str, Json]:
    """`adjust shirt A -3`, `adjust shirt A +1 damaged`."""
    return "stock.adjusted", _stock(subject, words, "delta")


def _receive(subject: str, words: _Words) -> tuple[str, Json]:
    """`receive shirt A 5`, `receive shirt A 5 from_incoming=3`."""
    return "stock.received", _stock(subject, words, "quantity")


def _stock(subject: str, words: _Words, quantity: str) -> Json:
    location, count, *bucket = words.words
    data: Json = {words.options.pop("by", "sku"): subject, "location_id": location}
    data[quantity] = count.removeprefix("+")
    return data | ({"bucket": bucket[0]} if bucket else {})


def _transfer(subject: str, words: _Words) -> tuple[str, Json]:
    """`transfer t1: 3 shirt, 2 mug from A to B`."""
    *words.words, _, source, _, target = words.words
    data = {"transfer_id": subject, "from_location_id": source, "to_location_id": target}
    return "transfer.shipped", data | {"lines": _carried(words)}


def _arrive(subject: str, words: _Words) -> tuple[str, Json]:
    """`arrive t1` (all on its way), `arrive t1: 2 shirt closed=true`, `arrive t1: nothing closed=true`."""
    data: Json = {"transfer_id": subject}
    if words.words:
        data["lines"] = [] if words.words == ["nothing"] else _carried(words)
    return "transfer.received", data


def _carried(words: _Words) -> list[Json]:
    return [{"sku": item, "quantity": quantity} for _, quantity, (item,) in words.lines]


def _cart(subject: str, words: _Words) -> tuple[str, Json]:
    """`cart c1: 2 shirt, 1 mug`, `cart c1: 2 shirt hold=60`: held for so many seconds."""
    data: Json = {"cart_id": subject, "sales_channel_id": "web", "lines": _ordered(words)}
    if "hold" in words.options:
        data["hold"] = {"ttl_seconds": int(words.options.pop("hold"))}
    return "cart.validated", data


def _release(subject: str, _: _Words) -> tuple[str, Json]:
    """`release c1`."""
    return "cart.released", {"cart_id": subject}


def _expire(subject: str, _: _Words) -> tuple[str, Json]:
    """`expire c1 generation=1`: the time of its first hold is over."""
    return "cart.hold_expired", {"cart_id": subject}


def _place(subject: str, words: _Words) -> tuple[str, Json]:
    """`place o1: 2 shirt, 1 mug @B`, with `destination=48.2,16.4`."""
    data: Json = {"order_id": subject, "sales_channel_id": "web", "lines": _ordered(words)}
    if "destination" in words.options:
        data["destination"] = _point(words.options.pop("destination"))
    return "order.placed", data


def _point(text: str) -> Json:
    """`48.2,16.4`: latitude and longitude."""
    latitude, longitude = text.split(",")
    return {"latitude": float(latitude), "longitude": float(longitude)}


def _edit(subject: str, words: _Words) -> tuple[str, Json]:
    """`edit o1: 3 shirt, L3 1 mug @B version=2`: every line as it now is."""
    return "order.updated", {"order_id": subject, "lines": _ordered(words)}


def _cancel(subject: str, words: _Words) -> tuple[str, Json]:
    """`cancel o1`, `cancel o1: L1 L2`."""
    return "order.canceled", {"order_id": subject} | ({"line_item_ids": words.words} if words.words else {})


def _ordered(words: _Words) -> list[Json]:
    ordered = []
    for line_id, quantity, (variant, *firm) in words.lines:
        line = {"line_item_id": line_id, "variant_id": variant, "quantity": quantity}
        ordered.append(line | ({"location_id": firm[0].removeprefix("@")} if firm else {}))
    return ordered


def _ship(subject: str, words: _Words) -> tuple[str, Json]:
    """`ship o1/f1` (all held), `ship o1/f1 from B`, `ship o1/f1: L1 2, L2 1 from B`."""
    order_id, _, fulfillment_id = subject.partition("/")
    data: Json = {"order_id": order_id, "fulfillment_id": fulfillment_id}
    if words.words[-2:-1] == ["from"]:
        data["location_id"] = words.words.pop()
        words.words.pop()
    if words.words:
        data["lines"] = [{"line_item_id": one, "quantity": quantity} for one, quantity, _ in words.lines]
    return "order.fulfilled", data


def _unship(subject: str, _words: _Words) -> tuple[str, Json]:
    """`unship o1/f1`."""
    order_id, _, fulfillment_id = subject.partition("/")
    return "fulfillment.canceled", {"order_id": order_id, "fulfillment_id": fulfillment_id}


def _return(subject: str, words: _Words) -> tuple[str, Json]:
    """`return o1/r1: L1 2, L2 1 damaged to B`."""
    order_id, _, return_id = subject.partition("/")
    data: Json = {"order_id": order_id, "return_id": return_id}
    if words.words[-2:-1] == ["to"]:
        data["location_id"] = words.words.pop()
        words.words.pop()
    data["lines"] = [
        {"line_item_id": line_id, "quantity": quantity} | ({"disposition": state[0]} if state else {})
        for line_id, quantity, state in words.lines
    ]
    return "order.returned", data


def _move(subject: str, words: _Words) -> tuple[str, Json]:
    """`move o1/L1: A to B`, `move o1/L1: 2 A to B`, `move o1/L1: 2 of cup A to B`."""
    order_id, _, line_id = subject.partition("/")
    data: Json = {"order_id": order_id, "line_item_id": line_id}
    *what, data["from_location_id"], _, data["to_location_id"] = words.words
    if what and what[0] != "of":
        data["quantity"] = what.pop(0)
    if what:
        data["inventory_item_id"] = what[1]
    return "reservation.moved", data


def _evacuate(subject: str, words: _Words) -> tuple[str, Json]:
    """`evacuate o1 from A`, or a cart `c1`, as the worker itself does where A was deleted."""
    if subject.startswith("c"):
        return "cart.hold_evacuated", {"cart_id": subject, "location_id": words.words[1]}
    return "location.evacuated", {"order_id": subject, "location_id": words.words[1]}


def _reallocate(subject: str, _words: _Words) -> tuple[str, Json]:
    """`reallocate o1`, as the worker itself does where stock came."""
    return "reservation.reallocated", {"order_id": subject}


def _remove(subject: str, _words: _Words) -> tuple[str, Json]:
    """`remove mug`, as the worker itself does after the last reservation of a deleted variant."""
    return "variant.removed", {"variant_id": subject}


VERBS: Mapping[str, Callable[[str, _Words], tuple[str, Json]]] = {
    "variant": _variant,
    "location": _location,
    "channel": _channel,
    "set": _set,
    "adjust": _adjust,
    "receive": _receive,
    "transfer": _transfer,
    "arrive": _arrive,
    "cart": _cart,
    "release": _release,
    "expire": _expire,
    "place": _place,
    "edit": _edit,
    "cancel": _cancel,
    "ship": _ship,
    "unship": _unship,
    "return": _return,
    "move": _move,
    "evacuate": _evacuate,
    "reallocate": _reallocate,
    "remove": _remove,
}


def _step(number: int, line: str) -> Step:
    text, _, answer = line.partition("->")
    expected = tuple(fact.strip() for fact in answer.split(",") if fact.strip())
    return Step(told(text, f"e{number}"), expected, line)


def told(text: str, default_id: str) -> Told:
    """The event that a line tells; its id where the line gives none is `default_id`."""
    verb, subject, *words = text.replace(":", " ").split()
    options = dict(word.split("=", 1) for word in words if re.fullmatch(r"\w+=\S*", word))
    spoken = _Words([word for word in words if not re.fullmatch(r"\w+=\S*", word)], options)
    event_id, source = options.pop("id", default_id), options.pop("source", "shop")
    time = options.pop("time", None)
    event_type, data = VERBS[verb](subject, spoken)
    data |= {name: _option(value) for name, value in options.items()}
    at = None if time is None else BEGIN + timedelta(seconds=float(time))
    return Told(event_type, event_id, source, at, data)


def _option(value: str) -> Any:
    """Whole numbers and the JSON words are what they say, all else is text."""
    return json.loads(value) if re.fullmatch(r"\d+|true|false|null", value) else value
