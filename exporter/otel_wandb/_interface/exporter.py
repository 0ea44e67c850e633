"""The exporters of this process, and their options."""

from otel_wandb._costs.prices import read_prices
from otel_wandb._exporter import live_exporters
from otel_wandb._process.processors import flushes_of
from otel_wandb._settings import RECEIVED, WEAVE_VARIABLE, Keep, Weave, checked_keep, checked_weave, read_settings
