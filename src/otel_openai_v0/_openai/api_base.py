"""Reads where a call goes: the kind of API, and the server's address and port."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from otel_openai_v0._base import attributes as names
from otel_openai_v0._base.attributes import Attributes
from otel_openai_v0._content.json import text_of

# In lower case, as openai.util.ApiType.from_str of 0.28.1 compares them.
_AZURE: Final = frozenset({"azure", "azure_ad", "azuread"})
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class ApiBase:
    """One API base. `address` and `port` are None if the base cannot be read."""

    provider: str
    address: str | None
    port: int | None
    attributes: Attributes
    """The span's attributes that must be set before sampling."""


def read_api_base(arguments: Mapping[str, Any], openai: Any) -> ApiBase:
    """The API base of a call: from its arguments, else from the settings of the module `openai` at that time."""
    api_type = arguments.get("api_type") or openai.api_type
    api_base = arguments.get("api_base") or openai.api_base
    return _read(text_of(api_type), text_of(api_base))


def requestor_api_base(requestor: Any) -> ApiBase:
    """The API base that an APIRequestor uses. Its API type is a member of an enumeration."""
    return _read(requestor.api_type.name, text_of(requestor.api_base))


@lru_cache(maxsize=64)
def _read(api_type: str, api_base: str) -> ApiBase:
    """Read the provider, host and port. The rest of the address is left out: it may contain a password."""
    provider = "azure.ai.openai" if api_type.lower() in _AZURE else "openai"
    address, port = _address(api_base)
    found = {names.PROVIDER_NAME: provider, names.SERVER_ADDRESS: address, names.SERVER_PORT: port}
    return ApiBase(provider, address, port, {name: value for name, value in found.items() if value is not None})


def _address(api_base: str) -> tuple[str | None, int | None]:
    try:
        parts = urlsplit(api_base)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None, None
    return (parts.hostname, port) if parts.hostname else (None, None)
