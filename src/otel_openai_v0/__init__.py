"""OpenTelemetry instrumentation of the module-level API of openai 0.28 (`openai.ChatCompletion.create`, ...)."""

from otel_openai_v0._base.current import current_trace_id
from otel_openai_v0._base.version import __version__
from otel_openai_v0._calls.context import call_context
from otel_openai_v0._content.redaction import Redactor
from otel_openai_v0._instrumentor import OpenAIInstrumentor
from otel_openai_v0._telemetry.settings import CaptureContent

__all__ = ["CaptureContent", "OpenAIInstrumentor", "Redactor", "__version__", "call_context", "current_trace_id"]
