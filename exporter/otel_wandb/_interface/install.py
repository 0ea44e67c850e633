"""Missing and outdated packages, and the command that installs them. Imports nothing slow."""

from otel_wandb._install import DELIVERING_WANDB, how_to_install, missing_of, require, unmet
