"""Predicts the decisions of the SDK's samplers, because starting an unsampled span costs more than all else we do."""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import Tracer, get_current_span

_SAMPLERS: Final = "opentelemetry.sdk.trace.sampling"
_COUNTS_SPANS: Final = "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"


class Sampling:
    """The sampler of one tracer, if it is one of the SDK's own. Any other sampler has to be asked for each span."""

    __slots__ = ("_as_its_parent", "_never", "_never_a_root")

    def __init__(self, tracer: Tracer, environ: Mapping[str, str]) -> None:
        # Only the SDK's tracers have a sampler.
        sampler = None if _counts_spans(environ) else getattr(tracer, "sampler", None)
        below = [getattr(sampler, name, None) for name in ("_remote_parent_not_sampled", "_local_parent_not_sampled")]
        is_parent_based = _is_known(sampler) and None not in below
        self._never = _is_never(sampler)
        self._never_a_root = self._never or (is_parent_based and _is_never(getattr(sampler, "_root", None)))
        self._as_its_parent = is_parent_based and all(map(_is_never, below))

    @property
    def is_never(self) -> bool:
        """Whether no span is ever sampled."""
        return self._never

    def says_no(self, context: Context) -> bool:
        """Whether a span started in `context` is certain not to be sampled. False if only the sampler can decide."""
        if not context:  # no parent, as in most programs without other instrumentation
            return self._never_a_root
        if not self._as_its_parent:
            return self._never
        parent = get_current_span(context).get_span_context()
        return not parent.trace_flags.sampled if parent.is_valid else self._never_a_root


def _is_known(sampler: Any) -> bool:
    return type(sampler).__module__ == _SAMPLERS


def _is_never(sampler: Any) -> bool:
    """Whether a sampler is the SDK's ALWAYS_OFF."""
    is_static = _is_known(sampler) and type(sampler).__name__ == "StaticSampler"
    return is_static and sampler.get_description() == "AlwaysOffSampler"


def _counts_spans(environ: Mapping[str, str]) -> bool:
    """Whether the SDK counts all spans that are started, unsampled ones included."""
    return environ.get(_COUNTS_SPANS, "").strip().lower() == "true"
