"""OpenTelemetry instrumentation of the module-level API of openai 0.28 (`openai.ChatCompletion.create`, ...)."""

from otel_openai_v0._content import Redactor
from otel_openai_v0._context import call_context
from otel_openai_v0._current import current_trace_id
from otel_openai_v0._instrumentor import OpenAIInstrumentor
from otel_openai_v0._settings import CaptureContent
from otel_openai_v0._version import __version__

__all__ = ["CaptureContent", "OpenAIInstrumentor", "Redactor", "__version__", "call_context", "current_trace_id"]
