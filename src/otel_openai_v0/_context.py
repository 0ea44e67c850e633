"""What a program says about the calls that it is about to make: whose they are, and what they are for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, cast

from opentelemetry import baggage
from opentelemetry.context import attach, create_key, detach, get_value, set_value
from opentelemetry.util.types import AttributeValue

from otel_openai_v0 import _attributes as names
from otel_openai_v0._attributes import Attributes
from otel_openai_v0._current import LAST_CALL
from otel_openai_v0._json import text_of
from otel_openai_v0._secrets import scrub_keys

_ATTRIBUTES: Final = create_key("otel-openai-v0-context-attributes")
_NONE: Final[Attributes] = {}


@contextmanager
def call_context(
    *,
    user: str | None = None,
    session: str | None = None,
    conversation: str | None = None,
    prompt_name: str | None = None,
    prompt_version: str | None = None,
    tags: Sequence[str] = (),
    attributes: Attributes | None = None,
) -> Iterator[None]:
    """Put these on the span of every call made inside.

    As `user.id`, `session.id`, `gen_ai.conversation.id`, `gen_ai.prompt.name`, `gen_ai.prompt.version` and
    `openai.call.tags`; `attributes` are any others, by their names. Kept in OpenTelemetry's context: it reaches across
    awaits, into tasks, and into threads that are started with the context (`contextvars.copy_context().run`). An inner
    one adds to an outer one, and wins where both speak; `user` wins over the argument of the call. Nothing of it is
    sent to the API. It is recorded in every capture mode; only what looks like a key is scrubbed.
    """
    given = {
        names.USER_ID: user,
        names.SESSION_ID: session,
        names.GEN_AI_CONVERSATION_ID: conversation,
        names.GEN_AI_PROMPT_NAME: prompt_name,
        names.GEN_AI_PROMPT_VERSION: prompt_version,
    }
    said: dict[str, AttributeValue] = {name: _text(value) for name, value in given.items() if value is not None}
    if tags:
        said[names.OPENAI_CALL_TAGS] = [_text(tag) for tag in ([tags] if isinstance(tags, str) else tags)]
    more = {name: _text(value) if isinstance(value, str) else value for name, value in (attributes or {}).items()}
    LAST_CALL.set(None)
    token = attach(set_value(_ATTRIBUTES, {**_said(), **said, **more}))
    try:
        yield
    finally:
        detach(token)


def context_attributes(baggage_keys: Sequence[str]) -> Attributes:
    """What was said in this context, and the baggage that may be recorded."""
    said = _said()
    if not baggage_keys:
        return said
    carried = ((key, baggage.get_baggage(key)) for key in baggage_keys)
    return {**{key: _text(value) for key, value in carried if value is not None}, **said}


def _text(value: object) -> str:
    return scrub_keys(text_of(value))


def _said() -> Attributes:
    return cast("Attributes | None", get_value(_ATTRIBUTES)) or _NONE  # only `call_context` sets it
