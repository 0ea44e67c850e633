"""What is known of a span that is a call of a model, whatever instrumentation made it: values, and nothing foreign."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otel_wandb._genai.conversation import Messages


class Kind(enum.Enum):
    """The kinds that W&B's timeline has an icon for."""

    LLM = "LLM"
    CHAIN = "CHAIN"
    AGENT = "AGENT"
    TOOL = "TOOL"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them, never an estimate; None where it does not say.

    Cached tokens are part of the input, and tokens of reasoning part of the output.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    total: int | None = None
    """What was said, else input and output; embeddings have no output."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """What a call says of itself; None where it does not say."""

    name: str
    """What the timeline calls it."""
    operation: str
    provider: str | None
    api_type: str | None
    request_model: str | None
    response_model: str | None
    response_id: str | None
    request: str | None
    responses: tuple[str, ...]
    asked: Messages
    """What `request` was rendered from."""
    answered: Messages
    instructions: tuple[Any, ...]
    """The parts of system instructions apart from the messages."""
    finish_reasons: tuple[str, ...]
    usage: Usage
    tools: tuple[str, ...]
    """The names of those that it could use."""
    tool_definitions: tuple[Any, ...]
    parameters: Mapping[str, Any]
    cost: float | None
    """US dollars in all, where the span carries them."""
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
        """The model that answered, else the one that was asked."""
        return self.response_model or self.request_model

    @property
    def response(self) -> str | None:
        """All choices as one text."""
        return "\n\n".join(self.responses) or None
