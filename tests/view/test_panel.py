"""The panel of a run with its latest traces: `wandb.Html` under `page`."""

from pathlib import Path
from typing import Any

import pytest

from otel_wandb._page.latest import latest_page
from tests.exporter.programs import program
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished
from tests.view.test_packing import block

MOST = 2_000_000


def panels(done: Finished) -> list[str]:
    """The pages of a run, in the order in which they were logged."""
    values: list[Any] = [row["page"] for row in done.run.history if "page" in row]
    (directory,) = done.directory.glob("wandb/offline-run-*")
    return [(directory / "files" / value["path"]).read_text(encoding="utf-8") for value in values]


@pytest.mark.parametrize("end", ["", "exporter.shutdown()", "raise SystemExit(3)"])
def test_a_run_ends_with_the_page_of_its_traces(tmp_path: Path, server: OpenAIServer, end: str) -> None:
    done = program(tmp_path, server, f"provider, exporter = set_up(SimpleSpanProcessor)\nask('one')\nask('two')\n{end}")
    (html,) = panels(done)
    index = block(html, "index")
    assert index["traces"]["id"] == [row["trace_id"] for row in done.run.history if "trace" in row]
    assert index["runs"][0]["ended"]
    assert index["runs"][0]["counters"]["otel/logged"] == 2
    assert "page" not in index["strings"]


def test_a_given_run_has_it_before_it_is_finished(tmp_path: Path, server: OpenAIServer) -> None:
    body = (
        "import wandb\nrun = wandb.init(project='mine')\nset_up(SimpleSpanProcessor, run=run)\nask('one')\nrun.finish()"
    )
    (html,) = panels(program(tmp_path, server, body))
    assert len(block(html, "index")["traces"]["id"]) == 1


@pytest.mark.parametrize("env", [{"OTEL_WANDB_HTML": "false"}, {"OTEL_WANDB_JOURNAL": "false"}])
def test_it_can_be_turned_off(tmp_path: Path, server: OpenAIServer, env: dict[str, str]) -> None:
    done = program(tmp_path, server, "set_up(SimpleSpanProcessor)\nask('one')", **env)
    assert panels(done) == []
    assert not [row for row in done.run.history if "page" in row]


def test_of_many_traces_it_has_the_latest_and_stays_small(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
import random
chance = random.Random(5)
provider, exporter = set_up(SimpleSpanProcessor)
for number in range(120):
    ask(f"{number} {chance.randbytes(15_000).hex()}")
"""
    done = program(tmp_path, server, body)
    (html,) = panels(done)
    assert len(html) <= MOST
    written = [row["trace_id"] for row in done.run.history if "trace" in row]
    shown = block(html, "index")["traces"]["id"]
    assert 20 < len(shown) < 120
    assert shown == written[-len(shown) :]
    texts = [text for number in range(100) if f'id="texts-{number}"' in html for text in block(html, f"texts-{number}")]
    assert len([text for text in texts if text.get("role") == "user"]) == len(shown)


def test_a_run_without_a_trace_has_none(tmp_path: Path) -> None:
    assert latest_page(str(tmp_path), "run", {}, 0) is None


def test_it_is_drawn_where_w_and_b_shows_html(tmp_path: Path, server: OpenAIServer, browser: Any) -> None:
    """In a frame without an origin, as W&B's are."""
    done = program(tmp_path, server, "set_up(SimpleSpanProcessor)\nask('what is drawn?')")
    (html,) = panels(done)
    tab = browser.new_page()
    problems: list[str] = []
    tab.on("console", lambda message: problems.append(message.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.set_content('<iframe sandbox="allow-scripts" width="900" height="600"></iframe>')
    tab.eval_on_selector("iframe", "(frame, html) => { frame.srcdoc = html }", html)
    frame = tab.frame_locator("iframe")
    frame.get_by_text("what is drawn?").first.wait_for()
    assert problems == []
    tab.close()
