"""What Logfire writes as several spans is one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from otel_wandb._records.markdown import texts_of_call
from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.merging import merged
from tests.exporter.recordings import recording
from tests.exporter.spans import chat_attributes, span, timeline, trace

REQUEST: Final = {"logfire.span_type": "span", "request_data": '{"model":"m"}', "gen_ai.request.model": "m"}
LOG: Final = {
    **REQUEST,
    "logfire.span_type": "log",
    "logfire.msg_template": "streaming response from {request_data[model]!r} took {duration:.2f}s",
    "logfire.msg": "streaming response from 'm' took 0.05s",
    "duration": 0.05,
    "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "text", "content": "hello"}]}]',
    "gen_ai.usage.output_tokens": 2,
}


def request(span_id: str, parent: str | None = "root", *, start: float = 0, end: float = 5, **more: Any) -> SpanRecord:
    return span(span_id, parent, start=start, end=end, attributes={**REQUEST, "logfire.msg": "Chat with 'm'", **more})


def log(span_id: str, parent: str | None = "root", *, at: float = 55, **more: Any) -> SpanRecord:
    return span(span_id, parent, start=at, end=at, attributes={**LOG, **more})


def ids(spans: tuple[SpanRecord, ...]) -> list[str]:
    return [one.span_id for one in spans]


def test_spans_of_others_are_left_alone() -> None:
    spans = (span("a", attributes=chat_attributes()), span("b"))
    assert merged(spans) is spans


@pytest.mark.parametrize("parent", ["root", "call"])
def test_the_answer_of_a_stream_is_that_of_the_call_beside_or_above_it(parent: str) -> None:
    root, call = span("root"), request("call")
    found = merged((root, call, log("log", parent)))
    assert ids(found) == ["root", "call"]
    whole = found[1]
    assert (whole.name, whole.start_ns, whole.seconds) == (call.name, call.start_ns, 0.055)
    picked = ("logfire.msg", "logfire.span_type", "gen_ai.usage.output_tokens", "gen_ai.request.stream")
    assert [whole.attributes[name] for name in picked] == ["Chat with 'm'", "span", 2, True]


def test_the_recorded_stream_is_one_call() -> None:
    spans = tuple(replace(one, trace_id="t", parent_id="root") for one in recording("logfire"))
    tree = timeline(trace(span("root"), *spans), 1_000)
    assert len(tree.read.calls) == len(spans) - 1
    stream = next(call for _, call in tree.read.calls if call.parameters.get("stream"))
    assert (stream.name, texts_of_call(stream).outputs, stream.usage.total) == (
        "Chat Completion with 'gpt-4o-mini'",
        ("**assistant**: Hello",),
        11,
    )


def test_streams_side_by_side_get_their_own_answers() -> None:
    """By what was asked; and where that is the same, by the time at which the stream began."""
    spans = (
        request("first", end=5),
        request("second", start=1, end=30),
        request("other", request_data="{}"),
        log("of other", at=60, request_data="{}", answer="other"),
        log("of second", at=80, answer="second"),
        log("of first", at=90, duration=0.085, answer="first"),
    )
    found = merged(spans)
    assert [(one.span_id, one.attributes["answer"]) for one in found] == [
        ("first", "first"),
        ("second", "second"),
        ("other", "other"),
    ]


@pytest.mark.parametrize(
    "beside",
    [
        request("call", "elsewhere"),
        request("call", request_data="{}"),
        span("call", "root", attributes={**REQUEST, "gen_ai.output.messages": "[]"}),
        span("call", "root", attributes={"logfire.span_type": "log"}),
    ],
)
def test_an_answer_without_its_call_stands_for_itself(beside: SpanRecord) -> None:
    assert ids(merged((beside, log("log")))) == ["call", "log"]


def test_a_log_that_says_nothing_of_its_request_stands_for_itself() -> None:
    bare = {key: value for key, value in LOG.items() if key.startswith("logfire.")}
    assert ids(merged((span("http", "root"), span("log", "root", attributes=bare)))) == ["http", "log"]


@pytest.mark.parametrize("more", [{"logfire.msg_template": "hello"}, {"logfire.msg_template": 5}])
def test_other_logs_are_spans(more: Mapping[str, Any]) -> None:
    assert ids(merged((request("call"), log("log", **more)))) == ["call", "log"]


def test_an_odd_duration_is_no_obstacle() -> None:
    assert ids(merged((request("call"), log("log", duration=float("nan"))))) == ["call"]


def test_spans_that_only_announce_another_are_left_out() -> None:
    pending = span("pending", "call", attributes={"logfire.span_type": "pending_span"})
    assert ids(merged((request("call"), pending))) == ["call"]
    assert timeline(trace(pending), 1_000).root.span_id == "pending"
