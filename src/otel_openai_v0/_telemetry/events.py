"""The event with a call's content, for users who keep prompts apart from spans."""

from typing import Any, Final

from opentelemetry._logs import Logger, LoggerProvider, get_logger_provider
from opentelemetry.context import Context

from otel_openai_v0._base import attributes as names
from otel_openai_v0._base.attributes import Attributes
from otel_openai_v0._base.versions import event
from otel_openai_v0._content.json import loads_strict

OPERATION_DETAILS: Final = "gen_ai.client.inference.operation.details"
_CONTENT: Final = (
    names.INPUT_MESSAGES,
    names.OUTPUT_MESSAGES,
    names.SYSTEM_INSTRUCTIONS,
    names.TOOL_DEFINITIONS,
)


class Events:
    """Emits `gen_ai.client.inference.operation.details` of the GenAI conventions 1.41.1."""

    def __init__(self, provider: LoggerProvider | None, scope: str, version: str, schema_url: str) -> None:
        self._logger: Logger = (provider or get_logger_provider()).get_logger(scope, version, schema_url)

    def emit(self, attributes: Attributes, context: Context) -> None:
        """Emit one event with all attributes of the call. Its content is structured; on spans it is JSON text."""
        structured: dict[str, Any] = dict(attributes)
        for name in _CONTENT:
            text = structured.get(name)
            if isinstance(text, str):
                structured[name] = loads_strict(text)
        record = event(OPERATION_DETAILS, structured, context)
        if record is not None:
            self._logger.emit(record)
