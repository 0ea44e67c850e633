"""Joins the function calls of a stream. A call comes as a name and pieces of its arguments."""

from collections.abc import Mapping, Sequence
from typing import Any


class FunctionCall:
    """One function call, as far as it has come."""

    __slots__ = ("_arguments", "_name", "id", "index")

    def __init__(self, index: int | None = None) -> None:
        self.index = index
        self.id: Any = None
        self._name: list[str] = []
        self._arguments: list[str] = []

    @property
    def is_named(self) -> bool:
        """Whether the name of the function has come."""
        return any(self._name)

    def add(self, call: Any) -> None:
        """Add one piece of a `function_call`."""
        self._name.append(call.get("name") or "")
        self._arguments.append(call.get("arguments") or "")

    def add_tool(self, tool: Any) -> None:
        """Add one piece of `tool_calls`."""
        self.id = tool.get("id") or self.id
        self.add(tool.get("function") or {})

    def whole(self) -> Mapping[str, Any]:
        """The call in the form of a response without streaming."""
        return {"name": "".join(map(str, self._name)), "arguments": "".join(map(str, self._arguments))}


class ToolCalls:
    """Joins the pieces of `tool_calls`.

    OpenAI numbers the calls. Other servers omit the number, or give all calls the same one. Their pieces are assigned
    by id, by place in the chunk, and by name: a name is sent whole and begins a call.
    """

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: list[FunctionCall] = []

    def add(self, tools: Sequence[Any]) -> None:
        """Add the pieces of one chunk."""
        going_on = sum(not _name(tool) for tool in tools)
        for place, tool in enumerate(tools):
            number = tool.get("index")
            index = number if isinstance(number, int) else None
            call = self._known(tool, index, place if going_on > 1 else -1)
            if call is None or _begins_another(call, tool):
                call = FunctionCall(index)
                self._calls.append(call)
            call.add_tool(tool)

    def whole(self) -> list[Mapping[str, Any]]:
        """The calls in the form of a response without streaming: by number, else in order of arrival."""
        placed = [(place if call.index is None else call.index, call) for place, call in enumerate(self._calls)]
        ordered = sorted(placed, key=lambda item: item[0])
        return [{"id": call.id, "type": "function", "function": call.whole()} for _, call in ordered]

    def _known(self, tool: Any, index: int | None, place: int) -> FunctionCall | None:
        """The known call that a piece may continue: by id, else by number, else by place. None if there is none."""
        given = tool.get("id")
        if given and (same := next((call for call in self._calls if call.id == given), None)):
            return same
        if index is not None:
            return next((call for call in reversed(self._calls) if call.index == index), None)
        return self._calls[place] if self._calls and place < len(self._calls) else None


def _begins_another(call: FunctionCall, tool: Any) -> bool:
    """Whether a piece begins another call than the one in its place.

    A numbered piece does so only with both a new id and a name, because some servers send a new id with each piece.
    """
    given = tool.get("id")
    if given and given == call.id:
        return False
    has_another_id = bool(given and call.id)
    has_another_name = bool(_name(tool)) and call.is_named
    return has_another_id and has_another_name if call.index is not None else has_another_id or has_another_name


def _name(tool: Any) -> Any:
    return (tool.get("function") or {}).get("name")
