"""Reads the content headers of a body, and decompresses the body."""

import zlib
from typing import Final

from otel_openai_wandb._gateway.receiving.replies import Reason, RefusedError
from otel_wandb._interface.otlp import Encoding

_ENCODINGS: Final = {"application/x-protobuf": Encoding.PROTOBUF, "application/json": Encoding.JSON}
_PIECE: Final = 64 * 1024
_MOST_MEMBERS: Final = 100  # a body could have a million empty ones, and each costs a copy of the rest


def encoding_of(content_type: str) -> Encoding:
    """The encoding that a `Content-Type` names. Raises RefusedError."""
    encoding = _ENCODINGS.get(content_type.partition(";")[0].strip().lower())
    if encoding is None:
        raise RefusedError(Reason.MEDIA_TYPE, f"the content type must be one of {', '.join(_ENCODINGS)}")
    return encoding


def is_gzip(content_encoding: str) -> bool:
    """Whether a `Content-Encoding` is gzip. Raises RefusedError if it is unknown."""
    name = content_encoding.strip().lower()
    if name not in {"", "identity", "gzip"}:
        raise RefusedError(Reason.MEDIA_TYPE, "the content encoding must be gzip or identity")
    return name == "gzip"


def inflated(data: bytes, most: int) -> bytes:
    """Decompress a gzip body of up to 100 members. Raises RefusedError, also if it has more than `most` bytes."""
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
            raise RefusedError(Reason.MALFORMED, "the body is not gzip") from None
        data = inflater.unconsumed_tail
        most -= len(piece)
        if most < 0:
            raise RefusedError(Reason.TOO_LARGE, "the decompressed body is too large")
        if not piece and not data and not inflater.eof:
            raise RefusedError(Reason.MALFORMED, "the gzip body is incomplete")
        pieces.append(piece)
    return pieces
