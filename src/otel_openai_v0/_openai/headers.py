"""Reads the HTTP side of a call: the response's status and headers, and the server that answered."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.util.types import AttributeValue

from otel_openai_v0._base import attributes as names
from otel_openai_v0._content.secrets import scrub_keys
from otel_openai_v0._openai.api_base import requestor_api_base

FIRST_ERROR: Final = 400


def _number(value: str) -> int | None:
    return int(value) if value.isdecimal() else None


_HEADERS: Final[Mapping[str, tuple[str, Callable[[str], AttributeValue | None]]]] = {
    "x-request-id": (names.OPENAI_RESPONSE_REQUEST_ID, scrub_keys),
    "openai-organization": (names.OPENAI_ORGANIZATION, scrub_keys),
    "openai-processing-ms": (names.OPENAI_RESPONSE_PROCESSING_MS, _number),
    **{header: (name, _number) for header, name in names.OPENAI_RATE_LIMITS.items()},
}


def status_of(response: Any) -> int | None:
    """The status of a response of requests or aiohttp; None if it cannot be read."""
    status = getattr(response, "status_code", None) or getattr(response, "status", None)
    return status if isinstance(status, int) else None


def read_transport(requestor: Any, response: Any) -> dict[str, AttributeValue]:
    """The attributes of one answered request.

    `response` is one of requests or aiohttp, whose headers ignore case. The host is not read if the requestor has no
    API base: it then polls a full address (Azure's images in openai 0.28.1).
    """
    found: dict[str, AttributeValue] = {}
    headers = response.headers
    for header, (name, read) in _HEADERS.items():
        text = headers.get(header)
        if text is not None and (value := read(text)) is not None:
            found[name] = value
    status = status_of(response)
    if status is not None:
        found[names.HTTP_RESPONSE_STATUS_CODE] = status
        retry_after = headers.get("retry-after")
        if status >= FIRST_ERROR and retry_after is not None:
            found[names.OPENAI_RESPONSE_RETRY_AFTER] = scrub_keys(retry_after)
    if requestor.api_base:
        found.update(requestor_api_base(requestor).attributes)
    if requestor.api_version:
        found[names.OPENAI_API_VERSION] = str(requestor.api_version)
    return found
