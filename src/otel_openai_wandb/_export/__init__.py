"""`openai-wandb export`: the traces of a run as one file."""
