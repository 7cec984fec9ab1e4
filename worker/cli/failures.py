"""What went wrong, in one line, and the exit code that goes with it. Defects keep their traceback."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure that is nobody's bug."""

    message: str
    exit_code: int


def failure_of(error: BaseException) -> Failure | None:
    """The failure that an exception stands for; None for a defect of this program."""
    import asyncpg
    from aiokafka.errors import KafkaError

    from worker.dev.event_lines import LineError
    from worker.dev.servers import ServerError
    from worker.inspect.why import UnknownItemError
    from worker.runtime.errors import WorkerError
    from worker.settings import SettingsError

    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    match error:
        case SettingsError() | LineError() | UnknownItemError():
            return Failure(str(error), 2)
        case WorkerError() | ServerError():
            return Failure(str(error), 1)
        case KafkaError():
            return Failure(f"Kafka: {_first_line(error)}", 1)
        case asyncpg.PostgresError() | asyncpg.InterfaceError():
            return Failure(f"Postgres: {_first_line(error)}", 1)
        case OSError():
            return Failure(_first_line(error), 1)
        case _:
            return None


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
