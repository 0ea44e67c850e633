"""Timing in alternating batches within one process: machines change their clocks, so only ratios mean much."""

import gc
from collections.abc import Callable, Mapping
from statistics import median
from time import thread_time_ns


def microseconds(variants: Mapping[str, Callable[[], object]], batches: int, calls: int) -> dict[str, float]:
    """Median CPU time of the calling thread per call of each variant, measured in turns."""
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
