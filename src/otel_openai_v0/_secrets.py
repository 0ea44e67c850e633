"""Takes API keys out of texts that were written by others, such as an error's message."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

SCRUBBED: Final = "[scrubbed]"

# OpenAI's keys. Behind an escape - of JSON, of a repr, of an address - stands a letter of it: `\nsk-...`, `%3Dsk-...`.
_OPENAI_KEY: Final = (
    r"(?:(?<![\w-])|(?<=\\[abfnrtv])|(?<=\\u[0-9a-f]{4})|(?<=\\x[0-9a-f]{2})|(?<=%[0-9A-Fa-f]{2}))"
    r"sk-[A-Za-z0-9_*-]{6,}"
)
# What no one means to record: keys, and the values of the headers that carry one.
_KEY_LIKE: Final = re.compile(
    _OPENAI_KEY + r"|(?i:(?<=bearer )[\w.~+/=*-]{6,})|(?i:(?<=api-key: )\S+)|(?i:(?<='api-key': ')[^']+)"
)
_KEY_IN_TEXT: Final = re.compile(_OPENAI_KEY + r"|(?<=[Bb]earer )(?=\S*\d)[\w.~+/=*-]{16,}")
# The user information of an address, as in an `api_base` that openai quotes.
_USER_INFORMATION: Final = re.compile(r"(?<=://)[^/\s]+@")
_KEY_HEADERS: Final = frozenset({"authorization", "api-key", "x-api-key", "proxy-authorization"})
_SHORTEST: Final = 4  # a shorter "key" would be cut out of ordinary words


class Credentials(NamedTuple):
    """Where the key of a call may be: its arguments, and the module's setting when it was made."""

    api_key: Any
    headers: Any
    module_key: Any


def known_secrets(credentials: Credentials, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The keys that a call may have been made with, longest first."""
    headers = credentials.headers
    found = [credentials.api_key, credentials.module_key, environ.get("OPENAI_API_KEY")]
    if isinstance(headers, Mapping):
        found += [_credential(str(value)) for name, value in headers.items() if str(name).lower() in _KEY_HEADERS]
    keys = {key.strip() for key in found if isinstance(key, str) and len(key.strip()) >= _SHORTEST}
    return tuple(sorted(keys, key=len, reverse=True))


def scrub(text: str, secrets: Iterable[str]) -> str:
    """`text` without `secrets` and without anything that looks like a key."""
    for secret in secrets:
        text = text.replace(secret, SCRUBBED)
    return _USER_INFORMATION.sub("", _KEY_LIKE.sub(SCRUBBED, text))


def scrub_keys(text: str) -> str:
    """`text` without what looks like a key; JSON stays JSON. Quick where there is nothing to scrub."""
    return _KEY_IN_TEXT.sub(SCRUBBED, text) if "sk-" in text or "earer " in text else text


def _credential(header: str) -> str:
    return header.rpartition(" ")[2]
