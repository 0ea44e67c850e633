"""Logfire and Pydantic AI: the conventions' attributes with lists as JSON; older versions have bodies and events."""

from collections.abc import Mapping
from typing import Any, Final

from otel_wandb._genai.conversation import Messages, answered_in_events, asked, asked_in_events, said
from otel_wandb._genai.dialects import fields as f
from otel_wandb._genai.dialects.fields import Row
from otel_wandb._genai.model_call import Kind
from otel_wandb._genai.parsing import always, at, inline, is_cut, texts

_REQUEST: Final = "request_data"
_EVENTS: Final = ("events", "all_messages_events")
_OWN_TAG: Final = "LLM"  # on every call of a model


_OPERATIONS: Final[Mapping[str, str]] = {"messages": "chat", "prompt": "text_completion", "input": "embeddings"}


def _operation(request: Any) -> str | None:
    return next((operation for key, operation in _OPERATIONS.items() if at(request, key) is not None), None)


def _asked(request: Any) -> Messages | None:
    """The messages of the request. None if it has only a model, and the conventions' attributes have the messages."""
    return asked(request) if is_cut(request) or _operation(request) is not None else None


def _tags(value: Any) -> tuple[str, ...] | None:
    tags = texts(value)
    return None if tags is None else tuple(tag for tag in tags if tag != _OWN_TAG)


KINDS: Final[tuple[Row[Kind], ...]] = tuple(
    Row(f.KIND, key, read=always(Kind.AGENT)) for key in ("all_messages_events", "pydantic_ai.all_messages")
)

ROWS: Final[tuple[Row[Any], ...]] = (
    Row(f.DISPLAY_NAME, "logfire.msg"),
    Row(f.OPERATION, _REQUEST, read=_operation),
    Row(f.INPUT_MESSAGES, _REQUEST, read=_asked),
    *f.parameter_rows(_REQUEST),
    Row(f.OUTPUT_MESSAGES, "response_data", ("message",)),
    Row(f.OUTPUT_MESSAGES, "response_data", ("text",), read=said),
    Row(f.OUTPUT_MESSAGES, "response_data", ("combined_chunk_content",), read=said),
    *(Row(f.INPUT_MESSAGES, key, read=asked_in_events) for key in _EVENTS),
    *(Row(f.OUTPUT_MESSAGES, key, read=answered_in_events) for key in _EVENTS),
    Row(f.INPUT_MESSAGES, "pydantic_ai.all_messages"),
    Row(f.OUTPUTS, "final_result"),
    Row(f.INPUTS, "tool_arguments", read=inline),
    Row(f.OUTPUTS, "tool_response", read=inline),
    *f.usage_rows("gen_ai.usage.raw"),
    Row(f.COST, "operation.cost"),
    Row(f.TAGS, "logfire.tags", read=_tags),
)
