"""Takes API keys out of texts that were written by others, such as an error's message."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

SCRUBBED: Final = "[scrubbed]"

# OpenAI's keys. Behind an escape - of JSON, of a repr, of an address - stands a letter of it: `\nsk-...`, `%3Dsk-...`.
# The fixed text comes first, what must stand before it after that: a text is searched 50 times faster so.
_OPENAI_KEY: Final = re.compile(
    r"sk-(?:(?<![\w-]sk-)|(?<=\\[abfnrtv]sk-)|(?<=\\u[0-9a-f]{4}sk-)|(?<=\\x[0-9a-f]{2}sk-)|(?<=%[0-9A-Fa-f]{2}sk-))"
    r"[A-Za-z0-9_*-]{6,}"
)
# In a prompt, where "the bearer of this letter" is a text.
_BEARER_IN_TEXT: Final = re.compile(r"([Bb]earer )(?=\S*\d)[\w.~+/=*-]{16,}")
# In an error, where no one means to record the value of a header that carries a key, or that of an address.
_KEY_IN_ERROR: Final = re.compile(
    r"(?i:(?<=bearer )[\w.~+/=*-]{6,}|(?<=api-key: )\S+|(?<='api-key': ')[^']+)"
    r"|(?i:(?<=key=)|(?<=token=)|(?<=sig=)|(?<=secret=))[^&\s'\"]+"
)
# The user information of an address, as in an `api_base` that openai quotes.
_USER_INFORMATION: Final = re.compile(r"(?<=://)[^/\s]+@")
_KEY_HEADERS: Final = frozenset({"authorization", "api-key", "x-api-key", "proxy-authorization"})
_SHORTEST: Final = 4  # a shorter "key" would be cut out of ordinary words


Credentials: TypeAlias = tuple[Any, Any, Any]
"""Where the key of a call may be: its arguments `api_key` and `headers`, and the module's setting when it was made."""


def known_secrets(credentials: Credentials, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The keys that a call may have been made with, longest first."""
    api_key, headers, module_key = credentials
    found = [api_key, module_key, environ.get("OPENAI_API_KEY")]
    if isinstance(headers, Mapping):
        found += [_credential(str(value)) for name, value in headers.items() if str(name).lower() in _KEY_HEADERS]
    keys = {key.strip() for key in found if isinstance(key, str) and len(key.strip()) >= _SHORTEST}
    return tuple(sorted(keys, key=len, reverse=True))


def scrub(text: str, secrets: Iterable[str]) -> str:
    """`text` without `secrets` and without anything that looks like a key."""
    for secret in secrets:
        text = text.replace(secret, SCRUBBED)
    return scrub_keys(_USER_INFORMATION.sub("", _KEY_IN_ERROR.sub(SCRUBBED, text)))


def scrub_keys(text: str) -> str:
    """`text` without what looks like a key, as UTF-8 can write it; JSON stays JSON. Quick where there is nothing."""
    if "earer " in text:
        text = _BEARER_IN_TEXT.sub(rf"\1{SCRUBBED}", text)
    if "sk-" in text:
        text = _OPENAI_KEY.sub(SCRUBBED, text)
    return text if text.isascii() else _encodable(text)


def _encodable(text: str) -> str:
    """`text` without lone surrogates, for which exporters give up a whole batch of spans."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


def _credential(header: str) -> str:
    return header.rpartition(" ")[2]
