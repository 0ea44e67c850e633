"""What the packages show of themselves, and what they say where something is not installed."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from otel_wandb._install import how_to_install
from tests.support.bare_python import python_without
from tests.support.program import CHECKOUT, Finished, run_command, run_program

VERSION = version("otel-openai-wandb")


def said(tmp_path: Path, source: str, *without: str) -> str:
    """The last line that a program without these packages writes as it fails."""
    python = python_without(tmp_path, *without)
    done = run_program(tmp_path, source, command=(str(python),))
    assert done.returncode == 1, done.stdout
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("source", "without", "what"),
    [
        ("from otel_openai_wandb import autolog", ("wandb",), "autolog needs wandb: {all}"),
        ("from otel_openai_wandb import Autolog", ("wandb",), "Autolog needs wandb: {all}"),
        (
            "from otel_openai_wandb import log_feedback",
            ("wandb", "opentelemetry-sdk"),
            "log_feedback needs opentelemetry-sdk and wandb: {all}",
        ),
        (
            "from otel_wandb import WandbSpanExporter",
            ("opentelemetry-sdk",),
            "WandbSpanExporter needs opentelemetry-sdk: {wandb}",
        ),
    ],
)
def test_an_import_says_which_extra_is_missing(
    tmp_path: Path, source: str, without: tuple[str, ...], what: str
) -> None:
    remedy = what.format(all=how_to_install("all"), wandb=how_to_install("wandb"))
    assert said(tmp_path, source, *without) == f"ImportError: {remedy}"


ARGUMENTS = """
import sys
from otel_wandb import WandbSpanExporter
{before}
try:
    WandbSpanExporter({arguments})
except (TypeError, ImportError) as error:
    print(f"{{type(error).__name__}}: {{error}}")
print("wandb" in sys.modules)
"""


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ("project='p', entity='e', keep='all'", ["False"]),
        ("project='p', tags=['a']", ["True"]),
        ("run=wandb.init(mode='offline', settings={'silent': True})", ["True"]),
        ("run=wandb.init(mode='disabled')", ["True"]),
        ("projekt='p'", ["TypeError: wandb.init() got an unexpected keyword argument 'projekt'", "True"]),
        ("run='x'", ["TypeError: run='x' is not a wandb.Run", "True"]),
    ],
)
def test_a_wrong_argument_of_the_exporter_is_told_where_it_is_made(
    tmp_path: Path, arguments: str, lines: list[str]
) -> None:
    before = "import wandb" if "wandb.init" in arguments else ""
    done = run_program(tmp_path, ARGUMENTS.format(before=before, arguments=arguments))
    assert (done.returncode, done.stdout.splitlines()) == (0, lines), done.stderr


def test_an_exporter_without_wandb_is_refused_where_it_is_made(tmp_path: Path) -> None:
    (tmp_path / "wandb").mkdir()
    source = "from otel_wandb import WandbSpanExporter\nWandbSpanExporter(project='p')"
    assert said(tmp_path, source, "wandb") == f"ImportError: WandbSpanExporter needs wandb: {how_to_install('wandb')}"


def test_a_folder_of_runs_is_not_taken_for_wandb(tmp_path: Path) -> None:
    (tmp_path / "wandb").mkdir()
    what = said(tmp_path, "from otel_openai_wandb import autolog", "wandb")
    assert what == f"ImportError: autolog needs wandb: {how_to_install('all')}"


def test_without_extras_the_packages_and_the_command_can_be_imported(tmp_path: Path) -> None:
    python = python_without(tmp_path, "wandb", "opentelemetry-sdk", "rich", "openai", "numpy")
    source = "import otel_wandb, otel_openai_wandb, otel_openai_v0; print(otel_openai_wandb.__version__)"
    assert run_program(tmp_path, source, command=(str(python),)).stdout == f"{VERSION}\n"
    done = run_command([str(python), "-m", "otel_openai_wandb", "demo"], tmp_path)
    needs = "openai and numpy and wandb and rich and opentelemetry-sdk"
    assert (done.returncode, done.stderr) == (2, f"The demo needs {needs}: {how_to_install('all')}\n")


def installed_from(tmp_path: Path, origin: object) -> str:
    """What `how_to_install` says where the distribution on the path was installed from `origin`."""
    info = tmp_path / "site" / f"otel_openai_wandb-{VERSION}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: otel-openai-wandb\nVersion: {VERSION}\n")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))
    source = "from otel_wandb._install import how_to_install; print(how_to_install('all'))"
    return run_program(tmp_path, source, env={"PYTHONPATH": str(tmp_path / "site")}).stdout.rstrip("\n")


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "pip install 'otel-openai-wandb[all]'"),
        ({"url": "file:///a%20b/c", "dir_info": {}}, "pip install '/a b/c[all]'"),
        ({"url": "file:///c", "dir_info": {"editable": True}}, "pip install -e '/c[all]'"),
        ({"url": "file:///c.whl", "archive_info": {}}, "pip install 'otel-openai-wandb[all] @ file:///c.whl'"),
        (
            {"url": "https://host/r", "vcs_info": {"vcs": "git", "commit_id": "0a1"}},
            "pip install 'otel-openai-wandb[all] @ git+https://host/r@0a1'",
        ),
    ],
)
def test_the_remedy_installs_from_where_the_package_came(tmp_path: Path, origin: object, command: str) -> None:
    assert installed_from(tmp_path, origin) == command


def test_what_is_public_and_nothing_else() -> None:
    import otel_openai_v0
    import otel_openai_wandb
    import otel_wandb

    assert dir(otel_openai_wandb) == ["Autolog", "Traces", "__version__", "autolog", "log_feedback", "traces"]
    assert dir(otel_wandb) == ["SpanRecord", "WandbSpanExporter", "WandbSpanProcessor", "__version__"]
    assert isinstance(otel_openai_wandb.autolog, otel_openai_wandb.Autolog)
    assert otel_wandb.SpanRecord.__name__ == "SpanRecord"
    for package in (otel_openai_v0, otel_openai_wandb, otel_wandb):
        assert package.__version__ == VERSION
        assert all(hasattr(package, name) for name in package.__all__)
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            package.nothing  # noqa: B018


def run(*arguments: str) -> Finished:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    return Finished(done.returncode, done.stdout, done.stderr, CHECKOUT)


@pytest.mark.parametrize(
    "command", [(str(Path(sys.executable).with_name("openai-wandb")),), (sys.executable, "-m", "otel_openai_wandb")]
)
def test_the_command_lists_its_commands(command: tuple[str, ...]) -> None:
    done = run(*command)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: openai-wandb ")
    assert "  demo " in done.stdout
    assert "  doctor " in done.stdout
    assert "  view " in done.stdout
    assert "  export " in done.stdout
    assert run(*command, "--version").stdout == f"otel-openai-wandb {VERSION}\n"
