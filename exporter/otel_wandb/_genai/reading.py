"""Reads one span with the tables of all dialects. Pure, and fast for a span of no dialect."""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, Protocol, TypeVar

from otel_wandb._genai.conversation import INPUT_EVENTS, OUTPUT_EVENT
from otel_wandb._genai.dialects import CONTENT_KEYS, INDEX, NEVER_SHOWN, RANKS, ROWS, SHOWN_AS, openlit, otel
from otel_wandb._genai.dialects.fields import Field, Row
from otel_wandb._genai.parsing import at, document, listed
from otel_wandb._spans.span import EventRecord, SpanRecord

T = TypeVar("T")

_FAMILIES: Final = frozenset(key.removesuffix(INDEX) for key in ROWS if key.endswith(INDEX))
_PREFIXES: Final = tuple(f"{family}." for family in _FAMILIES)
_MEMBER: Final = re.compile(rf"({'|'.join(map(re.escape, sorted(_FAMILIES)))})\.[0-9]{{1,9}}(?:\.|\Z)")
_HIDDEN: Final = CONTENT_KEYS | NEVER_SHOWN | _FAMILIES
_DEEPEST: Final = 12
_MOST_FORMS: Final = 512  # cached sets of keys; an instrumentation has a few dozen

# Events and log records whose attributes are read as the span's, unless the span has an attribute of that name.
_CONTENT_EVENTS: Final = frozenset(
    {"gen_ai.client.inference.operation.details", "gen_ai.content.prompt", "gen_ai.content.completion"}
)
_MESSAGE_EVENTS: Final = INPUT_EVENTS | {OUTPUT_EVENT}
_EXCEPTION_EVENTS: Final = frozenset({"exception", "gen_ai.client.operation.exception"})
_CHUNK_EVENTS: Final = frozenset(
    {"First Token Stream Event", "gen_ai.content.completion.chunk", "llm.content.completion.chunk"}
)


class Said(Protocol):
    """Returns the value of a field. It is the `get` of a plain dict, typed by the field."""

    def __call__(self, field: Field[T], /) -> T | None: ...


class Fields:
    """The fields of one span."""

    __slots__ = ("_documents", "_rows", "_values")

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values
        self._rows = _rows_of(tuple(values))
        self._documents: dict[str, Any] = {}

    def get(self, field: Field[T]) -> T | None:
        """The value of the first row that has one."""
        for row in self._rows.get(field, ()):
            value = self._values[row.key]
            if type(value) is _Family:
                value = self._values[row.key] = value.nested()
            elif row.inside:
                value = at(self._document(row.key), *row.inside)
            if value is not None:
                said: T | None = (row.read or field.read)(value)
                if said is not None:
                    return said
        return None

    def all_but(self, left_out: Collection[Field[Any]]) -> Said:
        """All fields except `left_out`, read at once. Faster than `get` for many fields that the span does not have."""
        said = {field: self.get(field) for field in self._rows if field not in left_out}
        return said.get

    def _document(self, key: str) -> Any:
        """The parsed JSON of an attribute with many fields. It is parsed once."""
        if key not in self._documents:
            self._documents[key] = document(self._values[key])
        return self._documents[key]


def read_fields(span: SpanRecord) -> Fields:
    """The fields of `span`."""
    values: dict[str, Any] = {}
    for key, value in span.attributes.items():
        if key in ROWS:
            values[key] = value
        elif key.startswith(_PREFIXES) and (family := family_of(key)) is not None:
            members = values.get(family + INDEX)
            if type(members) is not _Family:
                members = values[family + INDEX] = _Family()
            members[key[len(family) + 1 :]] = value
        elif key in _FAMILIES:  # the whole list in one attribute, which the SDK accepts
            values.setdefault(key + INDEX, listed(value))
    if span.events or span.logs:
        _add_events(span, values)
    if span.attributes.get(openlit.MARK_KEY) == openlit.MARK:
        values = {key: value for key, value in values.items() if not openlit.is_invented(key, value)}
    return Fields(values)


def family_of(key: str) -> str | None:
    """The family of an attribute with an index, such as `gen_ai.prompt` for `gen_ai.prompt.0.role`; else None."""
    member = _MEMBER.match(key)
    return None if member is None else member[1]


def shown_attributes(attributes: Mapping[str, Any], *, is_genai: bool) -> Iterator[tuple[str, Any]]:
    """The attributes that a node shows: all except those that are shown as inputs and outputs."""
    hidden = _HIDDEN if is_genai else NEVER_SHOWN
    for key, value in attributes.items():
        if key not in hidden and not (is_genai and key.startswith(_PREFIXES) and family_of(key) is not None):
            yield key, SHOWN_AS[key](value) if key in SHOWN_AS else value


def is_shown_event(event: EventRecord) -> bool:
    """Whether a node shows an event. Events with messages are not shown."""
    return event.name not in _CONTENT_EVENTS and event.name not in _MESSAGE_EVENTS


@lru_cache(maxsize=_MOST_FORMS)
def _rows_of(keys: tuple[str, ...]) -> Mapping[Field[Any], tuple[Row[Any], ...]]:
    found: dict[Field[Any], list[Row[Any]]] = {}
    for row in sorted((row for key in keys for row in ROWS[key]), key=RANKS.__getitem__):
        found.setdefault(row.field, []).append(row)
    return {field: tuple(rows) for field, rows in found.items()}


def _add_events(span: SpanRecord, values: dict[str, Any]) -> None:
    messages = []
    for event in (*span.events, *span.logs):
        if event.name in _MESSAGE_EVENTS:
            body = event.attributes if event.body is None else event.body
            messages.append({"event.name": event.name, "body": body})
        for key, value in _said_by_event(event):
            values.setdefault(key, value)
    if messages:
        values[otel.MESSAGE_EVENTS] = messages


def _said_by_event(event: EventRecord) -> Iterator[tuple[str, Any]]:
    if event.name in _CONTENT_EVENTS:
        yield from ((key, value) for key, value in event.attributes.items() if key in ROWS)
    elif event.name in _CHUNK_EVENTS:
        yield otel.FIRST_CHUNK_EVENT, event.time_ns
    elif event.name in _EXCEPTION_EVENTS and "exception.type" in event.attributes:
        yield otel.EXCEPTION_EVENT, event.attributes["exception.type"]


class _Family(dict[str, Any]):
    """The attributes of a family, by the rest of the name, such as `0.role`."""

    def nested(self) -> list[Any]:
        """The family as one list of nested values. Items that a limit dropped are missing."""
        root = _Node()
        for key, value in self.items():
            node = root
            *path, last = key.split(".", _DEEPEST)
            for name in path:
                below = node.get(name)
                if type(below) is not _Node:
                    below = node[name] = _Node()
                node = below
            node.setdefault(last, value)
        return [_closed(root[index]) for index in sorted(root, key=int)]


class _Node(dict[str, Any]):
    """A level of nested values, made here. A mapping in an attribute's value has another type."""


def _closed(node: Any) -> Any:
    """A list for a level whose names are all numbers, else the level."""
    if type(node) is not _Node:
        return node
    if next(iter(node)).isdecimal() and all(name.isdecimal() and len(name) < _DEEPEST for name in node):
        return [_closed(node[name]) for name in sorted(node, key=int)]
    return {name: _closed(below) for name, below in node.items()}
