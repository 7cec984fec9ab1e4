"""The errors of the worker; what went wrong says what to do about it.

    WorkerError
    ├── Transient    try the same again, with back-off: nothing is decided yet
    └── Fatal        give up: the process says why and exits non-zero

Refusals (an order that does not fit) and poison (a record that is no event) are values, never exceptions.
"""


class WorkerError(Exception):
    """The worker failed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Transient(WorkerError):  # noqa: N818 - it names what to do, not what broke
    """A server is away or refuses for now; the same thing may succeed when tried again."""


class Fatal(WorkerError):  # noqa: N818 - the same
    """Trying again cannot help; the process has to end."""
