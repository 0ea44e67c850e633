"""A collector in another language between a service and the gateway."""

import socket
import subprocess
import sysconfig
from importlib.resources import files
from pathlib import Path

import pytest
import requests

from tests.gateway.otlp import traces
from tests.gateway.serving import gateway
from tests.support.program import environment
from tests.support.waiting import until


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_rotel(tmp_path: Path, protocol: str) -> None:
    ports = [free_port(), free_port()]
    with gateway(tmp_path) as running:
        endpoint = running.http if protocol == "http" else f"http://{running.grpc}"
        command = [
            *(str(files("rotel") / "rotel-agent"), "start"),
            *("--otlp-http-endpoint", f"127.0.0.1:{ports[0]}", "--otlp-grpc-endpoint", f"127.0.0.1:{ports[1]}"),
            *("--exporter", "otlp", "--otlp-exporter-endpoint", endpoint, "--otlp-exporter-protocol", protocol),
        ]
        env = environment(tmp_path, {"LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR"))})  # it links libpython
        with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as collector:
            try:
                until(lambda: is_open(ports[0]), 20)
                headers = {"Content-Type": "application/x-protobuf"}
                sent = requests.post(
                    f"http://127.0.0.1:{ports[0]}/v1/traces", data=traces("a", "b"), headers=headers, timeout=20
                )
                assert sent.status_code == 200
                assert [span["name"] for span in running.until_written(2)] == ["a", "b"]
            finally:
                collector.terminate()
                collector.wait(20)


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
