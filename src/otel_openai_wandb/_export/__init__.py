"""The command `openai-wandb export`: writes the traces of a run to one file."""
