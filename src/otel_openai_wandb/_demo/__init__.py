"""The command `openai-wandb demo`: a few calls, their traces in the terminal, and the run that they are in."""
