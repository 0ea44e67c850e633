"""Finds the span processors that export through an exporter. The SDK gives an exporter no reference to them."""

import gc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from opentelemetry.sdk.trace.export import SpanExporter

_DEEPEST: Final = 4  # levels of exporters that wrap an exporter


def flushes_of(exporter: SpanExporter, depth: int = _DEEPEST) -> Sequence[Callable[[], object]]:
    """The `force_flush` of each object that refers to `exporter`, directly or through other exporters.

    It searches with the garbage collector, which takes tens of milliseconds, so use it at an exit.
    """
    if not gc.get_freeze_count():
        return list(_flushes(exporter, depth))
    gc.unfreeze()  # frozen objects are not searched
    try:
        return list(_flushes(exporter, depth))
    finally:
        gc.freeze()


def _flushes(exporter: SpanExporter, depth: int) -> Iterator[Callable[[], object]]:
    for owner in _owners(exporter):
        flush: Any = getattr(type(owner), "force_flush", None)
        if isinstance(owner, SpanExporter):
            if depth:
                yield from _flushes(owner, depth - 1)
        elif callable(flush) and not getattr(owner, "holds_nothing_back", False):
            yield partial(flush, owner)


def _owners(value: object) -> Iterator[object]:
    """The objects with `value` as an attribute. Their dict refers to it, or the object itself from Python 3.11 on."""
    for referrer in gc.get_referrers(value):
        if type(referrer) is dict:
            yield from (owner for owner in gc.get_referrers(referrer) if getattr(owner, "__dict__", None) is referrer)
        else:
            yield referrer
