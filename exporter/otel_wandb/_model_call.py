"""The one view of a span that is a call of a model, whatever instrumentation made it."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from otel_wandb import _attributes as names
from otel_wandb._messages import labels_of, render_input, render_outputs, tool_names
from otel_wandb._span import SpanRecord


class Kind(enum.Enum):
    """The kinds that W&B's timeline has an icon for."""

    LLM = "LLM"
    CHAIN = "CHAIN"
    AGENT = "AGENT"
    TOOL = "TOOL"


# Whatever else names a provider is a call of a model; a span that names no operation at all is a step of a chain.
_KINDS: Final[Mapping[str, Kind]] = {
    "invoke_agent": Kind.AGENT,
    "create_agent": Kind.AGENT,
    "plan": Kind.AGENT,
    "execute_tool": Kind.TOOL,
    "retrieval": Kind.TOOL,
    "invoke_workflow": Kind.CHAIN,
}
_AZURE: Final = "azure.ai.openai"


@dataclass(frozen=True, slots=True)
class ModelCall:
    """What a call says of itself; None where it does not say. Tokens are the server's, never an estimate."""

    operation: str
    provider: str | None
    api_type: str
    request_model: str | None
    response_model: str | None
    response_id: str | None
    request: str | None
    responses: tuple[str, ...]
    finish_reasons: tuple[str, ...]
    input_tokens: int | None
    output_tokens: int | None
    tools: tuple[str, ...]
    parameters: Mapping[str, Any]

    @property
    def model(self) -> str | None:
        """The model that answered, else the one that was asked."""
        return self.response_model or self.request_model

    @property
    def total_tokens(self) -> int | None:
        """Input and output; embeddings have no output."""
        if self.input_tokens is None:
            return self.output_tokens
        return self.input_tokens + (self.output_tokens or 0)

    @property
    def response(self) -> str | None:
        """All choices as one text."""
        return "\n\n".join(self.responses) or None


def kind_of(span: SpanRecord) -> Kind:
    """The kind of a span by its operation."""
    operation = span.attributes.get(names.OPERATION_NAME)
    if operation is None:
        return Kind.CHAIN
    return _KINDS.get(str(operation), Kind.LLM)


def read_model_call(span: SpanRecord) -> ModelCall | None:
    """The call that `span` is, or None for one of another kind."""
    if kind_of(span) is not Kind.LLM:
        return None
    get = span.attributes.get
    operation = str(get(names.OPERATION_NAME))
    provider = _text(get(names.PROVIDER_NAME))
    labels = labels_of(operation, get(names.API_TYPE))
    return ModelCall(
        operation=operation,
        provider=provider,
        api_type="azure" if provider == _AZURE else provider or "openai",
        request_model=_text(get(names.REQUEST_MODEL)),
        response_model=_text(get(names.RESPONSE_MODEL)),
        response_id=_text(get(names.RESPONSE_ID)),
        request=render_input(get(names.INPUT_MESSAGES), get(names.SYSTEM_INSTRUCTIONS), labels),
        responses=render_outputs(get(names.OUTPUT_MESSAGES), labels) or _facts(span.attributes),
        finish_reasons=texts(get(names.FINISH_REASONS)),
        input_tokens=_count(get(names.INPUT_TOKENS)),
        output_tokens=_count(get(names.OUTPUT_TOKENS)),
        tools=tuple(tool_names(get(names.TOOL_DEFINITIONS))),
        parameters={name: get(key) for name, key in PARAMETERS.items() if get(key) is not None},
    )


PARAMETERS: Final[Mapping[str, str]] = {
    "temperature": names.TEMPERATURE,
    "top_p": names.TOP_P,
    "max_tokens": names.MAX_TOKENS,
    "n": names.CHOICE_COUNT,
    "stop": names.STOP_SEQUENCES,
    "frequency_penalty": names.FREQUENCY_PENALTY,
    "presence_penalty": names.PRESENCE_PENALTY,
    "seed": names.SEED,
    "stream": names.STREAM,
}


def _facts(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """What is to be read of an answer that has no text."""
    count, flagged = attributes.get(names.EMBEDDING_COUNT), attributes.get(names.MODERATION_FLAGGED)
    if count is not None:
        return (f"**Embeddings**: {count} of {attributes.get(names.DIMENSION_COUNT)} dimensions",)
    if flagged is None:
        return ()
    categories = ", ".join(texts(attributes.get(names.MODERATION_CATEGORIES)))
    return (f"**Flagged**: {categories or 'yes'}" if flagged else "**Flagged**: no",)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def texts(value: Any) -> tuple[str, ...]:
    """A list attribute as texts; nothing for one that is no list."""
    return tuple(str(item) for item in value) if isinstance(value, (list, tuple)) else ()


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
