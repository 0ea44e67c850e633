"""The private names of this package that `otel_openai_wandb` may use. A test checks that it uses no others.

There is a module for each purpose, because the command `openai-wandb` starts without the SDK, and `show` works without
wandb.
"""
