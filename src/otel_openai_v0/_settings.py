"""What the instrumentation is told by its environment and by the arguments of `instrument()`."""

import enum
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from otel_openai_v0._content import SHORTEST, ContentLimits

log: Final = logging.getLogger(__name__)

# Of `opentelemetry-util-genai`.
CAPTURE_CONTENT_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
EMIT_EVENT_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT"
# Ours.
BAGGAGE_KEYS_VARIABLE: Final = "OTEL_INSTRUMENTATION_OPENAI_V0_BAGGAGE_KEYS"
MESSAGE_LIMIT_VARIABLE: Final = "OTEL_INSTRUMENTATION_OPENAI_V0_MESSAGE_LIMIT"
CONTENT_LIMIT_VARIABLE: Final = "OTEL_INSTRUMENTATION_OPENAI_V0_CONTENT_LIMIT"
_SDK_LIMITS: Final = ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")


class CaptureContent(enum.Enum):
    """Where prompts and completions are recorded; the values are those of `opentelemetry-util-genai`."""

    NO_CONTENT = "no_content"
    SPAN_ONLY = "span_only"
    EVENT_ONLY = "event_only"
    SPAN_AND_EVENT = "span_and_event"

    def __init__(self, mode: str) -> None:
        self.on_span: Final = mode in {"span_only", "span_and_event"}
        """Whether spans carry content."""
        self.on_event: Final = mode in {"event_only", "span_and_event"}
        """Whether events carry content."""
        self.anywhere: Final = self.on_span or self.on_event
        """Whether content is recorded at all."""


DEFAULT_CAPTURE: Final = CaptureContent.SPAN_ONLY

# The older OpenAI instrumentations took a boolean here; util-genai reads `true` as "no content", which nobody means.
_SPELLINGS: Final[Mapping[str, CaptureContent]] = {
    **{mode.value: mode for mode in CaptureContent},
    "true": CaptureContent.SPAN_ONLY,
    "false": CaptureContent.NO_CONTENT,
}
_BOOLEANS: Final[Mapping[str, bool]] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings of one `instrument()` call."""

    capture: CaptureContent = DEFAULT_CAPTURE
    emit_event: bool = False
    baggage_keys: tuple[str, ...] = ()
    limits: ContentLimits = field(default_factory=ContentLimits)


def read_settings(
    environ: Mapping[str, str],
    capture_content: CaptureContent | str | bool | None = None,
    baggage_keys: Sequence[str] | None = None,
    longest_attribute: int | None = None,
) -> Settings:
    """Settings from the arguments, else from the environment, else the defaults.

    `longest_attribute` is where the SDK cuts an attribute's text, which no JSON survives; None: as its variables say.

    An environment value that means nothing is replaced by the default with one warning, for it may be meant for
    another package. An argument that means nothing raises ValueError: it is a mistake in the code that passes it.
    """
    capture = _capture_setting(environ) if capture_content is None else _capture_argument(capture_content)
    if baggage_keys is None:
        baggage_keys = [key.strip() for key in environ.get(BAGGAGE_KEYS_VARIABLE, "").split(",")]
    elif isinstance(baggage_keys, str):
        raise ValueError(f"baggage_keys={baggage_keys!r} is one text; it takes a list of keys")
    limits = ContentLimits()
    longest = longest_attribute if longest_attribute is not None and capture.on_span else _sdk_limit(environ)
    total = min(_characters(environ, CONTENT_LIMIT_VARIABLE, limits.total), longest)
    return Settings(
        capture=capture,
        emit_event=_boolean(environ, EMIT_EVENT_VARIABLE, default=capture.on_event),
        baggage_keys=tuple(key for key in baggage_keys if key),
        limits=ContentLimits(
            message=_characters(environ, MESSAGE_LIMIT_VARIABLE, limits.message),
            total=0 if capture.on_span and longest < SHORTEST else total,
        ),
    )


def _capture_setting(environ: Mapping[str, str]) -> CaptureContent:
    text = environ.get(CAPTURE_CONTENT_VARIABLE, "").strip()
    mode = _SPELLINGS.get(text.lower())
    if text and mode is None:
        _warn(CAPTURE_CONTENT_VARIABLE, text, f"none of {', '.join(_SPELLINGS)}", DEFAULT_CAPTURE.value)
    return mode or DEFAULT_CAPTURE


def _capture_argument(value: CaptureContent | str | bool) -> CaptureContent:
    if isinstance(value, CaptureContent):
        return value
    mode = _SPELLINGS.get(str(value).lower())
    if mode is None:
        raise ValueError(f"capture_content={value!r} is none of {', '.join(_SPELLINGS)}")
    return mode


def _boolean(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = environ.get(name, "").strip()
    value = _BOOLEANS.get(text.lower())
    if text and value is None:
        _warn(name, text, "neither true nor false", str(default).lower())
    return default if value is None else value


def _characters(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "").strip()
    if text.isdecimal() and int(text) > 0:
        return int(text)
    if text:
        _warn(name, text, "no positive number of characters", str(default))
    return default


def _sdk_limit(environ: Mapping[str, str]) -> int:
    texts = (environ.get(name, "").strip() for name in _SDK_LIMITS)
    return min((int(text) for text in texts if text.isdecimal()), default=sys.maxsize)


def _warn(name: str, text: str, why: str, used: str) -> None:
    log.warning("%s=%r is %s; using %s", name, text, why, used)
