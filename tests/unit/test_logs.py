"""The log: one safe line an entry, in both styles."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.runtime.logs import FIELD_LENGTH_MAX, LogStyle, configure_logging, escaped

log = logging.getLogger("worker.test")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers = []
    yield
    root.handlers = handlers
    root.setLevel(level)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_text_gives_a_line_with_fields(stream: io.StringIO) -> None:
    configure_logging(LogStyle.TEXT, "INFO", stream)
    log.info("batch done", extra={"topic": "order.placed", "records": 3, "note": 'a "b"\nc'})

    time, rest = stream.getvalue().split(" ", 1)
    assert time.endswith("Z")
    assert rest == 'INFO    worker.test batch done topic=order.placed records=3 note="a \\"b\\"\\nc"\n'


def test_json_gives_an_object_a_line_with_the_error(stream: io.StringIO) -> None:
    configure_logging(LogStyle.JSON, "INFO", stream)
    try:
        dict[str, str]()["lost"]
    except KeyError:
        log.exception("failed %d times", 2, extra={"offset": 7, "is_new": False})

    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["logger"], entry["message"]) == ("error", "worker.test", "failed 2 times")
    assert (entry["offset"], entry["is_new"]) == (7, False)
    assert "KeyError: 'lost'" in entry["error"]


@pytest.mark.parametrize("style", LogStyle)
def test_nothing_in_an_entry_acts_on_a_terminal_or_starts_a_line(
    style: LogStyle, stream: io.StringIO
) -> None:
    configure_logging(style, "INFO", stream)
    evil = "\x1b[2J\r\n2026 ERROR forged\x9b31m\u202e\u2028\ud800"
    log.warning("from %s", evil, extra={"id": evil})

    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()


@given(st.text())
def test_escaped_text_stays_on_its_line_and_is_printable_as_far_as_control_goes(text: str) -> None:
    assert len(escaped(text).splitlines()) <= 1
    assert "\x1b" not in escaped(text)


def test_long_values_are_cut(stream: io.StringIO) -> None:
    configure_logging(LogStyle.JSON, "INFO", stream)
    log.info("x" * 2 * FIELD_LENGTH_MAX)

    assert len(json.loads(stream.getvalue())["message"]) == FIELD_LENGTH_MAX + 1


def test_libraries_are_heard_from_warnings_on(stream: io.StringIO) -> None:
    configure_logging(LogStyle.TEXT, "DEBUG", stream)
    logging.getLogger("aiokafka.consumer").info("joining")
    logging.getLogger("aiokafka.consumer").warning("lost the coordinator")

    assert "joining" not in stream.getvalue()
    assert "lost the coordinator" in stream.getvalue()
