"""Finds the run directories to show, and says what is the matter with them."""

import glob
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_RUNS: Final = ("run-*", "offline-run-*")
NO_JOURNAL: Final = "has no journal: it was turned off (OTEL_WANDB_JOURNAL=false), or an older version wrote the run"
NO_TRACE: Final = "has a journal and no trace in it"
NO_END: Final = "has a journal without an end: the program was killed, or still runs; shown is what was written"


@dataclass(frozen=True, slots=True)
class Directory:
    """A run's directory; `name` is what people know it by."""

    path: str

    @property
    def name(self) -> str:
        return os.path.basename(os.path.abspath(self.path))

    def journals(self) -> list[str]:
        return sorted(glob.glob(os.path.join(glob.escape(self.path), "files", "otel", "traces-*.jsonl.gz")))


def newest_run(environ: Mapping[str, str]) -> Directory | None:
    """The newest run where wandb keeps them: `wandb` or `.wandb` below WANDB_DIR or the working directory."""
    found = list(_runs(environ.get("WANDB_DIR") or "."))
    return Directory(max(found, key=os.path.getmtime)) if found else None


def _runs(root: str) -> Iterator[str]:
    for folder in ("wandb", ".wandb"):
        for pattern in _RUNS:
            yield from filter(os.path.isdir, glob.glob(os.path.join(glob.escape(root), folder, pattern)))
