"""Checks the options of `openai-wandb kafka`."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from otel_wandb._interface.otlp import Encoding

ENCODINGS: Final = {"otlp_proto": Encoding.PROTOBUF, "otlp_json": Encoding.JSON}  # the collector's names
OURS: Final = frozenset(
    {
        *("bootstrap.servers", "group.id", "group.instance.id", "partition.assignment.strategy"),
        *("enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset", "group.protocol"),
        *("isolation.level", "enable.partition.eof"),
    }
)


class OptionsError(ValueError):
    """The consumer cannot start with these options; the message says why."""


@dataclass(frozen=True, slots=True)
class Given:
    """Unchecked options, as given on the command line."""

    brokers: str
    topic: str
    group: str
    directory: str
    encoding: str
    dead_letters: str | None = None
    project: str | None = None
    worker: str | None = None
    config: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """Checked options."""

    brokers: str
    topic: str
    group: str
    directory: str
    encoding: Encoding
    worker: str
    dead_letters: str | None = None
    entity: str | None = None
    project: str | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    """Settings of librdkafka."""

    def of_consumer(self) -> Mapping[str, str | bool]:
        """The settings of the consumer. A worker that restarts gets its partitions back."""
        return {
            **self.of_connection(),
            "group.id": self.group,
            "group.instance.id": self.worker,
            "partition.assignment.strategy": "cooperative-sticky",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
        }

    def of_connection(self) -> Mapping[str, str]:
        """The settings of the connection, for consumers and producers."""
        return {**self.config, "bootstrap.servers": self.brokers}


def checked(given: Given) -> Options:
    """Check the options. Raises OptionsError."""
    entity, project = _project(given.project)
    if given.dead_letters == given.topic:
        raise OptionsError("--dead-letters must be another topic than --topic")
    return Options(
        brokers=given.brokers,
        topic=given.topic,
        group=given.group,
        directory=os.path.abspath(given.directory),
        encoding=ENCODINGS[given.encoding],
        worker=given.worker or socket.gethostname(),
        dead_letters=given.dead_letters,
        entity=entity,
        project=project,
        config={} if given.config is None else _config(Path(given.config)),
    )


def _project(text: str | None) -> tuple[str | None, str | None]:
    if text is None:
        return None, None
    entity, _, project = text.rpartition("/")
    if not project or "/" in entity:
        raise OptionsError(f"{text!r} is neither PROJECT nor ENTITY/PROJECT")
    return entity or None, project


def _config(file: Path) -> Mapping[str, str]:
    """Read lines of `name=value`. Error messages quote no value, because it may be a password."""
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise OptionsError(f"{file} cannot be read: {type(error).__name__}") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not line or line.startswith("#"):
            continue
        if not equals:
            raise OptionsError(f"line {number} of {file} is not name=value")
        if name in OURS:
            raise OptionsError(f"line {number} of {file} sets {name}, which this command sets")
        found[name] = value
    return found
