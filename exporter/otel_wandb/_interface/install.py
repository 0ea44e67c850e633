"""Missing packages, and the command that installs them. Imports nothing slow."""

from otel_wandb._install import how_to_install, missing_of, require
