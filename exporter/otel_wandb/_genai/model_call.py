"""The values read from the span of a model call, independent of the dialect."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otel_wandb._genai.conversation import Messages


class Kind(enum.Enum):
    """The kinds of spans. Each has an icon in W&B's timeline."""

    LLM = "LLM"
    CHAIN = "CHAIN"
    AGENT = "AGENT"
    TOOL = "TOOL"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them, never an estimate; None if it reports none.

    Cached tokens are part of the input, and reasoning tokens part of the output.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    total: int | None = None
    """The reported total, else input plus output. Embeddings have no output."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """The fields of one model call; None if the span does not have the field."""

    name: str
    """The name in the timeline."""
    operation: str
    api: str | None
    provider: str | None
    api_type: str | None
    request_model: str | None
    response_model: str | None
    response_id: str | None
    asked: Messages
    answered: Messages
    """A message for each choice."""
    instructions: tuple[Any, ...]
    """System instructions that are separate from the messages."""
    embedding_count: int | None
    dimension_count: int | None
    flagged: bool | None
    """Whether a moderation flagged the input."""
    categories: tuple[str, ...]
    """The categories that the moderation found."""
    finish_reasons: tuple[str, ...]
    usage: Usage
    tools: tuple[str, ...]
    """The names of the tools that the model could use."""
    tool_definitions: tuple[Any, ...]
    parameters: Mapping[str, Any]
    cost: float | None
    """The total in US dollars; None if it is not on the span."""
    error_type: str | None
    user: str | None
    session: str | None
    conversation: str | None
    prompt_name: str | None
    prompt_version: str | None
    tags: tuple[str, ...]
    image_count: int | None
    image_size: str | None
    time_to_first_chunk: float | None
    """Seconds."""
    stream_end: str | None
    engine: str | None
    http_status: int | None
    http_request_id: str | None

    @property
    def model(self) -> str | None:
        """The model that answered, else the requested model."""
        return self.response_model or self.request_model
