import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import requires
from pathlib import Path

import pytest

from otel_openai_wandb._cli import main
from otel_openai_wandb._gateway.options import Address, Given, OptionsError, checked
from otel_wandb._interface.install import DELIVERING_WANDB
from tests.gateway.test_tokens import line
from tests.support.program import CHECKOUT, environment

LOCAL = Given(directory="gw", http="127.0.0.1:4318", grpc="[::1]:4317", spool_mib=1024, body_mib=16)


def test_this_machine_needs_no_tokens() -> None:
    options = checked(LOCAL, {})
    assert (options.http, options.grpc) == (Address("127.0.0.1", 4318), Address("::1", 4317))
    assert not options.tokens
    assert options.worker
    assert str(options.grpc) == "[::1]:4317"


@pytest.mark.parametrize("address", ["0.0.0.0:4318", "[::]:4318", "10.0.0.1:4318", "gateway:4318", "127.0.0.1.x:1"])
def test_who_can_be_reached_from_elsewhere_asks_for_tokens(tmp_path: Path, address: str) -> None:
    with pytest.raises(OptionsError, match="needs --tokens or --client-ca"):
        checked(replace(LOCAL, http=address), {})
    tokens = tmp_path / "tokens"
    tokens.write_text(line("one"))
    assert checked(replace(LOCAL, http=address, tokens=str(tokens)), {}).tokens
    client_ca = replace(LOCAL, http=address, certificate=str(tokens), private_key=str(tokens), client_ca=str(tokens))
    assert checked(client_ca, {}).tls is not None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (replace(LOCAL, http="none", grpc="none"), "--http and --grpc are both none"),
        (replace(LOCAL, http="4318"), "neither HOST:PORT nor none"),
        (replace(LOCAL, http="127.0.0.1:http"), "neither HOST:PORT nor none"),
        (replace(LOCAL, http="127.0.0.1:70000"), "neither HOST:PORT nor none"),
        (replace(LOCAL, tokens="nowhere"), "nowhere cannot be read"),
        (replace(LOCAL, certificate="a"), "TLS needs --certificate and --private-key"),
        (replace(LOCAL, client_ca="a"), "TLS needs --certificate and --private-key"),
        (replace(LOCAL, certificate="nowhere", private_key="nowhere"), "nowhere cannot be read"),
        (replace(LOCAL, spool_mib=16), "at least twice"),
        (replace(LOCAL, body_mib=0), "at least twice"),
    ],
)
def test_what_cannot_be_is_refused(given: Given, why: str) -> None:
    with pytest.raises(OptionsError, match=why):
        checked(given, {})


def test_the_command_says_why_it_does_not_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gateway", "--directory", str(tmp_path / "gw"), "--http", "0.0.0.0:0"]) == 2
    assert "can be reached from other machines" in capsys.readouterr().err
    assert not (tmp_path / "gw").exists()


def test_a_protobuf_without_its_compiled_part_is_refused(tmp_path: Path) -> None:
    env = environment(tmp_path, {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"})
    done = run(tmp_path, env)
    assert done.returncode == 2
    assert "200 times slower" in done.stderr


def test_a_missing_package_is_named_with_what_to_type(tmp_path: Path) -> None:
    hidden = tmp_path / "sitecustomize.py"
    hidden.write_text(
        "import sys\nfrom importlib.machinery import PathFinder\n"
        "class Without(PathFinder):\n    @classmethod\n    def find_spec(cls, name, path=None, target=None):\n"
        "        return None if name == 'grpc' else PathFinder.find_spec(name, path, target)\n"
        "sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]\n"
    )
    done = run(tmp_path, environment(tmp_path, {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(CHECKOUT)))}))
    assert done.returncode == 2
    assert done.stderr.startswith("The gateway needs grpcio: pip install ")
    assert "[gateway]" in done.stderr


@pytest.mark.parametrize("command", ["gateway", "kafka"])
def test_a_wandb_that_keeps_the_end_of_a_run_in_memory_is_refused(tmp_path: Path, command: str) -> None:
    found_first = tmp_path / "wandb-0.30.0.dist-info"
    found_first.mkdir()
    (found_first / "METADATA").write_text("Metadata-Version: 2.1\nName: wandb\nVersion: 0.30.0\n")
    env = environment(tmp_path, {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(CHECKOUT)))})
    done = run(tmp_path, env, command)
    assert done.returncode == 2
    assert " needs wandb >= 0.31, but wandb 0.30.0 is installed: pip install " in done.stderr
    assert f"[{command}]" in done.stderr


@pytest.mark.parametrize("extra", ["gateway", "kafka"])
def test_the_extras_ask_for_a_wandb_that_is_not_refused(extra: str) -> None:
    of_extra = [text for text in requires("otel-openai-wandb") or () if f"extra == '{extra}'" in text.replace('"', "'")]
    bound = DELIVERING_WANDB.removeprefix("wandb ").replace(" ", "")
    assert any(text.startswith("wandb") and bound in text for text in of_extra)


def run(directory: Path, env: dict[str, str], command: str = "gateway") -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "otel_openai_wandb", command, "--directory", str(directory / "gw")]
    line += ["--brokers", "none"] if command == "kafka" else []
    return subprocess.run(line, env=env, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
