"""`openai-wandb doctor --account`: makes two tiny runs with every kind of record, and lists what W&B should show.

Tests cannot see W&B's pages, so a person with an account has to look at them.
"""

import contextlib
import sys
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import format_trace_id

from otel_openai_v0 import OpenAIInstrumentor
from otel_openai_v0._interface import Choices, Guest
from otel_wandb import WandbSpanExporter
from otel_wandb._interface.exporter import Weave
from otel_wandb._interface.install import how_to_install, missing_of
from otel_wandb._interface.runs import lacks_key, mode_of

if TYPE_CHECKING:
    import wandb

_FAILED: Final = 1
_IMPOSSIBLE: Final = 2
_NAMES: Final[dict[Weave, str]] = {True: "openai-wandb account: calls", "agents": "openai-wandb account: agents"}
_SEE: Final = """
Look for these, in the first run:
  1. Workspace, panel `trace`: a table of 2 traces; a click opens the timeline, with 4 spans in the first.
  2. Workspace, panels `stats` and `traces`: tables of 4 and 2 rows, `feedback`: 1 row.
  3. Charts `usage/...`: two points each, over time.
  4. Panel `page`: an HTML page with one sentence.
  5. Files, folder `otel`: traces-0001.jsonl.gz.
  6. In `stats`, the column `weave_url`: it opens the call in Weave, with its messages as a chat.
  7. In Weave, the same call names the run. Threads has one thread, `tour`, with one turn.
For the second run, look in Weave's Agents: one agent, `openai-wandb`, with one conversation.
"""


def run(project: str) -> int:
    """Make the runs, and print what to look for.

    Returns exit code 0, 1 if something was lost, or 2 if a package or the account is missing.
    """
    missing = missing_of(("opentelemetry-proto",))
    if missing:
        return _refused(f"This needs {' and '.join(missing)}: {how_to_install('weave')}")
    if mode_of({}) != "online" or lacks_key({}):
        return _refused("This needs a W&B account: log in with `wandb login`, and unset WANDB_MODE.")
    made = [_made(project, weave) for weave in _NAMES]
    for one, lost in made:
        sys.stdout.write(f"{one.url}\n")
        for name, count in lost.items():
            sys.stdout.write(f"  lost: {name.removeprefix('otel/')} {count}\n")
    sys.stdout.write(_SEE)
    paths = " ".join(one.path for one, _ in made)
    sys.stdout.write(f"\nTo delete the runs (Weave keeps its calls): openai-wandb doctor --account --delete {paths}\n")
    return _FAILED if any(lost for _, lost in made) else 0


def delete(paths: list[str]) -> int:
    """Delete runs by their paths `entity/project/run`, with their artifacts. Returns exit code 0, or 1 for an error."""
    import wandb

    for path in paths:
        try:
            wandb.Api().run(path).delete(delete_artifacts=True)
        except Exception as error:  # noqa: BLE001  # wandb's, about the key, the path or the network
            sys.stderr.write(f"{path} could not be deleted: {error}\n")
            return _FAILED
        sys.stdout.write(f"{path} was deleted.\n")
    return 0


def _made(project: str, weave: Weave) -> "tuple[wandb.Run, dict[str, int]]":
    """Make a run with every kind of record. Returns it with the counters of lost spans."""
    import wandb

    settings = wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True, x_disable_stats=True)
    made = wandb.init(project=project, name=_NAMES[weave], job_type="account", settings=settings)
    exporter = WandbSpanExporter(run=made, weave=weave, keep="all")
    provider = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    OpenAIInstrumentor().have_guest(Guest(Choices(), lambda _: provider))
    try:
        trace_id = _calls(provider)
    finally:
        OpenAIInstrumentor().part_from_guest()
    exporter.log_feedback(trace_id, "thumbs", 1)
    exporter.shutdown()
    made.log({"page": wandb.Html("<p>This page was written by <code>openai-wandb doctor --account</code>.</p>")})
    made.finish()
    return made, {name: count for name, count in exporter.counters.items() if "dropped" in name}


def _calls(provider: TracerProvider) -> str:
    """Make two traces: an agent with two calls and a tool, and a stream with a failed call. Returns the first id."""
    import openai

    from otel_openai_v0 import call_context
    from otel_openai_wandb._demo.server import stand_in

    tracer = provider.get_tracer("openai-wandb")

    def ask(text: str, **more: Any) -> Any:
        messages = [{"role": "user", "content": text}]
        return openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=messages, **more)

    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "openai-wandb"}
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look up"}
    with stand_in(), call_context(session="tour", user="somebody"):
        with tracer.start_as_current_span("invoke_agent openai-wandb", attributes=agent) as root:
            ask("Who won the world series in 2020?")
            with tracer.start_as_current_span("execute_tool look up", attributes=tool) as step:
                step.set_attribute("gen_ai.tool.call.arguments", '{"year": 2020}')
                step.set_attribute("gen_ai.tool.call.result", "Arlington, Texas")
            ask("Where was it played?")
        with tracer.start_as_current_span("GET /stream"):
            for _ in ask("Tell me more.", stream=True):
                pass
            _fail(ask)
    return format_trace_id(root.get_span_context().trace_id)


def _fail(ask: Any) -> None:
    import openai

    with contextlib.suppress(openai.OpenAIError):
        ask("This one fails.", api_base=f"{openai.api_base}/nowhere")


def _refused(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return _IMPOSSIBLE
