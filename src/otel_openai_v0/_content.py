"""What of prompts and completions may be recorded, and how much of it: redacted, scrubbed, cut, and then written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple, TypeAlias

from opentelemetry.util.types import AttributeValue

from otel_openai_v0._attributes import Attributes
from otel_openai_v0._current import left_alone
from otel_openai_v0._json import dumps, loads_strict
from otel_openai_v0._messages import Message, Part
from otel_openai_v0._secrets import scrub_keys

Redactor: TypeAlias = Callable[[str, list[dict[str, Any]]], list[dict[str, Any]] | None]
"""`redact(kind, items)` returns what may be recorded of `items`, or None for nothing.

`kind` is "input" or "output" (messages `{"role": str, "parts": [{"type": str, ...}], ...}`), "instructions" (parts) or
"tools" (definitions), as in the GenAI conventions; "attributes" (one dict of those that may quote a prompt or a
person, by their names: `user.id`, `gen_ai.request.stop_sequences`, ...) or "error" (one `{"message": str}`). The items
are its own to change.
"""


class Content(NamedTuple):
    """What a request says to the model."""

    messages: Sequence[Message] = ()
    instructions: Sequence[Part] = ()
    tools: Sequence[Part] = ()


@dataclass(frozen=True, slots=True)
class ContentLimits:
    """In characters: of one text in a message, and of the whole JSON text that an attribute gets (0: there is none)."""

    message: int = 50_000
    total: int = 500_000


@dataclass(frozen=True, slots=True)
class ContentWriter:
    """Writes content as JSON text; raises what `redact` raises, for the content must then not be recorded."""

    redact: Redactor | None = None
    limits: ContentLimits = field(default_factory=ContentLimits)

    def write(self, kind: str, items: Sequence[Any]) -> str | None:
        """The JSON of `items`, or None where there is nothing to record; keys are scrubbed before they can be cut."""
        if self.limits.total == 0:
            return None
        items = self._redacted(kind, items)
        if not items:
            return None
        text = scrub_keys(_plain_json(items) or dumps(items))
        return text if len(text) <= min(self.limits.message, self.limits.total) else _limited(text, self.limits)

    def attributes(self, found: Attributes) -> Attributes:
        """What may be recorded of attributes whose values are the caller's own words."""
        redacted = self._redacted("attributes", [found] if found else [])
        return {name: _word(item[name]) for item in redacted for name in found if item.get(name) is not None}

    def error(self, message: str) -> str | None:
        """What may be recorded in place of an error's message; None: it may."""
        if self.redact is None:
            return None
        redacted = self._redacted("error", [{"message": message}] if message else [])
        return " ".join(str(item["message"]) for item in redacted if item.get("message"))

    def _redacted(self, kind: str, items: Sequence[Any]) -> Sequence[Any]:
        if self.redact is None or not items:
            return items
        with left_alone():  # a call of openai that it makes would be shown to it again
            return _checked(self.redact(kind, loads_strict(dumps(items))))


_PLAIN: Final = 2  # keys of a message, role and parts, and of a part, type and content


def _plain_json(items: Sequence[Any]) -> str | None:
    """What `dumps` gives for messages of one text each, in half the time; None for anything else."""
    written = []
    for item in items:
        if type(item) is not dict:
            return None
        role, parts, reason = item.get("role"), item.get("parts"), item.get("finish_reason")
        if len(item) != (_PLAIN if reason is None else _PLAIN + 1) or type(parts) is not list or len(parts) != 1:
            return None
        part = parts[0]
        if type(part) is not dict or len(part) != _PLAIN or part.get("type") != "text":
            return None
        text = part.get("content")
        if type(text) is not str or type(role) is not str or not (reason is None or type(reason) is str):
            return None
        end = "" if reason is None else f',"finish_reason":{encode_basestring(reason)}'
        written.append(
            f'{{"role":{encode_basestring(role)},"parts":[{{"type":"text","content":{encode_basestring(text)}}}]{end}}}'
        )
    whole = f"[{','.join(written)}]"
    return whole if whole.isascii() else None


def _checked(redacted: Any) -> Sequence[Any]:
    """What a redactor returned, if it is what was asked for: else it may be anything, and is better not recorded."""
    if redacted is None:
        return ()
    if not isinstance(redacted, (list, tuple)) or not all(isinstance(item, Mapping) for item in redacted):
        raise TypeError("redact() returned no list of dicts")
    return redacted


def _word(value: Any) -> AttributeValue:
    """A redacted value, as an attribute takes it."""
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else str(value)


_TEXT_KEYS: Final = frozenset({"content", "response", "arguments"})
SHORTEST: Final = 200  # characters of JSON, enough to say how much was left out
_MOST_ESCAPED: Final = 12  # characters of JSON for one that is escaped as a surrogate pair


def _limited(text: str, limits: ContentLimits) -> str:
    items = loads_strict(text)
    shorter = dumps(cut(items, limits))
    if len(shorter) <= max(limits.total, SHORTEST):
        return shorter
    # A lone surrogate in one item makes `dumps` escape all of them.
    return dumps(cut(items, ContentLimits(limits.message, limits.total // _MOST_ESCAPED)))


def cut(items: Sequence[Any], limits: ContentLimits) -> list[Any]:
    """`items` with long texts shortened and the oldest left out: what a chat said last is what its answer is about.

    As JSON they have `limits.total` characters at most (or 200, if that is less). Each cut says how much is gone.
    """
    room = limits.total - SHORTEST
    kept: list[Any] = []
    for item in reversed(items):
        fitted = _fitted(item, limits.message, room)
        if fitted is None:
            break
        kept.append(fitted)
        room -= len(dumps(fitted)) + 1
    kept.reverse()
    left_out = items[: len(items) - len(kept)]
    return [_left_out(left_out), *kept] if left_out else kept


def _fitted(item: Any, longest: int, room: int) -> Any:
    """`item` with its texts as long as there is room for; None where there is none even without them."""
    longest = min(longest, max(0, room))
    while True:
        shortened = _shorten(item, longest)
        if len(dumps(shortened)) < room:
            return shortened
        if longest == 0:
            return None
        longest //= 2


def _left_out(items: Sequence[Any]) -> Any:
    note = {"type": "text", "content": f"… [{len(items)} left out, {len(dumps(items))} characters]"}
    is_message = isinstance(items[0], dict) and "parts" in items[0]
    return {"role": str(items[0].get("role"))[:10], "parts": [note]} if is_message else note


def _shorten(value: Any, longest: int) -> Any:
    if isinstance(value, dict):
        return {
            key: _shorten_text(item, longest) if key in _TEXT_KEYS else _shorten(item, longest)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_shorten(item, longest) for item in value]
    return cut_text(value, max(longest, SHORTEST)) if isinstance(value, str) else value


def _shorten_text(value: Any, longest: int) -> Any:
    """A text, or the structure that stands in place of one: a function's arguments, its response, tokens."""
    if isinstance(value, str):
        return cut_text(value, longest)
    text = dumps(value)
    return value if len(text) <= longest else cut_text(text, longest)


def cut_text(text: str, longest: int) -> str:
    """`text`, cut at `longest` characters with a note."""
    return text if len(text) <= longest else f"{text[:longest]}… [{len(text) - longest} characters cut]"
