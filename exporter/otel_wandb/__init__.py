"""A span exporter that shows finished traces in Weights & Biases, as timelines and tables."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from otel_wandb._install import require

if TYPE_CHECKING:
    from otel_wandb._exporter import WandbSpanExporter
    from otel_wandb._processor import WandbSpanProcessor
    from otel_wandb._spans.span import SpanRecord

__all__ = ["SpanRecord", "WandbSpanExporter", "WandbSpanProcessor", "__version__"]

__version__: Final = version("otel-openai-wandb")


def __getattr__(name: str) -> Any:
    """Import a public name at its first use. Raises ImportError with the command that installs a missing SDK."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require(name, "wandb", "opentelemetry-sdk")
    import otel_wandb._writer  # noqa: F401  # now, so that the program's first call is not slowed
    from otel_wandb._exporter import WandbSpanExporter
    from otel_wandb._processor import WandbSpanProcessor
    from otel_wandb._spans.span import SpanRecord

    globals().update(SpanRecord=SpanRecord, WandbSpanExporter=WandbSpanExporter, WandbSpanProcessor=WandbSpanProcessor)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted(__all__)
