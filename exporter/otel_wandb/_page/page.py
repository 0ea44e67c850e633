"""Writes the page: one HTML file that makes no network request."""

import base64
import gzip
import hashlib
import html
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from otel_wandb._page.packing import Packer

_HERE: Final = Path(__file__).parent
_CHUNK: Final = 512 * 1024  # characters of JSON; the page decodes a whole chunk to show one text of it


def page(packer: Packer, *, follow_from: int | None = None) -> str:
    """The page of what was packed. With `follow_from`, it asks its server for the events after that number."""
    script, style = _asset("viewer.js"), _asset("viewer.css")
    texts, details = list(_chunks(packer.texts)), list(_chunks([trace.detail for trace in packer.traces]))
    index = packer.index() | {
        "text_chunks": [first for first, _ in texts],
        "detail_chunks": [first for first, _ in details],
        "follow": follow_from,
    }
    title = html.escape(", ".join(run.name for run in packer.runs) or "no run")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "worker-src blob:",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            *(("connect-src 'self'",) if follow_from is not None else ()),
        )
    )
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f'<title>{title}</title><link rel="icon" href="data:,"><style>{style}</style></head>',
        '<body><div id="app"></div><noscript>This page is drawn by its own script.</noscript>',
        _data("index", json.dumps(index, separators=(",", ":"))),
        *(_data(f"texts-{number}", text) for number, (_, text) in enumerate(texts)),
        *(_data(f"details-{number}", text) for number, (_, text) in enumerate(details)),
        f"<script>{script}</script></body></html>\n",
    ]
    return "".join(parts)


def _chunks(items: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The items as JSON lists, each with the number of its first item."""
    first, size = 0, 0
    for number, item in enumerate(items):
        if size and size + len(item) > _CHUNK:
            yield first, f"[{','.join(items[first:number])}]"
            first, size = number, 0
        size += len(item)
    if size:
        yield first, f"[{','.join(items[first:])}]"


def _data(name: str, text: str) -> str:
    packed = base64.b64encode(gzip.compress(text.encode("ascii"), 6, mtime=0)).decode("ascii")
    return f'<script type="application/octet-stream" id="{name}">{packed}</script>'


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
