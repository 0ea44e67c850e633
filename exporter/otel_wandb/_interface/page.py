"""The page of `openai-wandb view`. Needs neither wandb nor the SDK."""

from otel_wandb._page.packing import Mark, PackedRun, Packer
from otel_wandb._page.page import page
