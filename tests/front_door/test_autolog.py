"""`autolog` as a program uses it: its call shapes, the run it uses, and how it ends."""

import sys
from pathlib import Path

import pytest

from otel_openai_wandb import Autolog
from tests.support.journals import run_directories
from tests.support.openai_server import OpenAIServer, error
from tests.support.program import Finished, run_command, run_program
from tests.support.run_file import stats_rows, traces

HELPERS = """
import asyncio, os, sys
import openai
import wandb
from otel_openai_wandb import autolog
from tests.support.processes import wandb_children

def ask(text, **more):
    return openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=[{"role": "user", "content": text}], **more)

async def aask(text, **more):
    return await openai.ChatCompletion.acreate(
        model="gpt-3.5-turbo", messages=[{"role": "user", "content": text}], **more
    )
"""


def program(tmp_path: Path, server: OpenAIServer, body: str, **env: str) -> Finished:
    settings = {"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-canary-0123456789", "WANDB_MODE": "offline"}
    return run_program(tmp_path, HELPERS + body, env={**settings, **env})


def requests_of(done: Finished) -> list[list[object]]:
    return [[row["request"] for row in stats_rows(run)] if "stats" in run.tables else [] for run in done.runs]


@pytest.mark.parametrize(
    "call",
    [
        "autolog()",
        'autolog({"project": "p"})',
        'autolog(init={"project": "p"})',
        'autolog(project="p")',
        'autolog({"project": "p"}, keep="llm", notes="n")',
        "autolog.enable()",
    ],
)
def test_every_call_shape_logs(tmp_path: Path, server: OpenAIServer, call: str) -> None:
    done = program(tmp_path, server, f"{call}\nask('hi')\nautolog.disable()")
    assert requests_of(done) == [["**user**: hi"]], done.stderr


def test_disable_finishes_its_run_and_undoes_the_patching(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
before = vars(openai.ChatCompletion)["create"]
autolog({"project": "p"})
assert wandb.run is not None
ask("seen")
autolog.disable()
assert wandb.run is None
assert vars(openai.ChatCompletion)["create"] is before
ask("unseen")
autolog.disable()
"""
    done = program(tmp_path, server, body)
    assert done.returncode == 0, done.stderr
    assert requests_of(done) == [["**user**: seen"]]
    assert done.run.exit_code == 0


def test_an_active_run_is_used_and_left_alone(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
run = wandb.init(project="mine")
autolog()
ask("hi")
autolog.disable()
assert wandb.run is run
assert wandb_children()
run.log({"after": 1})
run.finish()
"""
    done = program(tmp_path, server, body)
    assert done.returncode == 0, done.stderr
    assert requests_of(done) == [["**user**: hi"]]
    assert done.run.history[-1]["after"] == 1


def test_an_active_run_of_the_user_keeps_the_service_of_wandb(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
mine = wandb.init(project="mine", reinit="create_new")
autolog({"project": "ours", "reinit": "create_new"})
ask("hi")
autolog.disable()
mine.log({"after": 1})
mine.finish()
"""
    done = program(tmp_path, server, body)
    assert done.returncode == 0, done.stderr
    assert sorted(run.project for run in done.runs) == ["mine", "ours"]
    assert [run.history[-1]["after"] for run in done.runs if run.project == "mine"] == [1]


STREAM = """
stream = ask("half", stream=True)
next(stream)
"""
GIVEN = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
"""


@pytest.mark.parametrize("provider", ["", GIVEN], ids=["its own provider", "the program's"])
def test_what_is_open_when_it_is_enabled_again_is_in_the_new_run(
    tmp_path: Path, server: OpenAIServer, provider: str
) -> None:
    body = f"""{provider}
autolog({{"project": "p"}})
ask("one")
{STREAM}
autolog({{"project": "q"}})
list(stream)
autolog.disable()
"""
    done = program(tmp_path, server, body)
    assert requests_by_project(done) == {"p": ["**user**: one"], "q": ["**user**: half"]}, done.stderr
    assert "still_open" not in done.stderr


@pytest.mark.parametrize("provider", ["", GIVEN], ids=["its own provider", "the program's"])
def test_what_is_open_when_it_is_disabled_is_counted_and_said(
    tmp_path: Path, server: OpenAIServer, provider: str
) -> None:
    body = f"""{provider}
autolog({{"project": "p"}})
ask("one")
list(ask("whole", stream=True))
{STREAM}
exporter = autolog.exporter
autolog.disable()
list(stream)
print(exporter.counters)
"""
    done = program(tmp_path, server, body)
    counted = {"otel/received": 3, "otel/logged": 2, "otel/dropped_still_open": 1}
    assert done.stdout.splitlines()[0] == str(counted), done.stderr
    assert done.stderr.count("1 spans were not written to W&B (still_open, 1 so far): they had not ended") == 1
    assert {name: done.run.summary.get(name) for name in counted} == counted


@pytest.mark.parametrize("end", ["autolog.disable()", ""], ids=["disabled", "left open"])
def test_the_last_lines_of_an_offline_run_say_how_to_see_it(tmp_path: Path, server: OpenAIServer, end: str) -> None:
    done = program(tmp_path, server, f"autolog(project='p')\nask('hi')\n{end}")
    (run,) = run_directories(tmp_path)
    shown = run.relative_to(tmp_path)
    assert [line.split(":  ")[1].strip() for line in done.stderr.splitlines()[-3:]] == [
        f"wandb sync {shown}",
        f"openai-wandb view {shown}",
        f"openai-wandb show {shown}",
    ]
    again = run_command([str(Path(sys.executable).with_name("openai-wandb")), "show", str(shown)], tmp_path)
    assert (again.returncode, again.stdout.count("chat gpt-3.5-turbo")) == (0, 1)


@pytest.mark.parametrize(
    ("body", "env"),
    [
        ("autolog(project='p')", {}),
        ("autolog(project='p')\nask('hi')", {"OTEL_WANDB_JOURNAL": "false"}),
        ("autolog(project='p')\nask('hi')", {"WANDB_SILENT": "true"}),
        ("autolog(project='p')\nask('hi')", {"WANDB_MODE": "disabled"}),
        ("wandb.init(project='p')\nautolog()\nask('hi')", {}),
    ],
    ids=["no trace", "no journal", "silent", "disabled", "a run of the user's"],
)
def test_where_there_is_nothing_to_see_or_say_no_such_line_is(
    tmp_path: Path, server: OpenAIServer, body: str, env: dict[str, str]
) -> None:
    done = program(tmp_path, server, f"{body}\nautolog.disable()", **env)
    assert (done.returncode, "openai-wandb" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize("end", ["autolog.disable()", "wandb.finish()", ""])
def test_a_call_that_asks_no_model_is_counted_and_not_written(tmp_path: Path, server: OpenAIServer, end: str) -> None:
    done = program(tmp_path, server, f"autolog({{'project': 'p'}})\nopenai.Model.list()\n{end}")
    assert (done.returncode, traces(done.run), done.run.tables) == (0, [], {}), done.stderr
    assert {name: n for name, n in done.run.summary.items() if name.startswith("otel/")} == {
        "otel/received": 1,
        "otel/logged": 0,
        "otel/trimmed": 1,
    }


def test_there_is_one_autolog_for_the_process() -> None:
    with pytest.raises(TypeError, match="there is one Autolog for the process: from otel_openai_wandb import autolog"):
        Autolog()


def test_enabling_twice_is_disable_and_enable(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
autolog({"project": "first"})
ask("one")
autolog({"project": "second"})
ask("two")
autolog.disable()
"""
    done = program(tmp_path, server, body)
    assert {run.project: len(traces(run)) for run in done.runs} == {"first": 1, "second": 1}, done.stderr
    assert sorted(requests_of(done)) == [["**user**: one"], ["**user**: two"]]


@pytest.mark.parametrize(
    "end",
    ["", "sys.exit(3)", "raise RuntimeError('boom')", "wandb.finish()"],
)
def test_nothing_is_lost_without_disable(tmp_path: Path, server: OpenAIServer, end: str) -> None:
    done = program(tmp_path, server, f"autolog({{'project': 'p'}})\nask('hi')\n{end}")
    assert done.returncode == {"sys": 3, "raise RuntimeError('boom')"[:3]: 1}.get(end[:3], 0), done.stderr
    assert requests_of(done) == [["**user**: hi"]], done.stderr


@pytest.mark.parametrize("finish", ["wandb.finish()", "wandb.run.finish()"])
@pytest.mark.parametrize("end", ["autolog.disable()", ""])
def test_after_the_run_is_finished_it_goes_on_in_one_of_its_own(
    tmp_path: Path, server: OpenAIServer, finish: str, end: str
) -> None:
    body = f"autolog({{'project': 'p'}})\nask('one')\n{finish}\nask('two')\nask('three')\n{end}"
    done = program(tmp_path, server, body)
    assert done.returncode == 0, done.stderr
    assert sorted(requests_of(done)) == [["**user**: one"], ["**user**: two", "**user**: three"]], done.stderr
    assert {run.project for run in done.runs} == {"p"}


def test_after_the_run_is_finished_it_goes_on_in_the_next_active_one(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
wandb.init(project="first")
autolog()
ask("one")
wandb.finish()
second = wandb.init(project="second")
ask("two")
autolog.disable()
assert wandb.run is second
second.log({"after": 1})
second.finish()
"""
    done = program(tmp_path, server, body)
    assert done.returncode == 0, done.stderr
    asked = {run.project: requests for run, requests in zip(done.runs, requests_of(done), strict=True)}
    assert asked == {"first": ["**user**: one"], "second": ["**user**: two"]}, done.stderr


def test_a_with_block_of_wandb_ends_with_everything_written(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
with wandb.init(project="mine"):
    autolog()
    ask("hi")
"""
    assert requests_of(program(tmp_path, server, body)) == [["**user**: hi"]]


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("'gpt5'", "TypeError: autolog() takes a dict of arguments for wandb.init(), or nothing, not str"),
        ("{'projct': 'gpt5'}", "TypeError: wandb.init() got an unexpected keyword argument 'projct'"),
        ("projct='gpt5'", "TypeError: wandb.init() got an unexpected keyword argument 'projct'"),
        ("redact='gpt5'", "TypeError: redact='gpt5' is not a function"),
        ("capture_content='gpt5'", "ValueError: capture_content='gpt5' is none of "),
        ("keep='gpt5'", "ValueError: keep='gpt5' is none of "),
        ("prices={'gpt5': 1}", "ValueError: "),
    ],
)
def test_a_wrong_argument_is_a_clear_error_and_nothing_is_done(
    tmp_path: Path, server: OpenAIServer, init: str, message: str
) -> None:
    body = f"""
before = vars(openai.ChatCompletion)["create"]
try:
    autolog({init})
except (TypeError, ValueError) as error:
    print(f"{{type(error).__name__}}: {{error}}")
assert vars(openai.ChatCompletion)["create"] is before
assert wandb.run is None
"""
    done = program(tmp_path, server, body)
    assert done.returncode == 0, done.stderr
    assert message in done.stdout
    assert done.runs == []


def test_a_failing_wandb_init_leaves_nothing_patched(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
before = vars(openai.ChatCompletion)["create"]
try:
    autolog({"project": "p", "dir": "/proc/none"})
except Exception as error:
    print(type(error).__name__)
else:
    autolog.disable()
assert vars(openai.ChatCompletion)["create"] is before
ask("hi")
"""
    done = program(tmp_path, server, body)
    assert done.returncode == 0, done.stderr


def test_without_a_key_and_a_terminal_the_run_is_offline(tmp_path: Path, server: OpenAIServer) -> None:
    settings = {"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-canary-0123456789"}
    done = run_program(tmp_path, HELPERS + "autolog({'project': 'p'})\nask('hi')\nautolog.disable()", env=settings)
    assert done.returncode == 0, done.stderr
    assert requests_of(done) == [["**user**: hi"]]
    assert done.stderr.count("W&B is not used online") == 1


def test_weave_is_not_advertised_for_its_own_run(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
autolog({"project": "p"})
ask("hi")
autolog.disable()
assert "WANDB_DISABLE_WEAVE" not in os.environ
"""
    done = program(tmp_path, server, body)
    assert (done.returncode, "W&B Weave" in done.stdout + done.stderr) == (0, False), done.stderr


def test_a_disabled_wandb_disturbs_nothing(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, "autolog()\nprint(len(ask('hi')))\nautolog.disable()", WANDB_MODE="disabled")
    assert (done.returncode, done.stdout, done.runs) == (0, "6\n", []), done.stderr


def test_the_programs_provider_is_added_to_and_kept(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
for number in range(2):
    autolog({"project": "p"})
    assert trace.get_tracer_provider() is provider
    with trace.get_tracer("app").start_as_current_span(f"chain {number}"):
        ask("hi")
    autolog.disable()
with trace.get_tracer("app").start_as_current_span("after"):
    ask("unseen")
print([span.name for span in exporter.get_finished_spans()])
"""
    done = program(tmp_path, server, body)
    assert done.stdout.splitlines()[-1] == str(
        ["chat gpt-3.5-turbo", "chain 0", "chat gpt-3.5-turbo", "chain 1", "after"]
    ), done.stderr
    roots = [trace.root for run in done.runs for trace in traces(run)]
    assert sorted(root["name"] for root in roots) == ["chain 0", "chain 1"]
    assert [child["name"] for root in roots for child in root["child_spans"]] == ["chat gpt-3.5-turbo"] * 2


def test_without_a_provider_it_brings_its_own_and_sets_none(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
autolog({"project": "p"})
ask("hi")
trace.set_tracer_provider(provider := TracerProvider())
assert trace.get_tracer_provider() is provider
autolog.disable()
"""
    done = program(tmp_path, server, body)
    assert done.returncode == 0, done.stderr
    assert "Overriding" not in done.stderr
    assert requests_of(done) == [["**user**: hi"]]


@pytest.mark.parametrize("version", ["1.12.0", None])
def test_an_unsupported_openai_is_refused_in_one_sentence(tmp_path: Path, version: str | None) -> None:
    source = """
import importlib.metadata
real = importlib.metadata.version
def version(name):
    if name != "openai":
        return real(name)
    if {version!r} is None:
        raise importlib.metadata.PackageNotFoundError(name)
    return {version!r}
import opentelemetry.instrumentation.dependencies as dependencies
dependencies.version = version
from otel_openai_wandb import autolog
import wandb
try:
    autolog({{"project": "p"}})
except ImportError as error:
    print(error)
assert wandb.run is None
"""
    done = run_program(tmp_path, source.format(version=version))
    assert done.returncode == 0, done.stderr
    assert "openai >= 0.27.8, < 1" in done.stdout
    assert (version or "no openai") in done.stdout
    assert done.stdout.count("\n") == 1
    assert done.runs == []


def test_errors_streams_and_async_calls_are_rows(tmp_path: Path, server: OpenAIServer) -> None:
    server.answer_next(error(429, "slow down"), error(401, "no"))
    body = """
autolog({"project": "p"})
for call in (lambda: ask("sync error"), lambda: asyncio.run(asyncio.wait_for(aask("async error"), 20))):
    try:
        call()
    except openai.error.OpenAIError as error:
        print(type(error).__name__)
list(ask("streamed", stream=True))
asyncio.run(aask("three", n=3))
autolog.disable()
"""
    done = program(tmp_path, server, body)
    assert done.stdout.splitlines()[:2] == ["RateLimitError", "AuthenticationError"], done.stderr
    rows = {row["request"]: row for row in stats_rows(done.run)}
    assert {request: row["status"] for request, row in rows.items()} == {
        "**user**: sync error": "ERROR",
        "**user**: async error": "ERROR",
        "**user**: streamed": "SUCCESS",
        "**user**: three": "SUCCESS",
    }
    assert rows["**user**: sync error"]["error"] == "RateLimitError: slow down"
    assert rows["**user**: streamed"]["response"] == "**assistant**: You said: streamed"
    # 8 tokens of a message, and 5 of its answer: counted here, for a stream says nothing.
    assert (rows["**user**: streamed"]["total_tokens"], rows["**user**: streamed"]["estimated"]) == (13, True)
    three = rows["**user**: three"]
    assert str(three["response"]).count("**assistant**") == 3
    assert three["total_tokens"] == sum(server_usage(server))


def server_usage(server: OpenAIServer) -> list[int]:
    """Tokens of the last call: one word asked, and "You said: three" answered with a mark on two of three choices."""
    assert len(server.requests) == 4
    return [1, 3 + 4 + 4]


def test_a_hundred_calls_at_once_are_a_hundred_rows(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
async def all_at_once():
    await asyncio.gather(*(aask(f"question {number}") for number in range(100)))
autolog({"project": "p"})
asyncio.run(all_at_once())
autolog.disable()
"""
    done = program(tmp_path, server, body)
    rows = stats_rows(done.run)
    assert sorted(str(row["request"]) for row in rows) == sorted(f"**user**: question {n}" for n in range(100))
    assert all(
        row["response"] == str(row["request"]).replace("**user**: ", "**assistant**: You said: ") for row in rows
    )
    assert len(traces(done.run)) == 100


# Where another would leave nothing to log.


@pytest.mark.parametrize("sampler", ["always_off", "traceidratio", "parentbased_always_off"])
def test_its_own_provider_records_whatever_the_sampler(tmp_path: Path, server: OpenAIServer, sampler: str) -> None:
    settings = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": "0"}
    done = program(tmp_path, server, "autolog({'project': 'p'})\nask('hi')\nautolog.disable()", **settings)
    assert requests_of(done) == [["**user**: hi"]], done.stderr


def test_its_own_provider_records_below_a_span_that_is_not_sampled(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
autolog({"project": "p"})
with trace.use_span(NonRecordingSpan(SpanContext(1, 2, True, TraceFlags(0)))):
    ask("hi")
autolog.disable()
"""
    assert requests_of(program(tmp_path, server, body)) == [["**user**: hi"]]


def test_a_provider_that_samples_nothing_is_left_alone(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
trace.set_tracer_provider(TracerProvider(sampler=ALWAYS_OFF))
autolog({"project": "p"})
ask("hi")
autolog.disable()
"""
    assert requests_of(program(tmp_path, server, body)) == [["**user**: hi"]]


OTHER = """
import types, wrapt
other = types.ModuleType("opentelemetry.instrumentation.openai.v0")
exec("def traced(wrapped, instance, args, kwargs): return wrapped(*args, **kwargs)", vars(other))
for name in ("create", "acreate"):
    wrapt.wrap_function_wrapper(openai, f"ChatCompletion.{name}", other.traced)
"""


@pytest.mark.parametrize(
    ("before", "env", "why"),
    [
        ("", {"OTEL_SDK_DISABLED": "true"}, "OTEL_SDK_DISABLED is true"),
        (OTHER, {}, "openai is instrumented by opentelemetry.instrumentation.openai.v0 already"),
        (
            OTHER + "OpenAIInstrumentor().instrument()\n",
            {},
            "is instrumented by opentelemetry.instrumentation.openai.v0",
        ),
    ],
    ids=["sdk disabled", "another instrumentation", "another instrumentation, and ours in vain"],
)
def test_where_nothing_can_be_logged_it_says_so_and_makes_no_run(
    tmp_path: Path, server: OpenAIServer, before: str, env: dict[str, str], why: str
) -> None:
    body = f"""
from otel_openai_v0 import OpenAIInstrumentor
{before}
stood = vars(openai.ChatCompletion)["create"]
autolog({{"project": "p"}})
ask("hi")
assert wandb.run is None
assert vars(openai.ChatCompletion)["create"] is stood
autolog.disable()
"""
    done = program(tmp_path, server, body, **env)
    assert (done.returncode, done.runs) == (0, []), done.stderr
    (line,) = (line for line in done.stderr.splitlines() if "autolog()" in line)
    assert why in line
    assert line.endswith("nothing was patched and no run was started")
    assert not (tmp_path / "wandb").exists()


# Beside the program's own instrumentation, in both orders.

WATCHED = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otel_openai_v0 import OpenAIInstrumentor
seen, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(seen))
def count():
    return len(seen.get_finished_spans())
"""


@pytest.mark.parametrize("given", ["", "tracer_provider=provider"], ids=["global", "given"])
@pytest.mark.parametrize("order", [1, -1], ids=["autolog first", "instrument first"])
def test_the_programs_instrumentation_is_there_during_and_after(
    tmp_path: Path, server: OpenAIServer, order: int, given: str
) -> None:
    steps = ["autolog({'project': 'p'})", f"OpenAIInstrumentor().instrument({given})"][::order]
    global_one = "" if given else "trace.set_tracer_provider(provider)"
    body = f"""{WATCHED}
{global_one}
{steps[0]}
{steps[1]}
ask("during")
autolog.disable()
assert OpenAIInstrumentor().is_instrumented_by_opentelemetry
ask("after")
OpenAIInstrumentor().uninstrument()
ask("at last")
print(count())
"""
    done = program(tmp_path, server, body)
    assert done.stdout.splitlines()[-1:] == ["2"], done.stderr
    assert requests_of(done) == [["**user**: during"]]


def test_a_provider_that_is_set_after_instrument_and_autolog_is_used(tmp_path: Path, server: OpenAIServer) -> None:
    body = f"""{WATCHED}
OpenAIInstrumentor().instrument()
autolog({{"project": "p"}})
ask("early")
trace.set_tracer_provider(provider)
ask("late")
autolog.disable()
print(count())
"""
    done = program(tmp_path, server, body)
    assert done.stdout.splitlines()[-1:] == ["1"], done.stderr
    assert requests_of(done) == [["**user**: early", "**user**: late"]]


# Beside other exporters of ours.

EXPORTERS = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from otel_openai_v0 import OpenAIInstrumentor
from otel_wandb import WandbSpanExporter, WandbSpanProcessor
provider = TracerProvider()
trace.set_tracer_provider(provider)
OpenAIInstrumentor().instrument()
"""


def requests_by_project(done: Finished) -> dict[str, list[object]]:
    return {run.project or "": [row["request"] for row in stats_rows(run)] for run in done.runs}


@pytest.mark.parametrize(
    "processor", ["WandbSpanProcessor(project='mine')", "BatchSpanProcessor(WandbSpanExporter(project='mine'))"]
)
@pytest.mark.parametrize("order", [1, -1], ids=["autolog first", "exporter first"])
def test_its_calls_are_in_its_run_only(tmp_path: Path, server: OpenAIServer, processor: str, order: int) -> None:
    steps = ["autolog({'project': 'auto'})", f"provider.add_span_processor({processor})"][::order]
    body = f"""{EXPORTERS}
{steps[0]}
ask("between" if {order} < 0 else "during")
{steps[1]}
ask("during")
autolog.disable()
ask("after")
provider.shutdown()
"""
    done = program(tmp_path, server, body)
    mine = [["**user**: after"], ["**user**: between", "**user**: after"]][order < 0]
    during = ["**user**: during"] * (2 if order > 0 else 1)
    assert requests_by_project(done) == {"auto": during, "mine": mine}, done.stderr


def test_the_exporter_of_another_provider_goes_on(tmp_path: Path, server: OpenAIServer) -> None:
    body = f"""{EXPORTERS}
other, exporter = TracerProvider(), WandbSpanExporter(project="other")
other.add_span_processor(WandbSpanProcessor(exporter=exporter))
def foreign(name):
    attributes = {{"gen_ai.operation.name": "chat", "gen_ai.request.model": "claude"}}
    with other.get_tracer("opentelemetry.instrumentation.anthropic").start_as_current_span(name, attributes=attributes):
        pass
foreign("before")
autolog({{"project": "auto"}})
foreign("during")
ask("hi")
autolog.disable()
foreign("after")
other.shutdown()
assert exporter.counters == {{"otel/received": 3, "otel/logged": 3}}, exporter.counters
"""
    done = program(tmp_path, server, body)
    assert done.returncode == 0, done.stderr
    assert {run.project: [row["name"] for row in stats_rows(run)] for run in done.runs} == {
        "auto": ["chat gpt-3.5-turbo"],
        "other": ["before", "during", "after"],
    }
