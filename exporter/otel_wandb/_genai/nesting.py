"""Finds which spans of a trace are model calls and which only wrap one. Pure.

A program may have several instrumentations: of a framework, of a client, ours. Each writes a span with tokens for the
same call. The innermost span is the call, and those around it become steps. A call below another one may also be a
separate call, as when a tool calls a model. The response's id, the tokens and the model decide. If none of them
differs, it is the same call.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, TypeAlias

from otel_wandb._genai.model_call import Kind, ModelCall
from otel_wandb._genai.paragraphs import Paragraph, request_of
from otel_wandb._genai.view import SpanView
from otel_wandb._spans.span import SpanRecord

Tokens: TypeAlias = tuple[int, int]
"""The numbers of input and output tokens."""
Sums: TypeAlias = "Counter[tuple[str, int]]"
"""Tokens by a family that is billed separately, and by 0 for input and 1 for output."""

# Operations of two families, which are billed separately, are never the same call. All others generate text.
_FAMILIES: Final[Mapping[str, str]] = {
    "embeddings": "embeddings",
    "embedding": "embeddings",
    "rerank": "rerank",
    "moderation": "moderation",
    "image": "images",
    "image_generation": "images",
    "image_edit": "images",
    "image_variation": "images",
    "audio": "audio",
    "speech": "audio",
    "speech_generation": "audio",
    "transcription": "audio",
    "translation": "audio",
}
_SHARED: Final = ("user", "session", "conversation", "prompt_name", "prompt_version", "tags")
_MOST_ALIKE: Final = 500  # of calls with the same tokens, only so many are compared with each other


def innermost(spans: Sequence[SpanRecord], views: Mapping[str, SpanView]) -> Mapping[str, SpanView]:
    """The views with only the innermost calls as calls. Fields that only a span around a call has are added to it."""
    calls = {span.span_id: _Call(span, call) for span in spans if (call := views[span.span_id].call) is not None}
    if len(calls) <= 1:
        return views
    _nest({span.span_id: span for span in spans}, views, calls)
    around = {**_above(calls.values())}
    around |= _beside([call for call in calls.values() if call.id not in around])
    if not around:
        return views
    changed = dict(views)
    for outer, inside in around.items():
        for inner in inside:
            inner.call = _completed(inner.call, calls[outer].call, is_alone=len(inside) == 1)
            changed[inner.id] = replace(views[inner.id], call=inner.call)
    return changed | {outer: _step(views[outer], calls[outer].call) for outer in around}


@dataclass(eq=False)
class _Call:
    span: SpanRecord
    call: ModelCall
    outer: "_Call | None" = None
    """The nearest call above."""
    near: list["_Call"] = field(default_factory=list)
    """The nearest calls below, with only steps between."""
    far: list["_Call"] = field(default_factory=list)
    """The nearest calls below that a tool or an agent makes."""

    @property
    def id(self) -> str:
        return self.span.span_id

    @property
    def family(self) -> str:
        return _FAMILIES.get(self.call.operation, "generation")

    @property
    def tokens(self) -> Tokens | None:
        found = (self.call.usage.input or 0, self.call.usage.output or 0)
        return found if any(found) else None

    @cached_property
    def question(self) -> tuple[Paragraph, ...]:
        """The text of the request. Dialects keep different parts of a message, so only the text can be compared."""
        return tuple(request_of(self.call))

    @property
    def alike(self) -> Sequence["_Call"]:
        """Neighbouring spans that may be of the same call."""
        return [one for one in self.near if one.family == self.family]


def _nest(spans: Mapping[str, SpanRecord], views: Mapping[str, SpanView], calls: Mapping[str, _Call]) -> None:
    """Link each call to the call above it."""
    above: dict[str, tuple[_Call | None, bool]] = {}  # by span: the nearest call above, and whether it is far
    for call in calls.values():
        path: list[SpanRecord] = []
        parent = spans.get(call.span.parent_id or "")
        while parent is not None and parent.span_id not in above:
            above[parent.span_id] = (calls.get(parent.span_id), False)  # also ends a cycle of parents
            if parent.span_id in calls:
                break
            path.append(parent)
            parent = spans.get(parent.parent_id or "")
        for span in reversed(path):
            outer, is_far = above.get(span.parent_id or "", (None, False))
            above[span.span_id] = (outer, is_far or views[span.span_id].kind in {Kind.TOOL, Kind.AGENT})
        call.outer, is_far = above.get(call.span.parent_id or "", (None, False))
        if call.outer is not None:
            (call.outer.far if is_far else call.outer.near).append(call)


def _above(calls: Iterable[_Call]) -> Mapping[str, Sequence[_Call]]:
    """The calls that wrap others, outermost first, each with the calls that it wraps."""
    ordered = [call for call in calls if call.outer is None]
    for call in ordered:  # grows while it is walked through
        ordered += (*call.near, *call.far)
    sums: dict[str, Sums] = {}
    around = {}
    for call in reversed(ordered):
        below: Sums = sum((sums.pop(one.id) for one in (*call.near, *call.far)), Counter())
        if _stands_around(call, (below[call.family, 0], below[call.family, 1])):
            around[call.id] = call.alike
        elif call.tokens is not None:
            below += Counter({(call.family, side): tokens for side, tokens in enumerate(call.tokens)})
        sums[call.id] = below
    return dict(reversed(around.items()))


def _stands_around(outer: _Call, below: Tokens) -> bool:
    if any(_have_one_id(outer, inner) for inner in (*outer.near, *outer.far)):
        return True
    alike = outer.alike
    said = [inner.tokens for inner in alike if inner.tokens is not None]
    total = (sum(given for given, _ in said), sum(gave for _, gave in said))
    if outer.tokens is not None and outer.tokens in {below, total, *said}:  # those of one: the last attempt
        return True
    return bool(alike) and not _is_another(outer, alike, compared=len(said) == len(alike))


def _is_another(outer: _Call, alike: Sequence[_Call], *, compared: bool) -> bool:
    """Whether the outer call is a separate one, by its response id, or by its tokens and model."""
    if outer.call.response_id and any(inner.call.response_id for inner in alike):
        return True
    return outer.tokens is not None and compared and not any(_have_one_model(outer, inner) for inner in alike)


def _beside(calls: Sequence[_Call]) -> Mapping[str, Sequence[_Call]]:
    """Pairs calls that are nested in time but not as parent and child: a framework's callbacks make no span current.

    The inner call is of another instrumentation, has the same id, tokens or question, and belongs to one outer call
    only.
    """
    if len({call.span.scope for call in calls}) < 2:  # noqa: PLR2004
        return {}
    alike: defaultdict[Any, list[_Call]] = defaultdict(list)
    for call in calls:
        for key in (call.call.response_id, call.tokens, call.question):
            if key:
                alike[call.family, key].append(call)
    around: dict[str, Sequence[_Call]] = {}
    taken: set[str] = set()
    for found in alike.values():
        for outer, inner in _pairs(found[:_MOST_ALIKE], around, taken):
            around[outer.id] = [inner]
            taken.add(inner.id)
    return around


def _pairs(
    calls: Sequence[_Call], around: Mapping[str, Sequence[_Call]], taken: set[str]
) -> Iterator[tuple[_Call, _Call]]:
    """Match as many outer calls as possible, each with one inner call.

    Outer calls are matched in the order of their ends, each with the inner call that began first.
    """
    places = _places(calls)
    for outer in sorted(calls, key=lambda one: (one.span.end_ns, -one.span.start_ns)) if len(places) > 1 else ():
        if outer.id not in around:
            inside = (one for one in calls if places[one.span.scope] > places[outer.span.scope])
            within = (one for one in inside if one.id not in taken and _is_within(one, outer))
            inner = min(within, key=lambda one: one.span.start_ns, default=None)
            if inner is not None:
                yield outer, inner


def _places(calls: Sequence[_Call]) -> Mapping[str, int]:
    """The ranks of instrumentations, outermost first. Parallel calls may be nested in time in both directions."""
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for call in calls:
        seconds[call.span.scope].append(call.span.seconds)
    ordered = sorted(seconds, key=lambda scope: sum(seconds[scope]) / len(seconds[scope]), reverse=True)
    return {scope: place for place, scope in enumerate(ordered)}


def _is_within(inner: _Call, outer: _Call) -> bool:
    return (
        outer.span.start_ns <= inner.span.start_ns
        and inner.span.end_ns <= outer.span.end_ns
        and _agree(inner, outer)
        and not _is_below(inner, outer)
    )


def _agree(one: _Call, other: _Call) -> bool:
    if one.call.response_id and other.call.response_id:
        return _have_one_id(one, other)
    if one.tokens is not None and other.tokens is not None:
        return one.tokens == other.tokens and _have_one_model(one, other)
    return one.question == other.question and _have_one_model(one, other)  # usually for streams


def _is_below(inner: _Call, outer: _Call) -> bool:
    above = inner.outer
    seen = 0
    while above is not None and above is not outer and seen < _MOST_ALIKE:
        above, seen = above.outer, seen + 1
    return above is not None


def _have_one_id(one: _Call, other: _Call) -> bool:
    return bool(one.call.response_id) and one.call.response_id == other.call.response_id


def _have_one_model(one: _Call, other: _Call) -> bool:
    """Whether both may name the same model. The model that answered has a longer name than the requested one."""
    names, others = _models(one), _models(other)
    if not names or not others:
        return True
    return any(name.startswith(another) or another.startswith(name) for name in names for another in others)


def _models(call: _Call) -> Sequence[str]:
    return [name for name in (call.call.request_model, call.call.response_model) if name]


def _step(view: SpanView, call: ModelCall) -> SpanView:
    return replace(view, kind=Kind.CHAIN, call=None, repeats=call)


def _completed(call: ModelCall, outer: ModelCall, *, is_alone: bool) -> ModelCall:
    """The call, completed by the spans around it.

    The spans give user and session; if no other call is beside it, also tokens and cost.
    """
    more = {name: said for name in _SHARED if not getattr(call, name) and (said := getattr(outer, name))}
    if is_alone and call.usage.total is None and outer.usage.total is not None:
        more["usage"] = outer.usage
    if is_alone and call.cost is None and outer.cost is not None:
        more["cost"] = outer.cost
    return replace(call, **more) if more else call
