"""The command line: one file per group of commands, no logic of its own.

Exit codes: 0 done · 1 it did not work, or the audit found something · 2 a wrong setting, option or file ·
10–17 the verdicts of `status` · 20–22 those of `offsets` · 130 interrupted.
"""

import sys
from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The program `inventory-worker`: runs the command that the arguments name, then exits."""
    from worker.cli.app import app
    from worker.cli.failures import failure_of

    try:
        code = app(args=arguments, prog_name="inventory-worker", standalone_mode=True)
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        sys.stderr.write(f"inventory-worker: {failure.message}\n")
        code = failure.exit_code
    sys.exit(code)
