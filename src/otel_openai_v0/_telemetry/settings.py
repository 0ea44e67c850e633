"""The settings of the instrumentation: from the environment, and from the arguments of `instrument()`."""

import enum
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from otel_openai_v0._content.limits import SHORTEST, ContentLimits
from otel_openai_v0._content.redaction import Redactor

log: Final = logging.getLogger(__name__)

# Those of `opentelemetry-util-genai`.
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

_BOOLEANS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "1", "yes", "y", "on", "enable", "enabled", "t"), True),
    **dict.fromkeys(("false", "0", "no", "n", "off", "disable", "disabled", "none", "never", "f"), False),
}
# Older OpenAI instrumentations took a boolean here. util-genai reads `true` as "no content", which is not intended.
_SPELLINGS: Final[Mapping[str, CaptureContent]] = {
    **{mode.value: mode for mode in CaptureContent},
    **{word: CaptureContent.SPAN_ONLY if yes else CaptureContent.NO_CONTENT for word, yes in _BOOLEANS.items()},
}
_MODES: Final = f"{', '.join(mode.value for mode in CaptureContent)}, true and false"


@dataclass(frozen=True, slots=True)
class Choices:
    """The arguments of `instrument()` and `autolog()` about content; None where an argument is not given."""

    capture: CaptureContent | None = None
    redact: Redactor | None = None
    baggage_keys: tuple[str, ...] | None = None

    def over(self, others: "Choices") -> "Choices":
        """These choices, with those of `others` where one is None."""
        return Choices(
            others.capture if self.capture is None else self.capture,
            others.redact if self.redact is None else self.redact,
            others.baggage_keys if self.baggage_keys is None else self.baggage_keys,
        )

    def without(self, others: "Choices") -> "Choices":
        """These choices, without those that `others` make."""
        return Choices(
            self.capture if others.capture is None else None,
            self.redact if others.redact is None else None,
            self.baggage_keys if others.baggage_keys is None else None,
        )


@dataclass(frozen=True, slots=True)
class Variables:
    """The settings from the environment; None if a variable is not set."""

    capture: CaptureContent | None = None
    complaint: str | None = None
    """A warning about the variable for content. It is logged unless an argument overrides the variable."""
    emit_event: bool | None = None
    baggage_keys: tuple[str, ...] = ()
    limits: ContentLimits = field(default_factory=ContentLimits)
    longest_attribute: int = sys.maxsize


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force."""

    capture: CaptureContent = DEFAULT_CAPTURE
    emit_event: bool = False
    baggage_keys: tuple[str, ...] = ()
    limits: ContentLimits = field(default_factory=ContentLimits)


def read_choices(
    capture_content: CaptureContent | str | bool | None = None,
    redact: Redactor | None = None,
    baggage_keys: Sequence[str] | None = None,
) -> Choices:
    """Check the arguments.

    Raises ValueError for an unknown mode or for keys given as one text, and TypeError if `redact` cannot be called.
    """
    if redact is not None and not callable(redact):
        raise TypeError(f"redact={redact!r} is not a function that takes a kind and a list of items")
    if isinstance(baggage_keys, str):
        raise ValueError(f"baggage_keys={baggage_keys!r} is a string, and must be a list of keys")  # noqa: TRY004
    keys = None if baggage_keys is None else tuple(key for key in baggage_keys if key)
    return Choices(_capture_argument(capture_content), redact, keys)


def read_variables(environ: Mapping[str, str]) -> Variables:
    """Read the environment.

    A variable that cannot be read is logged at WARNING, and its default is used. For the variable about content that is
    "no content", because it may have been set to turn content off.
    """
    limits = ContentLimits()
    capture, complaint = _capture_setting(environ)
    keys = (key.strip() for key in environ.get(BAGGAGE_KEYS_VARIABLE, "").split(","))
    return Variables(
        capture=capture,
        complaint=complaint,
        emit_event=_boolean(environ, EMIT_EVENT_VARIABLE),
        baggage_keys=tuple(key for key in keys if key),
        limits=ContentLimits(
            message=_characters(environ, MESSAGE_LIMIT_VARIABLE, limits.message),
            total=_characters(environ, CONTENT_LIMIT_VARIABLE, limits.total),
        ),
        longest_attribute=_sdk_limit(environ),
    )


def settings_of(variables: Variables, choices: Choices, longest_attribute: int | None = None) -> Settings:
    """The settings in force: arguments first, then the environment, then the defaults.

    `longest_attribute` is the number of characters at which the SDK cuts an attribute, which would break its JSON. If
    None, it is taken from the SDK's environment variables.
    """
    capture = choices.capture or variables.capture or DEFAULT_CAPTURE
    is_known = longest_attribute is not None and capture.on_span
    longest = longest_attribute if longest_attribute is not None and is_known else variables.longest_attribute
    limits = variables.limits
    return Settings(
        capture=capture,
        emit_event=capture.on_event if variables.emit_event is None else variables.emit_event,
        baggage_keys=variables.baggage_keys if choices.baggage_keys is None else choices.baggage_keys,
        limits=ContentLimits(
            message=limits.message,
            total=0 if capture.on_span and longest < SHORTEST else min(limits.total, longest),
        ),
    )


def _capture_setting(environ: Mapping[str, str]) -> tuple[CaptureContent | None, str | None]:
    text = environ.get(CAPTURE_CONTENT_VARIABLE, "").strip()
    mode = _mode(text)
    if text and mode is None:
        safe = CaptureContent.NO_CONTENT
        return safe, f"{CAPTURE_CONTENT_VARIABLE}={text!r} is none of {_MODES}; using {safe.value}"
    return mode, None


def _capture_argument(value: CaptureContent | str | bool | None) -> CaptureContent | None:
    if value is None or isinstance(value, CaptureContent):
        return value
    mode = _mode(str(value))
    if mode is None:
        raise ValueError(f"capture_content={value!r} is none of {_MODES}")
    return mode


def _mode(text: str) -> CaptureContent | None:
    return _SPELLINGS.get(text.strip().lower().replace("-", "_").replace(" ", "_"))


def _boolean(environ: Mapping[str, str], name: str) -> bool | None:
    text = environ.get(name, "").strip()
    value = _BOOLEANS.get(text.lower())
    if text and value is None:
        _warn(name, text, "neither true nor false", "what the capture mode says")
    return value


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
