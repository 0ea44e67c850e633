"""Reads exceptions. A response body that openai quotes in a message is left out."""

import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from opentelemetry.util.types import AttributeValue

from otel_openai_v0._base import attributes as names
from otel_openai_v0._base.attributes import Attributes

_LONGEST_MESSAGE: Final = 2_000
_LINE_OF_SOURCE: Final = re.compile(r"^ {4}.*\n", re.MULTILINE)  # below `  File "...", line 1, in f`
_CODE: Final = re.compile(r"[\w.-]{1,64}")  # one word; a longer text may quote the prompt


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """The details of an exception; None if it has no such detail.

    `message` and `frames` contain no secret and no response body.
    """

    type: str
    qualified_type: str
    """The type with its module, as `record_exception` of the SDK writes it."""
    message: str
    frames: str
    """The frames of the traceback, with lines of the program's source."""
    http_status: int | None
    code: str | None
    request_id: str | None
    retry_after: str | None

    def attributes(self) -> Attributes:
        """The attributes of a failed call's span."""
        found: dict[str, AttributeValue | None] = {
            names.ERROR_TYPE: self.type,
            names.HTTP_RESPONSE_STATUS_CODE: self.http_status,
            names.OPENAI_ERROR_CODE: self.code,
            names.OPENAI_RESPONSE_REQUEST_ID: self.request_id,
            names.OPENAI_RESPONSE_RETRY_AFTER: self.retry_after,
        }
        return {name: value for name, value in found.items() if value is not None}

    def without_text(self) -> "ErrorDetails":
        """The same details without message and frames, which quote the server or the program."""
        return replace(self, message="", frames="")

    def saying(self, message: str) -> "ErrorDetails":
        """The same details with another message. Source lines are removed, because they may quote the old message."""
        return replace(self, message=message, frames=_LINE_OF_SOURCE.sub("", self.frames))

    def description(self) -> str:
        """The description of the span's status. Never empty, because some receivers then show a success."""
        return self.message or self.type

    def event(self) -> Attributes:
        """The attributes of the exception event."""
        found = {
            names.EXCEPTION_TYPE: self.qualified_type,
            names.EXCEPTION_MESSAGE: self.message,
            names.EXCEPTION_STACKTRACE: self._stacktrace(),
        }
        return {name: value for name, value in found.items() if value}

    def _stacktrace(self) -> str:
        said = f"{self.qualified_type}: {self.message}" if self.message else self.qualified_type
        return f"Traceback (most recent call last):\n{self.frames}{said}\n" if self.frames or self.message else ""


def unread_error(error: BaseException) -> ErrorDetails:
    """The details of an exception that cannot or must not be read: its type only."""
    return ErrorDetails(type(error).__qualname__, _qualified(type(error)), "", "", None, None, None, None)


def read_error(error: BaseException, scrub: Callable[[str], str]) -> ErrorDetails:
    """Read any exception. Those of openai 0.28 have more details. `scrub(text)` removes secrets.

    Only InvalidRequestError has an attribute `code`. The request id is in the header `x-request-id`, not in the header
    that `OpenAIError.request_id` reads.
    """
    status = getattr(error, "http_status", None)
    headers = getattr(error, "headers", None)
    api_error = _api_error(error)
    # Other exceptions, such as SystemExit, may have another kind of `code`.
    is_openais = any(base.__module__ == "openai.error" for base in type(error).__mro__)
    code = (getattr(error, "code", None) if is_openais else None) or api_error.get("code")
    return ErrorDetails(
        type=type(error).__qualname__,
        qualified_type=_qualified(type(error)),
        message=scrub(_message(error))[:_LONGEST_MESSAGE],
        frames=scrub("".join(traceback.format_tb(error.__traceback__))),
        http_status=status if isinstance(status, int) else None,
        code=scrub(str(code)) if code and _CODE.fullmatch(str(code)) else None,
        request_id=_header(headers, "x-request-id", scrub),
        retry_after=_header(headers, "retry-after", scrub),
    )


def _qualified(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    """The API's message from the JSON body, else the exception's, which may quote the body and the headers."""
    said = _api_error(error).get("message")
    if isinstance(said, str) and said:
        return said
    message = str(getattr(error, "user_message", None) or error)
    body = getattr(error, "http_body", None)
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    for quoted in (repr(body), repr(text), text):
        if isinstance(quoted, str) and len(quoted) > len("None") and quoted in message:
            message = message.partition(quoted)[0] + "<response body>"
    return message


def _api_error(error: BaseException) -> Mapping[str, Any]:
    body = getattr(error, "json_body", None)
    found = body.get("error") if isinstance(body, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _header(headers: Any, name: str, scrub: Callable[[str], str]) -> str | None:
    value = headers.get(name) if isinstance(headers, Mapping) else None
    return None if value is None else scrub(str(value))
