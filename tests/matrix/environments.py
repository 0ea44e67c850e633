"""The tested environments, in addition to the one with all newest versions. README's table is made from them.

`python -m tests.matrix` prints the table. `python -m tests.matrix run` creates each environment and runs its tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SUITE: Final = ("hypothesis", "numpy", "pytest >= 8.2", "pytest-asyncio", "pytest-timeout", "pytest-xdist")
"""The packages that the instrumentation's tests need in addition to openai and OpenTelemetry's SDK."""
NEIGHBOURS: Final = ("aiohttp-client", "requests")
"""Libraries whose instrumentations are installed for these tests."""
MAIN: Final = ("tests/front_door/test_documented_script.py", "tests/front_door/test_zero_code.py")
"""The main job: with one line, with no line, and with an exporter. The written data is read again."""
NOT_OF_WANDB: Final = (
    *("weave", "directory", "turned_off", "cannot_be_imported", "without_openai", "without_wandb", "is_nowhere"),
    "newer_openai",  # older instrumentations do not report it
    "(comes_back and SimpleSpanProcessor)",
)
"""Tests of these files that are skipped there, because they do not depend on wandb's version."""
BESIDE_WANDB: Final = (
    *MAIN,
    "tests/exporter/test_older_wandb.py",
    f"-k=not ({' or '.join(NOT_OF_WANDB)})",
    "-n=3",  # the tests mostly wait
)
"""The main job for each older wandb: the ways to start, a given run, exits and kills, runs beside the user's."""
FAULTS: Final = ("tests/exporter/test_online.py",)
"""Tests of faults of an online W&B."""
FAST: Final = tuple(
    f"tests/instrumentation/test_{name}.py" for name in ("call", "context", "events", "metrics", "neighbours", "stream")
)
SLOW: Final = ("any_spans", "beside", "endings", "intake", "private_parts", "runs", "shared_history", "weave")
"""Tests of the exporter that take minutes and hardly depend on the version of Python."""
EXPORTER: Final = (
    *MAIN,
    "tests/exporter",
    *(f"--ignore=tests/exporter/test_{name}.py" for name in SLOW),
    "tests/gateway/test_receiving.py",
)


@dataclass(frozen=True, slots=True)
class Environment:
    """The packages that are installed together. An empty version means the newest."""

    name: str
    python: str
    opentelemetry: str = ""
    instrumentation: str = ""
    wrapt: str = ""
    openai: str = "0.28.1"
    wandb: str | None = None
    """The version of wandb. None means without wandb and the exporter."""
    more: Sequence[str] = ()
    tests: Sequence[str] = ("tests/instrumentation",)
    shown: str = "the instrumentation's suite"
    """The tests that run, for README's table."""
    extra: str = ""
    """The extras that are installed, as in `otel-openai-wandb[all,test]`."""
    prereleases: bool = False
    """Whether prereleases of wandb and OpenTelemetry are used. Failures are then reported, but do not fail the job."""

    def pins(self) -> list[str]:
        """The requirements that a service has before this package is installed. Fixed versions must not change."""
        pins = {
            "opentelemetry-api": self.opentelemetry,
            "opentelemetry-sdk": self.opentelemetry,
            "opentelemetry-instrumentation": self.instrumentation,
            **{f"opentelemetry-instrumentation-{name}": self.instrumentation for name in NEIGHBOURS},
            "wrapt": self.wrapt,
            "openai": self.openai,
            **({} if self.wandb is None else {"wandb": self.wandb}),
        }
        return [*(f"{name}=={version}" if version else name for name, version in pins.items()), *self.more]

    def package(self) -> list[str]:
        """The requirements that are installed next, without the pins."""
        return [f".{self.extra}", *SUITE]


def _beside(
    wandb: str,
    python: str,
    opentelemetry: str,
    instrumentation: str,
    more: Sequence[str] = (),
    *,
    with_faults: bool = False,
) -> Environment:
    return Environment(
        f"wandb {wandb}",
        python=python,
        opentelemetry=opentelemetry,
        instrumentation=instrumentation,
        wandb=wandb,
        more=more,
        extra="[all]",
        tests=(*BESIDE_WANDB, *(FAULTS if with_faults else ())),
        shown=f"the three ways in, a given run, exits, kills, beside theirs{', online with faults' * with_faults}",
    )


ENVIRONMENTS: Final = (
    Environment(
        "the oldest",
        python="3.10",
        opentelemetry="1.20.0",
        instrumentation="0.41b0",
        wrapt="1.11.2",
        more=["setuptools < 67"],  # 0.41b0 imports `pkg_resources`; with later versions that logs a warning
    ),
    Environment(
        "2024",
        python="3.11",
        opentelemetry="1.27.0",
        instrumentation="0.48b0",
        wrapt="1.16.0",
        more=["setuptools < 67"],
        tests=FAST,
        shown="the instrumentation's calls, streams, metrics and neighbours",
    ),
    Environment(
        "2025",
        python="3.12",
        opentelemetry="1.35.0",
        instrumentation="0.56b0",
        wrapt="1.17.2",
        openai="0.27.8",
        tests=FAST,
        shown="the instrumentation's calls, streams, metrics and neighbours",
    ),
    Environment(
        "the newest", python="3.13", tests=FAST, shown="the instrumentation's calls, streams, metrics and neighbours"
    ),
    _beside("0.20.1", "3.10", "1.27.0", "0.48b0", more=["setuptools < 67"], with_faults=True),
    _beside("0.22.3", "3.11", "1.30.0", "0.51b0", more=["pydantic==2.10.6"]),
    _beside("0.25.1", "3.11", "1.35.0", "0.56b0"),
    _beside("0.27.2", "3.13", "1.42.0", "0.63b0", with_faults=True),
    _beside("0.30.0", "3.11", "1.43.0", "0.64b0"),
    Environment(
        "wandb 0.31.0",
        python="3.10",
        opentelemetry="1.45.0",
        instrumentation="0.66b0",
        wrapt="1.17.0",
        wandb="0.31.0",
        extra="[all,test]",
        tests=EXPORTER,
        shown="the exporter, the three ways in, what a gateway receives",
    ),
    Environment(
        "pre-releases",
        python="3.11",
        wandb="",
        extra="[all,test]",
        tests=(*MAIN, "tests/instrumentation/test_call.py", "tests/instrumentation/test_stream.py"),
        shown="the three ways in, calls, streams; reported only",
        prereleases=True,
    ),
)


def table() -> str:
    """README's table of environments."""
    columns = ("OpenTelemetry", "instrumentation", "wrapt", "openai", "wandb", "Python", "what is run")
    return "\n".join([f"| {' | '.join(columns)} |", "|" + "---|" * len(columns), *map(_row, ENVIRONMENTS)])


def _row(environment: Environment) -> str:
    newest = "pre-release" if environment.prereleases else "newest"
    versions = (
        environment.opentelemetry or newest,
        environment.instrumentation or newest,
        environment.wrapt or "newest",
        environment.openai,
        "none" if environment.wandb is None else environment.wandb or newest,
        environment.python,
        environment.shown,
    )
    return f"| {' | '.join(versions)} |"
