"""The command `openai-wandb demo`: makes a few calls, shows their traces in the terminal, and names their run."""
