"""How `opentelemetry-instrument` sets up the SDK: with no more said than README says, and beside others."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.openai_server import OpenAIServer
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.program import Finished, run_program
from tests.support.run_file import stats_rows

ASK = """
import openai
openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=[{"role": "user", "content": "hi"}])
"""


def launched(tmp_path: Path, server: OpenAIServer, source: str, env: Mapping[str, str]) -> Finished:
    settings = {"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-canary-0123456789", "WANDB_MODE": "offline"}
    return run_program(tmp_path, source, env={**settings, **env}, command=("opentelemetry-instrument", "python"))


def test_naming_wandb_is_enough(tmp_path: Path, server: OpenAIServer) -> None:
    done = launched(tmp_path, server, ASK, {"OTEL_TRACES_EXPORTER": "wandb"})
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["request"] for row in stats_rows(done.run)] == ["**user**: hi"]


def test_wandb_and_a_collector_are_both_fed(tmp_path: Path, server: OpenAIServer) -> None:
    with OtlpReceiver() as collector:
        env = {"OTEL_TRACES_EXPORTER": "wandb,otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        done = launched(tmp_path, server, ASK, env)
    assert (done.returncode, done.stderr) == (0, "")
    assert "chat gpt-3.5-turbo" in collector.names
    assert [row["request"] for row in stats_rows(done.run)] == ["**user**: hi"]


def test_metrics_go_where_the_environment_says(tmp_path: Path, server: OpenAIServer) -> None:
    done = launched(tmp_path, server, ASK, {"OTEL_TRACES_EXPORTER": "wandb", "OTEL_METRICS_EXPORTER": "console"})
    assert '"name": "gen_ai.client.operation.duration"' in done.stdout, done.stderr
    assert len(stats_rows(done.run)) == 1


def test_what_the_environment_says_is_not_changed(tmp_path: Path, server: OpenAIServer) -> None:
    source = "import os\nprint(sorted(item for item in os.environ.items() if item[0].startswith('OTEL_')))"
    env = {"OTEL_TRACES_EXPORTER": "console", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    done = launched(tmp_path, server, source, env)
    assert done.stdout == f"{sorted(env.items())}\n", done.stderr


def test_without_an_exporter_the_provider_is_the_programs(tmp_path: Path, server: OpenAIServer) -> None:
    source = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from otel_wandb import WandbSpanExporter
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(WandbSpanExporter(project="mine")))
trace.set_tracer_provider(provider)
"""
    done = launched(tmp_path, server, source + ASK, {})
    assert "Overriding" not in done.stderr
    assert (done.run.project, len(stats_rows(done.run))) == ("mine", 1)


def test_the_old_import_needs_nothing_said(tmp_path: Path, server: OpenAIServer) -> None:
    source = "from wandb.integration.openai import autolog\nautolog({'project': 'gpt5'})\n"
    done = launched(tmp_path, server, source + ASK, {})
    assert (done.returncode, done.run.project, len(stats_rows(done.run))) == (0, "gpt5", 1), done.stderr


ANOTHER = """
from opentelemetry.instrumentation.distro import BaseDistro
class Distro(BaseDistro):
    def _configure(self, **kwargs):
        print("another")
"""


@pytest.mark.parametrize("place", ["insert(0, ", "append("])
def test_another_distribution_wins_wherever_it_is_found(tmp_path: Path, place: str) -> None:
    info = tmp_path / "another" / "another-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[opentelemetry_distro]\nanother = another_distro:Distro\n")
    (tmp_path / "another" / "another_distro.py").write_text(ANOTHER)
    source = f"""
import sys
sys.path.{place}{str(info.parent)!r})
from opentelemetry.instrumentation.auto_instrumentation import _load
_load._load_distro().configure()
"""
    done = run_program(tmp_path, source, env={"OTEL_TRACES_EXPORTER": "console"})
    assert (done.stdout, done.stderr) == ("another\n", "")


def test_it_can_be_chosen_by_name(tmp_path: Path) -> None:
    source = """
from opentelemetry.instrumentation.auto_instrumentation import _load
print(type(_load._load_distro()).__name__)
"""
    done = run_program(tmp_path, source, env={"OTEL_PYTHON_DISTRO": "openai_wandb"})
    assert (done.stdout, done.stderr) == ("WandbDistro\n", "")


def test_without_the_sdk_it_steps_aside(tmp_path: Path) -> None:
    """As where only the instrumentation is installed, in a service that has what it needs."""
    source = """
import sys
sys.modules["opentelemetry.sdk"] = None
from otel_openai_wandb._distro import distro
print(distro())
"""
    done = run_program(tmp_path, source, env={"OTEL_TRACES_EXPORTER": "otlp"})
    assert (done.stdout, done.stderr) == ("None\n", "")
