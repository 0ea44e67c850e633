"""Describes files and images by type, size, hash and dimensions. Their bytes are not recorded.

A file is read without moving its position, because openai reads it next.
"""

import base64
import binascii
import hashlib
import os
import struct
from dataclasses import dataclass
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any, Final

_LARGEST_HASHED: Final = 1 << 20  # bytes; a millisecond or two in the caller's thread
_HEAD: Final = 32  # bytes, enough for every signature below
_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)
_CONTAINERS: Final = {b"WAVE": "audio/wav", b"WEBP": "image/webp"}


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What is known of some bytes; None where it cannot be told.

    `size` is in bytes, `dimensions` is `WIDTHxHEIGHT` in pixels.
    """

    size: int | None
    mime_type: str | None
    sha256: str | None
    dimensions: str | None


def describe(value: Any) -> Descriptor | None:
    """Describe bytes, a BytesIO or an open file; None for anything else."""
    if isinstance(value, (bytes, bytearray)):
        return describe_bytes(bytes(value))
    if isinstance(value, BytesIO):
        return describe_bytes(value.getvalue())
    if isinstance(value, SpooledTemporaryFile):  # asking a spooled file for its number would move it to the disk
        return None
    try:
        number = value.fileno()
        size = os.fstat(number).st_size
        data = os.pread(number, size if size <= _LARGEST_HASHED else _HEAD, 0)
    except (AttributeError, OSError, ValueError):
        return None
    return _descriptor(data, size)


def describe_bytes(data: bytes) -> Descriptor:
    """Describe bytes."""
    return _descriptor(data, len(data))


def describe_base64(text: str) -> Descriptor:
    """Describe bytes given as base64; of a large text only what its beginning tells."""
    size = len(text) * 3 // 4 - text.count("=", -2)
    try:
        data = base64.b64decode(text if size <= _LARGEST_HASHED else text[: _HEAD * 2])
    except (binascii.Error, ValueError):
        return Descriptor(size, None, None, None)
    return _descriptor(data, size)


def _descriptor(data: bytes, size: int) -> Descriptor:
    whole = len(data) == size
    mime_type = _mime_type(data[:_HEAD])
    return Descriptor(
        size=size,
        mime_type=mime_type,
        sha256=hashlib.sha256(data).hexdigest() if whole and size <= _LARGEST_HASHED else None,
        dimensions=_dimensions(data) if mime_type == "image/png" else None,
    )


def _mime_type(head: bytes) -> str | None:
    for signature, mime_type in _SIGNATURES:
        if head.startswith(signature):
            return mime_type
    return _CONTAINERS.get(head[8:12]) if head.startswith(b"RIFF") else None


def _dimensions(png: bytes) -> str | None:
    if len(png) < 24:  # noqa: PLR2004  # the signature, and the chunk IHDR up to the height
        return None
    width, height = struct.unpack(">II", png[16:24])
    return f"{width}x{height}"
