"""What is said about content, in each way in and in every order; a canary is looked for wherever it could be."""

from itertools import product
from pathlib import Path
from typing import Final

import pytest

from tests.support.journals import content_of
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_program

CANARY: Final = b"canary-prompt"

# The program's own telemetry, which shows all that it is given, and a call that is asked and answered with the canary.
HELPERS: Final = """
import openai
from opentelemetry import _logs, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from otel_openai_v0 import OpenAIInstrumentor
from otel_openai_wandb import autolog
from otel_wandb import WandbSpanExporter

def hide(kind, items):
    return None

def said(**what):
    OpenAIInstrumentor().instrument(**what)

def set_up():
    logs = LoggerProvider()
    logs.add_log_record_processor(SimpleLogRecordProcessor(ConsoleLogRecordExporter()))
    _logs.set_logger_provider(logs)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider

def ask():
    openai.ChatCompletion.create(model="m", messages=[{"role": "user", "content": "canary-" + "prompt"}])
    try:
        openai.ChatCompletion.create(model=5, messages="canary-" + "prompt")
    except openai.error.OpenAIError:
        pass
"""
SWITCHED_OFF: Final = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "off"}
# What `instrument()` is told in each case; "argument" is autolog's own, which the exporter has none of.
SAID: Final = {"redact": "redact=hide", "no_content": "capture_content='no_content'"}


def autolog_program(when: str, what: str) -> str:
    entry = f"autolog({{'project': 'p'}}{', redact=hide' if what == 'argument' else ''})"
    said = f"said({SAID.get(what, '')})"
    steps = {"before": (said, entry), "after": (entry, said), "never": (entry,)}[when]
    return "\n".join((HELPERS, "set_up()", *steps, "ask()", "autolog.disable()"))


def exporter_program(when: str, what: str) -> str:
    """The exporter knows nothing of content: the instrumentation does, once or in two steps."""
    entry = "provider.add_span_processor(SimpleSpanProcessor(WandbSpanExporter(project='p')))"
    said = f"said({'capture_content=False' if what == 'argument' else SAID.get(what, '')})"
    steps = {"before": (said, entry), "after": ("said()", entry, said), "never": (entry, said)}[when]
    return "\n".join((HELPERS, "provider = set_up()", *steps, "ask()", "provider.shutdown()"))


def program(
    tmp_path: Path, server: OpenAIServer, source: str, *launcher: str, **env: str
) -> tuple[Finished, dict[str, bool]]:
    """What became of it, and where the canary is."""
    settings = {
        "OPENAI_API_BASE": server.url,
        "OPENAI_API_KEY": "sk-test",
        "WANDB_MODE": "offline",
        "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT": "true",
        "OTEL_LOG_LEVEL": "debug",
    }
    done = run_program(tmp_path, source, env={**settings, **env}, command=(*launcher, "python"))
    assert done.returncode == 0, done.stderr
    kept = [path for folder in ("wandb", "data") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert any(path.suffix == ".wandb" for path in kept), done.stderr
    places = {
        "output": CANARY.decode() in done.stdout,
        "log": CANARY.decode() in done.stderr,
        "run": any(CANARY in content_of(path) for path in kept),
    }
    return done, places


CASES: Final = [
    (when, what)
    for when, what in product(
        ("before", "after", "never"), ("redact", "no_content", "argument", "environment", "nothing")
    )
    if when != "never" or what not in {"redact", "no_content"}  # there is nobody to say it
]


@pytest.mark.parametrize(("when", "what"), CASES, ids="-".join)
@pytest.mark.parametrize("way", ["autolog", "exporter"])
def test_content_is_where_it_may_be(tmp_path: Path, server: OpenAIServer, way: str, when: str, what: str) -> None:
    source = (autolog_program if way == "autolog" else exporter_program)(when, what)
    env = SWITCHED_OFF if what == "environment" else {}
    done, places = program(tmp_path, server, source, **env)
    is_open = what == "nothing"
    assert places == {"output": is_open, "log": False, "run": is_open}, done.stderr
    assert '"name": "chat m"' in done.stdout
    assert done.run.history, "the calls are in the run, whatever is said of them"


ZERO_CODE: Final = {
    "redact": "OpenAIInstrumentor().instrument(redact=hide)",
    "no_content": "OpenAIInstrumentor().instrument(capture_content='no_content')",
    "environment": "",
    "nothing": "",
    "autolog beside redact": "OpenAIInstrumentor().instrument(redact=hide)\nautolog({'project': 'p'})",
    "redact beside autolog": "autolog({'project': 'p'})\nOpenAIInstrumentor().instrument(redact=hide)",
    "argument of autolog": "autolog({'project': 'p'}, capture_content='no_content')",
    "autolog beside nothing": "autolog({'project': 'p'})",
}


@pytest.mark.parametrize("what", ZERO_CODE)
def test_content_is_where_it_may_be_without_code(tmp_path: Path, server: OpenAIServer, what: str) -> None:
    env = {"OTEL_TRACES_EXPORTER": "wandb,console", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "console"}
    if what == "environment":
        env |= SWITCHED_OFF
    source = f"{HELPERS}\n{ZERO_CODE[what]}\nask()\n"
    done, places = program(tmp_path, server, source, "opentelemetry-instrument", **env)
    is_open = what in {"nothing", "autolog beside nothing"}
    assert places == {"output": is_open, "log": False, "run": is_open}, done.stderr
    assert '"name": "chat m"' in done.stdout


@pytest.mark.parametrize("order", [1, -1], ids=["autolog first", "instrument first"])
def test_disable_takes_back_what_autolog_said_and_nothing_else(
    tmp_path: Path, server: OpenAIServer, order: int
) -> None:
    steps = ["autolog({'project': 'p'}, capture_content='no_content')", "said()"][::order]
    end = ["ask()", "autolog.disable()", "print('== after')", "ask()"]
    done, places = program(tmp_path, server, "\n".join((HELPERS, "set_up()", *steps, *end)))
    during, after = done.stdout.split("== after")
    assert (CANARY.decode() in during, CANARY.decode() in after, places["run"]) == (False, True, False)
    assert after.count('"name": "chat') == 2
