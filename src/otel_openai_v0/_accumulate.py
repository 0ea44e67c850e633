"""Adds the chunks of a stream up to the response that a plain call would have returned.

Chunks of the choices come interleaved, in any order of their indexes; Azure's first has no choices and an empty id
and model; function calls come as a name and pieces of their arguments; usage is in any chunk or in none.
"""

from collections.abc import Mapping
from typing import Any, Final

_IDENTITY: Final = ("id", "model", "object", "system_fingerprint", "service_tier")
_ALWAYS_SENT: Final = ("id", "model")  # sooner or later


class StreamAccumulator:
    """The pieces of one stream so far; it holds their text, not the chunks."""

    __slots__ = ("_choices", "_identified", "_identity", "_usage")

    def __init__(self) -> None:
        self._identity: dict[str, Any] = {}
        self._identified = False
        self._choices: dict[int, _Choice] = {}
        self._usage: Any = None

    def add(self, chunk: Any) -> bool:
        """Take one chunk in; True when it carried any part of an answer."""
        if not self._identified:
            self._identify(chunk)
        usage = chunk.get("usage")
        if usage:
            self._usage = usage
        answered = False
        for piece in chunk.get("choices") or ():
            index = piece.get("index") or 0
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = _Choice()
            answered = choice.add(piece) or answered
        return answered

    def response(self) -> Mapping[str, Any]:
        """What came so far, in the shape of a whole response."""
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
        self._call: _FunctionCall | None = None
        self._tools: dict[int, _FunctionCall] = {}
        self._finish_reason: Any = None
        self._is_chat = False

    def add(self, piece: Any) -> bool:
        reason = piece.get("finish_reason")
        if reason:
            self._finish_reason = reason
        delta = piece.get("delta")
        if delta is not None:
            self._is_chat = True
            return self._add_delta(delta)
        text = piece.get("text")
        if text:
            self._text.append(text)
        return bool(text)

    def _add_delta(self, delta: Any) -> bool:
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
            self._call = self._call or _FunctionCall()
            self._call.add(call)
        tools = delta.get("tool_calls") or ()
        for tool in tools:
            self._tools.setdefault(tool.get("index") or 0, _FunctionCall()).add_tool(tool)
        return bool(content or call or tools)

    def whole(self, index: int) -> Mapping[str, Any]:
        text = "".join(map(str, self._text))
        choice: dict[str, Any] = {"index": index, "finish_reason": self._finish_reason}
        if not self._is_chat:
            return {**choice, "text": text}
        message: dict[str, Any] = {"role": self._role, "content": text or None}
        if self._call is not None:
            message["function_call"] = self._call.whole()
        if self._tools:
            message["tool_calls"] = [
                {"id": tool.id, "type": "function", "function": tool.whole()} for _, tool in sorted(self._tools.items())
            ]
        return {**choice, "message": message}


class _FunctionCall:
    __slots__ = ("_arguments", "_name", "id")

    def __init__(self) -> None:
        self.id: Any = None
        self._name: list[str] = []
        self._arguments: list[str] = []

    def add(self, call: Any) -> None:
        self._name.append(call.get("name") or "")
        self._arguments.append(call.get("arguments") or "")

    def add_tool(self, tool: Any) -> None:
        self.id = tool.get("id") or self.id
        self.add(tool.get("function") or {})

    def whole(self) -> Mapping[str, Any]:
        return {"name": "".join(map(str, self._name)), "arguments": "".join(map(str, self._arguments))}
