"""Attributes that a program sets for its next calls: user, session, prompt, tags."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from functools import wraps
from inspect import isasyncgenfunction, iscoroutine, iscoroutinefunction, isgeneratorfunction
from typing import Any, Final, ParamSpec, TypeVar, cast

from opentelemetry import baggage
from opentelemetry.context import Context, attach, create_key, detach, get_value, set_value
from opentelemetry.util.types import AttributeValue

from otel_openai_v0._base import attributes as names
from otel_openai_v0._base.attributes import Attributes
from otel_openai_v0._base.current import LAST_CALL
from otel_openai_v0._content.json import DEEPEST, text_of
from otel_openai_v0._content.secrets import scrub_keys

_ATTRIBUTES: Final = create_key("otel-openai-v0-context-attributes")
_NONE: Final[Attributes] = {}
_ENTERED: Final["ContextVar[tuple[tuple[CallContext, Token[Context]], ...]]"] = ContextVar(
    "otel_openai_v0_call_contexts", default=()
)
"""The objects entered in this context, with their tokens. Many threads and tasks may enter one object at once."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


class CallContext:
    """What `call_context` returns: a context manager that can be entered many times, and a decorator."""

    def __init__(self, said: Attributes) -> None:
        self._said = said

    def __enter__(self) -> None:
        LAST_CALL.set(None)
        token = attach(set_value(_ATTRIBUTES, {**_said(), **self._said}))
        _ENTERED.set((*_ENTERED.get(), (self, token)))

    def __exit__(self, *error: object) -> None:
        entered = list(_ENTERED.get())
        for place in reversed(range(len(entered))):  # the latest entry of this object is not always the last of all
            if entered[place][0] is self:
                detach(entered.pop(place)[1])
                _ENTERED.set(tuple(entered))
                return

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Wrap `function` so that it runs in this context. An awaitable that it returns runs in it too."""
        if isgeneratorfunction(function) or isasyncgenfunction(function):
            raise TypeError(
                "call_context cannot hold while a generator waits: put `with call_context(...)` around its calls"
            )
        if iscoroutinefunction(function):

            @wraps(function)
            async def awaited(*args: _P.args, **kwargs: _P.kwargs) -> Any:
                return await self._inside(function(*args, **kwargs))

            return cast("Callable[_P, _R]", awaited)

        @wraps(function)
        def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with self:
                found = function(*args, **kwargs)
            return cast("_R", self._inside(found)) if iscoroutine(found) else found

        return called

    async def _inside(self, awaitable: Awaitable[Any]) -> Any:
        with self:
            return await awaitable


def call_context(
    *,
    user: str | None = None,
    session: str | None = None,
    conversation: str | None = None,
    prompt_name: str | None = None,
    prompt_version: str | None = None,
    tags: Sequence[str] = (),
    attributes: Attributes | None = None,
) -> CallContext:
    """Set these attributes on the span of every call of openai made inside.

    Use it with `with`, or as a decorator of a function, also of an `async def`. The arguments become `user.id`,
    `session.id`, `gen_ai.conversation.id`, `gen_ai.prompt.name`, `gen_ai.prompt.version` and `openai.call.tags`.
    `attributes` adds any others by name. If the call itself sets an attribute of the same name, the call's value wins.

    The values live in OpenTelemetry's context. They reach across awaits, into tasks, and into threads started with that
    context (`contextvars.copy_context().run`). An inner `call_context` adds to an outer one and wins where both set a
    value. `user` wins over the argument `user=` of the call.

    These values are not sent to the API. They are recorded in every capture mode, without any secrets in them.

    Raises TypeError for a generator function, because a context cannot stay attached while a generator waits.
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
    more = {_cleaned(name): _cleaned(value) for name, value in (attributes or {}).items()}
    return CallContext({**said, **more})


def context_attributes(baggage_keys: Sequence[str]) -> Attributes:
    """The attributes set in this context, and the baggage that may be recorded."""
    said = _said()
    if not baggage_keys:
        return said
    carried = ((key, baggage.get_baggage(key)) for key in baggage_keys)
    return {**{key: _text(value) for key, value in carried if value is not None}, **said}


def _cleaned(value: Any, depth: int = DEEPEST) -> Any:
    """A name or a value without secrets. Mappings and bytes are cleaned too: events take both."""
    if isinstance(value, (str, bytes)):
        return _text(value if isinstance(value, str) else value.decode(errors="replace"))
    if isinstance(value, Mapping):
        return {_cleaned(name): _cleaned(item, depth - 1) for name, item in value.items()} if depth else None
    if isinstance(value, Sequence):
        return [_cleaned(item, depth - 1) for item in value] if depth else None
    return value


def _text(value: object) -> str:
    return scrub_keys(text_of(value))


def _said() -> Attributes:
    return cast("Attributes | None", get_value(_ATTRIBUTES)) or _NONE  # only `call_context` sets it
