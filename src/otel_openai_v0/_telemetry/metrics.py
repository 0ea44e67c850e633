"""The four client metrics of the GenAI conventions 1.41.1, which are those of `opentelemetry-util-genai` 1.3b0."""

from typing import Final

from opentelemetry import metrics
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider, NoOpMeterProvider

from otel_openai_v0._base import attributes as names
from otel_openai_v0._base.attributes import Attributes
from otel_openai_v0._base.versions import create_histogram, in_context

_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = tuple(4**power for power in range(14))

DURATION: Final = "gen_ai.client.operation.duration"
TOKEN_USAGE: Final = "gen_ai.client.token.usage"  # noqa: S105
TIME_TO_FIRST_CHUNK: Final = "gen_ai.client.operation.time_to_first_chunk"
TIME_PER_OUTPUT_CHUNK: Final = "gen_ai.client.operation.time_per_output_chunk"

_TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105
_DIMENSIONS: Final = (
    names.OPERATION_NAME,
    names.PROVIDER_NAME,
    names.REQUEST_MODEL,
    names.RESPONSE_MODEL,
    names.SERVER_ADDRESS,
    names.SERVER_PORT,
    names.ERROR_TYPE,
)
_COUNTS: Final = (("input", names.USAGE_INPUT_TOKENS), ("output", names.USAGE_OUTPUT_TOKENS))


class Metrics:
    """The instruments of one `instrument()`."""

    def __init__(self, provider: MeterProvider | None, scope: str, version: str, schema_url: str) -> None:
        provider = provider or metrics.get_meter_provider()
        self._wanted = not isinstance(provider, NoOpMeterProvider)
        meter = provider.get_meter(scope, version, schema_url)

        def seconds(name: str, description: str) -> metrics.Histogram:
            return create_histogram(meter, name, "s", description, _SECONDS)

        self._duration = seconds(DURATION, "How long a call took.")
        self._first_chunk = seconds(TIME_TO_FIRST_CHUNK, "Time until the first chunk of a stream with content.")
        self._output_chunk = seconds(TIME_PER_OUTPUT_CHUNK, "Time between chunks of a stream with content.")
        self._tokens = create_histogram(meter, TOKEN_USAGE, "{token}", "Tokens of a call.", _TOKENS)

    @property
    def enabled(self) -> bool:
        """Whether measurements are recorded. If not, calls that are not sampled need not be read.

        The API's proxies have a real instrument as soon as a provider is set. Asking for the provider itself would take
        a third of the time of an unsampled call.
        """
        return self._wanted and getattr(self._duration, "_real_instrument", self) is not None

    def record(self, attributes: Attributes, seconds: float, context: Context) -> None:
        """Record a call by its duration and the `attributes` of its span. Exemplars link to the span in `context`."""
        dimensions, within = self.dimensions(attributes), in_context(context)
        self._duration.record(seconds, dimensions, *within)
        for kind, name in _COUNTS:
            count = attributes.get(name)
            if isinstance(count, int):
                self._tokens.record(count, {**dimensions, _TOKEN_TYPE: kind}, *within)
        first = attributes.get(names.RESPONSE_TIME_TO_FIRST_CHUNK)
        if isinstance(first, float):
            self._first_chunk.record(first, dimensions, *within)

    def record_chunk(self, seconds: float, dimensions: Attributes) -> None:
        """Record the time between a chunk and the previous one."""
        self._output_chunk.record(seconds, dimensions)

    @staticmethod
    def dimensions(attributes: Attributes) -> Attributes:
        """Those of `attributes` that a measurement has."""
        return {name: attributes[name] for name in _DIMENSIONS if name in attributes}
