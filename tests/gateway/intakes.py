"""An intake that writes lines to a file: what the gateway hands on can be read back, also after a kill."""

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from otel_openai_wandb._gateway.feeding import MakeIntake
from otel_openai_wandb._gateway.intakes import folder_of
from otel_wandb import SpanRecord
from otel_wandb._interface.intake import EventOfSpan, Position
from otel_wandb._interface.traces import Health

Settled = Callable[[Sequence[Position]], None]


class FileIntake:
    """Each span a line, on the disk before it is settled. A file `hold` beside it makes it refuse."""

    def __init__(self, directory: Path, settled: Settled) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path, self._hold, self._broken = directory / "spans.jsonl", directory / "hold", directory / "broken"
        self._settled = settled
        self._lock = threading.Lock()
        self.health = Health()
        self.waiting = (0, 0)
        self.runs_to_upload = 0

    @property
    def broken(self) -> str | None:
        return "a file says so" if self._broken.exists() else None

    def submit(self, position: Position, spans: Sequence[SpanRecord], events: Sequence[EventOfSpan] = ()) -> bool:
        if self._hold.exists():
            return False
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            for span in spans:
                file.write(json.dumps(_shown(position, span)) + "\n")
            for trace_id, span_id, event in events:
                file.write(json.dumps({"event": event.name, "trace_id": trace_id, "span_id": span_id}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.health.received(len(spans))
        self.health.logged(len(spans))
        self._settled([position])
        return True

    def close(self, timeout: float) -> bool:
        return timeout > 0

    def abandon(self) -> None:
        self._broken.unlink()


def _shown(position: Position, span: SpanRecord) -> Mapping[str, Any]:
    return {
        "number": position.number,
        "name": span.name,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "project": span.resource.get("wandb.project"),
        "entity": span.resource.get("wandb.entity"),
        "attributes": sorted(span.attributes),
    }


def file_intakes(directory: Path) -> MakeIntake:
    """One for each tenant below `directory`."""
    return lambda tenant, settled: FileIntake(directory / folder_of(tenant), settled)


def written(directory: Path, tenant: str = "") -> list[dict[str, Any]]:
    """What the intake of a tenant was given."""
    file = directory / folder_of(tenant) / "spans.jsonl"
    whole = file.read_text().rpartition("\n")[0] if file.exists() else ""
    return [json.loads(line) for line in whole.splitlines()]
