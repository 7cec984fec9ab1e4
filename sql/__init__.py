"""SQL as files: one statement each under queries/, functions under functions/, forward-only migrations/."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple


class Migration(NamedTuple):
    """A numbered, forward-only script."""

    number: int
    name: str
    script: str


def query(name: str) -> str:
    """The statement of queries/`name`.sql. Raises FileNotFoundError for a name that is not there."""
    return (files(__name__) / "queries" / f"{name}.sql").read_text("utf-8")


def migrations() -> list[Migration]:
    """All migrations in the order of their numbers."""
    found = (Migration(int(f.name[:4]), f.name[:-4], f.read_text("utf-8")) for f in _scripts("migrations"))
    return sorted(found)


def functions() -> dict[str, str]:
    """Name → `create or replace` script of every database function, in the order of their names."""
    return {f.name[:-4]: f.read_text("utf-8") for f in _scripts("functions")}


def _scripts(folder: str) -> Iterator[Traversable]:
    entries = (files(__name__) / folder).iterdir()
    return iter(sorted((e for e in entries if e.name.endswith(".sql")), key=lambda e: e.name))
