"""Writes the locks of the embedded servers anew: `python -m worker.dev.servers.lock` (part of `make lock`).

To take another version, change the coordinates here. A lock has every file's sha256 and size, and no host.
"""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from jgo.maven import Artifact, MavenContext

from worker.dev.servers.artifacts import LOCKS

KAFKA = "org.apache.kafka:kafka_2.13:4.4.0"
# The broker logs through slf4j 1.7; the binding is in Kafka's distribution, not in its Maven dependencies.
KAFKA_LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5"
POSTGRES = tuple(
    f"io.zonky.test.postgres:embedded-postgres-binaries-{platform}:18.6.0"
    for platform in ("linux-amd64", "linux-arm64v8", "darwin-amd64", "darwin-arm64v8")
)


def main() -> None:
    """Resolves both servers' files and writes both locks."""
    with TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder), timeout=60)
        logging = context.create_dependency(KAFKA_LOGGING).artifact
        _write("kafka", [*_with_dependencies(context, KAFKA), logging])
        _write("postgres", [context.create_dependency(coordinate).artifact for coordinate in POSTGRES])


def _with_dependencies(context: MavenContext, coordinate: str) -> list[Artifact]:
    tops, below = context.resolver.resolve([context.create_dependency(coordinate)])
    return [
        dependency.artifact
        for dependency in (*tops, *below)
        if dependency in tops or dependency.scope in ("compile", "runtime")
    ]


def _write(name: str, artifacts: list[Artifact]) -> None:
    (LOCKS / f"{name}.lock.toml").write_text("\n".join(_entry(artifact) for artifact in artifacts))


def _entry(artifact: Artifact) -> str:
    content = artifact.resolve().read_bytes()
    return (
        "[[dependencies]]\n"
        f'groupId = "{artifact.groupId}"\n'
        f'artifactId = "{artifact.artifactId}"\n'
        f'version = "{artifact.version}"\n'
        f'packaging = "{artifact.packaging}"\n'
        f'sha256 = "{hashlib.sha256(content).hexdigest()}"\n'
        f"size = {len(content)}\n"
    )


if __name__ == "__main__":
    main()
