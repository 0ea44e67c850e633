"""Converts a trace to the data of W&B's timeline panel: a tree of nodes, and the architecture of the model.

The panel divides all times by the root's duration, shows the root's inputs and outputs as text, and groups traces by a
hash of the architecture (`PanelTraceTree` of W&B's front end).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from otel_wandb._genai.model_call import Kind, ModelCall
from otel_wandb._genai.reading import is_shown_event, shown_attributes
from otel_wandb._records.markdown import Texts, texts_of
from otel_wandb._spans.clean import Json, clean, clean_text
from otel_wandb._spans.span import EventRecord, SpanRecord
from otel_wandb._traces.read_trace import ReadTrace

_DEEPEST: Final = 100  # wandb serialises recursively, and fails from 330 levels on
_MOST_NODES: Final = 1_000
_LABELS: Final = {Kind.LLM: ("request", "response"), Kind.TOOL: ("arguments", "result")}
_CALL_KIND: Final = "openai"  # `_kind` of the old integration; the panel chooses a model's icon by it


@dataclass(frozen=True, slots=True)
class Result:
    """One set of named texts."""

    inputs: Mapping[str, str] | None
    outputs: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Node:
    """One span of the timeline. Times are in milliseconds since the epoch, with a fraction."""

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
    """A trace as a tree, and the architecture of its model."""

    read: ReadTrace
    """The trace that it shows."""
    texts: Mapping[str, Texts]
    """The inputs and outputs of every span by span id, not cut."""
    root: Node
    model: Mapping[str, Json]
    left_out: int = 0
    """The number of spans that were left out because there were too many."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The spans that the tree shows, and their places. Independent of the length of texts."""

    read: ReadTrace
    texts: Mapping[str, Texts]
    placed: Mapping[str, SpanRecord]
    """The shown spans by id, from the top of the tree down."""
    roots: Sequence[SpanRecord]
    children: Mapping[str, Sequence[SpanRecord]]


def timeline(read: ReadTrace, longest: int) -> Timeline:
    """The timeline of a trace, with texts cut at `longest` characters."""
    return drawn(lay_out(read), longest)


def lay_out(read: ReadTrace) -> Layout:
    """The layout of a trace: the first spans from the top down, not deeper than wandb can nest."""
    above, below = _families(read.spans)
    placement = _Placement(below)
    for span in (*above, *read.spans):  # spans in a cycle of parents are below no root
        placement.add(span)
    texts = {span_id: texts_of(view) for span_id, view in read.views.items()}
    return Layout(read, texts, placement.placed, placement.roots, placement.children)


def drawn(layout: Layout, longest: int) -> Timeline:
    """The timeline of a layout, with texts cut at `longest` characters."""
    calls = layout.read.calls
    root = _root(layout, longest)
    return Timeline(
        read=layout.read,
        texts=layout.texts,
        root=_covering(_readable(root, [layout.texts[span.span_id] for span, _ in calls], longest)),
        model=_architecture(root, {span.span_id: call for span, call in calls}),
        left_out=len(layout.read.spans) - len(layout.placed),
    )


def _families(spans: Sequence[SpanRecord]) -> tuple[Sequence[SpanRecord], Mapping[str, Sequence[SpanRecord]]]:
    """The spans whose parent is not in the trace, and the others by parent."""
    known = {span.span_id for span in spans}
    below: dict[str, list[SpanRecord]] = {}
    above = []
    for span in spans:
        if span.parent_id is not None and span.parent_id in known:
            below.setdefault(span.parent_id, []).append(span)
        else:
            above.append(span)
    return above, below


class _Placement:
    """Places spans while there is room. A span that is too deep is placed beside its parent."""

    def __init__(self, below: Mapping[str, Sequence[SpanRecord]]) -> None:
        self.placed: dict[str, SpanRecord] = {}
        self.roots: list[SpanRecord] = []
        self.children: dict[str, list[SpanRecord]] = {}
        self._below = below

    def add(self, root: SpanRecord) -> None:
        """Place `root` and everything below it. Does nothing if `root` was placed before."""
        waiting: list[tuple[SpanRecord, str | None, int]] = [(root, None, 0)]
        while waiting and len(self.placed) < _MOST_NODES:
            span, parent, depth = waiting.pop()
            if span.span_id in self.placed:
                continue
            self.placed[span.span_id] = span
            (self.roots if parent is None else self.children.setdefault(parent, [])).append(span)
            under, level = (span.span_id, depth + 1) if depth < _DEEPEST else (parent, depth)
            waiting += [(child, under, level) for child in reversed(self._below.get(span.span_id, ()))]


def _root(layout: Layout, longest: int) -> Node:
    order = {span.span_id: number for number, span in enumerate(layout.read.spans, 1)}

    def node(span: SpanRecord, parent: str | None) -> Node:
        children = tuple([node(child, span.span_id) for child in layout.children.get(span.span_id, ())])
        found = _node(span, layout, order[span.span_id], longest, children)
        if parent is None or parent == span.parent_id:
            return found
        return replace(found, attributes={**found.attributes, "parent_id": span.parent_id})

    nodes = [node(span, None) for span in layout.roots]
    root = nodes[0] if len(nodes) == 1 else _joining(layout.read, nodes)
    notes = _notes(layout)
    return replace(root, attributes={**root.attributes, **notes}) if notes else root


def _notes(layout: Layout) -> Mapping[str, Json]:
    """Notes about the whole trace, for its root."""
    trace, left_out = layout.read.trace, len(layout.read.spans) - len(layout.placed)
    notes: dict[str, Json] = {}
    if not trace.is_complete:
        notes["trace.incomplete"] = f"supplement {trace.sequence}" if trace.sequence else trace.reason.value
    if left_out:
        notes["trace.spans_left_out"] = left_out
    return notes


def _node(span: SpanRecord, layout: Layout, order: int, longest: int, children: tuple[Node, ...]) -> Node:
    view = layout.read.views[span.span_id]
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
        results=_results(view.kind, layout.texts[span.span_id], longest),
        children=children,
    )


def _event(event: EventRecord, longest: int) -> Json:
    found: dict[str, Json] = {
        "name": clean_text(event.name),
        "time_ms": _milliseconds(event.time_ns),
        "attributes": clean(event.attributes, longest),
    }
    return found if event.body is None else {**found, "body": clean(event.body, longest)}


def _results(kind: Kind, texts: Texts, longest: int) -> tuple[Result, ...]:
    """A result for each output. The first one also has the input."""
    given, gave = labels(kind)
    inputs = None if texts.input is None else {given: clean_text(texts.input, longest)}
    outputs = [{gave: clean_text(output, longest)} for output in texts.outputs]
    if inputs is None and not outputs:
        return ()
    return (Result(inputs, outputs[0] if outputs else None), *(Result(None, output) for output in outputs[1:]))


def labels(kind: Kind) -> tuple[str, str]:
    """The labels of the input and the output of a span."""
    return _LABELS.get(kind, ("input", "output"))


def _joining(read: ReadTrace, nodes: Sequence[Node]) -> Node:
    """A root above several roots, because the panel shows one tree, scaled to its root."""
    return Node(
        span_id=read.trace.trace_id,
        name=read.name,
        kind=Kind.CHAIN,
        start_ms=min(node.start_ms for node in nodes),
        end_ms=max(node.end_ms for node in nodes),
        is_error=any(node.is_error for node in nodes),
        message=None,
        attributes={},
        results=(),
        children=tuple(nodes),
    )


def _readable(root: Node, calls: Sequence[Texts], longest: int) -> Node:
    """The root with results to show: its own, else the first question and the last answer below it."""
    if root.results or not calls:
        return root
    question = next((call.input for call in calls if call.input), None)
    answer = next((output for call in reversed(calls) if (output := call.output)), None)
    if question is None and answer is None:
        return root
    inputs = None if question is None else {"request": clean_text(question, longest)}
    outputs = None if answer is None else {"response": clean_text(answer, longest)}
    return replace(root, results=(Result(inputs, outputs),))


def _covering(root: Node) -> Node:
    """The root from the first start to the last end below it, and with a duration above 0."""
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
    """The node's entry in the architecture. It only has settings that many calls share: the panel groups by it."""
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
