"""The dialects of GenAI telemetry, and the order in which they are believed.

Dialects are not exclusive: Logfire and OpenLIT write the conventions' attributes beside their own, and a program may
have two instrumentations. So each field of a call is read on its own: the first row whose key is there and can be read
wins, 0 and "" included. What kind a span is, each dialect tells with a word of its own, and those are asked before the
conventions; everywhere else the conventions come first.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from otel_wandb._genai.dialects import (
    langfuse,
    logfire,
    mlflow,
    openinference,
    openlit,
    otel,
    others,
    traceloop,
    vercel,
)
from otel_wandb._genai.dialects.fields import CONTENT, Row
from otel_wandb._genai.model_call import Kind

_KINDS: Final[tuple[Row[Kind], ...]] = (
    *others.WANDB_KINDS,
    *openinference.KINDS,
    *langfuse.KINDS,
    *traceloop.KINDS,
    *logfire.KINDS,
    *vercel.KINDS,
    *mlflow.KINDS,
    *otel.KINDS,
    *openinference.UNNAMED_KINDS,
    *vercel.UNNAMED_KINDS,
    *otel.UNNAMED_KINDS,
    *otel.OTHER_KINDS,
)
_ROWS: Final[tuple[Row[Any], ...]] = (
    *_KINDS,
    *others.WANDB_ROWS,
    *otel.ROWS,
    *otel.OLD_ROWS,
    *traceloop.ROWS,
    *openinference.ROWS,
    *logfire.ROWS,
    *langfuse.ROWS,
    *vercel.ROWS,
    *mlflow.ROWS,
    *openlit.ROWS,
    *others.ROWS,
)


def _by_key() -> Mapping[str, tuple[Row[Any], ...]]:
    found: dict[str, tuple[Row[Any], ...]] = {}
    for row in _ROWS:
        found[row.key] = (*found.get(row.key, ()), row)
    return found


INDEX: Final = ".N"
ROWS: Final = _by_key()
"""The rows of each key, or of a family's `prefix.N`."""
RANKS: Final[Mapping[Row[Any], int]] = {row: rank for rank, row in enumerate(_ROWS)}
"""The lower, the more it is believed."""
CONTENT_KEYS: Final = frozenset(row.key for row in _ROWS if row.field in CONTENT and not row.inside)
"""Of what is shown as inputs and outputs."""
SHOWN_AS: Final[Mapping[str, Callable[[Any], Any]]] = {openinference.PARAMETERS: openinference.without_messages}
"""What is made of an attribute that is shown, but not with all that it holds."""
NEVER_SHOWN: Final = frozenset({"ai.embedding", "ai.embeddings", "llm.headers"})
"""Vectors are long, and the headers that old OpenLLMetry records may hold a key."""
