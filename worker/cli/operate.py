"""Commands of an installation: run, migrate, topics, config."""

import json

import typer

from worker.cli.options import (
    NOT_NEEDED_DATABASE,
    NOT_NEEDED_KAFKA,
    DatabaseOption,
    JsonOption,
    KafkaOption,
    log_as,
    postgres_at,
    settings_from,
)

topics = typer.Typer(invoke_without_command=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(run)
    app.command()(migrate)
    app.add_typer(topics, name="topics")
    app.command()(config)


def run(kafka: KafkaOption = None, database_url: DatabaseOption = None) -> None:
    """Work: read events, apply them, answer. Ends in order on SIGTERM and SIGINT.

    As many may run as the topics have partitions, each the same. For example:

        inventory-worker run
    """
    from worker.cli import loop
    from worker.runtime.app import Worker

    settings = settings_from(kafka, database_url)
    log_as(settings)
    worker = Worker(settings)

    async def work() -> None:
        worker.stop_on_signals()
        await worker.run()

    loop.run(work())


def migrate(database_url: DatabaseOption = None) -> None:
    """Bring the database to this version's schema. Any time, by many at once; needs the schema's owner.

    For example:

        inventory-worker migrate --database-url postgresql://owner@localhost/inventory
    """
    from worker.cli import loop
    from worker.runtime import migrate as migrations

    settings = settings_from(NOT_NEEDED_KAFKA, database_url)
    log_as(settings)
    url = settings.database_url.get_secret_value()
    applied = loop.run_patiently(postgres_at(url), lambda: migrations.migrate(url), settings.start_deadline_s)
    typer.echo(f"applied: {', '.join(applied)}" if applied else "nothing to do: the schema is this version's")


@topics.callback()
def topics_ready(context: typer.Context, kafka: KafkaOption = None) -> None:
    """Make the topics that are missing; those that exist are never changed.

    For example:

        inventory-worker topics
        inventory-worker topics list
    """
    if context.invoked_subcommand is None:
        topics_create(kafka)


@topics.command("create")
def topics_create(kafka: KafkaOption = None) -> None:
    """Make the topics that are missing, with INVENTORY_TOPIC_PARTITIONS and INVENTORY_TOPIC_REPLICATION."""
    from schemas.topics import TYPES_BY_TOPIC
    from worker.cli import loop
    from worker.runtime.topics import ensure_topics

    settings = settings_from(kafka, NOT_NEEDED_DATABASE)
    log_as(settings)
    made = loop.run_patiently(
        f"Kafka at {settings.kafka_bootstrap}",
        lambda: ensure_topics(
            settings.kafka_bootstrap,
            settings.topic_partitions,
            settings.topic_replication,
            input_topics=settings.topic_types or TYPES_BY_TOPIC,
        ),
        settings.start_deadline_s,
    )
    typer.echo(f"made: {', '.join(made)}" if made else "nothing to do: all topics are there")


@topics.command("list")
def topics_list(*, kafka: KafkaOption = None, as_json: JsonOption = False) -> None:
    """Show every topic that the worker reads or writes, and how it differs from what would be made."""
    from dataclasses import asdict

    from schemas.topics import TYPES_BY_TOPIC
    from worker.cli import loop, tables, terminal
    from worker.runtime.topics import describe_topics

    settings = settings_from(kafka, NOT_NEEDED_DATABASE)
    log_as(settings)
    found = loop.run_patiently(
        f"Kafka at {settings.kafka_bootstrap}",
        lambda: describe_topics(
            settings.kafka_bootstrap, input_topics=settings.topic_types or TYPES_BY_TOPIC
        ),
        settings.start_deadline_s,
    )
    if as_json:
        typer.echo(json.dumps([asdict(topic) for topic in found]))
    else:
        terminal.show(tables.topics(found))


def config(
    *, kafka: KafkaOption = None, database_url: DatabaseOption = None, as_json: JsonOption = False
) -> None:
    """Show the settings in force, without secrets.

    Each is set by its variable, or stands in a file that a variable with _FILE at its end names. For example:

        inventory-worker config --json
    """
    from worker.cli import tables, terminal

    settings = settings_from(kafka, database_url)
    if as_json:
        typer.echo(json.dumps(settings.shown()))
    else:
        terminal.show(tables.settings(settings))
