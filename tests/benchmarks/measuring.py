"""Measures time in alternating batches within one process. Clock speeds vary, so only ratios are meaningful."""

import gc
from collections.abc import Callable, Mapping
from statistics import median
from time import thread_time_ns


def microseconds(variants: Mapping[str, Callable[[], object]], batches: int, calls: int) -> dict[str, float]:
    """The median CPU time of the calling thread in microseconds per call, for each variant. Variants take turns."""
    samples: dict[str, list[float]] = {name: [] for name in variants}
    gc.collect()
    gc.disable()
    try:
        for _ in range(batches):
            for name, call in variants.items():
                samples[name].append(_batch(call, calls))
    finally:
        gc.enable()
    return {name: median(found) for name, found in samples.items()}


def _batch(call: Callable[[], object], calls: int) -> float:
    before = thread_time_ns()
    for _ in range(calls):
        call()
    return (thread_time_ns() - before) / calls / 1e3
