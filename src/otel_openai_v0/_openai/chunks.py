"""Joins the chunks of a stream into the response that a plain call would have returned.

Chunks of several choices are interleaved, in any order. Azure's first chunk has no choices and an empty id and model.
Any chunk may have the usage, or none. Some servers mix the forms of a chat and of a completion, so both are read.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from otel_openai_v0._openai.function_calls import FunctionCall, ToolCalls

_IDENTITY: Final = ("id", "model", "object", "system_fingerprint", "service_tier")
_ALWAYS_SENT: Final = ("id", "model")  # but not always in the first chunk


class StreamAccumulator:
    """Joins the chunks of one stream. It does not keep them."""

    __slots__ = ("_choices", "_identified", "_identity", "_usage")

    def __init__(self) -> None:
        self._identity: dict[str, Any] = {}
        self._identified = False
        self._choices: dict[int, _Choice] = {}
        self._usage: Any = None

    def add(self, chunk: Any) -> bool:
        """Add a chunk. Returns whether it contains any part of an answer."""
        if not self._identified:
            self._identify(chunk)
        usage = chunk.get("usage")
        if usage:
            self._usage = usage
        answered = False
        for piece in chunk.get("choices") or _data(chunk):
            index = piece.get("index") or 0
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = _Choice()
            answered = choice.add(piece) or answered
        return answered

    def response(self) -> Mapping[str, Any]:
        """The answer so far, in the form of a whole response."""
        found = dict(self._identity)
        found["choices"] = [choice.whole(index) for index, choice in sorted(self._choices.items())]
        if self._usage is not None:
            found["usage"] = self._usage
        return found

    def _identify(self, chunk: Any) -> None:
        for key in _IDENTITY:
            value = chunk.get(key)
            if value:
                self._identity.setdefault(key, value)
        self._identified = all(key in self._identity for key in _ALWAYS_SENT)


class _Choice:
    __slots__ = ("_call", "_finish_reason", "_is_chat", "_role", "_text", "_tools")

    def __init__(self) -> None:
        self._role: Any = None
        self._text: list[str] = []
        self._call: FunctionCall | None = None
        self._tools: ToolCalls | None = None
        self._finish_reason: Any = None
        self._is_chat = False

    def add(self, piece: Any) -> bool:
        reason = piece.get("finish_reason")
        if reason:
            self._finish_reason = reason
        delta = piece.get("delta")
        if delta and self._add_delta(delta):
            return True
        text = piece.get("text")
        if text:
            self._text.append(text)
            return True
        message = piece.get("message") if delta is None else None
        return bool(message) and self._add_delta(message)

    def _add_delta(self, delta: Any) -> bool:
        self._is_chat = True
        content = delta.get("content")
        if content:
            self._text.append(content)
            if len(delta) == 1:  # every chunk but the first and the last of a choice
                return True
        role = delta.get("role")
        if role:
            self._role = role
        call = delta.get("function_call")
        if call:
            self._call = self._call or FunctionCall()
            self._call.add(call)
        tools = delta.get("tool_calls")
        if tools:
            self._tools = self._tools or ToolCalls()
            self._tools.add(tools)
        return bool(content or call or tools)

    def whole(self, index: int) -> Mapping[str, Any]:
        text = "".join(map(str, self._text))
        choice: dict[str, Any] = {"index": index, "finish_reason": self._finish_reason}
        if not self._is_chat:
            return {**choice, "text": text}
        message: dict[str, Any] = {"role": self._role, "content": text or None}
        if self._call is not None:
            message["function_call"] = self._call.whole()
        if self._tools is not None:
            message["tool_calls"] = self._tools.whole()
        return {**choice, "message": message}


def _data(chunk: Any) -> Sequence[Any]:
    """The choices in a chunk of `Engine.generate`. Events have a `data` too, but it is a mapping."""
    found = chunk.get("data")
    return found if isinstance(found, (list, tuple)) else ()
