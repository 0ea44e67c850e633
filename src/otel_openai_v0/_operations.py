"""The table of what is instrumented: a new method is a new row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from otel_openai_v0._attributes import Attributes
from otel_openai_v0._messages import chat_output, text_output
from otel_openai_v0._request import chat_content, edit_content, embedding_content, prompt_content
from otel_openai_v0._response import OutputReader, read_embeddings

# The parameters of EngineAPIResource.create, to which `create(*args)` of these classes hands its arguments.
_ENGINE_PARAMETERS: Final = ("api_key", "api_base", "api_type", "request_id", "api_version", "organization")


@dataclass(frozen=True, slots=True)
class Operation:
    """One public method of `openai`: where it stands, what its span is called, and how its content is read."""

    owner: str
    method: str
    is_async: bool
    name: str
    """The value of `gen_ai.operation.name`."""
    api: str
    """The value of `openai.api.type`."""
    read_content: Callable[[Mapping[str, Any]], Attributes]
    read_output: OutputReader | None = None
    read_extra: Callable[[Any], Attributes] | None = None
    """What a response says beside identity, finish reasons, usage and choices."""
    positional: tuple[str, ...] = _ENGINE_PARAMETERS


def _pair(owner: str, name: str, api: str, **readers: Any) -> tuple[Operation, Operation]:
    return (
        Operation(owner, "create", is_async=False, name=name, api=api, **readers),
        Operation(owner, "acreate", is_async=True, name=name, api=api, **readers),
    )


OPERATIONS: Final[tuple[Operation, ...]] = (
    *_pair("ChatCompletion", "chat", "chat_completions", read_content=chat_content, read_output=chat_output),
    *_pair("Completion", "text_completion", "completions", read_content=prompt_content, read_output=text_output),
    *_pair("Edit", "text_completion", "edits", read_content=edit_content, read_output=text_output),
    *_pair("Embedding", "embeddings", "embeddings", read_content=embedding_content, read_extra=read_embeddings),
)
