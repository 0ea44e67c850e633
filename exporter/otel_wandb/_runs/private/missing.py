"""Collects which private parts are missing in this version of wandb."""

import logging
from typing import Any, Final

log: Final = logging.getLogger(__name__)

_MISSING: Final[set[str]] = set()


def missing_comforts() -> tuple[str, ...]:
    """The features that are missing in this process, each as a text that can follow "without"."""
    return tuple(sorted(_MISSING))


def attribute(owner: object, name: str) -> Any:
    try:
        return getattr(owner, name, None)
    except Exception:  # noqa: BLE001
        return None


def without(comfort: str, error: Exception | None) -> None:
    if comfort not in _MISSING:
        _MISSING.add(comfort)
        log.info(
            "this version of wandb lacks what %s needs (%s)", comfort, type(error).__name__ if error else "no name"
        )
