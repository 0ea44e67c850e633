"""What a sampler is known to say before it is asked: the span of an unsampled call costs more than all else of ours."""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.context import get_current
from opentelemetry.trace import Tracer, get_current_span

# `get_description()` of the SDK's samplers (1.45), which tells what they are made of: ALWAYS_OFF, and the end of any
# `ParentBased` that leaves out what is below a parent that was left out.
_NEVER: Final = "AlwaysOffSampler"
_AS_ITS_PARENT: Final = (
    f",remoteParentNotSampled:{_NEVER},localParentSampled:AlwaysOnSampler,localParentNotSampled:{_NEVER}}}"
)
_SAMPLERS: Final = "opentelemetry.sdk.trace.sampling"
_COUNTS_SPANS: Final = "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"


class Sampling:
    """The sampler of one tracer, as far as it is one of the SDK's own: what others say is theirs to say each time."""

    __slots__ = ("_as_its_parent", "_never")

    def __init__(self, tracer: Tracer, environ: Mapping[str, str]) -> None:
        said = "" if _counts_spans(environ) else _description(getattr(tracer, "sampler", None))
        self._never = said == _NEVER
        self._as_its_parent = said.startswith("ParentBased{") and said.endswith(_AS_ITS_PARENT)

    def says_no(self) -> bool:
        """Whether a span that is started here and now is certain not to be sampled; False if only the sampler knows."""
        if not self._as_its_parent:
            return self._never
        context = get_current()
        if not context:  # nothing is above, as in most programs that use nothing but us
            return False
        parent = get_current_span(context).get_span_context()
        return parent.is_valid and not parent.trace_flags.sampled


def _description(sampler: Any) -> str:
    """What a sampler of the SDK's says of itself, else nothing."""
    if type(sampler).__module__ != _SAMPLERS:
        return ""
    try:
        return str(sampler.get_description())
    except Exception:  # noqa: BLE001  # of a sampler of the program's own, which the SDK's is made of
        return ""


def _counts_spans(environ: Mapping[str, str]) -> bool:
    """Whether the SDK counts the spans that it is asked for, those that are left out among them."""
    return environ.get(_COUNTS_SPANS, "").strip().lower() == "true"
