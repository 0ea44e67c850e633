"""Finds the span processors that export through an exporter, which is given no handle on them."""

import gc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from opentelemetry.sdk.trace.export import SpanExporter

_DEEPEST: Final = 4  # exporters around exporters


def flushes_of(exporter: SpanExporter, depth: int = _DEEPEST) -> Sequence[Callable[[], object]]:
    """`force_flush` of everything that refers to `exporter`, through any exporter in between.

    Walks what the garbage collector knows: for an exit, where tens of milliseconds do not matter.
    """
    found = list(_flushes(exporter, depth))
    if found or not gc.get_freeze_count():
        return found
    gc.unfreeze()  # it does not look at what a server that loads its application first has frozen
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
    """The objects with `value` as an attribute: what refers to it is their dict, or from Python 3.11 on themselves."""
    for referrer in gc.get_referrers(value):
        if type(referrer) is dict:
            yield from (owner for owner in gc.get_referrers(referrer) if getattr(owner, "__dict__", None) is referrer)
        else:
            yield referrer
