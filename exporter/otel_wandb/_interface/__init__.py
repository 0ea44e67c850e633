"""What `otel_openai_wandb` uses of this package beyond its public names; a test holds it to that.

A module for each purpose: the command `openai-wandb` starts without the SDK, and `show` works without wandb.
"""
