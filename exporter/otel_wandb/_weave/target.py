"""Where Weave takes spans. The key goes there and nowhere else. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from otel_wandb._weave.spans import Endpoint

SERVER_VARIABLE: Final = "WF_TRACE_SERVER_URL"
"""Weave's own variable: the trace server of an installation."""

_PUBLIC: Final = "https://trace.wandb.ai"
# The default of wandb 0.31, and those before.
_PUBLIC_HOSTS: Final = frozenset({"api.wandb.ai", "api.forge.coreweave.com", "wandb.ai"})
_PATHS: Final[Mapping[Endpoint, str]] = {
    Endpoint.CALLS: "/otel/v1/traces",
    Endpoint.AGENTS: "/agents/otel/v1/traces",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, and the key for it."""

    url: str
    key: str = field(repr=False)


def target_of(server: str, key: str, endpoint: Endpoint, named: str | None) -> Target:
    """The target beside W&B's `server`; `named` is a trace server that the user named."""
    if named:
        base = named
    elif urlsplit(server).hostname in _PUBLIC_HOSTS:
        base = _PUBLIC
    else:  # an installation of W&B's: its trace server is behind the same address
        base = server.rstrip("/") + "/traces"
    return Target(base.rstrip("/") + _PATHS[endpoint], key)
