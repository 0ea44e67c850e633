"""`autolog.traces` and `traces(exporter)` in the kernel of a notebook, and what they show in a browser."""

from pathlib import Path
from typing import Any, Final

from tests.support.notebooks import executed, shown_below
from tests.support.openai_server import OpenAIServer
from tests.view.conftest import Shown

ASK: Final = """
def ask(text):
    openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=[{"role": "user", "content": text}])
"""
AUTOLOG: Final = (
    "import openai\nfrom otel_openai_wandb import autolog" + ASK,
    'autolog({"project": "notebook"})',
    "autolog.traces",
    'ask("Where is the <b>kettle</b>?")',
    "shown = autolog.traces",
    "shown",
    'ask("two")\nautolog.disable()',
    "shown",
)
EXPORTER: Final = (
    """
import openai
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from otel_openai_v0 import OpenAIInstrumentor
from otel_openai_wandb import traces
from otel_wandb import WandbSpanExporter
provider, exporter = TracerProvider(), WandbSpanExporter()
provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=10**8))
OpenAIInstrumentor().instrument(tracer_provider=provider)
"""
    + ASK,
    "traces(exporter)",
    "for number in range(21): ask(str(number))",
    "traces(exporter)",
)
NOTHING: Final = "There is nothing to show: no trace was written yet, or OTEL_WANDB_JOURNAL is false."


def test_it_shows_what_was_written_so_far_and_only_when_asked(tmp_path: Path, server: OpenAIServer) -> None:
    done = executed(tmp_path, server, *AUTOLOG)
    assert done.returncode == 0, done.stderr
    *shown, first, disabled, both = shown_below(tmp_path)
    assert [texts_of(cell) for cell in shown] == [[], [], [NOTHING], [], []]
    assert disabled == []
    (one,), (two,) = texts_of(first), texts_of(both)
    assert [line.split()[0] for line in one.splitlines()[:2]] == ["trace", "chat"]
    assert (one.count("chat gpt-3.5-turbo"), two.count("chat gpt-3.5-turbo")) == (1, 2)
    assert first[0]["text/html"].startswith("<iframe ")


def test_an_exporter_behind_a_batch_processor_is_asked_for_all_it_has(tmp_path: Path, server: OpenAIServer) -> None:
    done = executed(tmp_path, server, *EXPORTER)
    assert done.returncode == 0, done.stderr
    _, before, _, after = shown_below(tmp_path)
    assert before == [{"text/html": f"<p>{NOTHING}</p>", "text/plain": NOTHING}]
    (text,) = texts_of(after)
    *trees, note = text.splitlines()
    assert sum("chat gpt-3.5-turbo" in line for line in trees) == 20
    assert note.startswith("These are the last 20 of 21 traces. To see them, run in a terminal: openai-wandb view ")


def test_without_a_journal_it_says_so(tmp_path: Path, server: OpenAIServer) -> None:
    done = executed(tmp_path, server, *AUTOLOG, OTEL_WANDB_JOURNAL="false")
    assert done.returncode == 0, done.stderr
    assert shown_below(tmp_path)[5] == [{"text/html": f"<p>{NOTHING}</p>", "text/plain": NOTHING}]


def test_the_page_in_the_frame_works(browser: Any, tmp_path: Path, server: OpenAIServer) -> None:
    done = executed(tmp_path, server, *AUTOLOG)
    assert done.returncode == 0, done.stderr
    (output,) = shown_below(tmp_path)[-1]
    outer = tmp_path / "cell.html"
    outer.write_text(
        f'<!doctype html><title>a cell</title><link rel="icon" href="data:,">{output["text/html"]}', "utf-8"
    )
    shown = Shown(browser.new_page(viewport={"width": 1400, "height": 875}))
    shown.tab.goto(outer.as_uri())
    frame = shown.tab.frame_locator("iframe")
    frame.locator(".search input").fill("kettle")
    frame.locator("[data-answered=kettle]").wait_for()
    frame.locator(".list .row").first.click()
    frame.get_by_text("Where is the <b>kettle</b>?").first.wait_for()
    frame.locator(".menu summary").click()
    with shown.tab.expect_download() as waiting:
        frame.get_by_text("Traces, JSON lines").click()
    assert Path(waiting.value.path()).read_text().count("\n") == 1
    assert shown.tab.evaluate("document.querySelector('iframe').contentDocument") is None  # of another origin
    assert shown.problems == []
    assert [url for url in shown.requests if not url.startswith(("file:", "about:", "blob:", "data:"))] == []
    shown.tab.close()


def texts_of(outputs: list[dict[str, str]]) -> list[str]:
    return [output["text/plain"] for output in outputs]
