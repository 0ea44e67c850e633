"""The data that the stand-in for W&B has received: runs with history, files and artifacts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.support.run_file import RunFile, Table, read_table, tables_of

HISTORY: Final = "wandb-history.jsonl"
SUMMARY: Final = "wandb-summary.json"
EVENTS: Final = "wandb-events.jsonl"  # the machine's metrics
OUTPUT: Final = "output.log"
MANIFEST: Final = "manifest"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact. `manifest` is as uploaded, `base` is the id of the previous one in its collection."""

    id: str
    run_id: str
    name: str  # of the collection
    type: str
    digest: str
    client_id: str
    base: str | None
    committed: bool
    manifest: Json | None
    files: Mapping[str, bytes]

    @property
    def tables(self) -> dict[str, Table]:
        """The tables among its files."""
        return {
            name: read_table(content, json.loads(content)["log_mode"])
            for name, content in self.files.items()
            if name.endswith(".table.json")
        }


@dataclass(frozen=True, slots=True)
class Run(RunFile):
    """A run as received by the server: the fields of `RunFile`, and others that only a server has.

    exit_code: None until the run is finished. tables: those whose files have arrived.
    """

    entity: str
    job_type: str | None
    tags: tuple[str, ...]
    notes: str | None
    files: Mapping[str, bytes]
    output: tuple[str, ...]
    artifacts: tuple[Artifact, ...]

    @property
    def finished(self) -> bool:
        """Whether the end of the run was received."""
        return self.exit_code is not None


@dataclass(slots=True)
class StoredArtifact:
    """An artifact while it is uploaded."""

    id: str
    asked: Json  # CreateArtifactInput
    base: str | None
    committed: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)  # at most one

    @property
    def key(self) -> tuple[str, str]:
        return self.asked["projectName"], self.asked["artifactCollectionName"]

    def seen(self) -> Artifact:
        asked = self.asked
        manifest = self.manifests.get(MANIFEST)
        return Artifact(
            id=self.id,
            run_id=asked["runName"],
            name=asked["artifactCollectionName"],
            type=asked["artifactTypeName"],
            digest=asked["digest"],
            client_id=asked["clientID"],
            base=self.base,
            committed=self.committed,
            manifest=None if manifest is None else json.loads(manifest),
            files=dict(self.files),
        )


@dataclass(slots=True)
class StoredRun:
    """A run while it is received."""

    asked: Json  # the fields of all UpsertBucket so far
    config: Json = field(default_factory=dict)
    streams: dict[str, dict[int, str]] = field(default_factory=dict)  # file -> line number -> line
    files: dict[str, bytes] = field(default_factory=dict)
    exit_code: int | None = None

    def lines(self, name: str) -> list[str]:
        """The lines of a streamed file. A line that is sent again, because its answer was lost, is there once."""
        return [line for _, line in sorted(self.streams.get(name, {}).items())]

    def stream(self, said: Json) -> None:
        """Add the lines of one request of the file stream."""
        for name, part in (said.get("files") or {}).items():
            self.streams.setdefault(name, {}).update(enumerate(part["content"], part["offset"]))
        if said.get("complete"):
            self.exit_code = said.get("exitcode")

    def seen(self, artifacts: Sequence[StoredArtifact]) -> Run:
        # A run that is uploaded again appends the same rows, and W&B keeps each step once. Ranks that share a run may
        # have the same steps with other times.
        rows = [json.loads(line) for line in self.lines(HISTORY)]
        history = tuple(
            {(row.get("_step", place), row.get("_timestamp")): row for place, row in enumerate(rows)}.values()
        )
        summaries = self.lines(SUMMARY)  # W&B reads the last line only
        return Run(
            history=history,
            summary=json.loads(summaries[-1]) if summaries else {},
            config=dict(self.config),
            run_id=self.asked["name"],
            project=self.asked["project"],
            exit_code=self.exit_code,
            tables=tables_of(history, self.files.get),
            entity=self.asked["entity"],
            group=self.asked.get("groupName"),
            job_type=self.asked.get("jobType"),
            display_name=self.asked["displayName"],
            tags=tuple(self.asked.get("tags") or ()),
            notes=self.asked.get("notes"),
            files=dict(self.files),
            output=tuple(self.lines(OUTPUT)),
            artifacts=tuple(artifact.seen() for artifact in artifacts),
        )


class Store:
    """Everything that was received. The owner holds a lock around each call."""

    def __init__(self, entity: str, url: str) -> None:
        self.entity = entity
        self._url = url
        self.runs: dict[str, StoredRun] = {}
        self.artifacts: dict[str, StoredArtifact] = {}
        self._places: list[tuple[dict[str, bytes], str]] = []  # files and name for each upload URL, by its number

    def upsert(self, asked: Json) -> tuple[StoredRun, bool]:
        """Create a run, or change its fields. Returns the run and whether it is new."""
        name = asked["name"]
        is_new = name not in self.runs
        if is_new:
            defaults = {"entity": self.entity, "project": "uncategorized", "displayName": f"run-{len(self.runs) + 1}"}
            self.runs[name] = StoredRun(defaults)
        run = self.runs[name]
        run.asked.update({key: value for key, value in asked.items() if value is not None})
        if asked.get("config"):
            run.config = {key: entry["value"] for key, entry in json.loads(asked["config"]).items()}
        return run, is_new

    def make_artifact(self, asked: Json) -> StoredArtifact:
        """A new artifact, or the one of the same collection with the same content."""
        key = asked["projectName"], asked["artifactCollectionName"]
        latest = self.latest(*key)
        if latest is not None and latest.asked["digest"] == asked["digest"]:
            return latest
        made = StoredArtifact(f"artifact-{len(self.artifacts)}", asked, None if latest is None else latest.id)
        self.artifacts[made.id] = made
        return made

    def latest(self, project: str, name: str) -> StoredArtifact | None:
        """The last committed artifact of a collection."""
        found = [one for one in self.artifacts.values() if one.key == (project, name) and one.committed]
        return found[-1] if found else None

    def place(self, files: dict[str, bytes], name: str) -> str:
        """A URL to upload and download one file. Like a signed URL, it does not show what it is for."""
        self._places.append((files, name))
        return f"{self._url}/upload/{len(self._places) - 1}"

    def put(self, path: str, content: bytes) -> bool:
        """Store an upload. Returns False for an unknown address."""
        found = self._placed(path)
        if found is None:
            return False
        files, name = found
        files[name] = content
        return True

    def content(self, path: str) -> bytes | None:
        """The content of a file for its download; None for an unknown address."""
        found = self._placed(path)
        return None if found is None else found[0].get(found[1])

    def _placed(self, path: str) -> tuple[dict[str, bytes], str] | None:
        number = path.rpartition("/")[2]
        return self._places[int(number)] if number.isdecimal() and int(number) < len(self._places) else None

    def seen(self) -> Mapping[str, Run]:
        """The present state of the runs, by id."""
        return {
            name: run.seen([one for one in self.artifacts.values() if one.asked["runName"] == name])
            for name, run in self.runs.items()
        }
