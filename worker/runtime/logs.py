"""The log: one line an entry, with a time in UTC, and nothing in it that a terminal or a log reader obeys.

Values of events never belong in it, only their ids, positions and figures.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO

FIELD_LENGTH_MAX = 4000
"""Characters of a message, a field or a traceback; what is longer is cut."""


class LogStyle(StrEnum):
    """How an entry is written."""

    TEXT = "text"
    """`time level logger message key=value …`"""
    JSON = "json"
    """An object a line."""


# What is obeyed rather than shown: control characters, separators of lines, changes of writing direction.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_BARE = re.compile(r"[\w.:/@%+,\-]+")

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_QUIET = ("aiokafka", "faststream", "worker.runtime.consume.faststream")
"""Loggers of libraries that tell of each step: from them, warnings and errors only."""


def configure_logging(style: LogStyle, level: str, stream: TextIO | None = None) -> None:
    """Sends the log of the whole process to `stream` (standard error by default), from `level` on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonFormatter() if style is LogStyle.JSON else _TextFormatter())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def escaped(text: str) -> str:
    r"""Gives the text with all that could act on a terminal or break a line written as \n or \uNNNN."""
    return _UNSAFE.sub(lambda match: json.dumps(match[0]).strip('"'), text)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        head = f"{_time(record)} {record.levelname:<7} {record.name} {escaped(_cut(record.getMessage()))}"
        return " ".join([head, *(f"{name}={_quoted(value)}" for name, value in _fields(self, record))])


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _cut(record.getMessage()),
            **dict(_fields(self, record)),
        }
        return escaped(json.dumps(entry, ensure_ascii=False, default=str))


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(formatter: logging.Formatter, record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """What was given as `extra`, then the error."""
    for name, value in vars(record).items():
        if name not in _STANDARD_FIELDS:
            yield name, value if isinstance(value, int | float | bool | None) else _cut(str(value))
    if record.exc_info:
        yield "error", _cut(formatter.formatException(record.exc_info))


def _cut(text: str) -> str:
    return text if len(text) <= FIELD_LENGTH_MAX else f"{text[:FIELD_LENGTH_MAX]}…"


def _quoted(value: object) -> str:
    text = str(value)
    return text if _BARE.fullmatch(text) else escaped(json.dumps(text, ensure_ascii=False))
