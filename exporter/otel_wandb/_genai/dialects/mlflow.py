"""MLflow's tracing: every attribute is JSON, texts too. Two of them have the bodies of the request and response."""

from typing import Any, Final

from otel_wandb._genai.dialects import fields as f
from otel_wandb._genai.dialects.fields import Row
from otel_wandb._genai.model_call import Kind
from otel_wandb._genai.parsing import one_of, unquoted

_TYPE: Final = "mlflow.spanType"
_INPUTS: Final = "mlflow.spanInputs"
_OUTPUTS: Final = "mlflow.spanOutputs"
_USAGE: Final = "mlflow.chat.tokenUsage"

KINDS: Final[tuple[Row[Kind], ...]] = (
    Row(
        f.KIND,
        _TYPE,
        read=one_of(
            {
                "llm": Kind.LLM,
                "chat_model": Kind.LLM,
                "embedding": Kind.LLM,
                "reranker": Kind.LLM,
                "agent": Kind.AGENT,
                "tool": Kind.TOOL,
                "retriever": Kind.TOOL,
                "parser": Kind.TOOL,
                "memory": Kind.TOOL,
                "chain": Kind.CHAIN,
                "workflow": Kind.CHAIN,
                "task": Kind.CHAIN,
                "unknown": Kind.CHAIN,
            }
        ),
    ),
)

ROWS: Final[tuple[Row[Any], ...]] = (
    Row(f.OPERATION, _TYPE, read=one_of({"embedding": "embeddings", "reranker": "rerank"})),
    Row(f.PROVIDER, "mlflow.llm.provider", read=lambda value: f.PROVIDER.read(unquoted(value))),
    Row(f.REQUEST_MODEL, "mlflow.llm.model", read=unquoted),
    *f.body_rows(_INPUTS, _OUTPUTS),
    Row(f.TOOLS, "mlflow.chat.tools"),
    Row(f.INPUTS, _INPUTS),
    Row(f.OUTPUTS, _OUTPUTS),
    *f.usage_rows(_USAGE),
    Row(f.COST, "mlflow.llm.cost", ("total_cost",)),
    Row(f.USER, "mlflow.trace.user", read=unquoted),
    Row(f.SESSION, "mlflow.trace.session", read=unquoted),
)
