"""README's table of versions and the bounds in pyproject.toml match the environments."""

import ast
import re
import subprocess
import sys
from importlib.metadata import requires

import pytest

from otel_openai_wandb._doctor.tested import TESTED
from tests.matrix.environments import ENVIRONMENTS, table
from tests.support.program import CHECKOUT


def lower_bounds() -> dict[str, str]:
    """The lower bounds of packages that are installed without an extra, and with the extra `wandb`."""
    found = {}
    for line in requires("otel-openai-wandb") or ():
        needed, _, marker = line.partition(";")
        if not marker or re.search(r"extra == .(wandb|instruments).", marker):
            name = re.match(r"[\w-]+", needed)
            bound = re.search(r">=([\w.]+)", needed)
            if name and bound:
                found[name[0]] = bound[1]
    return found


def test_the_readme_shows_the_table() -> None:
    assert table() in (CHECKOUT / "README.md").read_text(), table()


def test_what_is_declared_is_what_was_tested() -> None:
    oldest, beside_wandb = ENVIRONMENTS[0], next(each for each in ENVIRONMENTS if each.wandb)
    tested = {
        "opentelemetry-api": oldest.opentelemetry,
        "opentelemetry-instrumentation": oldest.instrumentation,
        "wrapt": oldest.wrapt,
        "opentelemetry-sdk": beside_wandb.opentelemetry,
        "wandb": beside_wandb.wandb or "",
    }
    bounds = lower_bounds()
    for name, version in tested.items():
        assert version.startswith(bounds[name]), name


def test_the_doctor_knows_the_oldest_that_was_tested() -> None:
    bounds = {needed.split(" ")[0]: needed.split(" ")[2].rstrip(",") for needed in TESTED}
    assert {name: bounds[name] for name in lower_bounds() if name in bounds} == {
        name: bound for name, bound in lower_bounds().items() if name in bounds
    }


@pytest.mark.parametrize("package", ["src", "exporter"])
def test_no_version_is_asked_for(package: str) -> None:
    """No code checks the version of OpenTelemetry or wandb. Each difference is detected, in one module."""
    for path in sorted((CHECKOUT / package).rglob("*.py")):
        compared = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Compare)]
        texts = [ast.unparse(node) for node in compared if not isinstance(node.ops[0], (ast.Is, ast.IsNot))]
        asking = [text for text in texts if "version" in text and "sys.version_info" not in text]
        assert asking == [], path.name


def test_the_command_prints_the_table() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "tests.matrix"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert printed.stdout == table() + "\n"
