"""Describes files, images, and data in messages by type, size, hash and dimensions. The bytes are not recorded.

A file is read without moving its position, because openai reads it next.
"""

import base64
import binascii
import hashlib
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from otel_openai_v0._content.json import DEEPEST, text_of
from otel_openai_v0._content.message import Part

_LARGEST_HASHED: Final = 1 << 20  # bytes; hashing them takes a millisecond or two in the caller's thread
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
_DATA: Final = "data:"
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{64,}={0,2}")
# Keys under which the parts of any API have base64 data.
_DATA_KEYS: Final = frozenset({"data", "b64_json", "file_data", "image", "image_url", "url"})
_MODALITIES: Final = frozenset({"image", "video", "audio"})  # of the conventions, which also have "document"
_FILE: Final = re.compile(r"data:(?:[\w.+-]+/[\w.+-]+[^,]{0,200}|[^,]{0,200};base64),", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """The description of some bytes; None if unknown.

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
    """Describe bytes given as base64. Of a large text only the beginning is decoded, and no hash is made."""
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


def sound_part(audio: Mapping[str, Any]) -> Part:
    """A part that describes a sound in a chat message."""
    kind = audio.get("format")
    return blob_descriptor("audio", describe_base64(str(audio.get("data") or "")), f"audio/{kind}" if kind else None)


def file_part(file: Mapping[str, Any]) -> Part:
    """A part for a file, with its id if it has one, else a description of its bytes."""
    name = {"name": text_of(file["filename"])} if file.get("filename") else {}
    if file.get("file_id"):
        return {"type": "file", "modality": "document", "file_id": text_of(file["file_id"]), **name}
    data = str(file.get("file_data") or "")
    part = _data(data, "document") if _is_data_address(data) else _base64(data)
    return {**part, **name}


def image_part(said: Any) -> Part:
    """A part for an image, with its URL, or a description if it is given as a data URL or as base64."""
    address = str(said).strip()
    if _is_data_address(address):
        return _data(address, "image")
    if _BASE64.fullmatch(address):
        return blob_descriptor("image", describe_base64(address), None)
    return {"type": "uri", "modality": "image", "uri": address}


def base64_image(text: str) -> Part:
    """A part that describes an image given as base64."""
    return image_part(text) if _is_data_address(text) else blob_descriptor("image", describe_base64(text), None)


def blob_descriptor(modality: str, found: Descriptor, mime_type: str | None) -> Part:
    """A part that describes bytes. It is no `blob` of the conventions, which must contain the bytes."""
    about = {
        "mime_type": mime_type or found.mime_type,
        "size": found.size,
        "sha256": found.sha256,
        "dimensions": found.dimensions,
    }
    kept = {key: value for key, value in about.items() if value is not None}
    return {"type": "blob_descriptor", "modality": modality, **kept}


def _is_data_address(text: str) -> bool:
    return text[: len(_DATA)].lower() == _DATA


def _data(address: str, modality: str) -> Part:
    head, _, data = address[len(_DATA) :].partition(",")
    mime_type, *parameters = head.split(";")
    is_base64 = parameters[-1:] == ["base64"]
    found = describe_base64(data) if is_base64 else describe_bytes(unquote_to_bytes(data))
    return blob_descriptor(_modality(mime_type, modality), found, mime_type or None)


def _base64(data: str) -> Part:
    found = describe_base64(data)
    return blob_descriptor(_modality(found.mime_type or "", "document"), found, None)


def _modality(mime_type: str, otherwise: str) -> str:
    kind = mime_type.partition("/")[0]
    return kind if kind in _MODALITIES else "document" if kind else otherwise


def described(value: Any, depth: int = DEEPEST) -> Any:
    """`value`, with each base64 text in it replaced by a description."""
    if isinstance(value, str):
        return _data(value, "document") if _FILE.match(value) else value
    if depth == 0 or not isinstance(value, (Mapping, list, tuple)):
        return value
    if isinstance(value, Mapping):
        return {key: _described_item(key, item, depth - 1) for key, item in value.items()}
    return [described(item, depth - 1) for item in value]


def _described_item(key: Any, item: Any, depth: int) -> Any:
    if key in _DATA_KEYS and isinstance(item, str) and _BASE64.fullmatch(item):
        return _base64(item)
    return described(item, depth)
