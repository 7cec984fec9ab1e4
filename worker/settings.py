"""Every setting of the worker, with its unit and default; read from INVENTORY_* variables or files.

Secrets may stand in a file instead: INVENTORY_DATABASE_URL_FILE names one. Nothing here is ever printed with
its secret (`inventory-worker config` shows what is in force).
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.orders import Policy, Strategy

ENV_PREFIX = "INVENTORY_"


DAY_S = 24 * 3600


class SettingsError(Exception):
    """A setting is missing or wrong; the message is one line that names it."""


class Settings(BaseSettings):
    """What an installation may choose."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore")

    kafka_bootstrap: Annotated[str, Field(description="Kafka bootstrap servers, host:port, comma-separated")]
    database_url: Annotated[SecretStr, Field(description="Postgres URL, postgresql://user:password@host/db")]
    database_role: Annotated[
        str,
        Field(
            pattern=r"^[a-z_][a-z0-9_]*$", description="role that worker sessions take; it has no DDL rights"
        ),
    ] = "inventory_worker"
    database_connections_max: Annotated[int, Field(ge=2, le=100, description="connections per worker")] = 4

    consumer_group: Annotated[str, Field(min_length=1, description="Kafka consumer group")] = (
        "inventory-worker"
    )
    topic_types: Annotated[
        dict[str, str],
        Field(description="JSON: input topic to the event type of bare records; empty: one topic a type"),
    ] = {}
    topic_partitions: Annotated[int, Field(ge=1, le=1000, description="partitions of topics made")] = 8
    topic_replication: Annotated[int, Field(ge=1, le=10, description="replicas of topics made")] = 1

    cloudevents_source: Annotated[
        str, Field(min_length=1, description="CloudEvents source of everything the worker says")
    ] = "/inventory-worker"
    worker_name: Annotated[
        str,
        Field(
            description="name of this process in the database, of no other at the same time;"
            " empty: host and process id"
        ),
    ] = ""

    order_policy: Annotated[
        Policy,
        Field(description="what becomes of orders that stock does not cover, where they name no policy"),
    ] = Policy.ALL_OR_NOTHING
    order_strategy: Annotated[
        Strategy, Field(description="from which locations orders are taken that name no strategy")
    ] = Strategy.PRIORITY

    batch_records_max: Annotated[
        int, Field(ge=1, le=4000, description="records judged in one transaction at the most")
    ] = 2000
    idle_wait_ms: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="how long Kafka is asked for records; twice that is an idle one's delay",
        ),
    ] = 20
    parked_deadline_s: Annotated[
        int, Field(ge=1, description="how long an event may wait for what it needs")
    ] = 7 * 24 * 3600
    parked_warning_s: Annotated[
        int, Field(ge=1, description="after how long an event that still waits is warned of in the log")
    ] = 24 * 3600
    parked_per_order_max: Annotated[
        int, Field(ge=1, description="events of one order that may wait at a time; more are dead letters")
    ] = 10_000
    parked_max: Annotated[
        int, Field(ge=1, description="events that may wait at a time in all, about; more are dead letters")
    ] = 1_000_000
    inbox_retention_days: Annotated[
        int,
        Field(
            ge=1,
            description="how long exactly-once holds: answered event ids are remembered, older records are"
            " dead letters; at least the input topics' retention",
        ),
    ] = 30
    order_retention_days: Annotated[
        int,
        Field(
            ge=1,
            description="how long finished orders stay after their last event; longer than goods may"
            " come back",
        ),
    ] = 400
    ledger_retention_days: Annotated[
        int, Field(ge=1, description="how long movements stay in the ledger before they are archived")
    ] = 730
    archive_retention_days: Annotated[
        int, Field(ge=0, description="after which whole months of the archives are dropped; 0: never")
    ] = 0
    sweep_interval_ms: Annotated[
        int, Field(ge=10, description="pause between looks at parked events while idle")
    ] = 1000
    publish_deadline_s: Annotated[
        float, Field(gt=0, description="longest wait for Kafka's acknowledgements")
    ] = 30
    publish_lease_s: Annotated[
        int,
        Field(
            ge=1,
            description="after which others publish what a worker left behind; twice the deadline at least",
        ),
    ] = 60
    availability_interval_ms: Annotated[
        int,
        Field(
            ge=0,
            le=60_000,
            description="between two counts of what storefronts are told, at least; 0: they are told nothing",
        ),
    ] = 1000
    start_deadline_s: Annotated[
        float, Field(gt=0, description="how long to wait for Kafka and Postgres at the start")
    ] = 60
    stop_deadline_s: Annotated[float, Field(gt=0, description="how long a stop may take")] = 20
    stuck_after_s: Annotated[
        float, Field(gt=0, description="without progress for so long, the process ends itself")
    ] = 300

    log_level: Annotated[
        str,
        Field(
            pattern="^(DEBUG|INFO|WARNING|ERROR)$",
            description="least of what is logged: DEBUG, INFO, …, ERROR",
        ),
    ] = "INFO"
    log_format: Annotated[
        str, Field(pattern="^(text|json)$", description="text for people, json for machines")
    ] = "text"

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr) -> SecretStr:
        if not re.match(r"^postgres(ql)?://", value.get_secret_value()):
            message = "must begin with postgresql://"
            raise ValueError(message)
        return value

    @field_validator("publish_lease_s")
    @classmethod
    def _outlasts_a_publication(cls, value: int, others: ValidationInfo) -> int:
        deadline_s = others.data.get("publish_deadline_s")
        if deadline_s is not None and value < 2 * deadline_s:
            message = f"must be at least twice the publish deadline, which is {deadline_s:g} s"
            raise ValueError(message)
        return value

    @field_validator("inbox_retention_days")
    @classmethod
    def _outlasts_what_waits(cls, value: int, others: ValidationInfo) -> int:
        deadline_s = others.data.get("parked_deadline_s")
        if deadline_s is not None and value * DAY_S <= deadline_s:
            message = (
                f"must be longer than the deadline of parked events, which is {deadline_s / DAY_S:g} days"
            )
            raise ValueError(message)
        return value

    @field_validator("order_retention_days", "ledger_retention_days")
    @classmethod
    def _outlasts_the_inbox(cls, value: int, others: ValidationInfo) -> int:
        inbox_days = others.data.get("inbox_retention_days")
        if inbox_days is not None and value <= inbox_days:
            message = f"must be longer than the inbox's retention, which is {inbox_days} days"
            raise ValueError(message)
        return value

    @field_validator("archive_retention_days")
    @classmethod
    def _outlasts_what_it_archives(cls, value: int, others: ValidationInfo) -> int:
        longest = max(
            others.data.get(name, 0)
            for name in ("inbox_retention_days", "order_retention_days", "ledger_retention_days")
        )
        if value and value <= longest:
            message = f"must be longer than what is archived is kept, which is {longest} days"
            raise ValueError(message)
        return value

    def shown(self) -> dict[str, object]:
        """The values in force, secrets masked."""
        values: dict[str, object] = self.model_dump()
        values["database_url"] = without_password(self.database_url.get_secret_value())
        return values


def load_settings(overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings from the environment, from files named by *_FILE variables, and given overrides.

    Raises SettingsError with one line that names the first setting at fault.
    """
    values = {**_from_files(), **(overrides or {})}
    try:
        return Settings(**values)  # type: ignore[arg-type]  # checked by pydantic
    except ValidationError as error:
        raise SettingsError(_first_fault(error)) from None


def without_password(url: str) -> str:
    """A URL that may be shown: its password is replaced, and its query, which may hold one too, left out."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    user, at, host = parts.netloc.rpartition("@")
    if ":" in user:
        user = f"{user.partition(':')[0]}:***"
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host}", query="***" if parts.query else ""))


def _from_files() -> dict[str, object]:
    values: dict[str, object] = {}
    for name in Settings.model_fields:
        variable = f"{ENV_PREFIX}{name.upper()}_FILE"
        path = os.environ.get(variable)
        if path:
            try:
                values[name] = Path(path).read_text("utf-8").strip()
            except OSError as error:
                message = f"{variable}: cannot read the file: {error.strerror}"
                raise SettingsError(message) from None
    return values


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_input=False, include_url=False)[0]
    name = f"{ENV_PREFIX}{str(fault['loc'][0]).upper()}"
    if fault["type"] == "missing":
        return f"{name} is not set"
    return f"{name}: {fault['msg'].removeprefix('Value error, ')}"
