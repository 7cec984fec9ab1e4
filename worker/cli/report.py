"""Commands that look and tell: status, audit."""

import json

import typer

from worker.cli.options import (
    NOT_NEEDED_KAFKA,
    DatabaseOption,
    JsonOption,
    KafkaOption,
    StateDirOption,
    log_as,
    postgres_at,
    quiet_log,
    settings_from,
)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(status)
    app.command()(audit)


def status(
    *,
    kafka: KafkaOption = None,
    database_url: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say in one verdict whether the work gets done; the exit code says the same.

    | exit code | verdict | meaning |
    |---|---|---|
    | 0 | ok | all is read, or will be within a minute |
    | 10 | draining | slow: the backlog shrinks, and takes so many minutes |
    | 11 | falling_behind | more comes than is read |
    | 12 | stuck | there is work and a worker, and nothing moves; or answers do not get out |
    | 13 | no_worker | nobody is in the consumer group |
    | 14 | topics_missing | `inventory-worker topics` makes them |
    | 15 | schema_mismatch | `inventory-worker migrate`, or another version of the worker |
    | 16 | kafka_away | |
    | 17 | database_away | |

    For example:

        inventory-worker status --json
    """
    from worker.cli import loop, tables, terminal
    from worker.inspect.status import status as look

    quiet_log("ERROR")
    found = loop.run(look(settings_from(kafka, database_url, state_dir)))
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        terminal.show(tables.status(found))
    raise typer.Exit(found.exit_code)


def audit(
    *, database_url: DatabaseOption = None, state_dir: StateDirOption = None, as_json: JsonOption = False
) -> None:
    """Look in the database for whatever contradicts itself; exit code 1 when there is anything.

    Reads only, as of one moment, and blocks nobody. With --state-dir the database need not run. For example:

        inventory-worker audit --state-dir .state/demo
    """
    from worker.cli import loop, tables, terminal
    from worker.inspect.audit import audit_of

    if state_dir is None:
        settings = settings_from(NOT_NEEDED_KAFKA, database_url)
        log_as(settings)
        url = settings.database_url.get_secret_value()
        found = loop.run_patiently(postgres_at(url), lambda: audit_of(url), settings.start_deadline_s)
    else:
        from worker.dev.home import database_in

        with database_in(state_dir) as url:
            found = loop.run(audit_of(url))
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        terminal.show(tables.audit(found))
    raise typer.Exit(0 if found.is_clean else 1)
