"""The traces and calls that `openai-wandb export` reads, and the conditions that select some. Pure."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from otel_wandb._interface.journal import Call, FeedbackRecord, RunOfFile, Span, Texts, TraceRecord

Status: TypeAlias = Literal["success", "error"]

_CONDITION: Final = re.compile(r"(.+?)(?:(>=|<=|=)(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A model call and its span."""

    span: Span
    call: Call


@dataclass(frozen=True, slots=True)
class FoundTrace:
    """A trace with its run, feedback and messages. `texts` has its messages only until the next trace is read."""

    record: TraceRecord
    run: RunOfFile
    feedback: Sequence[FeedbackRecord]
    texts: Texts

    def calls(self) -> Iterator[FoundCall]:
        """The model calls of the trace, in the order of their starts."""
        return (FoundCall(span, call) for span in self.record["spans"] if (call := span["call"]) is not None)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on the name of feedback and, unless `operator` is empty, on its value."""

    name: str
    operator: str = ""
    value: str = ""

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Read `NAME`, `NAME=VALUE`, `NAME>=NUMBER` or `NAME<=NUMBER`. Raises ValueError."""
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} has no name")
        name, operator, value = found[1], found[2] or "", found[3] or ""
        if operator in (">=", "<=") and _number(value) is None:
            raise ValueError(f"{value!r} is not a number")
        return cls(name, operator, value)

    def holds(self, said: Sequence[FeedbackRecord]) -> bool:
        """Whether the latest feedback of this name meets the condition."""
        values = [one["value"] for one in said if one["name"] == self.name]
        return bool(values) and self._holds_for(values[-1])

    def _holds_for(self, value: float | str) -> bool:
        if not self.operator:
            return True
        wanted, found = _number(self.value), _number(value)
        if wanted is None or found is None:
            return self.operator == "=" and str(value) == self.value
        return {">=": found >= wanted, "<=": found <= wanted, "=": found == wanted}[self.operator]


@dataclass(frozen=True, slots=True)
class Selection:
    """The conditions for traces and calls. None means no condition."""

    status: Status | None = None
    tag: str | None = None
    model: str | None = None
    feedback: Condition | None = None

    def has_trace(self, found: FoundTrace) -> bool:
        """Whether a trace is meant: by its own status, a call with both the tag and the model, and its feedback."""
        return (
            self._has_status(found.record["status"] == "ERROR")
            and (self.tag is self.model is None or any(self._names(one.call) for one in found.calls()))
            and self._has_feedback(found)
        )

    def has_call(self, found: FoundTrace, one: FoundCall) -> bool:
        """Whether a call is meant: by its own status, tags and models, and the feedback on its trace."""
        return self._has_status(one.span["error"]) and self._names(one.call) and self._has_feedback(found)

    def _has_status(self, is_error: bool) -> bool:
        return self.status is None or is_error == (self.status == "error")

    def _names(self, call: Call) -> bool:
        """Whether a call has the tag, and the model was requested or answered."""
        has_tag = self.tag is None or self.tag in call["tags"]
        return has_tag and (self.model is None or self.model in (call["request_model"], call["response_model"]))

    def _has_feedback(self, found: FoundTrace) -> bool:
        return self.feedback is None or self.feedback.holds(found.feedback)


def whole_trace(found: FoundTrace) -> Mapping[str, Any]:
    """The record of a trace, with its run and feedback, and with messages and tools in place of their ids."""
    record: dict[str, Any] = {**found.record}
    del record["record"]
    record["run"] = found.run
    record["spans"] = [_whole_span(span, found.texts) for span in found.record["spans"]]
    record["feedback"] = feedback_of(found)
    return record


def feedback_of(found: FoundTrace) -> list[Mapping[str, Any]]:
    """The feedback on a trace: name, value and time in nanoseconds since the epoch."""
    return [{name: one[name] for name in ("name", "value", "time")} for one in found.feedback]


def _whole_span(span: Span, texts: Texts) -> Mapping[str, Any]:
    call = span["call"]
    if call is None:
        return span
    said = {"asked": texts.messages(call["asked"]), "answered": texts.messages(call["answered"])}
    tools = None if call["tools"] is None else texts.tools(call["tools"])
    return {**span, "call": {**call, **said, "tools": tools}}


def _number(value: float | str) -> float | None:
    try:
        found = float(value)
    except ValueError:
        return None
    return None if math.isnan(found) else found
