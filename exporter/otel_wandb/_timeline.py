"""Turns a trace into what W&B's timeline panel shows: a tree of nodes, and the architecture of the model.

The panel scales everything to the root and divides by its duration, shows the root's inputs and outputs as text, and
groups traces by a hash of the model's architecture (facts of the panel: `PanelTraceTree` of W&B's front end).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from otel_wandb._assembly import Trace
from otel_wandb._clean import Json, clean, clean_text
from otel_wandb._fields import is_shown_event, shown_attributes
from otel_wandb._merging import merged
from otel_wandb._model_call import Kind, ModelCall
from otel_wandb._span import EventRecord, SpanRecord
from otel_wandb._view import SpanView, read_view

_DEEPEST: Final = 100  # wandb serialises recursively and fails from 330 levels on
_MOST_NODES: Final = 1_000
_CALL_KIND: Final = "openai"  # `_kind` of the legacy integration: the panel's icon for a model goes by this word


@dataclass(frozen=True, slots=True)
class Result:
    """One set of named texts."""

    inputs: Mapping[str, str] | None
    outputs: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Node:
    """One span of the timeline; times are milliseconds since the epoch with a fraction."""

    span_id: str
    name: str
    kind: Kind
    start_ms: float
    end_ms: float
    is_error: bool
    message: str | None
    attributes: Mapping[str, Json]
    results: tuple[Result, ...]
    children: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Timeline:
    """A tree, the architecture of its model, and the calls in it, in the order of their starts."""

    root: Node
    model: Mapping[str, Json]
    calls: tuple[tuple[SpanRecord, ModelCall], ...]
    left_out: int = 0
    """How many spans there was no room for."""


def timeline(trace: Trace, longest: int) -> Timeline:
    """The timeline of `trace`, its texts cut at `longest` characters."""
    spans = merged(trace.spans)
    views = {span.span_id: read_view(span) for span in spans}
    calls = tuple((span, call) for span in spans if (call := views[span.span_id].call) is not None)
    forest = _forest(spans, views, longest)
    root = forest.root(trace)
    return Timeline(
        root=_covering(_readable(root, [call for _, call in calls], longest)),
        model=_architecture(root, {span.span_id: call for span, call in calls}),
        calls=calls,
        left_out=len(spans) - len(forest.placed),
    )


@dataclass(slots=True)
class _Forest:
    spans: Sequence[SpanRecord]
    children: dict[str, list[SpanRecord]]
    roots: list[SpanRecord]
    views: Mapping[str, SpanView]
    order: Mapping[str, int]
    longest: int
    placed: set[str] = field(default_factory=set)

    def root(self, trace: Trace) -> Node:
        nodes = [self.node(span, 0) for span in self.roots]
        # Spans that are each other's parents hang below no root.
        nodes += [self.node(span, 0) for span in self.spans if span.span_id not in self.placed and self._has_room()]
        root = nodes[0] if len(nodes) == 1 else _joining(trace, nodes)
        left_out = len(self.spans) - len(self.placed)
        notes: dict[str, Json] = {}
        if not trace.is_complete:
            notes["trace.incomplete"] = f"supplement {trace.sequence}" if trace.sequence else trace.reason.value
        if left_out:
            notes["trace.spans_left_out"] = left_out
        return replace(root, attributes={**root.attributes, **notes}) if notes else root

    def node(self, span: SpanRecord, depth: int) -> Node:
        self.placed.add(span.span_id)
        below = self.children.get(span.span_id, ()) if depth < _DEEPEST else ()
        children = tuple(
            self.node(child, depth + 1) for child in below if child.span_id not in self.placed and self._has_room()
        )
        return _node(span, self.views[span.span_id], self.order[span.span_id], self.longest, children)

    def _has_room(self) -> bool:
        return len(self.placed) < _MOST_NODES


def _forest(spans: Sequence[SpanRecord], views: Mapping[str, SpanView], longest: int) -> _Forest:
    known = {span.span_id for span in spans}
    children: dict[str, list[SpanRecord]] = {}
    roots = []
    for span in spans:
        if span.parent_id in known and span.parent_id is not None:
            children.setdefault(span.parent_id, []).append(span)
        else:
            roots.append(span)
    order = {span.span_id: number for number, span in enumerate(spans, 1)}
    return _Forest(spans, children, roots, views, order, longest)


def _node(span: SpanRecord, view: SpanView, order: int, longest: int, children: tuple[Node, ...]) -> Node:
    attributes: dict[str, Json] = {
        key: clean(value, longest) for key, value in shown_attributes(span.attributes, is_genai=view.is_genai)
    }
    attributes["execution_order"] = order
    if span.parent_is_remote and span.parent_id is not None:
        attributes["remote_parent_id"] = span.parent_id
    if span.events or span.logs:
        events = [_event(event, longest) for event in (*span.events, *span.logs) if is_shown_event(event)]
        if events:
            attributes["events"] = events
    return Node(
        span_id=span.span_id,
        name=clean_text(view.name),
        kind=view.kind,
        start_ms=_milliseconds(span.start_ns),
        end_ms=_milliseconds(span.end_ns),
        is_error=span.is_error,
        message=clean_text(span.status_message, longest) if span.status_message else None,
        attributes=attributes,
        results=_results(view, longest),
        children=children,
    )


def _event(event: EventRecord, longest: int) -> Json:
    found: dict[str, Json] = {
        "name": clean_text(event.name),
        "time_ms": _milliseconds(event.time_ns),
        "attributes": clean(event.attributes, longest),
    }
    return found if event.body is None else {**found, "body": clean(event.body, longest)}


def _results(view: SpanView, longest: int) -> tuple[Result, ...]:
    if view.call is None:
        return _step_results(view, longest)
    request, responses = view.call.request, view.call.responses
    inputs = None if request is None else {"request": clean_text(request, longest)}
    if not responses:
        return () if inputs is None else (Result(inputs, None),)
    outputs = [{"response": clean_text(response, longest)} for response in responses]
    return (Result(inputs, outputs[0]), *(Result(None, output) for output in outputs[1:]))


def _step_results(view: SpanView, longest: int) -> tuple[Result, ...]:
    if view.inputs is None and view.outputs is None:
        return ()
    given, gave = ("arguments", "result") if view.kind is Kind.TOOL else ("input", "output")
    inputs = None if view.inputs is None else {given: clean_text(view.inputs, longest)}
    outputs = None if view.outputs is None else {gave: clean_text(view.outputs, longest)}
    return (Result(inputs, outputs),)


def _joining(trace: Trace, nodes: Sequence[Node]) -> Node:
    """One root above several: the panel takes a tree, and scales to its root."""
    return Node(
        span_id=trace.trace_id,
        name=f"trace {trace.trace_id[:8]}",
        kind=Kind.CHAIN,
        start_ms=min(node.start_ms for node in nodes),
        end_ms=max(node.end_ms for node in nodes),
        is_error=any(node.is_error for node in nodes),
        message=None,
        attributes={},
        results=(),
        children=tuple(nodes),
    )


def _readable(root: Node, calls: Sequence[ModelCall], longest: int) -> Node:
    """The root with something to read: its own results, else the first question and the last answer below it."""
    if root.results or not calls:
        return root
    question = next((call.request for call in calls if call.request), None)
    answer = next((call.response for call in reversed(calls) if call.response), None)
    if question is None and answer is None:
        return root
    inputs = None if question is None else {"request": clean_text(question, longest)}
    outputs = None if answer is None else {"response": clean_text(answer, longest)}
    return replace(root, results=(Result(inputs, outputs),))


def _covering(root: Node) -> Node:
    """The root from the first start to the last end below it, and never without a duration."""
    start = min(node.start_ms for node in _walk(root))
    end = max(node.end_ms for node in _walk(root))
    return replace(root, start_ms=start, end_ms=max(end, start + 1))


def _walk(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children


def _architecture(node: Node, calls: Mapping[str, ModelCall]) -> Mapping[str, Json]:
    """What the node is made of: settings that many calls share, none of one call, for the panel groups by it."""
    call = calls.get(node.span_id)
    if call is not None:
        found: dict[str, Json] = {
            "_kind": _CALL_KIND,
            "provider": call.provider,
            "operation": call.operation,
            "model": call.request_model,
            "answered_by": call.response_model,
            **{name: clean(value) for name, value in call.parameters.items()},
        }
        if call.tools:
            found["allowed_tools"] = list(call.tools)
    else:
        found = {"_kind": node.kind.value.lower(), "name": node.name}
    for child in node.children:
        if any(part.span_id in calls or part.kind is not Kind.CHAIN for part in _walk(child)):
            found.setdefault(child.name.lstrip("_"), dict(_architecture(child, calls)))
    return {key: value for key, value in found.items() if value is not None}


def _milliseconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1e6, 3)
