"""Reads runs from their directories, and shows their traces in the terminal: `openai-wandb show`."""
