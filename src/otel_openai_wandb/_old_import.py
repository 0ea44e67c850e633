"""Lets `from wandb.integration.openai import autolog` give ours: under `opentelemetry-instrument`, after `%load_ext`.

wandb 0.27.1 and later have the module without the name. Where wandb has its own still, it stays, unless
`OTEL_WANDB_REPLACE_AUTOLOG` is true.
"""

import os
from types import ModuleType
from typing import Final

import wrapt

from otel_wandb._interface import require

REPLACE_VARIABLE: Final = "OTEL_WANDB_REPLACE_AUTOLOG"
_MODULE: Final = "wandb.integration.openai"


def install() -> None:
    """Have the name there as soon as somebody imports the module, or now if that is done; imports nothing itself."""
    wrapt.register_post_import_hook(_add_autolog, _MODULE)


def _add_autolog(module: ModuleType) -> None:
    if not hasattr(module, "autolog") or os.environ.get(REPLACE_VARIABLE, "").strip().lower() in {"true", "1"}:
        require("autolog", "all", "opentelemetry-sdk", "wandb")
        from otel_openai_wandb._autolog import autolog

        vars(module)["autolog"] = autolog
