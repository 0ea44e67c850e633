"""What a body is by its headers, and what it is when inflated."""

import zlib
from typing import Final

from otel_openai_wandb._gateway.receiving.replies import Reason, RefusedError
from otel_wandb._interface.otlp import Encoding

_ENCODINGS: Final = {"application/x-protobuf": Encoding.PROTOBUF, "application/json": Encoding.JSON}
_PIECE: Final = 64 * 1024
_MOST_MEMBERS: Final = 100  # of nothing there could be a million, and each costs a copy of the rest


def encoding_of(content_type: str) -> Encoding:
    """By a `Content-Type`. Raises RefusedError."""
    encoding = _ENCODINGS.get(content_type.partition(";")[0].strip().lower())
    if encoding is None:
        raise RefusedError(Reason.MEDIA_TYPE, f"the content type is none of {', '.join(_ENCODINGS)}")
    return encoding


def is_gzip(content_encoding: str) -> bool:
    """By a `Content-Encoding`. Raises RefusedError."""
    name = content_encoding.strip().lower()
    if name not in {"", "identity", "gzip"}:
        raise RefusedError(Reason.MEDIA_TYPE, "the content encoding is neither gzip nor identity")
    return name == "gzip"


def inflated(data: bytes, most: int) -> bytes:
    """A gzip body, of up to 100 members; never more than `most` bytes are made of it. Raises RefusedError."""
    pieces: list[bytes] = []
    for _ in range(_MOST_MEMBERS):
        inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
        pieces += _member(inflater, data, most - sum(map(len, pieces)))
        data = inflater.unused_data
        if not data:
            return b"".join(pieces)
    raise RefusedError(Reason.MALFORMED, f"the gzip body has more than {_MOST_MEMBERS} members")


def _member(inflater: "zlib._Decompress", data: bytes, most: int) -> list[bytes]:
    pieces: list[bytes] = []
    while not inflater.eof:
        try:
            piece = inflater.decompress(data, _PIECE)
        except zlib.error:
            raise RefusedError(Reason.MALFORMED, "the body is no gzip") from None
        data = inflater.unconsumed_tail
        most -= len(piece)
        if most < 0:
            raise RefusedError(Reason.TOO_LARGE, "the body is too large when inflated")
        if not piece and not data and not inflater.eof:
            raise RefusedError(Reason.MALFORMED, "the gzip body ends too early")
        pieces.append(piece)
    return pieces
