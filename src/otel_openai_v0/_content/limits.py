"""Writes content as JSON within limits: long texts are cut, and the oldest messages left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from typing import Any, Final

from otel_openai_v0._content.json import DEEPEST, dumps, quoted, text_of
from otel_openai_v0._content.message import TextMessage, message_of
from otel_openai_v0._content.secrets import cut_before_key


@dataclass(frozen=True, slots=True)
class ContentLimits:
    """Limits in characters.

    `message` is for one text in a message, `total` for the whole JSON text of an attribute (0: nothing is recorded).
    """

    message: int = 50_000
    total: int = 500_000


SHORTEST: Final = 200  # characters of JSON; enough to say how much was left out
_TEXT_KEYS: Final = frozenset({"content", "response", "arguments"})
_TEXT: Final = frozenset({str})
_KEYS: Final = {key: quoted(key) for key in ("role", "parts", "type", "content", "name", "id", "arguments", "response")}
_WORDS: Final = {word: quoted(word) for word in ("system", "user", "assistant", "stop", "length")}
_FEW: Final = 5  # items
_MOST_TRIES: Final = 12
_ENOUGH: Final = 0.97  # of the room


def written(items: Sequence[Any], limits: ContentLimits) -> str:
    """The JSON of `items`, with long texts cut and the oldest items left out, because the newest ask the question.

    It has at most `limits.total` characters, or 200 if the limit is lower, and notes how much is missing. The newest
    items are converted first. Items without room are not converted, because the caller waits.
    """
    room = max(limits.total, SHORTEST) - 1
    if len(items) <= _FEW:  # most chats are short, and this is faster than one by one
        longest = limits.message
        texts = [_text_json(item, longest) if type(item) is TextMessage else _json(item, longest) for item in items]
        whole = f"[{','.join(texts)}]"
        if len(whole) <= room + 1:
            return whole
    kept: list[str] = []
    for item in reversed(items):
        text = _json(item, limits.message)
        if len(text) >= room:
            _fill(kept, items, limits.message, room)
            break
        kept.append(text)
        room -= len(text) + 1
    kept.reverse()
    return f"[{','.join(kept)}]"


def _fill(kept: list[str], items: Sequence[Any], longest: int, room: int) -> None:
    """Fill the rest of the `room` with a part of the next item, and a note about the items that are left out."""
    note = len(_left_out(items[0], len(items))) + 1
    while room < note and kept:
        room += len(kept.pop()) + 1
    next_item = len(items) - len(kept) - 1
    fitted = _fitted(items[next_item], longest, room if next_item == 0 else room - note)
    if fitted is not None:
        kept.append(fitted)
    if len(kept) < len(items):
        kept.append(_left_out(items[0], len(items) - len(kept)))


def _left_out(oldest: Any, count: int) -> str:
    oldest, note = message_of(oldest), {"type": "text", "content": f"... [{count} left out]"}
    is_message = isinstance(oldest, dict) and "parts" in oldest
    return dumps({"role": str(oldest.get("role"))[:10], "parts": [note]} if is_message else note)


def _fitted(item: Any, longest: int, room: int) -> str | None:
    """The JSON of `item`, with texts cut so that it fits; None if it does not fit without texts either."""
    best, least, most, largest = _json(item, 0), 0, min(longest, room), 0
    if len(best) >= room:
        return None
    for attempt in range(_MOST_TRIES):
        if least >= most - bool(largest) or len(best) >= _ENOUGH * room:
            break
        more = room - 1 - len(best)  # characters, if none needs an escape
        if largest:
            more = (most - least) // 2 if attempt % 3 == 0 else more * (most - least) // (largest - len(best))
        length = min(most - bool(largest), least + max(1, more))
        text = _json(item, length)
        if len(text) < room:
            best, least = text, length
        else:
            most, largest = length, len(text)
    return best


def _json(item: Any, longest: int) -> str:
    """The JSON of `item`, with no text longer than `longest`."""
    if type(item) is TextMessage:
        return _text_json(item, longest)
    return _dict_json(item, longest) or dumps(_shorten(item, longest))


def _text_json(message: TextMessage, longest: int) -> str:
    """The JSON of a message, as `dumps` writes it, in half the time."""
    role, said, reason = message.role, message.text, message.finish_reason
    if len(said) > longest:
        said = cut_text(text_of(said), longest)
    text = encode_basestring_ascii(said) if said.isascii() else quoted(said)  # `quoted`, without its call
    end = "" if reason is None else f',"finish_reason":{_WORDS.get(reason) or quoted(reason)}'
    return f'{{"role":{_WORDS.get(role) or quoted(role)},"parts":[{{"type":"text","content":{text}}}]{end}}}'


def _dict_json(item: Any, longest: int) -> str | None:
    """The JSON of another message or part in the same way; None for anything but a dict of texts.

    Creating an encoder takes longer than using it.
    """
    if type(item) is not dict or not _TEXT.issuperset(map(type, item)):
        return None
    pieces = []
    for key, value in item.items():
        if key == "parts" and type(value) is list:
            text = f"[{','.join([_dict_json(part, longest) or dumps(_shorten(part, longest)) for part in value])}]"
        else:
            text = _value_json(key, value, longest)
        pieces.append(f"{_KEYS.get(key) or quoted(key)}:{text}")
    return f"{{{','.join(pieces)}}}"


def _value_json(key: str, value: Any, longest: int) -> str:
    if type(value) is str:
        return quoted(value if len(value) <= longest else _shorten_value(key, value, longest))
    if value is None:
        return "null"
    text = dumps(value)
    return text if len(text) <= longest else dumps(_shorten_value(key, value, longest))


def _shorten(value: Any, longest: int, depth: int = DEEPEST) -> Any:
    if depth == 0:
        return value
    if isinstance(value, Mapping):
        return {key: _shorten_value(key, item, longest, depth - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shorten(item, longest, depth - 1) for item in value]
    return cut_text(text_of(value), max(longest, SHORTEST)) if isinstance(value, str) else value


def _shorten_value(key: str, value: Any, longest: int, depth: int = DEEPEST) -> Any:
    return _shorten_text(value, longest) if key in _TEXT_KEYS else _shorten(value, longest, depth)


def _shorten_text(value: Any, longest: int) -> Any:
    """Cut a text, or another value under such a key: a function's arguments or response, or tokens."""
    if isinstance(value, str):
        return cut_text(text_of(value), longest)
    text = dumps(value)
    return value if len(text) <= longest else cut_text(text, longest)


def cut_text(text: str, longest: int) -> str:
    """`text`, cut at `longest` characters with a note. It is cut earlier if the cut would be inside a secret."""
    if len(text) <= longest:
        return text
    kept = cut_before_key(text, longest)
    return f"{text[:kept]}... [{len(text) - kept} characters cut]"
