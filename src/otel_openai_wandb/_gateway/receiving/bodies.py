"""Reads the content headers of a body, and decompresses the body."""

import zlib
from typing import Final

from otel_openai_wandb._gateway.receiving.replies import Reason, RefusedError
from otel_wandb._interface.otlp import Encoding

_ENCODINGS: Final = {"application/x-protobuf": Encoding.PROTOBUF, "application/json": Encoding.JSON}
_PIECE: Final = 64 * 1024


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
    """Decompress a gzip body of one member. Raises RefusedError, also if it has more than `most` bytes."""
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    pieces, size = [], 0
    while not inflater.eof:
        try:
            piece = inflater.decompress(data, _PIECE)
        except zlib.error:
            raise RefusedError(Reason.MALFORMED, "the body is not gzip") from None
        data = inflater.unconsumed_tail
        size += len(piece)
        if size > most:
            raise RefusedError(Reason.TOO_LARGE, f"the decompressed body is more than {most} bytes")
        if not piece and not data and not inflater.eof:
            raise RefusedError(Reason.MALFORMED, "the gzip body is incomplete")
        pieces.append(piece)
    if inflater.unused_data:  # a body could have a million empty members, and each costs a copy of the rest
        raise RefusedError(Reason.MALFORMED, "the gzip body is followed by other data")
    return b"".join(pieces)
