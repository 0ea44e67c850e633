"""Files and images are described by what they are, and left as they were."""

from __future__ import annotations

import base64
import hashlib
import os
from io import BytesIO, StringIO, UnsupportedOperation
from pathlib import Path
from tempfile import NamedTemporaryFile, SpooledTemporaryFile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_openai_v0._openai.files import Descriptor, describe, describe_base64, describe_bytes
from tests.instrumentation.calls import PNG, WAV

LARGE = (1 << 20) + 1


@pytest.mark.parametrize(
    ("data", "mime_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0 jpeg", "image/jpeg"),
        (b"GIF89a gif", "image/gif"),
        (b"RIFF1234WEBPVP8 ", "image/webp"),
        (WAV, "audio/wav"),
        (b"ID3\x04 mp3", "audio/mpeg"),
        (b"\xff\xfb\x90 mp3", "audio/mpeg"),
        (b"OggS ogg", "audio/ogg"),
        (b"fLaC flac", "audio/flac"),
        (b'{"prompt": "a"}', None),
        (b"RIFF", None),
        (b"", None),
    ],
)
def test_a_type_is_known_by_its_first_bytes(data: bytes, mime_type: str | None) -> None:
    found = describe_bytes(data)
    assert (found.mime_type, found.size, found.sha256) == (mime_type, len(data), hashlib.sha256(data).hexdigest())
    assert found.dimensions == ("640x480" if data is PNG else None)
    assert describe_base64(base64.b64encode(data).decode()) == found


@pytest.mark.parametrize("data", [PNG, PNG[:20], PNG + bytes(LARGE)], ids=["whole", "cut", "large"])
def test_a_file_of_any_kind_stays_where_it_stands(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    whole = len(data) < LARGE
    expected = Descriptor(
        len(data),
        "image/png",
        hashlib.sha256(data).hexdigest() if whole else None,
        "640x480" if len(data) > 24 else None,
    )
    with path.open("rb") as opened, path.open("rb", buffering=0) as raw, BytesIO(data) as kept:
        for file in (opened, raw, kept):
            file.seek(3)
            assert describe(file) == expected
            assert (file.tell(), file.read()) == (3, data[3:])
    with NamedTemporaryFile() as temporary:
        temporary.write(data)
        temporary.flush()
        assert describe(temporary) == expected
    assert describe(bytearray(data)) == describe(data) == expected


def test_a_file_in_memory_is_not_moved_to_the_disk() -> None:
    """To ask a SpooledTemporaryFile, as web frameworks hand out, for its number would do so, and change its name."""
    with SpooledTemporaryFile() as spooled:
        spooled.write(PNG)
        spooled.seek(0)
        name = getattr(spooled, "name", None)
        assert describe(spooled) is None
        assert getattr(spooled, "name", None) == name
        assert spooled._rolled is False  # type: ignore[attr-defined]
        assert spooled.read() == PNG


class Unnumbered:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def fileno(self) -> int:
        raise self.error

    def read(self) -> bytes:
        raise AssertionError("nobody but openai reads a file")


@pytest.mark.parametrize(
    "value",
    [None, "text", 7, StringIO("x"), Unnumbered(UnsupportedOperation("fileno")), Unnumbered(OSError()), object()],
)
def test_what_has_no_bytes_is_not_described(value: Any) -> None:
    assert describe(value) is None


def test_a_closed_file_and_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    opened = path.open("rb")
    opened.close()
    assert describe(opened) is None
    reading, writing = os.pipe()
    os.write(writing, b"canary")
    with os.fdopen(reading, "rb") as pipe:
        assert describe(pipe) is None
        os.close(writing)
        assert pipe.read() == b"canary"


@given(st.binary(max_size=200))
def test_base64_says_what_its_bytes_say(data: bytes) -> None:
    assert describe_base64(base64.b64encode(data).decode()) == describe_bytes(data)


def test_large_base64_is_not_decoded_whole() -> None:
    data = PNG + bytes(LARGE)
    assert describe_base64(base64.b64encode(data).decode()) == Descriptor(len(data), "image/png", None, "640x480")


@pytest.mark.parametrize("text", ["a", "äöü", "====", "x" * 5])
def test_what_is_no_base64(text: str) -> None:
    found = describe_base64(text)
    assert (found.mime_type, found.dimensions) == (None, None)
