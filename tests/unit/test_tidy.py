"""The house rules that no linter has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository import ROOT, name_of, python_files, tracked_files

FUNCTION_LINES_MAX = 60
CODE = ("worker", "schemas", "sql", "tests")

# Each with one letter in brackets, so that this file does not hold what it looks for.
FORBIDDEN = {
    "a place on one machine": r"/wor[k]/|\.\./share[d]|/roo[t]/|/hom[e]/",
    "a registry's host": (
        r"pyp[i]\.org|pythonhoste[d]\.org|mave[n]\.(apache\.)?org|npmj[s]\.|crate[s]\.io|debia[n]\.org"
    ),
    "a mark of unfinished work": r"TOD[O]|FIXM[E]|NotImplementedErro[r]",
}
CLOCKS_AND_CHANCE = {
    "now",
    "utcnow",
    "today",
    "time",
    "monotonic",
    "perf_counter",
    "uuid1",
    "uuid4",
    "urandom",
}
INPUT_AND_OUTPUT = {"open", "print", "input", "exec", "eval"}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call below a node, with the last part of the called name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id, node
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr, node


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def test_no_function_is_longer_than_a_screen() -> None:
    too_long = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in python_files(*CODE)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES_MAX
    ]
    assert too_long == []


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_no_file_holds(kind: str) -> None:
    found = [
        f"{name_of(path)}:{number} {line.strip()}"
        for path in tracked_files()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if re.search(FORBIDDEN[kind], line)
    ]
    assert found == []


def test_the_domain_and_the_contracts_call_no_clock_no_chance_and_no_file() -> None:
    found = [
        f"{name_of(path)}:{call.lineno} {name}"
        for path in python_files("worker/domain", "schemas")
        for name, call in calls(tree_of(path))
        if name in CLOCKS_AND_CHANCE | INPUT_AND_OUTPUT
    ]
    assert found == []


def test_tests_sleep_only_while_they_look_again_or_say_why() -> None:
    found = [
        f"{name_of(path)}:{call.lineno}"
        for path in python_files("tests")
        for call in sleeps_outside_loops(tree_of(path))
        if not path.read_text().splitlines()[call.lineno - 2].lstrip().startswith("#")
    ]
    assert found == []


def sleeps_outside_loops(tree: ast.Module) -> Iterator[ast.Call]:
    looping = {
        call
        for loop in ast.walk(tree)
        if isinstance(loop, ast.While | ast.For | ast.AsyncFor)
        for _, call in calls(loop)
    }
    for name, call in calls(tree):
        at_once = [argument.value for argument in call.args if isinstance(argument, ast.Constant)] == [0]
        if name == "sleep" and not at_once and call not in looping:
            yield call


def test_every_sql_file_says_what_it_is_for() -> None:
    silent = [
        name_of(path)
        for path in sorted((ROOT / "sql").rglob("*.sql"))
        if not re.match(r"--|/\*", path.read_text().lstrip())
    ]
    assert silent == []
