"""Langfuse's SDK: observations, with their input and output as JSON, in the form of the provider."""

from typing import Any, Final

from otel_wandb._genai.conversation import answered, asked
from otel_wandb._genai.dialects import fields as f
from otel_wandb._genai.dialects.fields import Row
from otel_wandb._genai.model_call import Kind
from otel_wandb._genai.parsing import (
    MAPPING,
    always,
    amount,
    at,
    document,
    dollars,
    is_cut,
    number,
    one_of,
    other_than,
    unquoted,
)

_TYPE: Final = "langfuse.observation.type"
_INPUT: Final = "langfuse.observation.input"
_OUTPUT: Final = "langfuse.observation.output"
_PARAMETERS: Final = "langfuse.observation.model.parameters"
_FIRST_CHUNK: Final = "langfuse.observation.completion_start_time"  # only streams have it
_COST: Final = "langfuse.observation.cost_details"


def _operation(value: Any) -> str | None:
    """The operation of a generation: a prompt and messages differ only in their form."""
    return "text_completion" if isinstance(document(value), str) and not is_cut(value) else None


def _sum(value: Any) -> float | None:
    details = document(value)
    if not isinstance(details, MAPPING):
        return None
    costs = [cost for name in details if (cost := amount(at(details, name))) is not None]
    return dollars(sum(costs)) if costs else None


KINDS: Final[tuple[Row[Kind], ...]] = (
    Row(
        f.KIND,
        _TYPE,
        read=one_of(
            {
                "generation": Kind.LLM,
                "embedding": Kind.LLM,
                "agent": Kind.AGENT,
                "tool": Kind.TOOL,
                "retriever": Kind.TOOL,
                "guardrail": Kind.TOOL,
                "evaluator": Kind.TOOL,
                "span": Kind.CHAIN,
                "chain": Kind.CHAIN,
                "event": Kind.CHAIN,
            }
        ),
    ),
)

ROWS: Final[tuple[Row[Any], ...]] = (
    Row(f.TRACE_NAME, "langfuse.trace.name"),
    Row(f.OPERATION, _TYPE, read=one_of({"embedding": "embeddings"})),
    Row(f.OPERATION, _INPUT, read=_operation),
    Row(f.RESPONSE_MODEL, "langfuse.observation.model.name"),
    Row(f.INPUT_MESSAGES, _INPUT, read=asked),
    Row(f.TOOLS, _INPUT, ("tools",)),
    Row(f.TOOLS, _INPUT, ("functions",)),
    Row(f.OUTPUT_MESSAGES, _OUTPUT, read=answered),
    Row(f.FINISH_REASONS, "langfuse.observation.metadata.finish_reason"),
    Row(f.INPUTS, _INPUT),
    Row(f.OUTPUTS, _OUTPUT),
    *f.usage_rows("langfuse.observation.usage_details"),
    Row(f.COST, _COST, ("total",)),
    Row(f.COST, _COST, read=_sum),
    # The SDK writes the API's defaults for parameters that the caller did not set.
    Row(f.TEMPERATURE, _PARAMETERS, ("temperature",), read=other_than(1, number)),
    Row(f.TOP_P, _PARAMETERS, ("top_p",), read=other_than(1, number)),
    Row(f.FREQUENCY_PENALTY, _PARAMETERS, ("frequency_penalty",), read=other_than(0, number)),
    Row(f.PRESENCE_PENALTY, _PARAMETERS, ("presence_penalty",), read=other_than(0, number)),
    Row(f.MAX_TOKENS, _PARAMETERS, ("max_tokens",)),  # the default "Infinity" is not read as a count
    Row(f.CHOICES, _PARAMETERS, ("n",)),
    Row(f.SEED, _PARAMETERS, ("seed",)),
    Row(f.FIRST_CHUNK_AT, _FIRST_CHUNK),
    Row(f.STREAM, _FIRST_CHUNK, read=always(True)),
    # The SDK does not set the span's status if the program sets a level.
    Row(f.FAILED, "langfuse.observation.level", read=one_of({"error": True})),
    Row(f.STATUS_MESSAGE, "langfuse.observation.status_message"),
    Row(f.EMBEDDING_COUNT, _OUTPUT, ("count",)),
    Row(f.DIMENSION_COUNT, _OUTPUT, ("dimensions",)),
    Row(f.USER, "langfuse.user.id"),
    Row(f.SESSION, "langfuse.session.id"),
    Row(f.PROMPT_NAME, "langfuse.observation.prompt.name", read=unquoted),
    Row(f.PROMPT_VERSION, "langfuse.observation.prompt.version", read=unquoted),
    Row(f.TAGS, "langfuse.trace.tags"),
)
