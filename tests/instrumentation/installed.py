"""What the installed openai has of what is tested: everything in 0.28.1, less in 0.27."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import reduce
from typing import Any, Final

import openai
from openai.api_resources.experimental import CompletionConfig
from openai.version import VERSION

from otel_openai_v0._openai.operations import METHODS

# What openai 0.27 lacks: what the tests ask of it is left out, and nothing else is.
_ABSENT: Final[Mapping[str, frozenset[str]]] = {
    "0.27": frozenset(
        {
            "FineTuningJob",
            "File.wait_for_processing",
            "api_resources.abstract.paginatable_api_resource.PaginatableAPIResource",
        }
    ),
}
ABSENT: Final = _ABSENT.get(VERSION.rpartition(".")[0], frozenset())


def owner_of(path: str) -> Any:
    """The class at a path below the module openai."""
    return CompletionConfig if path == "CompletionConfig" else reduce(getattr, path.split("."), openai)


def absent(owner: str, name: str) -> str | None:
    """What the installed openai does not have: the owner, or this method of it."""
    try:
        found = owner_of(owner)
    except AttributeError:
        return owner
    return None if hasattr(found, name) else f"{owner}.{name}"


def is_here(owner: str, name: str) -> bool:
    """Whether the installed openai has the method; one that it ought to have is never taken for absent."""
    missing = absent(owner, name)
    assert missing is None or missing in ABSENT, f"openai {VERSION} has no {missing}"
    return missing is None


METHODS_HERE: Final = tuple(method for method in METHODS if is_here(method.owner, method.name))
# `File.adownload` asks for a function that openai 0.28 has no more.
ADOWNLOAD_WORKS: Final = hasattr(openai.api_requestor, "aiohttp_session")
# Openai 0.27 sends a recording on Azure to the address that OpenAI has for recordings, and no version of the API.
AUDIO_KNOWS_DEPLOYMENTS: Final = "deployment_id" in inspect.signature(openai.Audio.transcribe).parameters
# Openai 0.27 leaves the connection of an asynchronous stream that is not read to its end to the garbage collector,
# which warns of it in whichever test is running by then.
RELEASES_CONNECTIONS: Final = hasattr(openai.api_requestor, "AioHTTPSession")
