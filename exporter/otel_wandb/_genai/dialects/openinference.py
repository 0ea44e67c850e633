"""OpenInference, by Arize: one attribute for each field of each message, and the bodies as well."""

from typing import Any, Final

from otel_wandb._genai.conversation import asked
from otel_wandb._genai.dialects import fields as f
from otel_wandb._genai.dialects.fields import Row
from otel_wandb._genai.model_call import Kind
from otel_wandb._genai.parsing import MAPPING, always, at, document, length, one_of

PARAMETERS: Final = "llm.invocation_parameters"
_REPEATED: Final = frozenset({"messages", "prompt", "input", "tools", "functions"})
_PROMPTS: Final = "llm.prompts.N"
_EMBEDDINGS: Final = "embedding.embeddings.N"


def _dimensions(embeddings: Any) -> int | None:
    return length(at(embeddings[0], "embedding", "vector")) if isinstance(embeddings, list) and embeddings else None


def without_messages(parameters: Any) -> Any:
    """The parameters of a call without the messages and tools, which some instrumentations write among them."""
    found = document(parameters)
    if not isinstance(found, MAPPING) or _REPEATED.isdisjoint(found):
        return parameters
    return {name: value for name, value in found.items() if name not in _REPEATED}


KINDS: Final[tuple[Row[Kind], ...]] = (
    Row(
        f.KIND,
        "openinference.span.kind",
        read=one_of(
            {
                "llm": Kind.LLM,
                "embedding": Kind.LLM,
                "reranker": Kind.LLM,
                "agent": Kind.AGENT,
                "tool": Kind.TOOL,
                "retriever": Kind.TOOL,
                "guardrail": Kind.TOOL,
                "evaluator": Kind.TOOL,
                "decision": Kind.TOOL,
                "chain": Kind.CHAIN,
                "prompt": Kind.CHAIN,
                "unknown": Kind.CHAIN,
            }
        ),
    ),
)
UNNAMED_KINDS: Final[tuple[Row[Kind], ...]] = tuple(
    Row(f.KIND, key, read=always(Kind.LLM))
    for key in ("llm.model_name", "llm.input_messages.N", "llm.output_messages.N", _PROMPTS)
)

ROWS: Final[tuple[Row[Any], ...]] = (
    Row(f.OPERATION, _PROMPTS, read=always("text_completion")),
    Row(f.OPERATION, "openinference.span.kind", read=one_of({"embedding": "embeddings", "reranker": "rerank"})),
    Row(f.PROVIDER, "llm.provider"),
    Row(f.PROVIDER, "llm.system"),
    Row(f.REQUEST_MODEL, "llm.request.model_name"),
    Row(f.RESPONSE_MODEL, "llm.response.model_name"),
    Row(f.RESPONSE_MODEL, "llm.model_name"),
    Row(f.RESPONSE_MODEL, "embedding.model_name"),
    Row(f.INPUT_MESSAGES, "llm.input_messages.N"),
    Row(f.INPUT_MESSAGES, _PROMPTS, read=asked),
    Row(f.INPUT_MESSAGES, _EMBEDDINGS),
    Row(f.OUTPUT_MESSAGES, "llm.output_messages.N"),
    Row(f.OUTPUT_MESSAGES, "llm.choices.N"),
    Row(f.TOOLS, "llm.tools.N"),
    *f.parameter_rows(PARAMETERS),
    *f.parameter_rows("embedding.invocation_parameters"),
    *f.body_rows("input.value", "output.value"),
    Row(f.FINISH_REASONS, "llm.finish_reason"),
    Row(f.INPUTS, "input.value"),
    Row(f.OUTPUTS, "output.value"),
    Row(f.OUTPUTS, "retrieval.documents.N"),
    Row(f.INPUT_TOKENS, "llm.token_count.prompt"),
    Row(f.OUTPUT_TOKENS, "llm.token_count.completion"),
    Row(f.CACHE_READ_TOKENS, "llm.token_count.prompt_details.cache_read"),
    Row(f.CACHE_WRITE_TOKENS, "llm.token_count.prompt_details.cache_write"),
    Row(f.REASONING_TOKENS, "llm.token_count.completion_details.reasoning"),
    Row(f.TOTAL_TOKENS, "llm.token_count.total"),
    Row(f.COST, "llm.cost.total"),
    Row(f.EMBEDDING_COUNT, _EMBEDDINGS, read=length),
    Row(f.DIMENSION_COUNT, _EMBEDDINGS, read=_dimensions),
    Row(f.PROMPT_VERSION, "llm.prompt_template.version"),
    Row(f.TAGS, "tag.tags"),
)
