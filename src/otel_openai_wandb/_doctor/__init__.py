"""The command `openai-wandb doctor`: checks, each of which makes a finding."""
