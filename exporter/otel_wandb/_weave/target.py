"""Finds the URL to which spans and the key are sent. The key is sent nowhere else. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from otel_wandb._weave.spans import Endpoint

SERVER_VARIABLE: Final = "WF_TRACE_SERVER_URL"
"""Weave's own environment variable for the address of its trace server."""

_PUBLIC: Final = "https://trace.wandb.ai"
# The default servers of wandb 0.31 and of earlier versions.
_PUBLIC_HOSTS: Final = frozenset({"api.wandb.ai", "api.forge.coreweave.com", "wandb.ai"})
_PATHS: Final[Mapping[Endpoint, str]] = {
    Endpoint.CALLS: "/otel/v1/traces",
    Endpoint.AGENTS: "/agents/otel/v1/traces",
}


@dataclass(frozen=True, slots=True)
class Target:
    """The URL of an endpoint, and the W&B key for it."""

    url: str
    key: str = field(repr=False)


def target_of(server: str, key: str, endpoint: Endpoint, named: str | None) -> Target:
    """The target for W&B's `server`. `named` is a trace server that the user chose instead."""
    if named:
        base = named
    elif urlsplit(server).hostname in _PUBLIC_HOSTS:
        base = _PUBLIC
    else:  # a private installation has its trace server at the same address
        base = server.rstrip("/") + "/traces"
    return Target(base.rstrip("/") + _PATHS[endpoint], key)
