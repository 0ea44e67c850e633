"""What the READMEs show runs, and their tables say what the code says."""

import re
import shutil
from pathlib import Path

import pytest

from otel_openai_v0._base import attributes
from otel_openai_v0._telemetry import settings as _settings
from otel_wandb import _settings as exporter_settings
from tests.support.openai_server import OpenAIServer
from tests.support.program import CHECKOUT, run_command, run_program
from tests.support.run_file import stats_rows

FRONT, INSTRUMENTATION, EXPORTER = (CHECKOUT / path for path in ("README.md", "src/README.md", "exporter/README.md"))
EXAMPLES = (CHECKOUT / "examples/README.md", *sorted((CHECKOUT / "examples").glob("*/README.md")))
DOCUMENTS = (FRONT, INSTRUMENTATION, EXPORTER, *EXAMPLES)
PROGRAMS = [
    (path.relative_to(CHECKOUT), program)
    for path in DOCUMENTS
    for program in re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)
]
COMMANDS = re.findall(r"```console\n(.*?)```", FRONT.read_text(), re.DOTALL)
_LONGEST_FRONT = 200  # lines
_NOT_ON_SPANS = {"EXCEPTION_EVENT", "EXCEPTION_TYPE", "EXCEPTION_MESSAGE", "EXCEPTION_STACKTRACE", "OPENAI_RETRY_EVENT"}


def test_every_attribute_is_in_the_reference() -> None:
    names = {
        value
        for name, value in vars(attributes).items()
        if name.isupper() and isinstance(value, str) and name not in _NOT_ON_SPANS
    }
    names |= set(attributes.OPENAI_RATE_LIMITS.values())
    assert len(names) > 50
    shown = INSTRUMENTATION.read_text()
    assert sorted(name for name in names if f"`{name}`" not in shown) == []


@pytest.mark.parametrize(("document", "module"), [(INSTRUMENTATION, _settings), (EXPORTER, exporter_settings)])
def test_every_setting_is_in_the_table(document: Path, module: object) -> None:
    names = {value for name, value in vars(module).items() if name.endswith("_VARIABLE")}
    assert names
    shown = document.read_text()
    assert sorted(name for name in names if f"| `{name}` |" not in shown) == []


def test_the_table_of_modes_is_that_of_the_code() -> None:
    table = INSTRUMENTATION.read_text().partition("| on spans | in events |")[2].partition("anything else")[0]
    rows = re.findall(r"^\| (.*) \| (yes|no) \| (yes|no) \|$", table, re.MULTILINE)
    told = {word: (span, event) for words, span, event in rows for word in re.findall(r"`([^`]+)`", words)}
    yes_no = ("no", "yes")
    assert told == {word: (yes_no[mode.on_span], yes_no[mode.on_event]) for word, mode in _settings._SPELLINGS.items()}
    assert rows[0][0].startswith("unset, ")
    assert told[_settings.DEFAULT_CAPTURE.value] == rows[0][1:]


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)", document.read_text()):
        path, _, heading = link.partition("#")
        if "://" not in link:
            target = document.parent / path if path else document
            assert target.exists(), link
            assert not heading or heading in headings(target), link


def headings(document: Path) -> set[str]:
    """As the addresses of headings have them."""
    titles = re.findall(r"^#+ (.*)", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_front_page_is_short() -> None:
    assert len(FRONT.read_text().splitlines()) < _LONGEST_FRONT


@pytest.mark.parametrize("number", range(len(PROGRAMS)), ids=lambda number: f"{PROGRAMS[number][0]} {number}")
def test_every_program_runs(tmp_path: Path, server: OpenAIServer, number: int) -> None:
    source = f"import openai\n{PROGRAMS[number][1]}"
    env = {"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "none", "WANDB_MODE": "offline"}
    done = run_program(tmp_path, source, env=env)
    assert done.returncode == 0, done.stderr
    if "autolog(" in source:
        assert len(stats_rows(done.run)) == 1


def test_the_command_without_a_line_runs(tmp_path: Path, server: OpenAIServer) -> None:
    """The other two, which install, are what `.ci/run` calls in a fresh environment."""
    (command,) = (command for command in COMMANDS if "pip install" not in command)
    shutil.copy(CHECKOUT / "examples/zero_code/app.py", tmp_path)
    done = run_command(command, tmp_path, env={"WANDB_MODE": "offline", "OPENAI_API_BASE": server.url})
    assert done.returncode == 0, done.stderr
    assert (done.run.project, len(stats_rows(done.run))) == ("shop", 2)
