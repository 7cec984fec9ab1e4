"""A skip for a reason that is not on the list is a failure."""

import pytest

from tests import skips

pytest_plugins = ["pytester"]


@pytest.mark.parametrize(
    ("reason", "outcome"), [(skips.NO_DOCKER, {"skipped": 1}), ("no mood today", {"failed": 1})]
)
def test_a_skip_is_allowed_by_its_reason(
    pytester: pytest.Pytester, reason: str, outcome: dict[str, int]
) -> None:
    pytester.makeconftest("from tests.conftest import pytest_make_collect_report, pytest_runtest_makereport")
    pytester.makepyfile(f"import pytest\n\ndef test_it():\n    pytest.skip({reason!r})\n")
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(**outcome)


def test_a_skipped_module_is_held_to_the_list_too(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("from tests.conftest import pytest_make_collect_report, pytest_runtest_makereport")
    pytester.makepyfile("import pytest\n\npytest.skip('no mood today', allow_module_level=True)\n")
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(errors=1)
