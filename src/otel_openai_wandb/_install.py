"""How this package is installed with more of what it can use, in the words of the place that it came from."""

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

DISTRIBUTION: Final = "otel-openai-wandb"


def how_to_install(extra: str) -> str:
    """The command, for a shell: from the checkout that it was installed from, else by name."""
    return f"pip install '{_origin() or DISTRIBUTION}[{extra}]'"


def _origin() -> str | None:
    """The checkout, as pip wrote it down (PEP 610)."""
    try:
        written = distribution(DISTRIBUTION).read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    url = urlsplit(str(json.loads(written).get("url"))) if written else None
    path = unquote(url.path) if url is not None and url.scheme == "file" else None
    return path if path is not None and Path(path).is_dir() else None
