"""Makes the attributes of a span that becomes a call in Weave. Pure.

They are `inputs` and `output` as JSON, and everything else in `wandb.attributes`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from otel_wandb._journal.schema import Call
from otel_wandb._weave.messages import chat_messages, choices
from otel_wandb._weave.source import Source, Texts, Value, as_json, first_and_last, of_call


def as_call(source: Source) -> Iterator[tuple[str, Value]]:
    """The attributes from which Weave makes a call."""
    span, call = source.span, source.span["call"]
    inputs, output = _sides(source)
    if inputs:
        yield "inputs", as_json(inputs)
    if output:
        yield "output", output if isinstance(output, str) else as_json(output)
    yield "weave.span.kind", span["kind"]
    yield "wandb.display_name", span["name"]
    if source.thread is not None:
        yield "wandb.thread_id", source.thread
        if source.is_root and inputs:  # Weave's page of a thread cannot show a turn without inputs
            yield "wandb.is_turn", True
    yield "wandb.wb_run_id", source.place.run_id
    if source.place.step is not None:
        yield "wandb.wb_run_step", source.place.step
    if call is not None:
        yield from of_call(call)
    yield "wandb.attributes", as_json(_more(source))


def _sides(source: Source) -> tuple[Mapping[str, Any], Any]:
    """The inputs and the output. A root without both gets the first question and the last answer below it."""
    span, texts = source.span, source.texts
    if span["call"] is not None:
        return _inputs(span["call"], texts), _output(span["call"], texts)
    inputs: Mapping[str, Any] = span["inputs"] or {}
    output: Any = "\n\n".join((span["outputs"] or {}).values())
    if source.is_root and not inputs and not output:
        first, last = first_and_last(source.record)
        asked = [] if first is None else chat_messages(texts.messages(first["asked"]), "user")
        return ({"messages": asked} if asked else {}), {} if last is None else _output(last, texts)
    return inputs, output


def _inputs(call: Call, texts: Texts) -> Mapping[str, Any]:
    tools = list(texts.tools(call["tools"]))
    found = {
        "model": call["request_model"] or call["response_model"],
        "messages": chat_messages(texts.messages(call["asked"]), "user"),
        "tools": tools,
        **call["parameters"],
    }
    return {name: value for name, value in found.items() if value not in (None, [], {})}


def _output(call: Call, texts: Texts) -> Mapping[str, Any]:
    answers = choices(texts.messages(call["answered"]))
    if not answers:
        return {}
    usage = call["usage"]
    counts = {"prompt_tokens": usage["input"], "completion_tokens": usage["output"], "total_tokens": usage["total"]}
    found = {
        "id": call["response_id"],
        "model": call["response_model"],
        "choices": answers,
        "usage": {name: count for name, count in counts.items() if count is not None},
    }
    return {name: value for name, value in found.items() if value not in (None, {})}


def _more(source: Source) -> Mapping[str, Any]:
    """All other values, which Weave adds to the attributes of the call."""
    record, span, call = source.record, source.span, source.span["call"]
    found: dict[str, Any] = {
        "service": record["service"],
        "user": record["user"],
        "tags": list(record["tags"]),
        "session": record["session"],
        "conversation": record["conversation"],
        "instrumentation": span["scope"],
        "span": dict(span["attributes"]),
    }
    if call is not None:
        found |= {
            "cost": call["cost"],
            "cost_reason": call["cost_reason"],
            "tokens_estimated": call["estimated"] or None,
            "reasoning_tokens": call["usage"]["reasoning"],
            "time_to_first_chunk": call["first_chunk"],
            "stream_end": call["stream_end"],
            "prompt_name": call["prompt_name"],
            "prompt_version": call["prompt_version"],
            "error_type": call["error_type"],
            "http_status": call["http_status"],
            "http_request_id": call["http_request_id"],
        }
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}
