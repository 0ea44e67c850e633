"""W&B's own names, which win over all others, and names of no particular dialect, which come last."""

from typing import Any, Final

from otel_wandb._genai.conversation import answered, asked
from otel_wandb._genai.dialects import fields as f
from otel_wandb._genai.dialects.fields import Row
from otel_wandb._genai.model_call import Kind
from otel_wandb._genai.parsing import inline, one_of

WANDB_KINDS: Final[tuple[Row[Kind], ...]] = (
    Row(f.KIND, "weave.span.kind", read=one_of({kind.value.lower(): kind for kind in Kind})),
)
WANDB_ROWS: Final[tuple[Row[Any], ...]] = (
    Row(f.DISPLAY_NAME, "wandb.display_name"),
    Row(f.CONVERSATION, "wandb.thread_id"),
)

ROWS: Final[tuple[Row[Any], ...]] = (
    Row(f.INSTRUCTIONS, "system_prompt"),  # Strands
    Row(f.INPUT_MESSAGES, "gcp.vertex.agent.llm_request", read=asked),  # Google's ADK
    Row(f.OUTPUT_MESSAGES, "gcp.vertex.agent.llm_response", read=answered),
    Row(f.INPUTS, "gcp.vertex.agent.tool_call_args", read=inline),
    Row(f.OUTPUTS, "gcp.vertex.agent.tool_response", read=inline),
    Row(f.SESSION, "gcp.vertex.agent.session_id"),
    # Sentry's names for parts of the tokens.
    Row(f.CACHE_READ_TOKENS, "gen_ai.usage.input_tokens.cached"),
    Row(f.REASONING_TOKENS, "gen_ai.usage.output_tokens.reasoning"),
    # For calls of a model without any other messages.
    *(Row(f.INPUT_MESSAGES, key, read=asked) for key in ("traceloop.entity.input", "input", "inputs")),
    *(Row(f.OUTPUT_MESSAGES, key, read=answered) for key in ("traceloop.entity.output", "output", "outputs")),
    *(Row(f.INPUTS, key) for key in ("input", "inputs")),
    *(Row(f.OUTPUTS, key) for key in ("output", "outputs")),
)
