"""The replies to senders, for HTTP and gRPC.

A collector sends again after 503 or UNAVAILABLE, and drops the spans after any other error, 500 included. So a refusal
that may succeed later is 503 or UNAVAILABLE, and a final one is another status.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

RETRY_SECONDS: Final = 2
_UNAVAILABLE: Final = 14


class Reason(Enum):
    """Why a request was refused: a label for the counters, a status of HTTP, and a code of gRPC."""

    MALFORMED = ("malformed", 400, 3)  # INVALID_ARGUMENT
    UNAUTHENTICATED = ("unauthenticated", 401, 16)
    FORBIDDEN = ("forbidden", 403, 7)  # PERMISSION_DENIED
    NOT_FOUND = ("not_found", 404, 12)  # UNIMPLEMENTED
    METHOD = ("method", 405, 12)
    TOO_LARGE = ("too_large", 413, 8)  # RESOURCE_EXHAUSTED, which is final without RetryInfo
    MEDIA_TYPE = ("media_type", 415, 3)
    FULL = ("full", 503, 14)  # UNAVAILABLE
    FAILED = ("failed", 503, 14)
    BUSY = ("busy", 503, 14)
    SLOW = ("slow", 503, 14)

    def __init__(self, label: str, status: int, code: int) -> None:
        self.label = label
        self.status = status
        self.code = code

    @property
    def is_final(self) -> bool:
        """Whether the sender must not send it again."""
        return self.code != _UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request was accepted, except for `rejected` spans or log records, which must not be sent again."""

    rejected: int = 0
    why: str = ""


class RefusedError(Exception):
    """The whole request was refused. The message is for the sender, and quotes nothing of the request."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
