"""The dialects of GenAI telemetry, and their order of precedence.

A span may have several dialects: Logfire and OpenLIT write the conventions' attributes beside their own, and a program
may have two instrumentations. So each field of a call is read on its own. The first row whose key is present and
readable wins, 0 and "" included. For the kind of a span, each dialect's own attribute comes before the conventions. For
all other fields the conventions come first.
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
"""The rows by key, or by `prefix.N` for a family."""
RANKS: Final[Mapping[Row[Any], int]] = {row: rank for rank, row in enumerate(_ROWS)}
"""The row with the lowest rank wins."""
CONTENT_KEYS: Final = frozenset(row.key for row in _ROWS if row.field in CONTENT and not row.inside)
"""The keys of attributes that are shown as inputs and outputs."""
SHOWN_AS: Final[Mapping[str, Callable[[Any], Any]]] = {openinference.PARAMETERS: openinference.without_messages}
"""Functions for attributes that are shown without some of their content."""
NEVER_SHOWN: Final = frozenset({"ai.embedding", "ai.embeddings", "llm.headers"})
"""Attributes that are not shown: vectors are long, and the headers that old OpenLLMetry records may contain a key."""
