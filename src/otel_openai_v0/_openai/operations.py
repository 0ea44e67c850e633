"""The tables of instrumented operations and methods. A new method is a new row.

An operation describes what a call does, a method where it is defined. A method that many classes inherit is wrapped
once, at the abstract class, so that a user's subclass is covered too. Its operation then depends on the class that it
is called on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from otel_openai_v0._base.attributes import Attributes
from otel_openai_v0._content.message import AnyMessage, Content
from otel_openai_v0._openai import request as asked
from otel_openai_v0._openai import response as answered

ContentReader: TypeAlias = Callable[[Mapping[str, Any]], Content]
OutputReader: TypeAlias = Callable[[Any], list[AnyMessage]]
AttributesReader: TypeAlias = Callable[[Any], Attributes]


@dataclass(frozen=True, slots=True)
class Operation:
    """The names of an operation, and the functions that read its requests and responses."""

    name: str
    """The value of `gen_ai.operation.name`; for a management call, of `openai.operation.name`, which is ours."""
    api: str
    """The value of `openai.api.type`."""
    is_model_call: bool = True
    read_content: ContentReader = asked.no_content
    read_output: OutputReader = answered.no_output
    read_request: AttributesReader = asked.nothing
    """Reads attributes of a request other than its model and parameters."""
    read_extra: AttributesReader = answered.nothing
    """Reads attributes of a response other than identity, finish reasons, usage and content."""


CHAT: Final = Operation("chat", "chat_completions", read_content=asked.chat_content, read_output=answered.chat_messages)
COMPLETION: Final = Operation(
    "text_completion", "completions", read_content=asked.prompt_content, read_output=answered.text_messages
)
EDIT: Final = Operation("text_completion", "edits", read_content=asked.edit_content, read_output=answered.text_messages)
EMBEDDING: Final = Operation(
    "embeddings", "embeddings", read_content=asked.input_content, read_extra=answered.read_embeddings
)
# The conventions lack these operations. Their names and special attributes are ours.
MODERATION: Final = Operation(
    "moderation", "moderations", read_content=asked.input_content, read_extra=answered.read_moderation
)
_IMAGE: Final[Mapping[str, Any]] = {
    "read_content": asked.prompt_content,
    "read_request": asked.read_image_request,
    "read_output": answered.image_messages,
    "read_extra": answered.read_images,
}
IMAGE: Final = Operation("image_generation", "images", **_IMAGE)
IMAGE_EDIT: Final = Operation("image_edit", "images", **_IMAGE)
IMAGE_VARIATION: Final = Operation("image_variation", "images", **_IMAGE)
_AUDIO: Final[Mapping[str, Any]] = {
    "read_content": asked.prompt_content,
    "read_request": asked.read_audio_request,
    "read_output": answered.audio_messages,
}
TRANSCRIPTION: Final = Operation("transcription", "audio", **_AUDIO)
TRANSLATION: Final = Operation("translation", "audio", **_AUDIO)

# For requests without a public method. The key is the end of the path, after the engine or deployment.
OPERATIONS_BY_PATH: Final[Mapping[str, Operation]] = {
    "chat/completions": CHAT,
    "completions": COMPLETION,
    "generate": COMPLETION,
    "edits": EDIT,
    "embeddings": EMBEDDING,
    "moderations": MODERATION,
    "images/generations": IMAGE,
    "images/edits": IMAGE_EDIT,
    "images/variations": IMAGE_VARIATION,
    "audio/transcriptions": TRANSCRIPTION,
    "audio/translations": TRANSLATION,
}
# The verb of a management request, by its HTTP method and the words after the kind of object.
MANAGED: Final = frozenset(
    {
        "deployments",
        "engines",
        "experimental.completion_configs",
        "files",
        "fine-tunes",
        "fine_tuning.jobs",
        "models",
    }
)
VERBS: Final[Mapping[tuple[str, ...], str]] = {
    ("get",): "list",
    ("post",): "create",
    ("get", "ID"): "retrieve",
    ("post", "ID"): "modify",
    ("delete", "ID"): "delete",
    ("post", "ID", "cancel"): "cancel",
    ("get", "ID", "events"): "list_events",
    ("get", "ID", "content"): "download",
}
_OPERATIONS_BY_OBJECT: Final[Mapping[str, Operation]] = {
    "chat.completions": CHAT,
    "completions": COMPLETION,
    "edits": EDIT,
    "embeddings": EMBEDDING,
}


@dataclass(frozen=True, slots=True)
class Method:
    """One method of openai. `owner` is the path of its class below the module `openai`."""

    owner: str
    name: str
    verb: str
    operation: Operation | None = None
    """None if the class that it is called on decides; by default a management call."""

    @property
    def is_async(self) -> bool:
        """Whether this is the async form of a method. Its name begins with `a`."""
        return self.name == f"a{self.verb}"

    def operation_on(self, target: Any) -> Operation:
        """The operation of a call on `target`, a class or an object."""
        if self.operation is not None:
            return self.operation
        known = _OPERATIONS_BY_OBJECT.get(str(getattr(target, "OBJECT_NAME", ""))) if self.verb == "create" else None
        return known or management(self.verb)


def management(verb: str) -> Operation:
    """The operation of a call that uses no model: files, fine-tunes, lists of models, ..."""
    return Operation(
        verb,
        "management",
        is_model_call=False,
        read_request=asked.read_management_request,
        read_extra=answered.read_managed,
    )


def _sync(owner: str, *verbs: str, operation: Operation | None = None) -> tuple[Method, ...]:
    return tuple(Method(owner, verb, verb, operation) for verb in verbs)


def _both(owner: str, *verbs: str, operation: Operation | None = None) -> tuple[Method, ...]:
    twins = tuple(Method(owner, f"a{verb}", verb, operation) for verb in verbs)
    return (*_sync(owner, *verbs, operation=operation), *twins)


_ABSTRACT: Final = "api_resources.abstract"

METHODS: Final[tuple[Method, ...]] = (
    *_both("ChatCompletion", "create", operation=CHAT),
    *_both("Completion", "create", operation=COMPLETION),
    *_both("Edit", "create", operation=EDIT),
    *_both("Embedding", "create", operation=EMBEDDING),
    *_both("Moderation", "create", operation=MODERATION),
    *_both("Image", "create", operation=IMAGE),
    *_both("Image", "create_edit", operation=IMAGE_EDIT),
    *_both("Image", "create_variation", operation=IMAGE_VARIATION),
    *_both("Audio", "transcribe", "transcribe_raw", operation=TRANSCRIPTION),
    *_both("Audio", "translate", "translate_raw", operation=TRANSLATION),
    *_both("Engine", "generate", operation=COMPLETION),
    *_sync("Engine", "embeddings", operation=EMBEDDING),
    *_both("File", "create", "download", "find_matching_files"),
    *_sync("File", "wait_for_processing"),
    *_both("FineTune", "cancel", "stream_events"),
    *_sync("FineTune", "list_events"),
    *_both("FineTuningJob", "cancel"),
    *_sync("FineTuningJob", "list_events"),
    *_both("Deployment", "create", "list", "delete", "retrieve"),
    *_both("Customer", "create"),
    *_both(f"{_ABSTRACT}.engine_api_resource.EngineAPIResource", "create"),
    *_both(f"{_ABSTRACT}.createable_api_resource.CreateableAPIResource", "create"),
    *_both(f"{_ABSTRACT}.listable_api_resource.ListableAPIResource", "list"),
    *_both(f"{_ABSTRACT}.paginatable_api_resource.PaginatableAPIResource", "list"),
    *_both(f"{_ABSTRACT}.deletable_api_resource.DeletableAPIResource", "delete"),
    *_both(f"{_ABSTRACT}.updateable_api_resource.UpdateableAPIResource", "modify"),
    *_both(f"{_ABSTRACT}.api_resource.APIResource", "retrieve", "refresh"),
)
