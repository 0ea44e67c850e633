"""Starts the gateway as a process of its own, with everything below one directory."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.gateway.intakes import written
from tests.support.program import CHECKOUT, environment
from tests.support.waiting import until

# The real command, but for where the spans end up; with the exporter's intakes nothing is changed.
_PROGRAM = """
import sys
from pathlib import Path
from otel_openai_wandb._cli import main
{more}
sys.exit(main(sys.argv[1:]))
"""
_TO_FILES = """
from otel_openai_wandb._gateway import intakes
from tests.gateway.intakes import file_intakes
intakes.make_intakes = lambda options: file_intakes(options.directory / "runs")
"""
_INTAKES = {"files": _TO_FILES, "the exporter's": ""}
_LOCAL = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that listens."""

    process: "subprocess.Popen[str]"
    directory: Path
    http: str
    grpc: str

    @property
    def memory(self) -> float:
        """MiB that it has had at most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024

    @property
    def descriptors(self) -> int:
        return int(psutil.Process(self.process.pid).num_fds())

    def spans(self, tenant: str = "") -> list[dict[str, Any]]:
        return written(self.directory / "runs", tenant)

    def until_written(self, count: int, tenant: str = "") -> list[dict[str, Any]]:
        until(lambda: len(self.spans(tenant)) >= count, 30)
        return self.spans(tenant)

    def post(self, data: bytes, path: str = "/v1/traces", **headers: str) -> requests.Response:
        """A body, as protobuf unless `Content_Type` says otherwise."""
        said = {"Content-Type": "application/x-protobuf", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return requests.post(f"{self.http}{path}", data=data, headers=said, timeout=60)

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.http}{path}", timeout=30)

    def figures(self) -> dict[str, float]:
        """What /metrics says, by name and labels."""
        lines = self.get("/metrics").text.splitlines()
        return {name: float(value) for name, value in (x.rsplit(" ", 1) for x in lines if not x.startswith("#"))}

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def gateway(
    directory: Path,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    more: str = "",
    where: Sequence[str] = _LOCAL,
    intakes: str = "files",
) -> Iterator[Running]:
    """Started, and killed at the end if it still runs; `more` is done by the program first."""
    program = _PROGRAM.replace("{more}", _INTAKES[intakes] + more)
    command = [sys.executable, "-c", program, "gateway", "--directory", str(directory / "gw")]
    log = directory / "gateway.log"
    with (
        log.open("a", encoding="utf-8") as errors,
        subprocess.Popen(
            [*command, *where, *arguments],
            env=environment(directory, env),
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("The gateway listens on "), log.read_text()
            places = dict(word.rstrip(".").split("://") for word in line.split() if "://" in word)
            http, grpc = (places.get(kind) or places.get(f"{kind}s", "") for kind in ("http", "grpc"))
            scheme = "https" if "https" in places else "http"
            yield Running(process, directory / "gw", f"{scheme}://{http}", grpc)
        finally:
            if process.poll() is None:
                process.kill()


def logged(directory: Path) -> str:
    return (directory / "gateway.log").read_text(encoding="utf-8")
