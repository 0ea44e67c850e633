"""The configurations in `examples/gateway` can be read, and start a gateway as they say."""

import re
import shlex
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from otel_openai_wandb import _cli
from otel_openai_wandb._gateway import command
from otel_openai_wandb._gateway.options import Given, Options, checked
from otel_openai_wandb._gateway.receiving.accepting import Limits
from otel_openai_wandb._gateway.tokens import read_tokens
from tests.support.program import CHECKOUT

EXAMPLES = CHECKOUT / "examples/gateway"
TOKENS = EXAMPLES / "tokens"
KEYS = {"ACME_WANDB_API_KEY": "key"}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Given]:
    """What the command was given, in place of a gateway."""
    given: list[Given] = []

    def run(one: Given) -> int:
        given.append(one)
        return 0

    monkeypatch.setattr(command, "run", run)
    return given


def options_of(line: list[str], started: list[Given]) -> Options:
    assert line[0].endswith("openai-wandb")
    here = [word.replace("/etc/openai-wandb/tokens", str(TOKENS)) for word in line[1:]]
    assert _cli.main(here) == 0
    return checked(started[-1], KEYS)


def manifests() -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text())


@pytest.mark.parametrize("name", ["collector.yaml", "collector-balanced.yaml"])
def test_every_part_of_a_pipeline_is_configured_and_keeps_what_is_not_taken(name: str) -> None:
    said = yaml.safe_load((EXAMPLES / name).read_text())
    service = said["service"]
    assert set(service["extensions"]) == set(said["extensions"])
    assert said["extensions"]["file_storage"]["fsync"] is True
    for pipeline in service["pipelines"].values():
        for kind, names in pipeline.items():
            assert set(names) <= set(said[kind])
    for exporter in said["exporters"].values():
        assert exporter["retry_on_failure"]["max_elapsed_time"] == 0
        assert exporter["sending_queue"]["storage"] == "file_storage"
        assert exporter["sending_queue"]["block_on_overflow"] is True


@pytest.mark.parametrize("name", ["collector.yaml", "collector-balanced.yaml"])
def test_a_collector_takes_nothing_that_is_too_large_for_the_gateway(name: str) -> None:
    """It would drop it when the gateway refuses it, which its sender does not hear."""
    protocols = yaml.safe_load((EXAMPLES / name).read_text())["receivers"]["otlp"]["protocols"]
    assert protocols["http"]["max_request_body_size"] == Limits().body_bytes
    assert protocols["grpc"]["max_recv_msg_size_mib"] * 2**20 == Limits().body_bytes


def test_the_tokens(started: list[Given]) -> None:
    tenant = read_tokens(TOKENS, KEYS).tenant_of("Bearer example")
    assert tenant is not None
    assert (tenant.name, tenant.key) == ("acme/shop", "key")
    assert not started


def test_the_systemd_unit(started: list[Given]) -> None:
    unit = RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]  # as the documentation of configparser says
    unit.read(EXAMPLES / "openai-wandb-gateway.service")
    service = unit["Service"]
    options = options_of(shlex.split(service["ExecStart"]), started)
    assert options.directory == Path("/var/lib") / service["StateDirectory"]
    assert bool(options.tokens)
    timeout = re.search(r"OTEL_WANDB_EXIT_TIMEOUT=(\d+)", service["Environment"])
    assert timeout is not None
    assert int(timeout[1]) < int(service["TimeoutStopSec"])


def test_the_kubernetes_manifests(started: list[Given]) -> None:
    service, gateways = manifests()
    assert (service["kind"], gateways["kind"]) == ("Service", "StatefulSet")
    pod = gateways["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    options = options_of([*container["command"], *container["args"]], started)
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    (claim,) = gateways["spec"]["volumeClaimTemplates"]
    assert mounts[str(options.directory)] == claim["metadata"]["name"]
    assert {options.http and options.http.port, options.grpc and options.grpc.port} == {
        port["containerPort"] for port in container["ports"]
    }
    environment = {one["name"]: one.get("value") for one in container["env"]}
    assert int(environment["OTEL_WANDB_EXIT_TIMEOUT"]) < pod["terminationGracePeriodSeconds"]
    assert set(KEYS) <= environment.keys()
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_the_collector_names_the_gateways_that_there_are() -> None:
    _, gateways = manifests()
    balanced = yaml.safe_load((EXAMPLES / "collector-balanced.yaml").read_text())
    names = balanced["exporters"]["load_balancing"]["resolver"]["static"]["hostnames"]
    name, service = gateways["metadata"]["name"], gateways["spec"]["serviceName"]
    assert names == [f"{name}-{number}.{service}:4317" for number in range(gateways["spec"]["replicas"])]
