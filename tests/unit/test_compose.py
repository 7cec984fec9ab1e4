"""docker-compose.yml and the image: true to the official schema, closed to the network, without secrets."""

import importlib.resources
import json
import re
from typing import Any

import jsonschema
import pytest
import yaml

from tests.repository import ROOT
from worker.settings import Settings

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def test_it_fits_the_official_schema(compose: dict[str, Any]) -> None:
    schemas = importlib.resources.files("check_jsonschema.builtin_schemas.vendor")
    schema = json.loads((schemas / "compose-spec.json").read_text())
    jsonschema.validators.validator_for(schema)(schema).validate(compose)


def test_the_servers_images_are_settings_with_defaults(compose: dict[str, Any]) -> None:
    assert compose["services"]["kafka"]["image"] == "${KAFKA_IMAGE:-apache/kafka:4.4.0}"
    assert compose["services"]["postgres"]["image"] == "${POSTGRES_IMAGE:-postgres:18}"


def test_ports_are_published_on_loopback_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_setting_of_the_worker_is_one_that_it_has(compose: dict[str, Any]) -> None:
    known = {f"INVENTORY_{name.upper()}" for name in Settings.model_fields}
    for name in ("migrate", "worker"):
        assert compose["services"][name]["environment"].keys() <= known


def test_passwords_come_from_outside(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|DATABASE_URL", name):
                assert "${POSTGRES_PASSWORD" in value


def test_the_worker_starts_after_the_schema_and_may_do_little(compose: dict[str, Any]) -> None:
    worker = compose["services"]["worker"]
    assert worker["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert worker["read_only"] is True
    assert worker["cap_drop"] == ["ALL"]


def test_the_image_installs_by_hash_only_and_drops_root() -> None:
    last = DOCKERFILE.rpartition("FROM ")[2]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)
    for command in re.findall(r"pip install [^&]*", DOCKERFILE):
        assert "--require-hashes" in command or "--no-index" in command
    assert "lock-dev" not in DOCKERFILE
