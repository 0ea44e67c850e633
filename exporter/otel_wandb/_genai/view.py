"""Reads a span of any dialect into a view, from which all records are made."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from otel_wandb._genai.conversation import Messages, finish_reasons, with_calls
from otel_wandb._genai.dialects import fields as f
from otel_wandb._genai.model_call import Kind, ModelCall, Usage
from otel_wandb._genai.parts import tool_names
from otel_wandb._genai.reading import Fields, Said, read_fields
from otel_wandb._spans.span import SpanRecord

_AZURE: Final = "azure.ai.openai"
_CHAT: Final = "chat"
_EMBEDDINGS: Final = "embeddings"
_OPERATIONS_IN_NAMES: Final = frozenset({_CHAT, _EMBEDDINGS, "text_completion", "generate_content"})
_OF_STEPS: Final = frozenset({f.KIND, f.DISPLAY_NAME, f.TRACE_NAME, f.INPUTS, f.OUTPUTS})


@dataclass(frozen=True, slots=True)
class SpanView:
    """The kind and the fields of a span, and its request and answer if it is a call of a model."""

    kind: Kind
    is_genai: bool
    """Whether a dialect gives its kind: a call of a model, an agent, a tool, or a step of these."""
    name: str
    """The name in the timeline."""
    call: ModelCall | None = None
    inputs: Messages | str | None = None
    """The input of a tool, an agent or a step."""
    instructions: tuple[Any, ...] = ()
    """System instructions that are separate from the messages in `inputs`."""
    outputs: Messages | str | None = None
    repeats: ModelCall | None = None
    """The call of a span below that this span only wraps. It is shown here too, but counted there."""
    is_error: bool = False
    """Whether an attribute marks the span as failed, even if its status does not."""
    message: str | None = None
    """The error message in the dialect of that attribute."""


def read_view(span: SpanRecord) -> SpanView:
    """The view of a span. Its attributes may have any values."""
    fields = read_fields(span)
    kind = fields.get(f.KIND)
    name = _name(span, fields)
    if kind is None:
        return SpanView(Kind.CHAIN, is_genai=False, name=name)
    view = SpanView(
        kind, is_genai=True, name=name, is_error=fields.get(f.FAILED) is True, message=fields.get(f.STATUS_MESSAGE)
    )
    if kind is Kind.LLM:
        return replace(view, call=_call(span, fields.all_but(_OF_STEPS), name))
    inputs, outputs = fields.get(f.INPUTS), fields.get(f.OUTPUTS)
    return replace(
        view,
        inputs=fields.get(f.INPUT_MESSAGES) if inputs is None else inputs,
        instructions=(fields.get(f.INSTRUCTIONS) or ()) if inputs is None else (),
        outputs=fields.get(f.OUTPUT_MESSAGES) if outputs is None else outputs,
    )


def is_genai(span: SpanRecord) -> bool:
    """`read_view(span).is_genai`, without reading other fields."""
    return read_fields(span).get(f.KIND) is not None


def _name(span: SpanRecord, fields: Fields) -> str:
    return fields.get(f.DISPLAY_NAME) or (span.is_local_root and fields.get(f.TRACE_NAME)) or span.name


def _call(span: SpanRecord, said: Said, name: str) -> ModelCall:
    operation = said(f.OPERATION) or _operation_in(span.name)
    provider = said(f.PROVIDER)
    answers = _answers(said)
    definitions = tuple(said(f.TOOLS) or ())
    return ModelCall(
        name=name,
        operation=operation,
        api=said(f.API),
        provider=provider,
        api_type="azure" if provider == _AZURE else provider,
        request_model=said(f.REQUEST_MODEL),
        response_model=said(f.RESPONSE_MODEL),
        response_id=said(f.RESPONSE_ID),
        asked=said(f.INPUT_MESSAGES) or (),
        answered=answers,
        instructions=said(f.INSTRUCTIONS) or (),
        embedding_count=said(f.EMBEDDING_COUNT),
        dimension_count=said(f.DIMENSION_COUNT),
        flagged=said(f.FLAGGED),
        categories=said(f.CATEGORIES) or (),
        finish_reasons=said(f.FINISH_REASONS) or f.FINISH_REASONS.read(finish_reasons(answers)) or (),
        usage=_usage(said),
        tools=tuple(tool_names(definitions)),
        tool_definitions=definitions,
        parameters=_parameters(said),
        cost=said(f.COST),
        error_type=said(f.ERROR_TYPE),
        user=said(f.USER),
        session=said(f.SESSION),
        conversation=said(f.CONVERSATION),
        prompt_name=said(f.PROMPT_NAME),
        prompt_version=said(f.PROMPT_VERSION),
        tags=said(f.TAGS) or (),
        image_count=said(f.IMAGE_COUNT),
        image_size=said(f.IMAGE_SIZE),
        time_to_first_chunk=_time_to_first_chunk(span, said),
        stream_end=said(f.STREAM_END),
        engine=said(f.ENGINE),
        http_status=said(f.HTTP_STATUS),
        http_request_id=said(f.HTTP_REQUEST_ID),
    )


def _operation_in(name: str) -> str:
    """The operation at the start of a span's name, as in the conventions before 1.28."""
    word = name.partition(" ")[0]
    return word if word in _OPERATIONS_IN_NAMES else _CHAT


def _answers(said: Said) -> Messages:
    answers = said(f.OUTPUT_MESSAGES) or ()
    calls = said(f.TOOL_CALLS)
    return answers if calls is None else with_calls(answers, calls)


def _usage(said: Said) -> Usage:
    given, gave, total = said(f.INPUT_TOKENS), said(f.OUTPUT_TOKENS), said(f.TOTAL_TOKENS)
    if total is None and (given is not None or gave is not None):
        total = (given or 0) + (gave or 0)
    return Usage(
        input=given,
        output=gave,
        cache_read=said(f.CACHE_READ_TOKENS),
        cache_write=said(f.CACHE_WRITE_TOKENS),
        reasoning=said(f.REASONING_TOKENS),
        total=total,
    )


def _parameters(said: Said) -> Mapping[str, Any]:
    """The parameters of the request. "stream" is included only if true: some dialects write False, others nothing."""
    found = {name: value for name, field in f.PARAMETERS.items() if (value := said(field)) is not None}
    if found.get(f.STREAM.name) is False:
        del found[f.STREAM.name]
    return found


def _time_to_first_chunk(span: SpanRecord, said: Said) -> float | None:
    """The seconds to the first chunk of a stream. OpenLIT also writes them for other calls; these are ignored."""
    if said(f.STREAM) is False:
        return None
    seconds = said(f.TIME_TO_FIRST_CHUNK)
    if seconds is not None:
        return seconds
    first = said(f.FIRST_CHUNK_AT)
    return None if first is None or first < span.start_ns else (first - span.start_ns) / 1e9
