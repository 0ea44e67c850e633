"""Removes secrets from texts: prompts, completions, and error messages of servers.

The patterns and their entropies are those of gitleaks (https://github.com/gitleaks/gitleaks), `config/gitleaks.toml` of
commit 009e025a, for the services that a prompt is likely to name. The patterns for OpenAI's session keys, for keys
masked by a server, and for data URLs are ours. A text that is JSON stays JSON.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from otel_openai_v0._content.json import is_encodable

SCRUBBED: Final = "[scrubbed]"
_NEAR: Final = 1_024  # characters; any part of a longer secret is still recognised after a cut
_SHORTEST_KEY: Final = 20  # characters, with its prefix

_ESCAPES: Final = (r"\\[abfnrtv]", r"\\u[0-9A-Fa-f]{4}", r"\\x[0-9A-Fa-f]{2}", r"%[0-9A-Fa-f]{2}")


def _first(fixed: str) -> str:
    """A pattern for `fixed` at the start of a word, or after the letter of an escape in JSON, a repr or a URL.

    `fixed` comes before the condition on the preceding characters, which makes the search 50 times faster.
    """
    return f"{fixed}(?:(?<![\\w-]{fixed})|{'|'.join(f'(?<={escape}{fixed})' for escape in _ESCAPES)})"


class _Rule(NamedTuple):
    """One form of a secret: the first group of `pattern`, if it has at least `entropy` bits per character."""

    pattern: re.Pattern[str]
    entropy: float

    def keys(self, text: str) -> Iterator[tuple[int, int]]:
        """The start and end of each secret in `text`."""
        for found in self.pattern.finditer(text):
            if self.entropy == 0 or _entropy(found[1]) >= self.entropy:
                yield found.span(1)


# `(mark, gate, rules)` for secrets that contain `mark`. Many texts contain a mark. Few of them match `gate`, which is
# one fast search. Plain tuples, because each text is checked with all of them, and unpacking a named tuple takes twice
# as long.
_Family: TypeAlias = tuple[str, Callable[[str], object], tuple[_Rule, ...]]


def _gate(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).search


def _rule(pattern: str, entropy: float) -> _Rule:
    return _Rule(re.compile(pattern), entropy)


# A run of letters and digits, which hyphenated words do not contain.
_RANDOM: Final = r"(?:[A-Za-z0-9]*[-_]){0,10}(?:(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16,}|[A-Za-z]{40,})[\w-]*"
_ASSIGNED: Final = r"(?:\\*[\"'`])?\s*(?:=>|:=|[:=])\s*"
# A name that ends in `api-key` or the like, with its value: `api-key: ...`, `"api_key": "..."`, `API_KEY='...'`.
_NAMED: Final = _rule(
    r"[-_][Kk][Ee][Yy](?i:(?<=api.{4})|(?<=access.{4})|(?<=account.{4})|(?<=openai.{4})|(?<=subscription.{4}))"
    rf"{_ASSIGNED}(?:\\*[\"'`])?(?=[\w+/=-]{{0,64}}\d)([\w+/=-]{{32,}})",
    3,
)
# Up to the end line, or to the last character of a key if that line is missing. A match never contains the quote that
# ends a JSON string.
_PRIVATE_KEY: Final = _rule(
    r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r'(?:[^"\\-]*(?:(?:\\.|-(?!----))[^"\\-]*)*-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----'
    r"|(?:\s|\\[nrt\\])*[A-Za-z0-9+/=]{32,}(?:[A-Za-z0-9+/=\s]|\\[nrtu/\\])*))",
    3,
)
_FAMILIES: Final[tuple[_Family, ...]] = (
    (
        "-",
        _gate(
            r"-(?:(?<=[abekoprs]-)(?:(?<=sk-)|(?<=sess-)|(?<=xox.-))[\w*-]{8}|BEGIN (?<=-----BEGIN )"
            rf"|[Kk][Ee][Yy]{_ASSIGNED})"
        ),
        (
            _rule(f"({_first('sk-')}{_RANDOM})", 3),
            _rule(f"({_first('sess-')}{_RANDOM})", 3),
            _rule(rf"({_first('sk-')}[\w-]*\*{{3,}}[\w*-]*)", 0),
            _rule(r"(xox[abeoprs]-(?=[A-Za-z-]{0,64}\d)[0-9A-Za-z-]{16,})", 2),
            _NAMED,
            _PRIVATE_KEY,
        ),
    ),
    (
        "_",
        _gate(
            r"_(?:(?<=[fopurs]_)(?:(?<=gh[pousr]_)|(?<=hf_))[0-9A-Za-z]{30}|pat_(?<=github_pat_)"
            rf"|[Kk][Ee][Yy]{_ASSIGNED})"
        ),
        (
            _rule(r"(gh[pousr]_[0-9A-Za-z]{36,})", 3),
            _rule(r"(github_pat_\w{60,})", 3),
            _rule(r"(hf_[0-9A-Za-z]{34,})", 3),
            _NAMED,
        ),
    ),
    (
        "A",
        _gate(r"A(?:KIA|SIA|BIA|CCA|3T[A-Z0-9]|Iza)[\w-]{16}"),
        (_rule(r"(A(?:KIA|SIA|BIA|CCA|3T[A-Z0-9])[A-Z2-7]{16})", 3), _rule(r"(AIza[\w-]{35,})", 3)),
    ),
    (
        "J",
        _gate(r"J(?<=\.eyJ)"),
        (_rule(rf"({_first('eyJ')}[\w-]{{17,}}\.eyJ[\w-]{{7,}}(?:\.[\w-]*)?)", 3),),
    ),
    (";", _gate(r";base64,"), (_rule(r";base64,((?=(?:[\w+/=%-]|\\+/){16})[\w+/=%-]*(?:\\+/[\w+/=%-]*)*)", 0),)),
    # With a digit, because "the bearer of this letter" in a prompt is ordinary text.
    ("earer ", _gate(r"earer "), (_rule(r"[Bb]earer ((?=[\w.~+/=*-]*\d)[\w.~+/=*-]{16,})", 0),)),
)
# Values of headers and query parameters that hold a key. Removed from error messages only.
_KEY_IN_ERROR: Final = re.compile(
    r"(?i:(?<=bearer )[\w.~+/=*-]{6,}|(?<=api-key: )\S+|(?<='api-key': ')[^']+)"
    r"|(?i:(?<=key=)|(?<=token=)|(?<=sig=)|(?<=secret=))[^&\s'\"]+"
)
# The user information of a URL, as in an `api_base` that openai quotes.
_USER_INFORMATION: Final = re.compile(r"(?<=://)[^/\s]+@")
_KEY_HEADERS: Final = frozenset({"authorization", "api-key", "x-api-key", "proxy-authorization"})
_SHORTEST: Final = 4  # characters; a shorter key would also be removed from ordinary words


Credentials: TypeAlias = tuple[Any, Any, Any, Any]
"""Where a call's key may be: the key that was sent, the arguments `api_key` and `headers`, and the module's key at that
time. The key that was sent may be that of an object, or come from the file `api_key_path`."""


def known_secrets(credentials: Credentials, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The keys that may have been used for a call, longest first."""
    sent_key, api_key, headers, module_key = credentials
    found = [sent_key, api_key, module_key, environ.get("OPENAI_API_KEY")]
    if isinstance(headers, Mapping):
        found += [_credential(str(value)) for name, value in headers.items() if str(name).lower() in _KEY_HEADERS]
    keys = {key.strip() for key in found if isinstance(key, str) and len(key.strip()) >= _SHORTEST}
    return tuple(sorted(keys, key=len, reverse=True))


def scrub(text: str, secrets: Iterable[str]) -> str:
    """`text` without `secrets` and without anything that looks like a secret."""
    for secret in secrets:
        text = text.replace(secret, SCRUBBED)
    return scrub_keys(_USER_INFORMATION.sub("", _KEY_IN_ERROR.sub(SCRUBBED, text)))


def scrub_keys(text: str) -> str:
    """`text` without anything that looks like a secret, encodable as UTF-8."""
    text = without_keys(text)
    return text if text.isascii() or is_encodable(text) else text.encode(errors="replace").decode()


def without_keys(text: str) -> str:
    """`text` without anything that looks like a secret. JSON stays JSON. A text without secrets takes little time."""
    if len(text) >= _SHORTEST_KEY:
        for mark, gate, rules in _FAMILIES:
            if mark in text and gate(text):
                for rule in rules:
                    text = _without(text, rule.keys(text))
    return text


def cut_before_key(text: str, longest: int) -> int:
    """The index at which to cut `text`: `longest`, or the start of a secret that the cut would split."""
    start = max(0, longest - _NEAR)
    near = text[start : longest + _NEAR]
    spans = (span for rule in _rules_for(near) for span in rule.keys(near))
    return min((start + begin for begin, end in spans if start + begin < longest < start + end), default=longest)


def _rules_for(text: str) -> list[_Rule]:
    """The rules that may match `text`."""
    return [rule for mark, gate, rules in _FAMILIES if mark in text and gate(text) for rule in rules]


def _without(text: str, keys: Iterable[tuple[int, int]]) -> str:
    pieces: list[str] = []
    kept_to = 0
    for begin, end in keys:
        pieces += text[kept_to:begin], SCRUBBED
        kept_to = end
    return "".join((*pieces, text[kept_to:])) if pieces else text


def _entropy(text: str) -> float:
    """Shannon entropy in bits per character."""
    shares = [text.count(character) / len(text) for character in set(text)]
    return -sum(share * math.log2(share) for share in shares)


def _credential(header: str) -> str:
    return header.rpartition(" ")[2]
