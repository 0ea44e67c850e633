"""Makes `from wandb.integration.openai import autolog` import ours.

This happens under `opentelemetry-instrument`, and after `%load_ext`. wandb 0.27.1 and later have the module, but not
the function. An older wandb keeps its own function, unless `OTEL_WANDB_REPLACE_AUTOLOG` is true.
"""

import os
from types import ModuleType
from typing import Final

import wrapt

from otel_wandb._interface.install import require

REPLACE_VARIABLE: Final = "OTEL_WANDB_REPLACE_AUTOLOG"
_MODULE: Final = "wandb.integration.openai"


def install() -> None:
    """Add the function when the module is imported, or now if it is already. Imports nothing itself."""
    wrapt.register_post_import_hook(_add_autolog, _MODULE)


def _add_autolog(module: ModuleType) -> None:
    if not hasattr(module, "autolog") or os.environ.get(REPLACE_VARIABLE, "").strip().lower() in {"true", "1"}:
        require("autolog", "all", "opentelemetry-sdk", "wandb")
        from otel_openai_wandb._autolog import autolog

        vars(module)["autolog"] = autolog
