"""Vercel's AI SDK, versions 4 to 6: an outer span for the request, and an inner span for each call of the model."""

from typing import Any, Final

from otel_wandb._genai.conversation import Messages, asked, said
from otel_wandb._genai.dialects import fields as f
from otel_wandb._genai.dialects.fields import Row
from otel_wandb._genai.model_call import Kind
from otel_wandb._genai.parsing import always, document, inline, length, listed, milliseconds, text

_OPERATION: Final = "ai.operationId"


def _kind(value: Any) -> Kind | None:
    """The kind of an operation. `ai.generateText` contains calls, `ai.generateText.doGenerate` is a call."""
    operation = text(value)
    if operation is None:
        return None
    if operation == "ai.toolCall":
        return Kind.TOOL
    return Kind.LLM if ".do" in operation else Kind.CHAIN


def _operation(value: Any) -> str | None:
    return "embeddings" if ".doEmbed" in (text(value) or "") else None


def _embedded(value: Any) -> Messages | None:
    """The messages of texts, each of which is JSON."""
    return asked([document(item) for item in listed(value)])


KINDS: Final[tuple[Row[Kind], ...]] = (Row(f.KIND, _OPERATION, read=_kind),)
UNNAMED_KINDS: Final[tuple[Row[Kind], ...]] = (Row(f.KIND, "ai.model.id", read=always(Kind.LLM)),)

ROWS: Final[tuple[Row[Any], ...]] = (
    Row(f.TRACE_NAME, "ai.telemetry.functionId"),
    Row(f.OPERATION, _OPERATION, read=_operation),
    Row(f.PROVIDER, "ai.model.provider"),
    Row(f.REQUEST_MODEL, "ai.model.id"),
    Row(f.RESPONSE_MODEL, "ai.response.model"),
    Row(f.RESPONSE_ID, "ai.response.id"),
    Row(f.FINISH_REASONS, "ai.response.finishReason"),
    Row(f.INPUT_MESSAGES, "ai.prompt.messages"),
    Row(f.INPUT_MESSAGES, "ai.prompt", read=asked),
    Row(f.INPUT_MESSAGES, "ai.values", read=_embedded),
    Row(f.INPUT_MESSAGES, "ai.value", read=_embedded),
    Row(f.OUTPUT_MESSAGES, "ai.response.text", read=said),
    Row(f.OUTPUT_MESSAGES, "ai.response.object", read=said),
    Row(f.TOOL_CALLS, "ai.response.toolCalls"),
    Row(f.TOOLS, "ai.prompt.tools"),
    Row(f.INPUTS, "ai.toolCall.args", read=inline),
    Row(f.INPUTS, "ai.prompt"),
    Row(f.INPUTS, "ai.value"),
    Row(f.INPUTS, "ai.values"),
    Row(f.OUTPUTS, "ai.toolCall.result", read=inline),
    Row(f.OUTPUTS, "ai.response.text", read=inline),
    Row(f.OUTPUTS, "ai.response.object", read=inline),
    Row(f.OUTPUTS, "ai.response.toolCalls", read=inline),
    Row(f.INPUT_TOKENS, "ai.usage.inputTokens"),
    Row(f.INPUT_TOKENS, "ai.usage.promptTokens"),
    Row(f.INPUT_TOKENS, "ai.usage.tokens"),
    Row(f.OUTPUT_TOKENS, "ai.usage.outputTokens"),
    Row(f.OUTPUT_TOKENS, "ai.usage.completionTokens"),
    Row(f.CACHE_READ_TOKENS, "ai.usage.cachedInputTokens"),
    Row(f.REASONING_TOKENS, "ai.usage.reasoningTokens"),
    Row(f.TOTAL_TOKENS, "ai.usage.totalTokens"),
    Row(f.TEMPERATURE, "ai.settings.temperature"),
    Row(f.TOP_P, "ai.settings.topP"),
    Row(f.TOP_K, "ai.settings.topK"),
    Row(f.MAX_TOKENS, "ai.settings.maxOutputTokens"),
    Row(f.MAX_TOKENS, "ai.settings.maxTokens"),
    Row(f.STOP, "ai.settings.stopSequences"),
    Row(f.FREQUENCY_PENALTY, "ai.settings.frequencyPenalty"),
    Row(f.PRESENCE_PENALTY, "ai.settings.presencePenalty"),
    Row(f.SEED, "ai.settings.seed"),
    Row(f.STREAM, _OPERATION, read=lambda value: ".doStream" in (text(value) or "") or None),
    Row(f.TIME_TO_FIRST_CHUNK, "ai.response.msToFirstChunk", read=milliseconds),
    Row(f.EMBEDDING_COUNT, "ai.embeddings", read=length),
    Row(f.USER, "ai.telemetry.metadata.userId"),
    Row(f.SESSION, "ai.telemetry.metadata.sessionId"),
)
