"""What the instrumentation is told by its environment and by the arguments of `instrument()`."""

import enum
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

log: Final = logging.getLogger(__name__)

CAPTURE_CONTENT_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


class CaptureContent(enum.Enum):
    """Where prompts and completions are recorded; the values are those of `opentelemetry-util-genai`."""

    NO_CONTENT = "no_content"
    SPAN_ONLY = "span_only"
    EVENT_ONLY = "event_only"
    SPAN_AND_EVENT = "span_and_event"

    @property
    def on_span(self) -> bool:
        """Whether spans carry content."""
        return self in (CaptureContent.SPAN_ONLY, CaptureContent.SPAN_AND_EVENT)

    @property
    def on_event(self) -> bool:
        """Whether events carry content."""
        return self in (CaptureContent.EVENT_ONLY, CaptureContent.SPAN_AND_EVENT)


DEFAULT_CAPTURE: Final = CaptureContent.SPAN_ONLY

# The older OpenAI instrumentations took a boolean here; util-genai reads `true` as "no content", which nobody means.
_SPELLINGS: Final[Mapping[str, CaptureContent]] = {
    **{mode.value: mode for mode in CaptureContent},
    "true": CaptureContent.SPAN_ONLY,
    "false": CaptureContent.NO_CONTENT,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings of one `instrument()` call."""

    capture: CaptureContent = DEFAULT_CAPTURE


def read_settings(environ: Mapping[str, str], capture_content: CaptureContent | str | bool | None = None) -> Settings:
    """Settings from the argument, else from the environment, else the defaults.

    An environment value that means nothing is replaced by the default with one warning, for it may be meant for
    another package. An argument that means nothing raises ValueError: it is a mistake in the code that passes it.
    """
    if capture_content is not None:
        return Settings(_capture_argument(capture_content))
    text = environ.get(CAPTURE_CONTENT_VARIABLE, "").strip()
    mode = _SPELLINGS.get(text.lower())
    if text and mode is None:
        log.warning(
            "%s=%r is none of %s; using %s",
            CAPTURE_CONTENT_VARIABLE,
            text,
            ", ".join(_SPELLINGS),
            DEFAULT_CAPTURE.value,
        )
    return Settings(mode or DEFAULT_CAPTURE)


def _capture_argument(value: CaptureContent | str | bool) -> CaptureContent:
    if isinstance(value, CaptureContent):
        return value
    mode = _SPELLINGS.get(str(value).lower())
    if mode is None:
        raise ValueError(f"capture_content={value!r} is none of {', '.join(_SPELLINGS)}")
    return mode
