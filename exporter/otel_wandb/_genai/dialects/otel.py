"""The GenAI conventions: 1.37 and later as in `opentelemetry-util-genai` 1.3b0, older ones, and `otel_openai_v0`."""

from collections.abc import Mapping
from typing import Any, Final

from otel_wandb._genai.conversation import answered_in_events, asked_in_events
from otel_wandb._genai.dialects import fields as f
from otel_wandb._genai.dialects.fields import Row
from otel_wandb._genai.model_call import Kind
from otel_wandb._genai.parsing import always, count, inline, text
from otel_wandb._spans import attributes as names

_CALLS: Final = (
    "chat",
    "text_completion",
    "generate_content",
    "embeddings",
    # Names of our own and of others that the conventions lack.
    "completion",
    "response",
    "responses",
    "embedding",
    "rerank",
    "moderation",
    "image",
    "image_generation",
    "image_edit",
    "image_variation",
    "audio",
    "speech",
    "speech_generation",
    "transcription",
    "translation",
    "video_generation",
)
_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(_CALLS, Kind.LLM),
    "invoke_agent": Kind.AGENT,
    "create_agent": Kind.AGENT,
    "plan": Kind.AGENT,
    "execute_tool": Kind.TOOL,
    "retrieval": Kind.TOOL,
    "vectordb": Kind.TOOL,  # OpenLIT
    "invoke_workflow": Kind.CHAIN,
    # Steps of agents. Some have the messages that they pass on.
    "invoke_swarm": Kind.AGENT,
    "invoke_graph": Kind.AGENT,
    "execute_event_loop_cycle": Kind.CHAIN,
    "handoff": Kind.CHAIN,
    "agent_handoff": Kind.CHAIN,
    "guardrail": Kind.TOOL,
    "guardrail_check": Kind.TOOL,
    "prompt": Kind.CHAIN,
    "chain": Kind.CHAIN,
}
_MEMORY: Final = ("_memory", "_memory_store")


def _kind(value: Any) -> Kind | None:
    """The kind of a known operation. For others, which are an open list, other fields of the span decide."""
    operation = text(value)
    if operation is None:
        return None
    return Kind.TOOL if operation.endswith(_MEMORY) else _KINDS.get(operation)


def _step(value: Any) -> Kind | None:
    return None if text(value) is None else Kind.CHAIN


# Keys for fields that are read from events and log records, not from an attribute.
MESSAGE_EVENTS: Final = "(messages)"
FIRST_CHUNK_EVENT: Final = "(first chunk)"
EXCEPTION_EVENT: Final = "(exception)"

KINDS: Final[tuple[Row[Kind], ...]] = (Row(f.KIND, names.OPERATION_NAME, read=_kind),)

ROWS: Final[tuple[Row[Any], ...]] = (
    Row(f.OPERATION, names.OPERATION_NAME),
    Row(f.API, names.API_TYPE),
    Row(f.PROVIDER, names.PROVIDER_NAME),
    Row(f.REQUEST_MODEL, names.REQUEST_MODEL),
    Row(f.RESPONSE_MODEL, names.RESPONSE_MODEL),
    Row(f.RESPONSE_ID, names.RESPONSE_ID),
    Row(f.FINISH_REASONS, names.FINISH_REASONS),
    Row(f.INPUT_MESSAGES, names.INPUT_MESSAGES),
    Row(f.OUTPUT_MESSAGES, names.OUTPUT_MESSAGES),
    Row(f.INSTRUCTIONS, names.SYSTEM_INSTRUCTIONS),
    Row(f.TOOLS, names.TOOL_DEFINITIONS),
    Row(f.INPUTS, names.TOOL_ARGUMENTS, read=inline),
    Row(f.OUTPUTS, names.TOOL_RESULT, read=inline),
    Row(f.INPUTS, names.RETRIEVAL_QUERY),
    Row(f.OUTPUTS, names.RETRIEVAL_DOCUMENTS),
    Row(f.INPUT_TOKENS, names.INPUT_TOKENS),
    Row(f.OUTPUT_TOKENS, names.OUTPUT_TOKENS),
    Row(f.CACHE_READ_TOKENS, names.CACHE_READ_TOKENS),
    Row(f.CACHE_WRITE_TOKENS, names.CACHE_WRITE_TOKENS),
    Row(f.CACHE_WRITE_TOKENS, names.CACHE_CREATION_TOKENS),
    Row(f.REASONING_TOKENS, names.REASONING_TOKENS),
    Row(f.TEMPERATURE, names.TEMPERATURE),
    Row(f.TOP_P, names.TOP_P),
    Row(f.TOP_K, names.TOP_K),
    Row(f.MAX_TOKENS, names.MAX_TOKENS),
    Row(f.CHOICES, names.CHOICE_COUNT),
    Row(f.STOP, names.STOP_SEQUENCES),
    Row(f.FREQUENCY_PENALTY, names.FREQUENCY_PENALTY),
    Row(f.PRESENCE_PENALTY, names.PRESENCE_PENALTY),
    Row(f.SEED, names.SEED),
    Row(f.STREAM, names.STREAM),
    Row(f.ENGINE, names.ENGINE),
    Row(f.STREAM_END, names.STREAM_END),
    Row(f.TIME_TO_FIRST_CHUNK, names.TIME_TO_FIRST_CHUNK),
    Row(f.FIRST_CHUNK_AT, FIRST_CHUNK_EVENT, read=count),
    Row(f.EMBEDDING_COUNT, names.EMBEDDING_COUNT),
    Row(f.DIMENSION_COUNT, names.DIMENSION_COUNT),
    Row(f.IMAGE_COUNT, names.IMAGE_COUNT),
    Row(f.IMAGE_SIZE, names.IMAGE_SIZE),
    Row(f.FLAGGED, names.MODERATION_FLAGGED),
    Row(f.CATEGORIES, names.MODERATION_CATEGORIES),
    Row(f.ERROR_TYPE, names.ERROR_TYPE),
    Row(f.ERROR_TYPE, EXCEPTION_EVENT),
    Row(f.HTTP_STATUS, names.HTTP_STATUS),
    Row(f.HTTP_REQUEST_ID, names.HTTP_REQUEST_ID),
    Row(f.USER, names.USER_ID),
    Row(f.USER, "enduser.id"),
    Row(f.SESSION, names.SESSION_ID),
    Row(f.CONVERSATION, names.CONVERSATION_ID),
    Row(f.PROMPT_NAME, names.PROMPT_NAME),
    Row(f.PROMPT_VERSION, names.PROMPT_VERSION),
    Row(f.TAGS, names.TAGS),
)

# Versions 1.27 to 1.36, with messages in log records or events of the span, and earlier ones, with JSON in two events.
OLD_ROWS: Final[tuple[Row[Any], ...]] = (
    Row(f.PROVIDER, "gen_ai.system"),
    Row(f.INPUT_MESSAGES, MESSAGE_EVENTS, read=asked_in_events),
    Row(f.OUTPUT_MESSAGES, MESSAGE_EVENTS, read=answered_in_events),
    Row(f.INPUT_MESSAGES, "gen_ai.prompt"),
    Row(f.OUTPUT_MESSAGES, "gen_ai.completion"),
    Row(f.INPUT_TOKENS, "gen_ai.usage.prompt_tokens"),
    Row(f.OUTPUT_TOKENS, "gen_ai.usage.completion_tokens"),
    Row(f.SEED, "gen_ai.openai.request.seed"),
)

# Spans without an attribute for the kind, or whose limit on attributes dropped it: the SDK drops the oldest first.
UNNAMED_KINDS: Final[tuple[Row[Kind], ...]] = (
    *(
        Row(f.KIND, key, read=always(Kind.LLM))
        for key in (
            names.REQUEST_MODEL,
            names.RESPONSE_MODEL,
            names.INPUT_MESSAGES,
            names.OUTPUT_MESSAGES,
            names.INPUT_TOKENS,
            names.OUTPUT_TOKENS,
            MESSAGE_EVENTS,
        )
    ),
    Row(f.KIND, names.TOOL_NAME, read=always(Kind.TOOL)),
    Row(f.KIND, names.AGENT_NAME, read=always(Kind.AGENT)),
)
# Spans with an unknown operation, without a model, messages or tokens.
OTHER_KINDS: Final[tuple[Row[Kind], ...]] = (Row(f.KIND, names.OPERATION_NAME, read=_step),)
