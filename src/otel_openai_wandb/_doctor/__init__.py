"""The command `openai-wandb doctor`. Each of its checks returns a finding."""
