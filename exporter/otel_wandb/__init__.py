"""A span exporter that shows finished traces in Weights & Biases, as timelines and tables."""

from otel_wandb._exporter import WandbSpanExporter

__all__ = ["WandbSpanExporter"]
