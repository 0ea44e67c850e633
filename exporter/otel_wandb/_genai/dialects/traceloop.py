"""OpenLLMetry, by Traceloop: an attribute for each field of each message; from 0.5x on the conventions' attributes."""

from typing import Any, Final

from otel_wandb._genai.conversation import Messages, input_messages, output_messages
from otel_wandb._genai.dialects import fields as f
from otel_wandb._genai.dialects.fields import Row
from otel_wandb._genai.model_call import Kind
from otel_wandb._genai.parsing import MAPPING, always, document, one_of

_ROLES: Final = ("system", "user", "assistant")


def _message(item: Any) -> Any:
    """A message with its content decoded. A content with parts is JSON."""
    if not isinstance(item, MAPPING):
        return item
    if len(item) == 1:  # `gen_ai.prompt.0.user`, as 0.40 writes the prompt of a completion
        (role, content), *_ = item.items()
        if role in _ROLES:
            return {"role": role, "content": content}
    content = document(item.get("content"))
    if isinstance(content, (list, tuple)) and all(isinstance(part, MAPPING) and "type" in part for part in content):
        return {**item, "content": content}
    return item


def _asked(value: Any) -> Messages | None:
    return input_messages([_message(item) for item in value] if isinstance(value, (list, tuple)) else value)


def _answered(value: Any) -> Messages | None:
    return output_messages([_message(item) for item in value] if isinstance(value, (list, tuple)) else value)


_PROMPT: Final = "gen_ai.prompt.N"
_COMPLETION: Final = "gen_ai.completion.N"

KINDS: Final[tuple[Row[Kind], ...]] = (
    Row(
        f.KIND,
        "traceloop.span.kind",
        read=one_of(
            {
                "workflow": Kind.CHAIN,
                "task": Kind.CHAIN,
                "unknown": Kind.CHAIN,
                "agent": Kind.AGENT,
                "tool": Kind.TOOL,
            }
        ),
    ),
    Row(f.KIND, "llm.request.type", read=always(Kind.LLM)),
    Row(f.KIND, _PROMPT, read=always(Kind.LLM)),
    Row(f.KIND, _COMPLETION, read=always(Kind.LLM)),
)

ROWS: Final[tuple[Row[Any], ...]] = (
    Row(
        f.OPERATION,
        "llm.request.type",
        read=one_of({"chat": "chat", "completion": "text_completion", "embedding": "embeddings", "rerank": "rerank"}),
    ),
    Row(f.INPUT_MESSAGES, _PROMPT, read=_asked),
    Row(f.OUTPUT_MESSAGES, _COMPLETION, read=_answered),
    Row(f.TOOLS, "llm.request.functions.N"),
    Row(f.INPUTS, "traceloop.entity.input"),
    Row(f.OUTPUTS, "traceloop.entity.output"),
    Row(f.CACHE_READ_TOKENS, "gen_ai.usage.cache_read_input_tokens"),
    Row(f.CACHE_WRITE_TOKENS, "gen_ai.usage.cache_creation_input_tokens"),
    Row(f.REASONING_TOKENS, "gen_ai.usage.reasoning_tokens"),
    Row(f.REASONING_TOKENS, "llm.usage.reasoning_tokens"),
    Row(f.TOTAL_TOKENS, "gen_ai.usage.total_tokens"),
    Row(f.TOTAL_TOKENS, "llm.usage.total_tokens"),
    Row(f.CHOICES, "gen_ai.request.n"),
    Row(f.TOP_K, "llm.top_k"),
    Row(f.STOP, "llm.chat.stop_sequences"),
    Row(f.FREQUENCY_PENALTY, "llm.frequency_penalty"),
    Row(f.PRESENCE_PENALTY, "llm.presence_penalty"),
    Row(f.STREAM, "gen_ai.is_streaming"),
    Row(f.STREAM, "llm.is_streaming"),
    Row(f.USER, "gen_ai.user"),
    Row(f.USER, "llm.user"),
    Row(f.USER, "traceloop.association.properties.user_id"),
    Row(f.SESSION, "traceloop.association.properties.session_id"),
    Row(f.CONVERSATION, "traceloop.association.properties.chat_id"),
)
