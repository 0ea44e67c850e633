"""Takes API keys out of texts that were written by others, such as an error's message."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

SCRUBBED: Final = "[scrubbed]"

# What no one means to record: OpenAI's keys, and the values of the headers that carry one.
_KEY_LIKE: Final = re.compile(
    r"sk-[A-Za-z0-9_*-]{6,}|(?i:(?<=bearer )[\w.~+/=*-]{6,})|(?i:(?<=api-key: )\S+)|(?i:(?<='api-key': ')[^']+)"
)
_KEY_HEADERS: Final = frozenset({"authorization", "api-key", "x-api-key", "proxy-authorization"})
_SHORTEST: Final = 4  # a shorter "key" would be cut out of ordinary words


def known_secrets(arguments: Mapping[str, Any], openai: Any, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The keys that a call may have been made with, longest first."""
    headers = arguments.get("headers")
    found = [arguments.get("api_key"), openai.api_key, environ.get("OPENAI_API_KEY")]
    if isinstance(headers, Mapping):
        found += [_credential(str(value)) for name, value in headers.items() if str(name).lower() in _KEY_HEADERS]
    keys = {key for key in found if isinstance(key, str) and len(key) >= _SHORTEST}
    return tuple(sorted(keys, key=len, reverse=True))


def scrub(text: str, secrets: Iterable[str]) -> str:
    """`text` without `secrets` and without anything that looks like a key."""
    for secret in secrets:
        text = text.replace(secret, SCRUBBED)
    return _KEY_LIKE.sub(SCRUBBED, text)


def _credential(header: str) -> str:
    return header.rpartition(" ")[2]
